"""The flags `--world.*` and `--probes.*` of commands that read a run: each has the run's own value as default."""

from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from simcore.config.run import Config
from simcore.probes.config import ProbesConfig
from simcore.worlds.api import WorldConfig

OTHERS = ("--oracle", "--out", "--beside", "--record", "--title", "--device", "--host")
"""Flags whose values could be mistaken for the run to read."""


class NamedRun(NamedTuple):
    """A run that a command's arguments name."""

    path: Path
    """Of its folder or exported file, or the name of a shipped one."""
    world: WorldConfig
    """Its world, in the level that the arguments name."""
    probes: ProbesConfig
    """Its probes."""


class UnknownProbes(ProbesConfig):
    """The probes of a run that is not known when the arguments are parsed."""


def named_run(arguments: Sequence[str]) -> NamedRun | None:
    """Return the first run that a command's arguments name.

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
            config = Config.from_dict(open_run(path).config)
            return NamedRun(path, world_in(config, flags.level), config.probes)
    return None


def changes(world: WorldConfig, config: Config, level: str | None = None) -> dict[str, Any]:
    """Return the fields of a command's world, by name, that differ from the run's by more than the level."""
    from simcore.analysis.worlds import world_in

    usual = vars(world_in(config, level) if type(world) is not WorldConfig else WorldConfig())
    return {name: value for name, value in vars(world).items() if value != usual[name]}


def changed_probes(probes: ProbesConfig, config: Config) -> dict[str, Any]:
    """Return the fields of a command's probes, by name, that differ from the run's."""
    usual = vars(UnknownProbes() if isinstance(probes, UnknownProbes) else config.probes)
    return {name: value for name, value in vars(probes).items() if value != usual[name]}
