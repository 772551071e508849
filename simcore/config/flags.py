"""Configurations as command lines: the flags of fields, and the command that trains a run."""

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from simcore.common.checks import LONGEST_TEXT
from simcore.common.errors import UserError
from simcore.config.differences import differences
from simcore.config.presets import preset
from simcore.config.run import Config

_POSITIONAL, _PRESET = "level", "preset"


def as_flags(fields: Mapping[str, Any]) -> Iterator[str]:
    """Yield the words that set fields to values, by dotted name, quoted for a shell."""
    for field, value in fields.items():
        prefix, _, last = field.replace("_", "-").rpartition(".")
        flag = f"{prefix}.{last}" if prefix else last
        if isinstance(value, bool):
            yield f"--{flag}" if value else f"--{f'{prefix}.' if prefix else ''}no-{last}"
        else:
            yield f"--{flag}"
            yield from (shlex.quote(str(each)) for each in (value if isinstance(value, tuple) else (value,)))


def training_command(config: Config) -> str | None:
    """Return a command that trains such a run, by what differs from its preset.

    Returns:
        The command; None if the preset is not available, or too much differs to be typed.
    """
    try:
        usual = preset(config.preset, config.level)
    except UserError:
        return None
    changed = {
        change.field: change.new for change in differences(usual, config) if change.field not in (_POSITIONAL, _PRESET)
    }
    level, name = shlex.quote(config.level), shlex.quote(config.preset)
    command = " ".join(("simcore train", level, "--preset", name, *as_flags(changed)))
    return command if len(command) <= LONGEST_TEXT else None
