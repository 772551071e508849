"""What the belief knows: a table of the probes' scores, and their course along an episode."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from simcore.probes.measure import Scores

ROWS = {
    "map_mse": "map MSE",
    "map_mse_seen": "map MSE, cells seen so far",
    "map_mse_unseen": "map MSE, cells not yet seen",
    "cell_accuracy": "cell accuracy",
    "heading_accuracy": "heading accuracy",
}
COLOURS = {
    "belief": "tab:blue",
    "untrained": "tab:orange",
    "frame": "tab:purple",
    "constant": "tab:gray",
    "oracle": "tab:green",
}
SPAN = 4
"""Ages of cells are put together in spans that grow by this: in sight, 1 to 3 steps ago, 4 to 15, 16 to 63, ..."""


def knowledge_table(scores: Mapping[str, Scores], title: str) -> Table:
    """Return the table of each score over all steps, and at a quarter, half and the end of the episode."""
    length = next(iter(scores.values())).map_mse.shape[0]
    times = [length // 4, length // 2, length - 1]
    table = Table(title=title, title_justify="left")
    table.add_column("")
    table.add_column("predictor")
    for heading in ("overall", *(f"step {t}" for t in times)):
        table.add_column(heading, justify="right")
    for name, label in ROWS.items():
        for predictor, score in scores.items():
            by_time = score.by_time()[name]
            values = [score.overall()[name], *(by_time[t] for t in times)]
            shown = ["–" if np.isnan(v) else f"{v:.5f}" if "mse" in name else f"{v:.1%}" for v in values]
            table.add_row(label if predictor == next(iter(scores)) else "", predictor, *shown)
        table.add_section()
    return table


def ages(length: int) -> list[tuple[int, int]]:
    """Return the spans of steps since a cell was seen, first and last, that cover an episode of `length` frames."""
    spans = [(0, 0)]
    while spans[-1][1] < length - 1:
        first = spans[-1][1] + 1
        spans.append((first, min(SPAN * first, length) - 1))
    return spans


def fading_table(scores: Mapping[str, Scores]) -> Table:
    """Return the table of the map's error by the steps since a frame last showed a cell (App. I)."""
    table = Table(title="map MSE by steps out of sight", title_justify="left")
    for heading in ("steps", *scores):
        table.add_column(heading, justify="right")
    for first, last in ages(len(next(iter(scores.values())).fading.cells)):
        errors = [score.fading.map_mse(first, last) for score in scores.values()]
        label = "in sight" if last == 0 else f"{first}" if first == last else f"{first} to {last}"
        table.add_row(label, *("–" if np.isnan(error) else f"{error:.5f}" for error in errors))
    table.add_row("not yet seen", *(f"{score.overall()['map_mse_unseen']:.5f}" for score in scores.values()))
    return table


def knowledge_figure(scores: Mapping[str, Scores], title: str) -> Figure:
    """Return the figure of the scores by time step; the map's error also on cells seen and not yet seen, and by age.

    See figure 12, and App. I on the fading of what is out of sight.
    """
    figure = Figure(figsize=(15, 3.7), layout="constrained")
    figure.suptitle(title, fontsize=11)
    panels = figure.subplots(1, 5)
    step = "step of the episode"
    for panel, text, x in zip(
        panels,
        ("map MSE", "map MSE, seen (dashed: not yet)", "map MSE by age", "cell accuracy", "heading accuracy"),
        (step, step, "steps since a cell was last in sight", step, step),
        strict=True,
    ):
        panel.set_title(text, fontsize=9)
        panel.set_xlabel(x, fontsize=8)
        panel.tick_params(labelsize=8)
        panel.spines[["top", "right"]].set_visible(False)
    for predictor, score in scores.items():
        by_time, colour = score.by_time(), COLOURS[predictor]
        panels[0].plot(by_time["map_mse"], color=colour, label=predictor)
        panels[1].plot(by_time["map_mse_seen"], color=colour)
        panels[1].plot(by_time["map_mse_unseen"], color=colour, linestyle="--")
        panels[2].plot(score.fading.by_age(), color=colour)
        panels[3].plot(by_time["cell_accuracy"], color=colour)
        panels[4].plot(by_time["heading_accuracy"], color=colour)
    for panel in panels[3:]:
        panel.set_ylim(0, 1.02)
    figure.legend(loc="outside lower center", ncols=len(scores), fontsize=9, frameon=False)
    return figure
