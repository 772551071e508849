"""A device that computes nothing: shapes, types and devices are followed, and what the host asks of it is counted.

PyTorch's fake tensors need a device guard for the device that they pretend to be on, and a build for the CPU has none
for CUDA. So they are on PyTorch's device for backends written in Python, which goes the way of an accelerator:
tensors on the CPU are real, those on `gpu` are fake, and to mix them is an error as it is with CUDA.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend


class Backend(_DummyBackendModule):  # type: ignore[misc]
    """What PyTorch asks of a device's module."""

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16]


_setup_privateuseone_for_python_backend("gpu", Backend())
GPU = torch.device("gpu:0")
ATEN = torch.ops.aten
READS = {ATEN._local_scalar_dense.default, ATEN.nonzero.default, ATEN.masked_select.default, ATEN.is_nonzero.default}
"""What cannot return before the device has come so far."""


class FakeGPU(TorchDispatchMode):
    """While it is active, tensors can be on `GPU`."""

    def __init__(self, readable: bool) -> None:
        super().__init__()
        self.fake = FakeTensorMode(allow_non_fake_inputs=True)
        self.readable = readable
        self.reads: Counter[str] = Counter()
        """How often the host asked for a value, by what asked."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        leaves = tree_leaves((args, kwargs))
        target = next((leaf for leaf in leaves if isinstance(leaf, torch.device)), None)
        is_fake = any(isinstance(leaf, FakeTensor) for leaf in leaves)
        if not is_fake and (target is None or target.type != GPU.type):
            return func(*args, **kwargs)
        copies_back = func is ATEN._to_copy.default and target is not None and target.type == "cpu"
        if func in READS or copies_back:
            return self.read(func, args[0])
        if func is ATEN.copy_.default and not isinstance(args[0], FakeTensor):
            args[0].copy_(self.read(func, args[1]))
            return args[0]
        with self.fake:
            if func is ATEN._to_copy.default and not is_fake:
                like = args[0]
                return torch.empty_strided(
                    like.shape, like.stride(), dtype=kwargs.get("dtype") or like.dtype, device=target
                )
            self.require_one_device(func, leaves)
            return func(*args, **kwargs)

    def read(self, func: Any, asked: Tensor) -> Any:
        """Count a read; where they are allowed, every value is 0."""
        self.reads[str(func)] += 1
        if not self.readable:
            raise RuntimeError(f"the host asks the device for a value by {func}")
        if func is ATEN._local_scalar_dense.default:
            return torch.zeros((), dtype=asked.dtype).item()
        return torch.zeros(asked.shape, dtype=asked.dtype)

    @staticmethod
    def require_one_device(func: Any, leaves: list[Any]) -> None:
        """Complain of tensors on the CPU among those on the device; numbers alone may be there, as with CUDA."""
        for leaf in leaves:
            if isinstance(leaf, Tensor) and leaf.device.type == "cpu" and leaf.dim() > 0:
                raise RuntimeError(f"{func} is given {tuple(leaf.shape)} on the CPU beside others on the device")


@contextmanager
def fake_gpu(readable: bool = False) -> Iterator[FakeGPU]:
    """Make a device to put nets and tensors on.

    Args:
        readable: whether the host may ask for values, all of which are 0.
    """
    generator = torch.Generator  # such a device has none of its own
    one_thread = torch.autograd.set_multithreading_enabled(False)  # where an error is one, and not the process's end
    with FakeGPU(readable) as device, one_thread, patch("torch.Generator", lambda *_: generator()):
        yield device
