"""What the belief knows: a table of the probes' scores, and their course along an episode."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from simcore.analysis.scores import Scores, left
from simcore.data.targets import OLD

COLUMNS = {
    "map_mse": "whole map",
    "map_mse_seen": "seen so far",
    "map_mse_unseen": "not yet seen",
    "map_mse_old": f"out of sight {OLD}+",
}
"""Parts of the map whose error is told as a part of the constant guess's."""
NAMES = {
    "belief": "belief",
    "online": "belief, online probes",
    "untrained": "untrained agent's belief",
    "frame": "present frame alone",
    "constant": "best constant guess",
    "oracle": "oracle, trained on the map",
}
GUESS = "100 %: no better than the best guess that looks at nothing."
CONTROLS = (
    "Fresh probes are trained to the end on each row's input, in other worlds. What they read from an untrained agent "
    "or the present frame alone is known without having learned to remember."
)
COLOURS = {
    "belief": "tab:blue",
    "online": "tab:cyan",
    "untrained": "tab:orange",
    "frame": "tab:purple",
    "constant": "tab:gray",
    "oracle": "tab:green",
}
AGES = (1, 4, 10, 20, 40, 80, 160, 320, 640, 1280)
"""Where spans of steps out of sight begin; 0 is in sight."""


def knowledge_table(scores: Mapping[str, Scores], title: str) -> Table:
    """Return the table of what each predictor knows: a row each, map errors as parts of the constant guess's."""
    caption = f"{GUESS} {CONTROLS}" if "untrained" in scores else GUESS
    table = Table(title=title, title_justify="left", caption=caption, caption_justify="left")
    table.add_column("what is left of the map's error:")
    for heading in (*COLUMNS.values(), "cell", "heading"):
        table.add_column(heading, justify="right")
    for predictor, score in scores.items():
        overall, remaining = score.overall(), left(score, scores["constant"])
        accuracies = (overall["cell_accuracy"], overall["heading_accuracy"])
        values = (*(remaining[name] for name in COLUMNS), *accuracies)
        style = "bold" if predictor == "belief" else None
        table.add_row(NAMES[predictor], *(_percent(value) for value in values), style=style)
    mse = (f"{scores['constant'].overall()[name]:.5f}" for name in COLUMNS)
    table.add_section()
    table.add_row("constant guess's squared error", *mse, "", "")
    return table


def ages(length: int) -> list[tuple[int, int]]:
    """Return the spans of steps since a cell was seen, first and last, that cover an episode of `length` frames."""
    begins = [0, *(age for age in AGES if age < length)]
    return list(zip(begins, [begin - 1 for begin in begins[1:]] + [length - 1], strict=True))


def error_by_age_table(scores: Mapping[str, Scores]) -> Table:
    """Return the table of what is left of the map's error by the steps since a frame last showed a cell (App. I)."""
    table = Table(title="what is left of the map's error, by steps out of sight", title_justify="left")
    constant = scores["constant"].error_by_age
    shown = [name for name in scores if name != "constant"]
    for heading in ("steps", *(NAMES[name] for name in shown)):
        table.add_column(heading, justify="right")
    for first, last in ages(len(constant.cells)):
        guess = constant.map_mse(first, last)
        errors = [scores[name].error_by_age.map_mse(first, last) / guess for name in shown]
        label = "in sight" if last == 0 else f"{first}" if first == last else f"{first} to {last}"
        table.add_row(label, *(_percent(error) for error in errors))
    return table


def _percent(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.1%}"


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
        panels[2].plot(score.error_by_age.by_age(), color=colour)
        panels[3].plot(by_time["cell_accuracy"], color=colour)
        panels[4].plot(by_time["heading_accuracy"], color=colour)
    for panel in panels[3:]:
        panel.set_ylim(0, 1.02)
    figure.legend(loc="outside lower center", ncols=len(scores), fontsize=9, frameon=False)
    return figure
