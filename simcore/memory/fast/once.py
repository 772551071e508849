"""Clear errors of hand-written backward passes: if one is to be differentiated, or runs on changed outputs."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor

USED_UP = (
    "this unroll's record was used up by an earlier backward pass; unroll again, or by RecurrentCore(..., plain=True), "
    "whose graph can be kept"
)

Backward = Callable[..., tuple[Tensor | None, ...]]


def first_order(backward: Backward) -> Backward:
    """Make a function's backward pass raise `RuntimeError` if a graph of the gradients is wanted (`create_graph=True`).

    PyTorch's own `once_differentiable` raises only at the second derivative, and takes it for zero if the incoming
    gradients are constants.
    """

    @wraps(backward)
    def once(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise RuntimeError(
                "an unroll with a backward pass written by hand has no second derivative, nor a graph of its "
                "gradients; unroll step by step for that: --memory.plain, or RecurrentCore(..., plain=True)"
            )
        return backward(ctx, *gradients)

    return once


def versions(*tensors: Tensor) -> tuple[int, ...]:
    """Return the numbers of changes that tensors have had; 0 where nobody counts, under `torch.inference_mode`."""
    return tuple(0 if tensor.is_inference() else tensor._version for tensor in tensors)


def require_unchanged(before: tuple[int, ...], *tensors: Tensor) -> None:
    """Raise `RuntimeError` if an unroll's outputs were changed since `versions` was called.

    The record keeps aliases of them, whose changes PyTorch does not see, as it does those of saved tensors.
    """
    if versions(*tensors) != before:
        raise RuntimeError(
            "the outputs of this unroll were changed in place before its backward pass; clone them first"
        )
