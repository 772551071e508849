"""Settings: runs whose configurations differ only in the seed have the same setting, and can be averaged."""

from collections import Counter
from collections.abc import Collection, Hashable, Sequence
from functools import cache
from typing import Any

from simcore.common.errors import UserError
from simcore.config.differences import INCIDENTAL, differing_fields, fields_of
from simcore.config.presets import preset
from simcore.config.run import Config

SEED = "seed"
BY_VALUE = ("level", "preset", "core", "frame_model", "policy", "executor", "precision")
"""Fields that labels name by their value alone, in the order of labels, before all others."""


DIGITS = 3
"""Significant digits of a number in a label, if these distinguish all settings."""


def group_by_setting(configs: Sequence[Config], besides: Collection[str] = ()) -> list[list[int]]:
    """Group configurations by setting: the indices of each setting's, settings in the order of their first one.

    Args:
        configs: of runs.
        besides: fields that may also differ within a setting, such as the seed and those without an effect
            (`INCIDENTAL`).
    """
    groups: dict[Hashable, list[int]] = {}
    for place, config in enumerate(configs):
        groups.setdefault(_setting(config, besides), []).append(place)
    return list(groups.values())


def label_settings(configs: Sequence[Config], besides: Collection[str] = ()) -> list[str]:
    """Return a label of each setting by the fields that differ between them, such as `slots, overshoot = 6`.

    Values that follow from the level and preset are left out if these are in the label.

    Args:
        configs: one of each setting.
        besides: as for `group_by_setting`; these fields are not in labels.

    Returns:
        A label for each, all different if no two configurations have the same setting; empty if nothing differs.
    """
    fields = differing_fields(configs, {SEED, *INCIDENTAL, *besides})
    if "level" in fields or "preset" in fields:
        usual = [_fields_of_preset(config.preset, config.level) for config in configs]
        actual = [fields_of(config) for config in configs]
        fields = [
            field
            for field in fields
            if field in ("level", "preset")
            or any(own.get(field) != expected.get(field) for own, expected in zip(actual, usual, strict=True))
        ]
    ordered = [*(field for field in BY_VALUE if field in fields), *(field for field in fields if field not in BY_VALUE)]
    whole, short = ([_label(fields_of(config), ordered, digits) for config in configs] for digits in (None, DIGITS))
    return short if len(set(short)) == len(set(whole)) else whole


def require_one_of_each_seed(configs: Sequence[Config], names: Sequence[object]) -> None:
    """Raise `UserError` if two runs of one setting have the same seed: they are not independent samples.

    Args:
        configs: of runs of one setting.
        names: of the runs, for the message.
    """
    first: dict[int, int] = {}
    for place, config in enumerate(configs):
        before = first.setdefault(config.seed, place)
        if before != place:
            but = differing_fields((configs[before], config))
            alike = f"differ in {', '.join(but)} alone" if but else "have one configuration"
            raise UserError(
                f"{names[before]} and {names[place]} have the same seed, {config.seed}, and {alike}: "
                "they are no two samples; leave one out"
            )


def short_name(field: str) -> str:
    """Return the last part of a dotted field if no other field has the same; else the whole field."""
    last = field.rpartition(".")[2]
    return last if _count_of_last_parts()[last] <= 1 else field


def _setting(config: Config, besides: Collection[str]) -> Hashable:
    # By repr, since a user's option may be a list, which is not hashable.
    left_out = {SEED, *INCIDENTAL, *besides}
    return tuple((field, repr(value)) for field, value in fields_of(config).items() if field not in left_out)


def _label(values: dict[str, Any], fields: Sequence[str], digits: int | None) -> str:
    return ", ".join(part for field in fields if field in values and (part := _part(field, values[field], digits)))


def _part(field: str, value: Any, digits: int | None) -> str:
    if field == "frame_model" and value == "none":
        return "no frame model"
    if field == "supervised":
        return "oracle" if value else ""
    if digits is not None and isinstance(value, float):
        value = float(f"{value:.{digits}g}")
    return str(value) if field in BY_VALUE else f"{short_name(field)} = {value}"


def _fields_of_preset(name: str, level: str) -> dict[str, Any]:
    try:
        return fields_of(preset(name, level))
    except UserError:  # a preset of another version: all differences are named
        return {}


@cache
def _count_of_last_parts() -> Counter[str]:
    return Counter(field.rpartition(".")[2] for field in fields_of(Config()))
