"""Functions that the GPU programs share: flags, sizes of a rehearsal, trajectories, and JSON lines."""

import argparse
import gc
import json
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from simcore.agent import AgentConfig
from simcore.build import make_actor, make_learner, make_system
from simcore.common.seeding import derive_seed
from simcore.common.tree import tree_map
from simcore.config.presets import preset
from simcore.config.run import Config
from simcore.data.trajectory import Trajectory
from simcore.frame_models.convdraw import ConvDRAWConfig
from simcore.learning.learner import Learner
from simcore.memory import KanervaConfig, SlotsConfig
from simcore.probes.config import ProbesConfig
from simcore.runs.record import RecordConfig
from simcore.simulation import SimulationConfig
from simcore.system import SimCore

CPU = torch.device("cpu")


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """Make a parser of the flags that all programs have."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", type=torch.device, default=torch.device("cuda"), help="cuda, or cpu to rehearse")
    parser.add_argument("--rehearse", action="store_true", help="toy sizes, and few cases")
    parser.add_argument("--out", type=Path, help="a file to which results are appended, a line of JSON each")
    return parser


def sized(name: str, level: str, rehearse: bool) -> Config:
    """Return a preset, with toy sizes in a rehearsal."""
    config = preset(name, level)
    if not rehearse:
        return config
    return replace(
        config,
        world=replace(config.world, size=7, frame_size=8, episode_length=10),  # type: ignore[call-arg]
        agent=AgentConfig(hidden_size=16, embedding_size=8, encoder_channels=(4,)),
        slots=SlotsConfig(memory_size=5, word_size=4, reads=2, top_k=3),
        kanerva=KanervaConfig(memory_size=4, word_size=8, write_hidden=8),
        simulation=SimulationConfig(overshoot=3, starts=2, frames=2),
        convdraw=ConvDRAWConfig(2, 2, 4, (4,), (4,), 3),
        probes=ProbesConfig(hidden_size=8, layers=1, channels=2, worlds=6, validation_worlds=2, times=3, epochs=1),
        learning=replace(config.learning, worlds=3, unroll_length=7),
        record=RecordConfig(metrics_every=2, checkpoint_every=1000),
    )


def make_trajectory(config: Config) -> Trajectory:
    """Make a trajectory of the run's policy in the run's worlds, `[Lu, worlds, ...]`, on the CPU."""
    torch.manual_seed(0)
    agent = make_system(config).agent
    actor = make_actor(config, 0, agent)
    with closing(actor.worlds):
        trajectory = actor.collect(config.learning.unroll_length).trajectory
    if trajectory.initial_state is None:
        trajectory = trajectory._replace(initial_state=agent.initial_state(config.learning.worlds))
    return trajectory


def fitted(trajectory: Trajectory, worlds: int, system: SimCore) -> Trajectory:
    """Return the first worlds of a trajectory, on the CPU as from actors, with a core's initial state."""
    cut = tree_map(lambda part: part[:, :worlds].contiguous(), trajectory._replace(initial_state=None))
    return cut._replace(initial_state=system.agent.initial_state(worlds))


def fresh_learner(config: Config, device: torch.device) -> Learner:
    """Make a learner of nets with a configuration's initial weights."""
    torch.manual_seed(derive_seed(config.seed, "weights"))
    return make_learner(config, make_system(config).to(device))


def synchronize(device: torch.device) -> None:
    """Wait until the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds_of(run: Callable[[], object], device: torch.device) -> float:
    """Return the seconds that a call takes on the device."""
    synchronize(device)
    begin = time.perf_counter()
    run()
    synchronize(device)
    return time.perf_counter() - begin


def guarded(run: Callable[[], dict[str, Any]], device: torch.device) -> dict[str, Any]:
    """Return a case's result, or its error; then free its memory."""
    try:
        return run()
    except torch.OutOfMemoryError:
        return {"error": "out of memory"}
    except Exception as error:  # whatever it is, the other cases are worth knowing
        return {"error": f"{type(error).__name__}: {error}"[:1500]}
    finally:
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()


def tell(out: Path | None, row: dict[str, Any]) -> None:
    """Append a result to a file as a line of JSON, without buffering."""
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("a") as file:
            file.write(json.dumps(row) + "\n")


def read_rows(file: Path) -> list[dict[str, Any]]:
    """Read the lines of JSON that `tell` has written; none if there is no file."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
