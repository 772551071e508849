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
COLOURS = {"belief": "tab:blue", "constant": "tab:gray"}


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


def knowledge_figure(scores: Mapping[str, Scores], title: str) -> Figure:
    """Return the figure of the scores by time step; map error also on cells seen and not yet seen (figure 12)."""
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    figure.suptitle(title)
    panels = figure.subplots(1, 4)
    titles = ("map MSE", "map MSE: seen (solid), not yet seen (dashed)", "cell accuracy", "heading accuracy")
    for panel, text in zip(panels, titles, strict=True):
        panel.set_title(text, fontsize=9)
        panel.set_xlabel("step of the episode")
    for predictor, score in scores.items():
        by_time, colour = score.by_time(), COLOURS[predictor]
        panels[0].plot(by_time["map_mse"], color=colour, label=predictor)
        panels[1].plot(by_time["map_mse_seen"], color=colour)
        panels[1].plot(by_time["map_mse_unseen"], color=colour, linestyle="--")
        panels[2].plot(by_time["cell_accuracy"], color=colour)
        panels[3].plot(by_time["heading_accuracy"], color=colour)
    for panel in panels[2:]:
        panel.set_ylim(0, 1)
    panels[0].legend(fontsize=8)
    return figure
