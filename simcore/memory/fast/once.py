"""A clear error where a backward pass written by hand would have to be differentiated itself."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor

Backward = Callable[..., tuple[Tensor | None, ...]]


def first_order(backward: Backward) -> Backward:
    """Refuse a graph of the gradients (`create_graph=True`) for a function's backward pass, with the way out.

    PyTorch's own `once_differentiable` waits for the second derivative, and where gradients come in that are constants
    takes it for zero.
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
