"""Running a model on tensors without data, except for indices, which have data."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Indices(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Runs operations on tensors with data for real, and makes new tensors of integers with data.

    With only PyTorch's fake tensors, the host could not read a sampled time, or where an episode begins.
    """

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an operation, for real if no tensor among its arguments is fake."""
        kwargs = kwargs or {}
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if any(isinstance(tensor, FakeTensor) for tensor in given):
            return operation(*args, **kwargs)
        if not given:
            result = operation(*args, **kwargs)
            if not isinstance(result, Tensor) or result.is_floating_point() or result.dtype is torch.uint8:
                return result
        with unset_fake_temporarily():
            return operation(*args, **kwargs)


@contextmanager
def shapes_alone() -> Iterator[FakeTensorMode]:
    """Make new tensors have shapes and no data in this context, except integers and booleans."""
    with FakeTensorMode(allow_non_fake_inputs=True) as mode, Indices():  # type: ignore[no-untyped-call]
        yield mode


def hollow(system: nn.Module) -> None:
    """Replace all weights and buffers by CPU tensors of the same layout; for use in `shapes_alone`."""
    for module in system.modules():
        for name, weight in list(module.named_parameters(recurse=False)):
            setattr(module, name, nn.Parameter(_like(weight), weight.requires_grad))
        for name, buffer in list(module.named_buffers(recurse=False)):
            setattr(module, name, _like(buffer))


def _like(tensor: Tensor) -> Tensor:
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype)
