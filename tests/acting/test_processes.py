"""Actors in processes: their memory, their faults, and what is left of them, which is nothing."""

import gc
import multiprocessing
import os
import resource
import signal
import subprocess
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from replaying import assert_never_half_written, assert_replays, breaking_actor, noting_actor, root_cause

from commands import Launch
from simcore import build
from simcore.acting import ActorError, Processes, processes
from simcore.acting.shared_slots import LentSlot, Slot, tensor_in
from simcore.acting.shared_weights import SharedWeights
from simcore.agent import Agent
from simcore.build import make_actor, make_system
from simcore.common.errors import UserError
from simcore.config.run import Config
from simcore.runs import RunFolder, checkpoints
from simcore.training.loop import train
from tinier import tinier_acting
from waiting import PATIENCE, wait_for_lines, wait_until


def make_agent(config: Config) -> Agent:
    torch.manual_seed(0)
    return make_system(config).agent


def shared_files() -> set[str]:
    return set(os.listdir("/dev/shm")) if Path("/dev/shm").is_dir() else set()


def wait_until_gone(before: set[str]) -> None:
    """Wait until there are no more shared files than before: what other programs make lasts but a moment."""
    wait_until(lambda: shared_files() <= before)


def test_a_slot_shows_what_was_made_in_it_until_nobody_looks_any_more() -> None:
    slot = Slot()
    lent = LentSlot(os.dup(slot.file))
    made = slot.empty((3, 5), np.dtype(np.uint8))
    made[...] = np.arange(15).reshape(3, 5)
    frames = slot.place(torch.from_numpy(made))
    state = slot.place(torch.arange(6.0).view(2, 3).T)  # made elsewhere, and copied
    nothing = slot.place(torch.zeros(2, 0))
    assert not slot.is_lent
    slot.lend()
    shown = lent.show(slot.size)
    seen = [tensor_in(shown, placed) for placed in (frames, state, nothing)]
    assert torch.equal(seen[0], torch.arange(15, dtype=torch.uint8).view(3, 5))
    assert torch.equal(seen[1], torch.arange(6.0).view(2, 3).T)
    assert seen[2].shape == (2, 0)
    made[0, 0] = 77
    assert seen[0][0, 0] == 77, "it was copied on its way"
    part = seen[0][1:].t()
    del shown, seen
    gc.collect()
    assert slot.is_lent, "somebody still looks at a part"
    del part
    gc.collect()
    assert not slot.is_lent


def test_a_slot_grows_and_what_is_in_it_stays() -> None:
    slot = Slot()
    lent = LentSlot(os.dup(slot.file))
    arrays = [slot.empty((size,), np.dtype(np.float32)) for size in (5, 3000, 100_000)]
    for index, array in enumerate(arrays):
        array[...] = index
    placed = [slot.place(torch.from_numpy(array)) for array in arrays]
    shown = lent.show(slot.size)
    for index, each in enumerate(placed):
        assert bool((tensor_in(shown, each) == index).all())
    size = slot.size
    slot.clear()
    slot.empty((100_000,), np.dtype(np.float32))
    assert slot.size == size


def test_shared_weights_are_never_seen_half_written() -> None:
    agent = make_agent(tinier_acting())
    weights = SharedWeights(agent)
    assert_never_half_written(agent, partial(weights.publish, agent), weights.load_into)


def test_an_actor_that_raises_ends_a_run_with_its_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tinier_acting(executor="processes", acting__queue=1, learning__updates=1000)
    broken = partial(breaking_actor, config, {0: 2}, ValueError("the world broke"))
    monkeypatch.setattr(build, "partial", lambda function, config, **more: partial(broken, **more))
    folder = RunFolder.create(tmp_path / "run", config.to_dict())
    before = shared_files()
    message = r"actor 0 failed: ValueError: the world broke \(.*replaying.py:\d+, in .*breaking\).*--resume"
    with pytest.raises(UserError, match=message) as caught:
        train(config, folder)
    assert "in breaking\n    raise error" in str(root_cause(caught.value))
    assert not multiprocessing.active_children()
    wait_until_gone(before)


def test_open_files_that_run_out_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is raised as far as it may be; what is beyond it is told."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    config = tinier_acting()
    executor = Processes(partial(make_actor, config), make_agent(config), range(16), 7, queue_size=2)
    gc.collect()  # what other tests have left would be closed meanwhile
    few = len(os.listdir("/proc/self/fd")) + 3
    try:
        with executor:
            resource.setrlimit(resource.RLIMIT_NOFILE, (few, hard))
            monkeypatch.setattr(processes, "allow_many_files", lambda: None)
            with pytest.raises(ActorError, match=rf"no more than {few} files may be open at a time; raise the limit"):
                executor.take(1)
            monkeypatch.undo()
            processes.allow_many_files()
            assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= min(hard, processes.MANY_FILES)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_killed_actor_is_noticed_and_what_it_made_stays(tmp_path: Path) -> None:
    config = tinier_acting(core="slots")
    agent = make_agent(config)
    make = partial(noting_actor, config, tmp_path)
    with Processes(make, agent, range(1), config.learning.unroll_length, queue_size=2) as executor:
        taken = list(executor.take(3).parts)
        os.kill(int((tmp_path / "begun-0-0").read_text()), signal.SIGKILL)
        with pytest.raises(ActorError, match=r"^actor 0 failed: its process was ended by SIGKILL"):  # noqa: PT012
            while True:  # what it had made before comes first
                taken += executor.take(1).parts
        with pytest.raises(ActorError, match="SIGKILL"):
            executor.take(1)
    assert not multiprocessing.active_children()
    assert_replays(taken, config, 0, {0: agent.state_dict()})


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def assert_end(pids: list[int]) -> None:
    """Wait for the actors, and for the process of Python's own that ends after its parent."""
    wait_until(lambda: not any(map(is_alive, pids)))


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_run_stops_politely_resumes_and_never_leaves_a_process(tmp_path: Path, launch: Launch) -> None:
    """Ctrl-C goes to all processes of a terminal; the actors must not end by it before the learner says so."""
    config = tinier_acting(executor="processes", learning__updates=100_000, record__checkpoint_every=100_000)
    folder = RunFolder.create(tmp_path / "run", config.to_dict())
    before = shared_files()

    def begin() -> tuple["subprocess.Popen[str]", list[int]]:
        lines = folder.metrics.read_text().count("\n") if folder.metrics.exists() else 0
        process = launch("train", "--resume", folder.path)
        wait_for_lines(folder.metrics, process, lines + 1)
        return process, children(process.pid)

    process, theirs = begin()
    assert theirs
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, errors
    assert errors == "Stopping after this update, with a checkpoint\n"
    assert "Stopped, with a checkpoint" in output
    assert_end(theirs)
    newest = checkpoints.latest(folder.checkpoints)
    assert newest is not None
    assert checkpoints.load(newest).update > 0

    process, theirs = begin()
    process.kill()
    process.communicate(timeout=PATIENCE)
    assert_end(theirs)
    wait_until_gone(before)
