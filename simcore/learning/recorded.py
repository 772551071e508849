"""An update recorded as a CUDA graph and replayed: hundreds of small kernels are launched at once, not by Python."""

from collections.abc import Callable, Sequence

import torch

from simcore.common.tree import tree_map
from simcore.learning.batch import Batch, UpdateResult

WARM_UP = 3
"""Updates that are done as they are before one is recorded: by then libraries have chosen their kernels."""


class RecordedUpdate:
    """Does an update, at first as it is, and from then on by replaying it with other numbers in the same places.

    Args:
        update: does one on the device. It must do the same whatever is in its batch, which is blind (`Batch.blind`),
            and change nothing but tensors, in place.
        generators: what it draws from.
    """

    def __init__(self, update: Callable[[Batch], UpdateResult], generators: Sequence[torch.Generator]) -> None:
        self._update = update
        self._generators = generators
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._done = 0
        self._recorded: tuple[torch.cuda.CUDAGraph, Batch, UpdateResult] | None = None

    def __call__(self, batch: Batch) -> UpdateResult:
        """Do an update with a batch, whose shapes are those of every other."""
        if self._done < WARM_UP:
            self._done += 1
            return self._aside(batch)
        if self._recorded is None:
            self._recorded = self._record(batch)
        else:
            tree_map(lambda place, leaf: place.copy_(leaf), self._recorded[1], batch)
        graph, _, learned = self._recorded
        graph.replay()
        # The next replay writes to the same places.
        metrics = {name: value.clone() for name, value in learned.metrics.items()}
        return UpdateResult(metrics, tree_map(lambda leaf: leaf.clone(), learned.final_state))

    def _aside(self, batch: Batch) -> UpdateResult:
        """Do an update as it is, on a stream of its own, as recording wants it done before."""
        current = torch.cuda.current_stream()
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            learned = self._update(batch)
        current.wait_stream(self._stream)
        return learned

    def _record(self, batch: Batch) -> tuple[torch.cuda.CUDAGraph, Batch, UpdateResult]:
        """Record an update, which is not done by that."""
        places = tree_map(lambda leaf: leaf.clone(), batch)
        graph = torch.cuda.CUDAGraph()
        for generator in self._generators:
            graph.register_generator_state(generator)
        # Other threads may act on the same device meanwhile.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            learned = self._update(places)
        return graph, places, learned
