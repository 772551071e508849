"""The flags `--world.*` of commands that read a run: its world's fields, each with the run's value as default."""

from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simcore.config.run import Config
from simcore.worlds.api import WorldConfig

OTHERS = ("--oracle", "--out", "--beside", "--record", "--title", "--device", "--host")
"""Flags whose values could be mistaken for the run to read."""


def named_run(arguments: Sequence[str]) -> tuple[Path, WorldConfig] | None:
    """Return the first run that a command's arguments name, and its world in the level that they name.

    Returns:
        None if they name no existing run; then the command itself reports it.

    Raises:
        UserError: the run is damaged, or there is no such level.
    """
    from simcore.analysis.worlds import world_in
    from simcore.runs import open_run
    from simcore.runs.looking import is_run

    parser = ArgumentParser(add_help=False, allow_abbrev=False)
    for flag in ("--level", *OTHERS):
        parser.add_argument(flag, nargs="?")
    flags, rest = parser.parse_known_args(arguments)
    for path in map(Path, rest):
        if is_run(path):
            return path, world_in(Config.from_dict(open_run(path).config), flags.level)
    return None


def changes(world: WorldConfig, config: Config, level: str | None = None) -> dict[str, Any]:
    """Return the fields of a command's world, by name, that differ from the run's by more than the level."""
    from simcore.analysis.worlds import world_in

    usual = vars(world_in(config, level) if type(world) is not WorldConfig else WorldConfig())
    return {name: value for name, value in vars(world).items() if value != usual[name]}
