"""The specification of a sweep, read from its TOML file: models, varied fields, seeds, and the metric of the choice."""

import itertools
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simcore.common.checks import require
from simcore.common.errors import UserError
from simcore.common.reading import read_toml
from simcore.common.seeding import derive_seed
from simcore.config.presets import preset
from simcore.sweeps.draws import Choice, Span, parse_draw
from simcore.sweeps.fields import flatten, look_up
from simcore.sweeps.ranges import beyond
from simcore.sweeps.scores import METRICS, is_metric

FEWEST_SEEDS = 3
"""The smallest number of seeds of an experiment (table 2)."""
DEFAULTS: Mapping[str, Any] = {
    "level": "RandomCity",
    "preset": "tiny",
    "metric": "map_mse",
    "worlds": 256,
    "seeds": [0, 1, 2],
    "samples": 0,
    "beyond_the_paper": False,
    "allow_few_seeds": False,
}
"""The fields at the top of the file, and their defaults."""
TABLES = ("fixed", "grid", "draw", "model")
KINDS = {str: "text", int: "a whole number", bool: "true or false", list: "a list"}
FOLDER_NAME = re.compile(r"[^\w.+=-]+")

Fields = dict[str, Any]
"""Values by dotted field."""


@dataclass(frozen=True)
class Model:
    """One of the models compared; its result is that of its best setting."""

    name: str
    fixed: Fields
    """The fixed values that define the model."""
    grid: dict[str, list[Any]]
    """The values of each field that are tried, in all combinations."""
    draw: dict[str, Span | Choice]
    """The distribution of each field that is sampled."""

    @property
    def folder_name(self) -> str:
        """Its name in a form that a folder's name can contain."""
        return FOLDER_NAME.sub("-", self.name).strip("-.")

    def settings(self, samples: int) -> list[Fields]:
        """Return the settings to try, in an order that depends only on the file.

        A field that is sampled in several models has the same values in all of them.
        """
        if self.draw:
            return [
                {field: draw.at(derive_seed(sample, f"draw/{field}") / 2**48) for field, draw in self.draw.items()}
                for sample in range(samples)
            ]
        return [dict(zip(self.grid, values, strict=True)) for values in itertools.product(*self.grid.values())]


@dataclass(frozen=True)
class Spec:
    """The contents of a sweep's file. Make one with `read_spec`."""

    level: str
    preset: str
    metric: str
    """The score by which the best setting is chosen."""
    worlds: int
    """The number of validation worlds, and of test worlds."""
    seeds: tuple[int, ...]
    samples: int
    """The number of sampled settings, 0 if none are sampled."""
    models: tuple[Model, ...]


def read_spec(path: Path) -> tuple[Spec, bytes]:
    """Read a sweep's file; return the specification and the file's bytes.

    Raises:
        UserError: it is missing, not TOML, or has an invalid field or value; the message is one line.
    """
    if not os.path.lexists(path):
        raise UserError(f"there is no file {path}; name a sweep's TOML file, as experiments/tiny/kappa.toml")
    said, data = read_toml(path)
    try:
        return parse_spec(said), data
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def parse_spec(said: Mapping[str, Any]) -> Spec:
    """Make the specification from the parsed contents of a sweep's file.

    Raises:
        UserError: a name is unknown, or a value is of a wrong type or out of its range.
    """
    top = _top(said)
    known = preset(top["preset"], top["level"]).to_dict()
    is_bounded = not top["beyond_the_paper"]
    common = _parts(said, known, "", is_bounded)
    tables = said.get("model", [{"name": top["preset"]}])
    is_tables = isinstance(tables, list) and all(isinstance(table, dict) for table in tables) and len(tables) > 0
    require(is_tables, "model must be written [[model]], once for each model")
    models = tuple(_model(table, common, known, is_bounded) for table in tables)
    for name in ("name", "folder_name"):
        names = [getattr(model, name) for model in models]
        twice = next((n for n in names if names.count(n) > 1), None)
        require(twice is None, f"two models are named {twice}, or names that a folder cannot tell apart")
    draws = any(model.draw for model in models)
    require(not draws or top["samples"] > 0, "[draw] wants samples = N at the top of the file, 1 or more")
    require(draws or top["samples"] == 0, "samples is for [draw]; a [grid] is tried as a whole")
    return Spec(
        top["level"],
        top["preset"],
        top["metric"],
        top["worlds"],
        tuple(top["seeds"]),
        top["samples"],
        models,
    )


