"""Benchmark of the cores: time and memory relative to a loop of `nn.LSTMCell` on the same input.

    python -m benchmarks.cores --repeats 7 --threads 1

Prints the time of an unroll at the paper's sizes, forward and backward, and its peak memory; then the time of as many
single steps without a gradient, as an actor makes them. All cases take turns in each repeat; the ratio is the median
over repeats of the time divided by that of the loop in the same repeat. "Plain" is the same memory unrolled step by
step with autograd.
"""

import statistics
from collections.abc import Callable
from typing import NamedTuple

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from benchmarks.peak import peak_bytes
from benchmarks.timing import machine, milliseconds, parse_options, take_turns
from simcore.common.tree import detach
from simcore.memory import (
    CoreState,
    KanervaConfig,
    KanervaWiring,
    Memory,
    RecurrentCore,
    SlotsConfig,
    SlotState,
    SlotWiring,
)
from simcore.memory.cell import WiredSlots

REFERENCE = "loop of nn.LSTMCell"
WIDE_KANERVA, WIDE_SLOTS = "the same, 512 inputs more", "the same, 600 inputs more"
STEPS, WORLDS, INPUTS, HIDDEN = 100, 16, 262, 512
SNAPSHOTS = 6
"""Nt, the number of simulations that start from a trajectory (table 2)."""


class Case(NamedTuple):
    """A case to be timed: one unroll, forward and backward."""

    run: Callable[[], None]
    allowance: str = ""
    """The name of the case of an LSTM with the same inputs, whose memory is subtracted."""
    unit: int = 0
    """Bytes in which the remaining memory is expressed."""


def make_kanerva() -> KanervaWiring:
    return KanervaWiring(KanervaConfig(), input_size=INPUTS, hidden_size=HIDDEN)


def make_slots() -> SlotWiring:
    return SlotWiring(SlotsConfig(), input_size=INPUTS, hidden_size=HIDDEN)


def make_cases(seed: int, device: torch.device) -> dict[str, Case]:
    """Make the unrolls to be compared."""
    torch.manual_seed(seed)
    # Training needs the gradient of the inputs too: it teaches the frame encoder.
    inputs = torch.randn(STEPS, WORLDS, INPUTS, device=device, requires_grad=True)
    resets = torch.zeros(STEPS, WORLDS, dtype=torch.bool)
    resets[torch.randint(STEPS, (WORLDS,)), torch.arange(WORLDS)] = True
    resets = resets.to(device)
    snapshots = torch.randperm(STEPS)[:SNAPSHOTS].tolist()

    def backward(outputs: Tensor) -> None:
        outputs.square().mean().backward()  # type: ignore[no-untyped-call]

    def cell_loop(width: int) -> Callable[[], None]:
        cell = nn.LSTMCell(INPUTS + width, HIDDEN).to(device)
        zeros = torch.zeros(WORLDS, HIDDEN, device=device)

        def run() -> None:
            hidden = memory = zeros
            outputs = []
            # The reads are a separate tensor at each step, as with a memory.
            for x in inputs:
                wide = torch.cat([x, x.new_zeros(WORLDS, width)], dim=-1) if width else x
                hidden, memory = cell(wide, (hidden, memory))
                outputs.append(hidden)
            backward(torch.stack(outputs))

        return run

    def unroll(core: RecurrentCore, full: bool = False, cut: bool = False) -> Callable[[], None]:
        core = core.to(device)
        carried = [filled(core, device)] if full else []

        def run() -> None:
            state = carried.pop() if full else core.initial_state(WORLDS)
            unrolled = core(inputs, state, resets if cut else None, snapshots if cut else [])
            backward(unrolled.outputs)
            if full:
                carried.append(detach(unrolled.final))

        return run

    kanerva, slots = make_kanerva(), make_slots()
    kanerva_bytes = 4 * STEPS * WORLDS * 32 * 512
    slots_bytes = 4 * WORLDS * 1350 * 200

    def core(memory: Memory | None, plain: bool = False) -> RecurrentCore:
        return RecurrentCore(INPUTS, HIDDEN, memory, plain)

    return {
        REFERENCE: Case(cell_loop(0)),
        WIDE_KANERVA: Case(cell_loop(512)),
        WIDE_SLOTS: Case(cell_loop(600)),
        "lstm": Case(unroll(core(None))),
        "kanerva": Case(unroll(core(kanerva)), WIDE_KANERVA, kanerva_bytes),
        "kanerva, resets and snapshots": Case(unroll(core(kanerva), cut=True)),
        "kanerva, plain": Case(unroll(core(kanerva, plain=True)), WIDE_KANERVA, kanerva_bytes),
        "slots, empty at first": Case(unroll(core(slots)), WIDE_SLOTS, slots_bytes),
        "slots, full": Case(unroll(core(slots), full=True), WIDE_SLOTS, slots_bytes),
        "slots, resets and snapshots": Case(unroll(core(slots), cut=True)),
        "slots, full, plain": Case(unroll(core(slots, plain=True), full=True)),
    }


