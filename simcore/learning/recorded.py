"""An update that is recorded as a CUDA graph and replayed, so that Python does not launch hundreds of small kernels."""

from collections.abc import Callable, Sequence

import torch

from simcore.common.tree import tree_map
from simcore.learning.batch import Batch, UpdateResult

WARM_UP = 3
"""Updates before the recorded one, in which libraries choose their kernels."""


class RecordedUpdate:
    """Do an update, at first directly, later by replaying its CUDA graph with new values in the same tensors.

    Args:
        update: does one on the device. It must do the same work whatever is in its batch (see `Batch.blind`), and
            change nothing but tensors, in place.
        generators: from which it samples.
        device: the GPU, which need not be the process's current one.
    """

    def __init__(
        self, update: Callable[[Batch], UpdateResult], generators: Sequence[torch.Generator], device: torch.device
    ) -> None:
        self._update = update
        self._generators = generators
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._done = 0
        self._recorded: tuple[torch.cuda.CUDAGraph, Batch, UpdateResult] | None = None

    def __call__(self, batch: Batch) -> UpdateResult:
        """Do an update with a batch; all batches must have the same shapes."""
        # Streams and graphs are of the current device: on another one nothing would be recorded.
        with torch.cuda.device(self._device):
            return self._do(batch)

    def _do(self, batch: Batch) -> UpdateResult:
        if self._done < WARM_UP:
            self._done += 1
            return self._aside(batch)
        if self._recorded is None:
            self._recorded = self._record(batch)
        else:
            tree_map(lambda place, leaf: place.copy_(leaf), self._recorded[1], batch)
        graph, _, result = self._recorded
        graph.replay()
        # The next replay writes to the same places.
        metrics, weights = ({name: v.clone() for name, v in scalars.items()} for scalars in result[:2])
        return UpdateResult(metrics, weights, tree_map(lambda leaf: leaf.clone(), result.final_state))

    def _aside(self, batch: Batch) -> UpdateResult:
        """Do an update directly, on a stream of its own, as required before recording."""
        current = torch.cuda.current_stream()
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            result = self._update(batch)
        current.wait_stream(self._stream)
        return result

    def _record(self, batch: Batch) -> tuple[torch.cuda.CUDAGraph, Batch, UpdateResult]:
        """Record an update without executing it."""
        places = tree_map(lambda leaf: leaf.clone(), batch)
        graph = torch.cuda.CUDAGraph()
        for generator in self._generators:
            graph.register_generator_state(generator)
        # Other threads may act on the same device meanwhile.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            result = self._update(places)
        return graph, places, result
