"""Every field has its range: what is out of it is refused in one line, which names the field, wherever it is given."""

import json
import math
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest

from simcore.common.errors import UserError
from simcore.config.presets import preset
from simcore.config.run import Config
from simcore.sweeps.fields import configure
from simcore.worlds.api import WorldConfig
from tinier import tinier

HUGE = 10**400
"""Beyond what a float holds."""
NEVER = (
    -1,
    math.nan,
    math.inf,
    -math.inf,
    HUGE,
    10**5000,
    "",
    "a\0b",
    "two\nlines",
    "x" * 10_000,
    b"bytes",
    {},
    object(),
)
"""What no field takes."""
SOMETIMES = (0, 1, 2.5, 10**30, 2**63, True, None, "../x", "[bold]", [], ["../x"], [0], ["a\0b"], [2**63, 1], (3,) * 99)
CONFIGS = {
    level: preset("tiny", level) for level in ("RandomCity", "Food", "CliffHard", "Terrain", "MiniGrid-Empty-5x5-v0")
}


def all_fields(config: Config) -> Iterator[tuple[str, str]]:
    """Yield section and name of each field; the section of one at the top is empty."""
    for field in fields(config):
        value = getattr(config, field.name)
        if is_dataclass(value):
            yield from ((field.name, inner.name) for inner in fields(value))
        yield "", field.name


def given(config: Config, section: str, name: str, value: Any) -> Config:
    """Return a configuration in which a field has another value."""
    if not section:
        return replace(config, **{name: value})
    return replace(config, **{section: replace(getattr(config, section), **{name: value})})


def told(make: Any, *arguments: Any) -> str:
    """Return the one line with which something is refused; empty if it is not."""
    try:
        make(*arguments)
    except (UserError, ValueError) as error:
        line = str(error)
        assert line
        assert line.isprintable(), line
        assert len(line) < 500, line
        return line
    return ""


def is_about(line: str, name: str, value: Any) -> bool:
    """Return whether a line names the field, or the part that there is none of."""
    return name.removesuffix("s") in line.replace("-", "_") or (isinstance(value, str) and value in line)


@pytest.mark.parametrize("level", CONFIGS)
def test_each_value_of_each_field_is_taken_or_refused_in_one_line(level: str) -> None:
    config = CONFIGS[level]
    for section, name in all_fields(config):
        for value in (*NEVER, *SOMETIMES):
            line = told(given, config, section, name, value)
            assert not line or is_about(line, name, value), (section, name, value, line)
            assert line or not any(value is never for never in NEVER), (section, name, value)


@pytest.mark.parametrize("level", CONFIGS)
def test_a_file_is_held_to_the_same_ranges_as_python(level: str) -> None:
    config = CONFIGS[level]
    flat = config.to_dict()
    for section, name in all_fields(config):
        field = f"{section}.{name}" if section else name
        for value in (-1, math.nan, HUGE, "", "x" * 10_000, 0, 2.5, 10**30, 2**63, True, None, [], ["a\0b"]):
            line = told(configure, flat, {field: value})
            assert not line or is_about(line, name, value), (field, value, line)
            if name not in flat or section:  # a section's own table has a type of its own
                assert bool(line) == bool(told(given, config, section, name, value)), (field, value, line)


def test_whole_numbers_have_an_end_and_all_numbers_are_finite() -> None:
    for config in CONFIGS.values():
        for section, name in all_fields(config):
            owner = getattr(config, section) if section else config
            if isinstance(getattr(owner, name), int):
                for value in (-1, 10**30, 2**63, 2.5, math.nan):
                    assert told(given, config, section, name, value), (section, name, value)


def test_what_is_taken_comes_back_from_json() -> None:
    config = tinier(seed=np.int64(3), agent__encoder_channels=[4, np.int32(2)], geco__kappa=np.float32(0.25))
    assert config.agent.encoder_channels == (4, 2)
    assert type(config.seed) is int
    assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_the_line_names_field_value_and_what_is_allowed() -> None:
    for section, name, value, line in (
        ("", "threads", 2**40, "threads must be a whole number from 0 to 1024, not 1099511627776"),
        ("agent", "hidden_size", 2.5, "agent.hidden_size must be a whole number from 1 to 65536, not 2.5"),
        ("geco", "kappa", math.nan, "geco.kappa must be a finite number from 1e-37 to 1e+37, not nan"),
        ("", "compile", 1, "compile must be true or false, not 1"),
        (
            "",
            "device",
            "x" * 5000,
            f"device must be a text of 1 to 1000 printable letters, not '{'x' * 59}... (5002 letters)",
        ),
        ("world", "heights", (1, 2, 3), "heights must be a list of 2, not (1, 2, 3)"),
        ("", "agent", 3, "agent must be of the class AgentConfig, not 3"),
    ):
        assert told(given, tinier(), section, name, value) == line


def test_a_batch_that_no_machine_holds_is_refused_with_its_size() -> None:
    line = told(lambda: tinier(learning__worlds=2**20, learning__unroll_length=2**20))
    assert line.startswith(
        "a batch of learning.worlds = 1048576, learning.unroll_length = 1048576 and world.frame_size"
    )
    assert "needs 196,608 GiB; at most 1024 are allowed" in line


def test_fields_of_a_level_of_ones_own_are_checked_as_far_as_they_are_known() -> None:
    assert told(lambda: replace(tinier(), world=WorldConfig(frame_size="8"))).startswith(
        "world.frame_size must be a whole"
    )  # type: ignore[arg-type]