@torch.no_grad()
def filled(core: RecurrentCore, device: torch.device) -> CoreState:
    """Return a state after enough steps to fill a slot memory."""
    state = core.initial_state(WORLDS)
    if isinstance(state.memory, WiredSlots):  # by single steps this would take minutes
        words = torch.randn_like(state.memory.slots.words)
        full = SlotState(words, torch.full_like(state.memory.slots.written, words.shape[1]))
        return state._replace(memory=state.memory._replace(slots=full))
    for _ in range(14):
        state = core(torch.randn(STEPS, WORLDS, INPUTS, device=device), state).final
    return state


def make_acting(seed: int, device: torch.device) -> dict[str, Callable[[], None]]:
    """Make loops of single steps without a gradient, as an actor makes them."""
    torch.manual_seed(seed)
    inputs = torch.randn(STEPS, 1, WORLDS, INPUTS, device=device)
    nowhere = torch.zeros(1, WORLDS, dtype=torch.bool, device=device)
    cell = nn.LSTMCell(INPUTS, HIDDEN).to(device)

    @torch.no_grad()
    def loop() -> None:
        hidden = memory = torch.zeros(WORLDS, HIDDEN, device=device)
        for x in inputs:
            hidden, memory = cell(x[0], (hidden, memory))

    def act(memory: Memory | None, full: bool = False) -> Callable[[], None]:
        core = RecurrentCore(INPUTS, HIDDEN, memory).to(device)
        carried = filled(core, device) if full else core.initial_state(WORLDS)

        @torch.no_grad()
        def run() -> None:
            nonlocal carried
            state = carried if full else core.initial_state(WORLDS)
            for x in inputs:
                state = core(x, state, nowhere).final
            carried = state

        return run

    return {
        REFERENCE: loop,
        "lstm": act(None),
        "kanerva": act(make_kanerva()),
        "slots, empty at first": act(make_slots()),
        "slots, full": act(make_slots(), full=True),
    }


def make_table(title: str, seconds: dict[str, list[float]], beyond: dict[str, tuple[str, str]] | None) -> Table:
    result = Table(title, title=f"{STEPS} steps x {WORLDS} worlds, input {INPUTS}, N_h {HIDDEN}", title_justify="left")
    for column in ("ms (median)", "least", "most", "x loop", *(("peak MiB", "beyond") if beyond else ())):
        result.add_column(column, justify="right")
    for name, times in seconds.items():
        ratio = statistics.median(one / other for one, other in zip(times, seconds[REFERENCE], strict=True))
        result.add_row(name, *milliseconds(times), f"{ratio:.2f}", *(beyond[name] if beyond else ()))
    return result


def measure_memory(cases: dict[str, Case], device: torch.device) -> dict[str, tuple[str, str]]:
    """Return each case's peak in MiB and, if it has a unit, the memory beyond the LSTM's in this unit."""
    peaks = {name: peak_bytes(case.run, device) for name, case in cases.items()}
    return {
        name: (
            f"{peaks[name] / 2**20:.1f}",
            f"{(peaks[name] - peaks[case.allowance]) / case.unit:.2f}" if case.unit else "",
        )
        for name, case in cases.items()
    }


def main() -> None:
    options = parse_options(__doc__)
    device = options.device
    cases = make_cases(options.seed, device)
    console = Console()
    console.print(machine(device), highlight=False)
    seconds = take_turns({name: case.run for name, case in cases.items()}, options.repeats, device)
    console.print(make_table("forward and backward", seconds, measure_memory(cases, device)))
    console.print(
        "The last column: the peak beyond that of the LSTM with as many inputs. Kanerva: over the size of M times the "
        "steps. Slots: over the size of the memory; the ring counts only where the unroll made it, in the empty one.",
        highlight=False,
    )
    acting = take_turns(make_acting(options.seed, device), options.repeats, device)
    console.print(make_table("single steps, no gradient", acting, None))


if __name__ == "__main__":
    main()
