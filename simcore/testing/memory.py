"""The check that a user's memory keeps the contract of `simcore.memory.Memory`."""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from simcore.common.errors import UserError
from simcore.common.registry import make_part
from simcore.common.tree import leaves, tree_map
from simcore.data.state import CoreState
from simcore.memory.base import Memory
from simcore.memory.cell import lstm_step
from simcore.memory.core import RecurrentCore
from simcore.testing.comparing import close, demand, given_options, same, same_structure

STEPS, WORLDS, SNAPSHOTS = 7, 3, 2
RESET, RESET_WORLD = 4, 1
"""The step at which an episode begins, and its world."""


def check_memory(
    memory_class: type[Memory], config: object = None, *, input_size: int = 5, hidden_size: int = 6, seed: int = 0
) -> None:
    """Check that a memory works in belief and simulation core, by small unrolls on random inputs, in float64.

    Args:
        memory_class: a class derived from `Memory`, made as SimCore makes it: from its options, and those of the
            keywords `input_size`, `hidden_size` and `writes` that it names.
        config: its options, an instance of its `Config`; None: `Config()`, if it has one.
        input_size: the width of a step's input.
        hidden_size: N_h.
        seed: of weights and inputs.

    Raises:
        AssertionError: it breaks its contract; the message says how.
    """
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        check = _Check(memory_class, config, input_size, hidden_size)
        state = check.the_first_state()
        check.a_step(state)
        check.the_unroll(state)
        check.what_it_holds()
        check.worlds_apart(state)
        check.a_reset()
        check.states_that_travel()
        check.the_simulation()
        check.gradients()


