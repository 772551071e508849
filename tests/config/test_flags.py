"""Configurations as they are typed."""

import shlex
from pathlib import Path

import pytest

from simcore.cli import named
from simcore.commands import Train
from simcore.config.flags import training_command
from simcore.config.presets import preset
from simcore.config.run import Config
from tinier import tinier


@pytest.mark.parametrize(
    "config",
    [
        preset("tiny"),
        preset("small", "Food").changed(ray_address="ray://head:10001", compile=True, threads=2),
        preset("tiny").changed(
            core="kanerva", memory={"plain": True}, agent={"encoder_channels": (4, 8)}, acting={"stagger": False}
        ),
        preset("tiny", "CartPole-v1").changed(
            world={"make_kwargs": ("text='a b'", "n=3"), "targets": ("x=class:3",), "wrappers": ()}
        ),
    ],
    ids=range(4),
)
def test_the_command_trains_such_a_run(config: Config) -> None:
    command = training_command(config)
    assert command is not None
    program, *arguments = shlex.split(command)
    assert program == "simcore"
    train = named(arguments)
    assert isinstance(train, Train)
    assert train.config == config


def test_no_command_where_the_preset_is_not_at_hand_or_nothing_is_as_in_it(tmp_path: Path) -> None:
    assert training_command(preset("tiny").changed(preset=str(tmp_path / "gone.toml"))) is None
    assert training_command(tinier()) is None


def test_the_command_is_short() -> None:
    assert training_command(preset("tiny").changed(seed=3)) == "simcore train RandomCity --preset tiny --seed 3"
