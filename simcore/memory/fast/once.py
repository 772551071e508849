"""A clear error where a backward pass written by hand would have to be differentiated itself."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor

Backward = Callable[..., tuple[Tensor | None, ...]]


def first_order(backward: Backward) -> Backward:
    """Let a function's backward pass be differentiated no further, and say so to who tries.

    PyTorch's own `once_differentiable` says it without a way out, or, where the gradients that come in are constants,
    not at all.
    """

    @wraps(backward)
    def once(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        with torch.no_grad():
            results = backward(ctx, *gradients)
        if not torch.is_grad_enabled():  # nobody has asked for a graph of the gradients
            return results
        return tuple(None if result is None else _Refuse.apply(result.requires_grad_()) for result in results)  # type: ignore[no-untyped-call]

    return once


class _Refuse(torch.autograd.Function):
    """`apply(gradient)` returns it, and raises on the way back."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient.view_as(gradient)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        raise RuntimeError(
            "an unroll with a backward pass written by hand has no second derivative; unroll step by step for that: "
            "--memory.plain, or RecurrentCore(..., plain=True)"
        )