class _Check:
    """The checks, on a core that writes, a simulation core that only reads, and random inputs."""

    def __init__(self, memory_class: type[Memory], config: object, input_size: int, hidden_size: int) -> None:
        self.name = getattr(memory_class, "__name__", str(memory_class))
        demand(
            isinstance(memory_class, type) and issubclass(memory_class, Memory),
            f"{self.name} must be a class derived from simcore.memory.Memory",
        )
        make = partial(_make, memory_class, given_options(memory_class, config), hidden_size)
        self.memory, self.reader = make(input_size, writes=True), make(input_size, writes=False)
        demand(
            self.memory.writes and not self.reader.writes,
            f"{self.name} must take the keyword `writes`, keep it as self.writes, and write only where it is true",
        )
        self.core = RecurrentCore(input_size, hidden_size, self.memory).double()
        self.plain = RecurrentCore(input_size, hidden_size, self.memory, plain=True).double()
        self.plain.lstm = self.core.lstm
        self.simulation = RecurrentCore(input_size, hidden_size, self.reader).double()
        self.inputs = torch.randn(STEPS, WORLDS, input_size, dtype=torch.float64)

    def the_first_state(self) -> CoreState:
        """Check types and shapes of the state at an episode's start, and return it."""
        state = self.plain.initial_state(WORLDS)
        demand(
            isinstance(state.memory, tuple) and (state.memory == () or hasattr(state.memory, "_fields")),
            f"{self.name}.initial_state must return a named tuple of tensors, or an empty tuple, not a "
            f"{type(state.memory).__name__}",
        )
        again = self.plain.initial_state(WORLDS)
        demand(same(state, again), f"{self.name}.initial_state must return the same state each time")
        for leaf in leaves(state.memory):
            demand(
                leaf.dim() > 0 and len(leaf) == WORLDS,
                f"each tensor of {self.name}.initial_state({WORLDS}) must have {WORLDS} rows, one a world, "
                f"not the shape {tuple(leaf.shape)}",
            )
            demand(
                not leaf.is_floating_point() or leaf.dtype == torch.float64,
                f"{self.name}.initial_state must make tensors of its weights' type, as weight.new_zeros does: after "
                f".double() there is one of {leaf.dtype}",
            )
        return state

    def a_step(self, state: CoreState) -> None:
        """Check a step's results, that it does not change its arguments, and that it is deterministic."""
        before, x = tree_map(torch.clone, state), self.inputs[0]
        output, after = self._step(x, state)
        size = self.core.output_size
        demand(
            isinstance(output, Tensor) and output.shape == (WORLDS, size),
            f"{self.name}.step must return b_t of the shape {(WORLDS, size)}, N_h + output_size wide, "
            f"not {tuple(getattr(output, 'shape', ()))}",
        )
        demand(
            isinstance(after, CoreState) and same_structure(after, state),
            f"{self.name}.step must return a CoreState like the one that it was given: of the same named tuples, with "
            "tensors of the same shapes and types",
        )
        demand(
            torch.equal(output[:, : self.core.hidden_size], after.hidden),
            f"b_t must begin with the LSTM's output, which {self.name}.step returns as state.hidden",
        )
        demand(
            all(bool(leaf.isfinite().all()) for leaf in leaves((output, after))),
            f"{self.name}.step returned a value that is not finite",
        )
        demand(same(state, before), f"{self.name}.step changed in place the state that it was given")
        demand(
            same(self._step(x, state), (output, after)),
            f"{self.name}.step must be deterministic: a second call with the same input and state gave something else",
        )

    def the_unroll(self, state: CoreState) -> None:
        """Check that unrolls, including the fast one if there is one, give the same as single steps."""
        outputs = []
        for x in self.inputs:
            output, state = self._step(x, state)
            outputs.append(output)
        for core in (self.plain, self.core):
            unrolled = core(self.inputs, core.initial_state(WORLDS)).outputs
            demand(close(unrolled, torch.stack(outputs)), f"an unroll of {self.name} is not what its single steps give")

    def what_it_holds(self) -> None:
        """Check what it tells of its contents, if anything: K vectors, at any time and in each way of unrolling."""
        told = []
        for way in (self.plain, self.core):
            empty = way.contents(way.initial_state(WORLDS))
            snapshots = way(self.inputs, way.initial_state(WORLDS), None, range(SNAPSHOTS)).snapshots
            assert snapshots is not None
            held = way.contents(snapshots)
            if held is None and empty is None:
                return
            demand(
                held is not None and empty is not None and held.dim() == 4,
                f"{self.name}.contents must always be K vectors `[*, K, D]` for states `[*, ...]`, or always None",
            )
            assert held is not None
            assert empty is not None
            demand(
                held.shape == (SNAPSHOTS, *empty.shape) and len(empty) == WORLDS,
                f"{self.name}.contents must have the same K and D at all times, and a row for each state",
            )
            told.append(held)
        demand(close(*told), f"{self.name}.contents must not depend on how it is unrolled")

    def worlds_apart(self, state: CoreState) -> None:
        """Check that the worlds of a batch are independent."""
        together = self.plain(self.inputs, state).outputs
        for b in range(WORLDS):
            alone = tree_map(lambda leaf, b=b: leaf[b : b + 1], state)
            demand(
                close(self.plain(self.inputs[:, b : b + 1], alone).outputs, together[:, b : b + 1]),
                f"the worlds of a batch must be independent: a world alone gives {self.name} another belief than the "
                "same one among others",
            )

    def a_reset(self) -> None:
        """Check that a reset leaves nothing of the episode before."""
        is_first = torch.zeros(STEPS, WORLDS, dtype=torch.bool)
        is_first[RESET, RESET_WORLD] = True
        after = self.core(self.inputs, self.core.initial_state(WORLDS), is_first).outputs[RESET:, RESET_WORLD]
        fresh = self.core(self.inputs[RESET:], self.core.initial_state(WORLDS)).outputs[:, RESET_WORLD]
        demand(
            close(after, fresh),
            f"after a reset {self.name} must go on as from initial_state: it carries what is not in its state",
        )

    def states_that_travel(self) -> None:
        """Check copies of states, and the joining of states."""
        half = self.inputs[:3]
        for way in (self.plain, self.core):
            state = way(half, way.initial_state(WORLDS)).final
            expected, copy = way(half, way.portable(state)).outputs, way.portable(state)
            demand(
                not any(leaf.requires_grad for leaf in leaves(copy)),
                f"{self.name}.portable must return a state without gradient",
            )
            demand(
                close(way(half, state).outputs, expected),
                f"{self.name}.portable must return the same state: an unroll from it differs",
            )
            parts = [tree_map(lambda leaf, b=b: leaf[b : b + 1], copy) for b in range(WORLDS)]
            joined = way(half, way.join(parts)).outputs
            demand(close(joined, expected), f"{self.name}.join must put states together world by world, in order")

    def the_simulation(self) -> None:
        """Check that a memory which only reads does not change its state, also from snapshots of several times."""
        snapshots = self.core(self.inputs, self.core.initial_state(WORLDS), None, range(SNAPSHOTS)).snapshots
        assert snapshots is not None
        before = tree_map(torch.clone, snapshots)
        inputs = self.inputs[:, None].expand(-1, SNAPSHOTS, -1, -1)
        outputs, final, _ = self.simulation(inputs, snapshots)
        demand(same(snapshots, before), f"{self.name} with writes=False changed in place the state that it was given")
        for field in set(getattr(final.memory, "_fields", ())) - set(self.memory.last_reads):
            demand(
                same(getattr(final.memory, field), getattr(before.memory, field)),
                f"{self.name} with writes=False must leave the memory as it is, and {field!r} has changed; if that "
                "holds what was read last, name it in last_reads",
            )
        for s in range(SNAPSHOTS):
            one = self.simulation(self.inputs, tree_map(lambda leaf, s=s: leaf[s], snapshots)).outputs
            demand(
                close(outputs[:, s], one),
                f"simulations of {self.name} from several snapshots at once must be those from each",
            )

    def gradients(self) -> None:
        """Check that losses of belief and simulation have gradients to all its weights."""
        _, _, snapshots = unrolled = self.core(self.inputs, self.core.initial_state(WORLDS), None, [STEPS - 1])
        ahead = self.simulation(self.inputs[:, None], snapshots)
        parts = [(out * torch.randn_like(out)).sum() for out in (unrolled.outputs, ahead.outputs)]
        total = parts[0] + parts[1]
        named = {
            f"{name!r} of {self.name}{role}": parameter
            for role, memory in (("", self.memory), (" with writes=False", self.reader))
            for name, parameter in memory.named_parameters()
        }
        found = torch.autograd.grad(total, [*named.values()], allow_unused=True) if named else ()
        for name, gradient in zip(named, found, strict=True):
            demand(
                gradient is not None and bool(gradient.isfinite().all()) and bool(gradient.any()),
                f"no gradient reaches {name}, or one that is not finite: nothing would be learned there",
            )

    def _step(self, inputs: Tensor, state: CoreState) -> tuple[Tensor, CoreState]:
        try:
            result: Any = self.memory.step(inputs, state, partial(lstm_step, self.core.lstm))
        except Exception as error:  # a user's step may raise anything
            raise AssertionError(f"{self.name}.step failed: {type(error).__name__}: {error}") from error
        demand(
            type(result) is tuple and len(result) == 2,
            f"{self.name}.step must return two things: b_t and the core's state",
        )
        return result


def _make(
    memory_class: type[Memory], given: tuple[object, ...], hidden_size: int, input_size: int, writes: bool
) -> Memory:
    name = memory_class.__name__
    offered = {"input_size": input_size, "hidden_size": hidden_size, "writes": writes}
    try:
        memory = make_part(memory_class, name, *given, **offered)
    except UserError as error:
        raise AssertionError(str(error)) from error
    for size in ("read_size", "output_size"):
        value = getattr(memory, size, None)
        demand(
            isinstance(value, int) and value >= 0,
            f"{name}.{size} must be a whole number, 0 or more, not {value!r}",
        )
    return memory
