"""Conversion of configurations of earlier versions."""

from collections.abc import Mapping
from typing import Any


def upgrade_config(values: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the values of a `config.json` to the fields of the current `Config`; missing ones get their defaults.

    Args:
        values: of any version.
    """
    new = {name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items()}
    # An option of one early version.
    if isinstance(new.get("acting"), dict):
        new["acting"].pop("look_around", None)
    # The contrastive loss once had the weight of the other frame models' loss.
    contrastive, simulation = new.get("contrastive"), new.get("simulation")
    if isinstance(contrastive, dict) and isinstance(simulation, dict) and "cost" in simulation:
        contrastive.setdefault("cost", simulation["cost"])
    return new
