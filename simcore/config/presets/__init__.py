"""Presets: the paper's sizes (tables 2 to 4), and smaller ones that a laptop trains in minutes or hours.

A preset is a TOML file of layers: tables whose fields are those of `Config`. For Random City, where the walker acts,
they are `all` and `levels.RandomCity`; for any other level `all`, `acts` and `levels.<level>`; for a
Gymnasium environment `all`, `acts` and `gym`. Later layers override earlier ones; other fields have their defaults.
"""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from simcore.common.checks import require
from simcore.common.errors import UserError
from simcore.common.parsing import parse_toml
from simcore.common.reading import read_toml
from simcore.config.run import Config
from simcore.worlds.gym import is_gym_id

NAMES = ("tiny", "small", "paper")
"""The presets of SimCore."""
LAYERS = ("all", "acts", "levels", "gym")
SUFFIX = ".toml"


def preset(name: str | Path, level: str = "RandomCity") -> Config:
    """Return a preset for a level.

    Args:
        name: one of `NAMES`, or the path of a user's TOML file.
        level: the name of a level, or a Gymnasium id.

    Raises:
        UserError: there is no such preset, or no such level, or the file has an invalid field or value.
    """
    name = str(name)
    layers = read_layers(name)
    values: dict[str, Any] = {}
    for layer in layers_for(level, layers):
        values = merged(values, layer)
    values.setdefault("world", {})  # from_dict makes it of the level's class
    try:
        return Config.from_dict(values | {"level": level, "preset": name})
    except UserError as error:
        raise error if name in NAMES else UserError(f"{name}: {error}") from error


def layers_for(level: str, layers: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the layers of a preset that apply to a level; later ones override earlier ones."""
    own = layers.get("levels", {}).get(level, {})
    if level == "RandomCity":
        return [layers.get("all", {}), own]
    return [layers.get("all", {}), layers.get("acts", {}), layers.get("gym", {}) if is_gym_id(level) else {}, own]


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table overridden by another, recursively in nested tables."""
    result = dict(base)
    for key, value in over.items():
        before = result.get(key)
        result[key] = merged(before, value) if isinstance(before, Mapping) and isinstance(value, Mapping) else value
    return result


def read_layers(name: str) -> Mapping[str, Any]:
    """Read the layers of a preset by its name, or by the path of a TOML file.

    Raises:
        UserError: there is none, or it is not TOML, or it has an unknown table.
    """
    if not name.endswith(SUFFIX):
        require(name in NAMES, f"there is no preset {name!r}; there are: {', '.join(NAMES)}, or a file NAME{SUFFIX}")
        return _built_in(name)
    layers, _ = read_toml(name, "the preset ")
    unknown = [key for key in layers if key not in LAYERS]
    require(not unknown, f"{name} has {', '.join(unknown)}; a preset's tables are {', '.join(LAYERS)}")
    return layers


@cache
def _built_in(name: str) -> Mapping[str, Any]:
    return parse_toml(resources.files(__name__).joinpath(f"{name}{SUFFIX}").read_text(encoding="utf-8"))
