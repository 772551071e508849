"""The names of metrics, which begin with their objective (`frame_model/kl`), and their older names."""

from collections.abc import Collection, Mapping
from typing import TypeVar

from simcore.common.errors import UserError

Value = TypeVar("Value")

CURRENT_NAMES = {
    "acting_loss": "acting/loss",
    "policy_loss": "acting/policy_loss",
    "value_loss": "acting/value_loss",
    "entropy": "acting/entropy",
    "loss": "frame_model/loss",
    "kl": "frame_model/kl",
    "error": "frame_model/error",
    "weight": "frame_model/weight",
    "lambda": "frame_model/lambda",
    "memory_share": "frame_model/memory_share",
    "probe_loss": "probes/loss",
    "map_mse": "probes/map_mse",
    "cell_accuracy": "probes/cell_accuracy",
    "heading_accuracy": "probes/heading_accuracy",
    "map_loss": "map_model/loss",
    "map_kl": "map_model/kl",
    "map_error": "map_model/error",
    "map_lambda": "map_model/lambda",
}
"""The current name of a metric, by its name in older files."""


def current_names(values: Mapping[str, Value]) -> dict[str, Value]:
    """Return metrics under their current names; where both names are present, the current one is kept."""
    named = {CURRENT_NAMES.get(name, name): value for name, value in values.items()}
    return named | {name: value for name, value in values.items() if name not in CURRENT_NAMES}


def resolve_metric(asked: str, names: Collection[str]) -> str:
    """Return the metric that a full, older or short name stands for.

    Args:
        asked: a full name, an older name, or the part after the slash if it is unique.
        names: the metrics that there are.

    Raises:
        UserError: no metric fits, or several do; the message lists them.
    """
    for name in (asked, CURRENT_NAMES.get(asked, asked)):
        if name in names:
            return name
    ending = [name for name in names if name.endswith(f"/{asked}")]
    if len(ending) > 1:
        raise UserError(f"several metrics are named {asked!r}: {', '.join(ending)}; name one of them")
    if not ending:
        raise UserError(f"there is no metric {asked!r}; there are: {', '.join(names)}")
    return ending[0]
