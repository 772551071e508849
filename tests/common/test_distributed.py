"""Several processes that learn together: two with half the batch each are one with the whole."""

import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from simcore.acting import CollectedBatch
from simcore.build import make_actor, make_learner, make_system
from simcore.common.checks import require
from simcore.common.distributed import Ranks, join_ranks, leave_ranks
from simcore.common.errors import UserError
from simcore.common.tree import tree_map
from simcore.config.run import Config
from simcore.data.collected import Collected
from simcore.data.trajectory import NO_ACTION, Trajectory
from simcore.frame_models import convdraw
from simcore.learning.learner import Learner
from simcore.runs import RunFolder, checkpoints, read_metrics
from simcore.training.statistics import Statistics
from tinier import tinier_acting
from trained import trained_run
from waiting import PATIENCE

UPDATES = 3
WORLDS = 4
CASES = (
    ("none", "lstm", False),
    ("convdraw", "lstm", False),
    ("convdraw", "lstm", True),
    ("convdraw", "kanerva", False),
    ("deterministic", "lstm", False),
)
"""Frame model, core, and whether nothing counts in one of the halves of a batch, or in both."""


def config_of(frame_model: str, core: str) -> Config:
    world = {"learning__worlds": WORLDS, "world__amount": 1, "record__metrics_every": 1}
    world |= {"reinforcement__popart": frame_model == "none", "probes__map_convdraw": frame_model == "deterministic"}
    # Errors near κ, since GECO takes all larger ones alike.
    geco = {"geco__rate": 0.1, "geco__kappa": 0.2, "probes__map_kappa": 0.2}
    return tinier_acting(frame_model=frame_model, core=core, **geco, **world)


def seeded_learner(config: Config, ranks: Ranks) -> Learner:
    torch.manual_seed(0)
    return make_learner(config, make_system(config), ranks, seed=3)


