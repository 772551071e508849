"""What the checks share."""

from typing import Any

import torch
from torch import Tensor

from simcore.common.tree import leaves


def demand(condition: bool, otherwise: str) -> None:
    """Raise an `AssertionError` with a message unless a condition holds, also where Python leaves out `assert`."""
    if not condition:
        raise AssertionError(otherwise)


def same(one: Any, other: Any) -> bool:
    """Tell whether two trees hold the same values, to the last bit."""
    pairs = zip(leaves(one), leaves(other), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def close(one: Tensor, other: Tensor) -> bool:
    """Tell whether two tensors of float64 differ by no more than rounding."""
    return one.shape == other.shape and torch.allclose(one, other, rtol=1e-6, atol=1e-8)


def same_structure(one: Any, other: Any) -> bool:
    """Tell whether two trees are of the same named tuples, with tensors of the same shapes and types."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.shape == other.shape and one.dtype == other.dtype
    if not isinstance(one, tuple) or type(one) is not type(other) or len(one) != len(other):
        return False
    return all(same_structure(a, b) for a, b in zip(one, other, strict=True))


def given_options(kind: type, config: object) -> tuple[object, ...]:
    """Return what a part is made with before its keywords: its options, which are the defaults where None is given."""
    if config is None and hasattr(kind, "Config"):
        return (kind.Config(),)
    return () if config is None else (config,)
