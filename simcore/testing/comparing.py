"""Functions that the checks share: assertions, and comparisons of trees of tensors."""

from typing import Any

import torch
from torch import Tensor

from simcore.common.tree import leaves


def demand(condition: bool, otherwise: str) -> None:
    """Raise an `AssertionError` with a message unless a condition holds, also in optimised mode (`python -O`)."""
    if not condition:
        raise AssertionError(otherwise)


def same(one: Any, other: Any) -> bool:
    """Return whether two trees hold exactly the same values."""
    pairs = zip(leaves(one), leaves(other), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def close(one: Tensor, other: Tensor) -> bool:
    """Return whether two float64 tensors are equal up to rounding."""
    return one.shape == other.shape and torch.allclose(one, other, rtol=1e-6, atol=1e-8)


def same_structure(one: Any, other: Any) -> bool:
    """Return whether two trees have the same named tuples, with tensors of the same shapes and types."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.shape == other.shape and one.dtype == other.dtype
    if not isinstance(one, tuple) or type(one) is not type(other) or len(one) != len(other):
        return False
    return all(same_structure(a, b) for a, b in zip(one, other, strict=True))


def given_options(kind: type, config: object) -> tuple[object, ...]:
    """Return a part's positional arguments: its options, by default those of its `Config` if it has one."""
    if config is None and hasattr(kind, "Config"):
        return (kind.Config(),)
    return () if config is None else (config,)
