"""A decorator that raises a clear error if a hand-written backward pass is to be differentiated."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor

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
