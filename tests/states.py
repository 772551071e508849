"""States of trainings: the same to the bit, or not."""

from typing import Any

import torch
from torch import Tensor

from simcore.runs import RunFolder, checkpoints


def tensors(state: Any, path: str = "") -> dict[str, Any]:
    """Flatten nested dicts, lists and tuples."""
    if isinstance(state, dict | list | tuple):
        items = state.items() if isinstance(state, dict) else enumerate(state)
        return {name: leaf for key, value in items for name, leaf in tensors(value, f"{path}/{key}").items()}
    return {path: state}


def assert_same_state(one: Any, two: Any) -> None:
    """Compare nested states bit for bit; NaN is the same as NaN."""
    left, right = tensors(one), tensors(two)
    assert left.keys() == right.keys()
    for name, value in left.items():
        other = right[name]
        same = torch.equal(value, other) if isinstance(value, Tensor) else value == other or value != value
        assert same, f"{name} differs"


def newest_state(folder: RunFolder) -> dict[str, Any]:
    """Return what the newest checkpoint holds."""
    path = checkpoints.latest(folder.checkpoints)
    assert path is not None
    return checkpoints.load(path).state