def make_batches(config: Config, has_empty: bool) -> list[Trajectory]:
    torch.manual_seed(1)
    actor = make_actor(config, 0, make_system(config).agent)
    actor.collect(100)  # until food that was eaten has made episodes of different lengths
    batches = [actor.collect(config.learning.unroll_length).trajectory for _ in range(UPDATES)]
    if not has_empty:
        return batches
    half, nothing, one = (torch.zeros_like(batch.is_first) for batch in batches)
    half[:, WORLDS // 2 :] = nothing[:] = one[:] = True
    one[3, 0] = False  # a single action, and no target
    return [
        batch._replace(is_first=alone, actions=batch.actions.where(~alone, NO_ACTION))
        for batch, alone in zip(batches, (half, nothing, one), strict=True)
    ]


def learn(learner: Learner, batches: list[Trajectory], ranks: Ranks) -> dict[str, float]:
    """Learn from all batches, and return what a line of metrics tells of them."""
    statistics = Statistics(config_of("none", "lstm"), torch.device("cpu"))
    for batch in batches:
        result = learner.step(batch)
        handed = CollectedBatch((Collected(batch, 0, 0, 0, (), {}),), 0.0)
        statistics.add(result.metrics, result.weights, handed, 0, 0.0)
    means, _ = statistics.take(ranks)
    return {name: value for name, value in means.items() if name in result.metrics}


def half_of(trajectory: Trajectory, rank: int) -> Trajectory:
    worlds = slice(rank * WORLDS // 2, (rank + 1) * WORLDS // 2)
    rest = tree_map(lambda leaf: leaf[:, worlds], trajectory._replace(initial_state=None))
    return rest._replace(initial_state=tree_map(lambda leaf: leaf[worlds], trajectory.initial_state))


def learn_halves(rank: int, port: int, folder: Path) -> None:
    """Learn from one half of the batches of each case, as one of two processes, and write what comes of it."""
    os.environ |= {"WORLD_SIZE": "2", "RANK": str(rank), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    convdraw.sample_gaussian = lambda gaussian, _: gaussian.mean  # each rank draws its own noise
    ranks = join_ranks(torch.device("cpu"))
    assert (ranks.rank, ranks.size, ranks.is_first) == (rank, 2, rank == 0)
    assert ranks.any(rank == 1, torch.device("cpu"))
    assert not ranks.any(False, torch.device("cpu"))
    for case in CASES:
        frame_model, core, has_empty = case
        config = config_of(frame_model, core)
        learner = seeded_learner(config, ranks)
        metrics = learn(learner, [half_of(batch, rank) for batch in make_batches(config, has_empty)], ranks)
        torch.save({"system": learner.system.state_dict(), "metrics": metrics}, file_of(folder, case, rank))
    first_makes_and_others_open(ranks, folder / "made")
    ranks.meet()
    leave_ranks(ranks)
    threads = [(task / "comm").read_text() for task in Path("/proc/self/task").iterdir()]
    assert not [name for name in threads if "gloo" in name], (
        "the group's threads outlive it, and may abort this process"
    )


def file_of(folder: Path, case: tuple[str, str, bool], rank: int) -> Path:
    return folder / f"{'-'.join(map(str, case))}-{rank}.pt"


def first_makes_and_others_open(ranks: Ranks, file: Path) -> None:
    """Check that a call is made on the first rank before it is on others, and that its error is raised on all."""

    def make_or_open() -> str:
        if not ranks.is_first:
            return file.read_text()
        require(not file.exists(), "it is there")
        file.write_text("made")
        return "new"

    assert ranks.first_before_others(make_or_open) == ("new" if ranks.is_first else "made")
    with pytest.raises(UserError, match="it is there"):
        ranks.first_before_others(make_or_open)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def run_whole(command: list[str]) -> str:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what two processes have learned of each case, half the batch each."""
    folder, port = tmp_path_factory.mktemp("halves"), free_port()
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=learn_halves, args=(rank, port, folder), daemon=True) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(PATIENCE)
        assert process.exitcode == 0
    return folder


@pytest.mark.parametrize("case", CASES)
def test_two_ranks_with_half_the_batch_each_are_one_with_the_whole(
    case: tuple[str, str, bool], halves: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where nothing counts in one of the halves, or in both."""
    frame_model, core, has_empty = case
    monkeypatch.setattr(convdraw, "sample_gaussian", lambda gaussian, _: gaussian.mean)
    config = config_of(frame_model, core)
    alone = seeded_learner(config, Ranks())
    before = {name: value.clone() for name, value in alone.system.state_dict().items()}
    batches = make_batches(config, has_empty)
    metrics = learn(alone, batches, Ranks())
    weights = [[half_of(batch, rank).is_first.sum().item() for rank in range(2)] for batch in batches]
    assert any(one != two for one, two in weights), "the halves are to differ in how much of them counts"

    results = [torch.load(file_of(halves, case, rank), weights_only=True) for rank in range(2)]
    for name, value in alone.system.state_dict().items():
        assert torch.equal(results[0]["system"][name], results[1]["system"][name]), f"the ranks differ in {name}"
        # Adam divides by the gradient's size, so where that is nearly zero its rounding shows.
        torch.testing.assert_close(results[0]["system"][name], value, rtol=1e-3, atol=2e-5, msg=name)
    assert any(not torch.equal(value, before[name]) for name, value in alone.system.state_dict().items())
    assert results[0]["metrics"] == pytest.approx(metrics, rel=1e-4, abs=1e-6, nan_ok=True)
    assert ("gradient_ratio" in metrics) == (frame_model != "none")


def test_torchrun_trains_one_run_on_two_processes_and_resumes_it(tmp_path: Path) -> None:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*torchrun, "-m", "simcore.cli", "--", "train"]
    flags = [
        *("--threads", "1", "--learning.updates", "4", "--learning.worlds", "2", "--learning.unroll-length", "7"),
        *("--simulation.overshoot", "3", "--simulation.starts", "2", "--world.frame-size", "8", "--world.size", "7"),
        *("--agent.hidden-size", "8", "--agent.embedding-size", "8", "--agent.encoder-channels", "4"),
        *("--convdraw.steps", "2", "--record.metrics-every", "2", "--record.checkpoint-every", "2"),
    ]
    output = run_whole([*command, "Food", *flags, "--run", str(tmp_path / "run")])
    assert output.count("Done. Metrics") == 1, "one of them speaks"
    folder = RunFolder.open(tmp_path / "run")
    config = Config.from_dict(folder.config)
    records = read_metrics(folder.metrics)
    assert [record["update"] for record in records] == [2, 4]
    frames = 2 * 2 * config.learning.frames_per_update
    assert [record["frames"] for record in records] == [frames, 2 * frames]

    run_whole([*command, "--resume", str(folder.path), "--learning.updates", "6"])
    newest = checkpoints.latest(folder.checkpoints)
    assert newest is not None
    assert checkpoints.load(newest).update == 6
    assert [record["update"] for record in read_metrics(folder.metrics)] == [2, 4, 6]


WORLD = """
import os

import gymnasium
import numpy as np


class Breaking(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(0, 255, (8, 8, 3), np.uint8)
    action_space = gymnasium.spaces.Discrete(2)
    steps = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        self.steps += 1
        if self.steps > 300 and os.environ["RANK"] == "1":  # more than are tried before the run
            raise RuntimeError("the roof came down")
        return self.observation_space.sample(), 0.0, False, False, {}


gymnasium.register("Breaking-v0", entry_point="breaking_world:Breaking")
"""


def test_where_an_actor_of_one_process_fails_all_end_with_a_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "breaking_world.py").write_text(WORLD)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    flags = [
        *("--threads", "1", "--learning.updates", "99", "--learning.worlds", "1", "--learning.unroll-length", "7"),
        *("--frame-model", "none", "--simulation.overshoot", "1", "--simulation.starts", "1"),
        *("--world.frame-size", "8", "--world.episode-length", "20"),
        *("--agent.hidden-size", "8", "--agent.embedding-size", "8", "--agent.encoder-channels", "4"),
    ]
    command = [*torchrun, "-m", "simcore.cli", "--", "train", "breaking_world:Breaking-v0", *flags, "--run", "run"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, cwd=tmp_path)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "RuntimeError: the roof came down" in said
    assert "an actor of another process failed" in said
    newest = checkpoints.latest(RunFolder.open(tmp_path / "run").checkpoints)
    assert newest is not None, said
    assert 42 <= checkpoints.load(newest).update <= 45


def agree_and_part(rank: int, port: int, folder: Path) -> None:
    """Exchange what two ranks exchange beside gradients; then the second one is killed."""
    os.environ |= {"WORLD_SIZE": "2", "RANK": str(rank), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    ranks = join_ranks(torch.device("cpu"))
    assert ranks.told(f"of {rank}") == "of 0"
    weights = {"float": torch.full((3,), float(rank)), "none": torch.zeros(0), "count": torch.tensor(rank)}
    ranks.share(weights.values())
    assert weights["float"].tolist() == [0.0, 0.0, 0.0]
    assert weights["count"].item() == 0
    ranks.require_same("alike", "weights")
    with pytest.raises(UserError, match="weights of process 1 differ from those of process 0"):
        ranks.require_same(f"of {rank}", "weights")
    if rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    for call in (lambda: ranks.mean(torch.ones(1)), ranks.meet):
        with pytest.raises(UserError, match="another process of this run has ended"):
            call()
    (folder / "told").touch()


def test_ranks_agree_and_a_lost_one_is_one_line(tmp_path: Path) -> None:
    context, port = multiprocessing.get_context("spawn"), free_port()
    processes = [context.Process(target=agree_and_part, args=(rank, port, tmp_path), daemon=True) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(PATIENCE)
    assert [process.exitcode for process in processes] == [0, -signal.SIGKILL]
    assert (tmp_path / "told").exists()


def test_ranks_that_do_not_share_the_folder_are_refused(tmp_path: Path) -> None:
    for rank in range(2):
        trained_run(tmp_path / str(rank) / "run", tinier_acting(learning__updates=2))
    shutil.rmtree(tmp_path / "1" / "run" / "checkpoints")
    command = [sys.executable, "-m", "simcore", "train", "--resume", "run", "--learning.updates", "4"]
    port = str(free_port())
    together = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            command, cwd=tmp_path / str(rank), env=os.environ | together | {"RANK": str(rank)}, stderr=subprocess.PIPE
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=PATIENCE)[1].decode().splitlines() for process in processes]
    assert [process.returncode for process in processes] == [2, 2]
    assert said[0][-1].startswith("simcore: another process of this run has ended")
    assert said[1][-1].endswith("update_00000002.pt is not here: all machines must share the run's folder")
    assert not [line for lines in said for line in lines if "Traceback" in line]


def test_alone_there_is_nobody_to_wait_for() -> None:
    ranks = join_ranks(torch.device("cpu"))
    value = torch.tensor(2.0)
    assert ranks == Ranks()
    assert ranks.mean(value) is value
    assert ranks.first_before_others(lambda: 3) == 3
    assert ranks.told(value) is value
    ranks.require_same("anything", "weights")
    ranks.average([value])
    assert value == 2.0
    leave_ranks(ranks)