def _top(said: Mapping[str, Any]) -> Fields:
    """Return the fields at the top of the file, with defaults for missing ones."""
    unknown = [key for key in said if key not in DEFAULTS and key not in TABLES]
    require(not unknown, f"there is no {', '.join(unknown)}; there are: {', '.join((*DEFAULTS, *TABLES))}")
    top = {name: said.get(name, default) for name, default in DEFAULTS.items()}
    for name, value in top.items():
        kind = type(DEFAULTS[name])
        require(type(value) is kind, f"{name} must be {KINDS[kind]}, not {value!r}")
    require(is_metric(top["metric"]), f"there is no metric {top['metric']!r}; there are: {', '.join(METRICS)}")
    require(top["worlds"] > 0, f"worlds must be 1 or more, not {top['worlds']}")
    require(top["samples"] >= 0, f"samples must be 1 or more, not {top['samples']}")
    seeds = top["seeds"]
    is_seeds = all(type(seed) is int and seed >= 0 for seed in seeds) and len(set(seeds)) == len(seeds) > 0
    require(is_seeds, f"seeds must be different whole numbers from 0 on, not {seeds}")
    require(
        len(seeds) >= FEWEST_SEEDS or top["allow_few_seeds"],
        f"an experiment has {FEWEST_SEEDS} seeds at least, not {len(seeds)}; say allow_few_seeds = true to have fewer",
    )
    return top


def _parts(said: Mapping[str, Any], known: Mapping[str, Any], of: str, is_bounded: bool) -> Model:
    """Return the tables [fixed], [grid] and [draw] of a file, or of one model in it."""
    for name in ("fixed", "grid", "draw"):
        require(isinstance(said.get(name, {}), dict), f"{of}{name} must be a table, not {said.get(name)!r}")
    fixed = flatten(said.get("fixed", {}), known, f"{of}[fixed]")
    grid = flatten(said.get("grid", {}), known, f"{of}[grid]")
    drawn = flatten(said.get("draw", {}), known, f"{of}[draw]")
    for field, values in grid.items():
        require(
            isinstance(values, list) and len(values) > 0, f"{of}[grid] {field} must be a list of values, not {values!r}"
        )
        require(len({repr(value) for value in values}) == len(values), f"{of}[grid] {field} has a value twice")
    draw = {field: parse_draw(field, said, look_up(known, field)) for field, said in drawn.items()}
    if is_bounded:
        _require_bounded({field: (value,) for field, value in fixed.items()})
        _require_bounded(grid)
        _require_bounded({field: draw.extremes for field, draw in draw.items()})
    return Model(of, fixed, grid, draw)


def _model(table: Mapping[str, Any], common: Model, known: Mapping[str, Any], is_bounded: bool) -> Model:
    """Return a model: its own table on top of the tables for all models."""
    name = table.get("name")
    require(isinstance(name, str), f'each [[model]] wants a name = "..."; one has {name!r}')
    assert isinstance(name, str)
    require(bool(FOLDER_NAME.sub("-", name).strip("-.")), f"a model's name must have a letter or digit, not {name!r}")
    sweeping = {key: table[key] for key in ("grid", "draw") if key in table}
    own = {key: value for key, value in table.items() if key not in ("name", "grid", "draw")}
    parts = _parts({"fixed": own, **sweeping}, known, f"{name}: ", is_bounded)
    grid, draw = common.grid | parts.grid, common.draw | parts.draw
    require(not (grid and draw), f"{name}: there is a [grid] or a [draw], not both")
    swept = [field for field in (*grid, *draw) if field in parts.fixed or field in common.fixed]
    require(not swept, f"{name}: {', '.join(swept)} cannot be both fixed and varied")
    return Model(name, common.fixed | parts.fixed, grid, draw)


def _require_bounded(values: Mapping[str, Any]) -> None:
    """Raise `UserError` if a value is outside of the range that the paper searched."""
    for field, tried in values.items():
        for value in tried:
            allowed = beyond(field, value)
            require(
                allowed is None,
                f"{field} is {value}; table 2 has {allowed}; say beyond_the_paper = true to go beyond it",
            )
