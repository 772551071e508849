"""Configurations of earlier versions, brought into today's form."""

from collections.abc import Mapping
from typing import Any


def brought_up(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a `config.json` says as today's `Config` names it; fields that are missing have their defaults then.

    Args:
        values: of any version.
    """
    new = {name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items()}
    # For a day, actors could be told to look around.
    if isinstance(new.get("acting"), dict):
        new["acting"].pop("look_around", None)
    # The contrastive loss was once weighed as the others are.
    contrastive, simulation = new.get("contrastive"), new.get("simulation")
    if isinstance(contrastive, dict) and isinstance(simulation, dict) and "cost" in simulation:
        contrastive.setdefault("cost", simulation["cost"])
    return new
