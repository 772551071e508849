"""A checkpoint and a configuration that do not fit each other: one line names the field and both values."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from simcore.analysis.loading import load
from simcore.common.errors import UserError
from simcore.config.run import Config
from simcore.runs import RunFolder, checkpoints
from simcore.runs.exported import save_export
from simcore.training.loop import train
from tinier import tinier, tinier_acting

EDITS: dict[str, tuple[Any, str]] = {
    "agent.hidden_size": (32, "agent.hidden_size = 16, not 32"),
    "agent.embedding_size": (4, "agent.embedding_size = 8, not 4"),
    "agent.encoder_channels": ([4, 4], "agent.encoder_channels = (4,), not (4, 4)"),
    "core": ("slots", "core = lstm, not slots"),
    "frame_model": ("deterministic", "frame_model = convdraw, not deterministic"),
    "policy": ("agent", "policy = walker, not agent"),
    "learning.worlds": (6, "learning.worlds = 3, not 6"),
    "learning.unroll_length": (8, "learning.unroll_length = 7, not 8"),
    "learning.probe_times": (0, "learning.probe_times = None, not 0"),
    "world.size": (9, "world.size = 7, not 9"),
    "world.frame_size": (16, "world.frame_size = 8, not 16"),
    "probes.hidden_size": (4, "probes.hidden_size = 8, not 4"),
    "probes.map_convdraw": (True, "probes.map_convdraw = False, not True"),
    "simulation.overshoot": (4, "simulation.overshoot = 3, not 4"),
    "acting.actors": (2, "acting.actors = 1, not 2"),
    "seed": (7, "seed = 0, not 7"),
}
WEIGHTLESS = ("learning.worlds", "learning.unroll_length", "simulation.overshoot", "acting.actors", "seed")
"""Fields that do not make other nets, so that a run can be looked into."""
OF_OLD = {
    "agent.hidden_size": "agent.hidden_size is 16 in it, and 32 as configured",
    "agent.embedding_size": "agent.embedding_size is 8 in it, and 4 as configured",
    "agent.encoder_channels": "see agent.encoder_channels",
    "core": "it has no agent.core.memory, unlike the configuration: see core",
    "frame_model": "see frame_model",
    "policy": "it has no agent.heads, unlike the configuration: see policy",
    "world.size": "world.size is 7 in it, and 9 as configured",
    "world.frame_size": "see agent.encoder_channels, or world.frame_size",
    "probes.hidden_size": "probes.hidden_size is 8 in it, and 4 as configured",
    "learning.probe_times": "it has a probes, unlike the configuration: see learning.probe_times",
    "probes.map_convdraw": "it has no map_model, unlike the configuration: see probes.map_convdraw",
    "learning.worlds": "does not fit its run",
    "acting.actors": "does not fit its run",
}
"""What is told of a checkpoint that does not hold its configuration."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    config = tinier(learning__updates=2)
    folder = RunFolder.create(tmp_path_factory.mktemp("runs") / "run", config.to_dict())
    train(config, folder)
    return folder


def edited(run: RunFolder, field: str, value: Any) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(json.dumps(run.config))
    section, _, name = field.rpartition(".")
    (values[section] if section else values)[name] = value
    values["learning"]["updates"] = 4
    return values


def copy_of(run: RunFolder, path: Path, config: dict[str, Any], change: Callable[[dict[str, Any]], None]) -> RunFolder:
    """Return a run with another configuration and the same checkpoint, changed."""
    folder = RunFolder.create(path, config)
    newest = checkpoints.latest(run.checkpoints)
    assert newest is not None
    update, state = checkpoints.load(newest)
    change(state)
    checkpoints.save(folder.checkpoints, update, state)
    return folder


def told(make: Callable[[], Any]) -> str:
    with pytest.raises(UserError) as refused:
        make()
    line = str(refused.value)
    assert "\n" not in line
    return line


@pytest.mark.parametrize("field", EDITS)
def test_an_edited_configuration_is_told_by_field_and_both_values(
    trained: RunFolder, tmp_path: Path, field: str
) -> None:
    value, line = EDITS[field]
    folder = copy_of(trained, tmp_path / "run", edited(trained, field, value), lambda state: None)
    newest = checkpoints.latest(folder.checkpoints)
    before = sorted(file.name for file in folder.path.rglob("*") if file.name != "lock")
    config = Config.from_dict(folder.config)
    assert told(lambda: train(config, folder)).startswith(f"{newest} is of a run with {line}")
    assert sorted(file.name for file in folder.path.rglob("*") if file.name != "lock") == before
    assert told(lambda: load(folder.path, "cpu")).startswith(f"{newest} is of a run with {line}")


@pytest.mark.parametrize("field", OF_OLD)
def test_a_checkpoint_that_does_not_tell_its_configuration_is_compared_by_its_weights(
    trained: RunFolder, tmp_path: Path, field: str
) -> None:
    config = edited(trained, field, EDITS[field][0])
    folder = copy_of(trained, tmp_path / "run", config, lambda state: state.pop("config"))
    assert OF_OLD[field] in told(lambda: train(Config.from_dict(config), folder))
    if field not in WEIGHTLESS:
        assert OF_OLD[field] in told(lambda: load(folder.path, "cpu"))


@pytest.mark.parametrize("field", ["agent.hidden_size", "core", "frame_model", "world.size"])
def test_an_exported_file_whose_configuration_was_edited_is_refused(
    trained: RunFolder, tmp_path: Path, field: str
) -> None:
    weights = load(trained.path, "cpu").system.state_dict()
    file = tmp_path / "run.safetensors"
    save_export(file, weights, edited(trained, field, EDITS[field][0]), 2, half=False, limit=2**24)
    line = told(lambda: load(file, "cpu"))
    assert line.startswith(f"{file} does not fit its run (")
    assert OF_OLD[field] in line


def test_a_level_with_other_actions_is_told(tmp_path: Path) -> None:
    one, other = tinier_acting(), tinier_acting().to_dict() | {"level": "HighFood"}
    weights = {name: torch.zeros_like(value) for name, value in load_nets(one).items()}
    file = tmp_path / "run.safetensors"
    save_export(file, weights, other, 2, half=False, limit=2**24)
    assert "the number of the level's actions is" in told(lambda: load(file, "cpu"))


def load_nets(config: Config) -> dict[str, torch.Tensor]:
    from simcore.build import make_system

    return make_system(config).state_dict()
