"""The worlds in which a run is analysed: its own, another level's, or some with changed fields."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any

from simcore.build import make_worlds
from simcore.common.checks import require
from simcore.common.errors import UserError
from simcore.common.literals import as_arguments
from simcore.config.presets import preset
from simcore.config.run import Config
from simcore.worlds.api import WorldConfig
from simcore.worlds.voxel.levels.base import LevelConfig


def in_worlds(config: Config, level: str | None = None, changes: Mapping[str, Any] | None = None) -> Config:
    """Return a run's configuration in other worlds, in which its nets can be used.

    Args:
        config: the run's.
        level: another level than the run's; its world is that of `world_in`.
        changes: new values of the world's fields, by name.

    Raises:
        UserError: there is no such level or field, a value is out of its range, or frames or actions are not those that
            the nets were trained with.
    """
    level, changes = level or config.level, changes or {}
    world = world_in(config, level)
    for name in changes:
        require(name in vars(world), f"{level} has no world.{name}; there are: {', '.join(vars(world))}")
    try:
        world = replace(world, **changes)
    except ValueError as error:
        raise UserError(f"world.{error}") from error
    frame_size = config.world.frame_size
    require(world.frame_size == frame_size, f"world.frame_size must be {frame_size}: the run's nets see such frames")
    if level == config.level and world == config.world:
        return config
    changed = replace(config, level=level, world=world)
    trained, offered = action_names(config), action_names(changed)
    require(
        offered[: len(trained)] == trained,
        f"the agent knows the actions {', '.join(trained)}; {level} has {', '.join(offered)}, which must begin alike",
    )
    return changed


def world_in(config: Config, level: str | None) -> WorldConfig:
    """Return the world of a level for a run: its own, or the preset's of another level with the fields of `kept`.

    Raises:
        UserError: there is no such level, or a kept value is out of its range there.
    """
    if level is None or level == config.level:
        return config.world
    values = kept(config, level)
    try:
        return replace(preset(config.preset, level).world, **values)
    except ValueError as error:
        raise UserError(f"{level} cannot be as the run's own world, {as_arguments(values)}: {error}") from error


def kept(config: Config, level: str) -> dict[str, Any]:
    """Return the world fields that carry over to another level: those changed from the preset.

    The other fields belong to the level. The size of the frames is that of the nets. Fields that the other level does
    not have are dropped.
    """
    own, usual = vars(config.world), vars(preset(config.preset, config.level).world)
    there = vars(preset(config.preset, level).world)
    changed = {name: value for name, value in own.items() if name in there and value != usual[name]}
    return {"frame_size": config.world.frame_size} | changed


def action_names(config: Config) -> tuple[str, ...]:
    """Return the names of the actions of a run's world."""
    with closing(make_worlds(config, 1)) as worlds:
        return worlds.action_names


def map_frame(config: Config) -> str:
    """Return the frame of the world's maps; "start" for Gymnasium environments, which have none."""
    return config.world.map_frame if isinstance(config.world, LevelConfig) else "start"
