"""`simcore train --dry-run`: tables of what a configuration costs."""

from rich.table import Table

from simcore.commands.console import say, show_tables
from simcore.config.run import Config
from simcore.cost import (
    ACTIVATIONS,
    BATCH,
    GRADIENTS,
    MOMENTS,
    OTHER,
    WEIGHTS,
    Held,
    Peak,
    UpdateCost,
    cost_of_run,
    find_peak,
)

UTILISATIONS = (1.0, 0.35, 0.1)
"""Fractions of a peak: the bound, what large products reach, and what small nets reach."""


def dry_run(config: Config, peak: str | None) -> None:
    """Print what an update of this configuration costs; nothing is trained or written.

    Raises:
        UserError: there is no such environment, or no such peak.
    """
    card = find_peak(peak) if peak is not None else None  # raises before anything is made
    costs = cost_of_run(config, on_gpu=card is not None)
    show_tables(parts_table(costs), memory_table(costs), highlight=False)
    if costs.measuring > 1:
        every = config.record.metrics_every
        say(f"One update in {every}, which measures gradient_ratio, is {costs.measuring:.2f} times as much arithmetic.")
    size, each = mebibyte_count(costs.waiting * costs.trajectory), mebibyte_count(costs.trajectory)
    say(f"Trajectories on the host, being made, waiting and learned from: {costs.waiting} of {each} MiB, {size} MiB.")
    if card is None:
        say("For frames a second: --peak h100, or a100, h200, rtx4090, or a number of TFLOP/s.")
        return
    show_tables(rate_table(config, costs, card), highlight=False)


def parts_table(costs: UpdateCost) -> Table:
    """Return the table of parameters and arithmetic, one row per part."""
    table = Table(
        title=f"One update, {costs.frames:,} frames",
        title_justify="left",
        caption="Products, convolutions and what solves with matrices; a multiply-add is two FLOP.",
        caption_justify="left",
    )
    table.add_column("part")
    for heading in ("parameters", "forward GFLOP", "backward GFLOP", "GFLOP", "share", "MFLOP a frame"):
        table.add_column(heading, justify="right")

    def add(name: str, parameters: int, forward: int, backward: int) -> None:
        both = forward + backward
        values = (f"{forward / 1e9:,.3f}", f"{backward / 1e9:,.3f}", f"{both / 1e9:,.3f}")
        table.add_row(
            name, f"{parameters:,}", *values, f"{both / costs.total:.1%}", f"{both / costs.frames / 1e6:,.3f}"
        )

    for part, parameters in costs.parameters.items():
        add(part, parameters, costs.flop_by(part, False), costs.flop_by(part, True))
        if part in costs.memories:
            table.add_row("  of which its memory", f"{costs.memories[part]:,}")
    rest = [costs.flop_by(OTHER, way) for way in (False, True)]
    if any(rest):
        add(OTHER, 0, *rest)
    table.add_section()
    add("all", sum(costs.parameters.values()), costs.total_by(False), costs.total_by(True))
    return table


def memory_table(costs: UpdateCost) -> Table:
    """Return the table of memory on the device at the peak, by kind and part."""
    table = Table(
        title="Memory of one update on the device",
        title_justify="left",
        caption="Tensors alone: what kernels, the allocator and the driver need comes on top.",
        caption_justify="left",
    )
    table.add_column("MiB")
    table.add_column("at the peak", justify="right")
    table.add_column("at most", justify="right")
    for kind in (WEIGHTS, MOMENTS, GRADIENTS, BATCH, ACTIVATIONS):
        table.add_row(kind, mebibyte_count(costs.peak_by(kind)), mebibyte_count(costs.most[kind]))
    for part in (*costs.parameters, OTHER):
        table.add_row(f"  {part}", mebibyte_count(costs.at_peak[Held(ACTIVATIONS, part)]))
    table.add_section()
    table.add_row("all", mebibyte_count(costs.peak))
    return table


def rate_table(config: Config, costs: UpdateCost, card: Peak) -> Table:
    """Return the table of a card's times and rates at several fractions of its peak."""
    least = costs.least_seconds(card, config.precision)
    table = Table(
        title=f"{card.name}, {config.precision}: {costs.total / least / 1e12:,.1f} TFLOP/s at most",
        title_justify="left",
        caption="The learner alone, on one card; products of float32 count as TF32 unless --precision is fp32, but for "
        "a Kanerva memory's, which are exact.",
        caption_justify="left",
    )
    updates = config.learning.updates
    for heading in ("of the peak", "ms an update", "frames/s", f"{updates:,} updates"):
        table.add_column(heading, justify="right")
    for part in UTILISATIONS:
        seconds = least / part
        table.add_row(
            f"{part:.0%}", f"{1e3 * seconds:,.3g}", f"{costs.frames / seconds:,.0f}", duration(updates * seconds)
        )
    return table


def mebibyte_count(size: int) -> str:
    """Format a number of bytes in MiB, without the unit."""
    return f"{size / 2**20:,.1f}"


def duration(seconds: float) -> str:
    """Format a time in the unit that fits it."""
    for unit, size in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:.1f} seconds"
