"""A meter of the arithmetic and memory of what runs under it, by part of the model."""

import functools
import weakref
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from simcore.common.precision import products_are_exact
from simcore.cost.flops import flop_of

OTHER = "other"
"""What belongs to no part: losses, optimiser, and what joins the parts."""
ACTIVATIONS = "activations"
"""The kind of intermediate tensors, kept for the backward pass or freed."""
LSTM_ROOM = {"cpu": 15.25, "cuda": 6.0}
"""What a fused LSTM keeps for its backward pass, as multiples of its output `[T + 1, B, N_h]`: oneDNN's was measured
with PyTorch 2.13, cuDNN's is an estimate, four gates and two cells. Tensors without data do not show it."""


class Arithmetic(NamedTuple):
    """A category of arithmetic that is counted separately."""

    part: str
    """The part of the model."""
    backward: bool
    """Whether it is of the backward pass."""
    dtype: torch.dtype
    """The type of its numbers."""
    is_exact: bool
    """Whether float32 is not rounded, whatever the run's precision, as in a Kanerva memory."""


class Held(NamedTuple):
    """A category of memory that is counted separately."""

    kind: str
    """What it is for."""
    part: str
    """The part of the model that made it."""


class Meter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts floating-point operations and live bytes while it is entered.

    Operations of the backward pass are booked to the part that made their node of autograd's graph: the sequence
    numbers of nodes tell which.

    Args:
        device: cpu or cuda, whose fused LSTM's memory is added; tensors without data lack it.
    """

    def __init__(self, device: str = "cpu") -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flop: Counter[Arithmetic] = Counter()
        self.held: Counter[Held] = Counter()
        """Bytes that are live now."""
        self.peak = 0
        """Most bytes at one time."""
        self.at_peak: Counter[Held] = Counter()
        """Bytes at that time."""
        self.most: Counter[str] = Counter()
        """Most bytes of each kind at one time."""
        self._kinds: Counter[str] = Counter()
        self._lstm_room = LSTM_ROOM[device]
        self._total = 0
        self._storages: dict[int, tuple[int, Held]] = {}
        self._parts = [OTHER]
        self._begins = [0]
        self._since = [OTHER]

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Book what is done in this context, and later its backward pass, to a part."""
        self._turn_to([*self._parts, name])
        try:
            yield
        finally:
            self._turn_to(self._parts[:-1])

    def measured(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a function so that its calls are booked to a part."""

        def call(*args: Any, **kwargs: Any) -> Any:
            with self.part(name):
                return function(*args, **kwargs)

        return call

    def hold(self, tensors: Iterable[Tensor], kind: str) -> None:
        """Book the memory of tensors to a kind, instead of the one it was booked to before."""
        for tensor in tensors:
            self._book(tensor, Held(kind, OTHER))

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an operation and count it."""
        kwargs = kwargs or {}
        if operation is torch.ops.prim.device.default:
            return args[0].fake_device if isinstance(args[0], FakeTensor) else operation(*args)
        if _is_composite(operation):  # count the operations that it is made of
            with self:
                return operation.decompose(*args, **kwargs)
        result = operation(*args, **kwargs)
        if operation is torch.ops.aten.mkldnn_rnn_layer.default:
            result = self._with_room(result)
        node = torch._C._current_autograd_node()
        part = self._parts[-1] if node is None else self._made_by(node)
        flop = flop_of(operation, args, kwargs, result)
        tensors = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        if flop:
            self.flop[Arithmetic(part, node is not None, tensors[0].dtype, products_are_exact())] += flop
        for tensor in tensors:
            if tensor.untyped_storage()._cdata not in self._storages:
                self._book(tensor, Held(ACTIVATIONS, part))
        return result

    def _turn_to(self, parts: list[str]) -> None:
        self._parts = parts
        self._begins.append(torch._C._autograd._get_sequence_nr())
        self._since.append(parts[-1])

    def _made_by(self, node: Any) -> str:
        number = node._sequence_nr()
        # The node that accumulates a weight's gradient has the highest number of all, and belongs to no part.
        return OTHER if number >= 2**63 else self._since[bisect_right(self._begins, number) - 1]

    def _with_room(self, result: Any) -> Any:
        """Return a fused LSTM's results with memory for what it keeps, in place of an empty tensor."""
        outputs, hidden, cell, room = result
        if room.numel():
            return result
        steps = outputs.numel() * (1 + 1 / len(outputs))
        return outputs, hidden, cell, room.new_empty(int(steps * self._lstm_room) * outputs.element_size())

    def _book(self, tensor: Tensor, held: Held) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        before = self._storages.get(key)
        if before is None:
            weakref.finalize(storage, self._free, key).atexit = False
            before = 0, held
        self._change(before[1], -before[0])
        self._storages[key] = storage.nbytes(), held
        self._change(held, storage.nbytes())

    def _free(self, key: int) -> None:
        size, held = self._storages.pop(key)
        self._change(held, -size)

    def _change(self, held: Held, size: int) -> None:
        self.held[held] += size
        self._total += size
        self._kinds[held.kind] += size
        self.most[held.kind] = max(self.most[held.kind], self._kinds[held.kind])
        if self._total > self.peak:
            self.peak, self.at_peak = self._total, self.held.copy()


@functools.cache
def _is_composite(operation: Any) -> bool:
    return torch._C._dispatch_has_kernel_for_dispatch_key(operation.name(), "CompositeImplicitAutograd")
