"""Tables and the figure of the probes' scores, by predictor, by time step and by steps out of sight (App. I)."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.table import Table

from simcore.analysis.names import PREDICTORS, label
from simcore.analysis.scores import REGIONS, Scores, age_spans, as_fraction, left

GUESS = "100 %: no better than the best guess that looks at nothing."
CONTROLS_CAPTION = (
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


def knowledge_table(scores: Mapping[str, Scores], title: str) -> Table:
    """Make the table of scores, with a row per predictor and errors as fractions of the constant guess's."""
    caption = f"{GUESS} {CONTROLS_CAPTION}" if "untrained" in scores else GUESS
    table = Table(title=title, title_justify="left", caption=caption, caption_justify="left")
    constant = scores["constant"]
    errors, accuracies = list(constant.errors), list(constant.accuracies)
    table.add_column("what is left of the map's error:" if "map_mse" in errors else "what is left of an error:")
    for name in errors:
        table.add_column(label(name), justify="right")
    for name in accuracies:
        table.add_column(label(name), justify="right")
    for predictor, score in scores.items():
        overall, remaining = score.overall(), left(score, constant)
        values = (*(remaining[name] for name in errors), *(overall[name] for name in accuracies))
        style = "bold" if predictor == "belief" else None
        table.add_row(PREDICTORS[predictor], *(_percent(value) for value in values), style=style)
    if errors:
        mse = (_or_dash(constant.overall()[name], ".5f") for name in errors)
        table.add_section()
        table.add_row("constant guess's squared error", *mse, *("" for _ in accuracies))
    return table


def error_by_age_table(scores: Mapping[str, Scores]) -> Table | None:
    """Make the table of the map's errors, as fractions of the constant guess's, by steps out of sight (App. I).

    Returns:
        The table; None without `since_seen`.
    """
    by_age = {name: score.error_by_age for name, score in scores.items() if score.error_by_age is not None}
    if not by_age:
        return None
    table = Table(title="what is left of the map's error, by steps out of sight", title_justify="left")
    constant = by_age.pop("constant")
    for heading in ("steps", *(PREDICTORS[name] for name in by_age)):
        table.add_column(heading, justify="right")
    for first, last in age_spans(len(constant.cells)):
        guess = constant.map_mse(first, last)
        errors = [as_fraction(error.map_mse(first, last), guess) for error in by_age.values()]
        table.add_row(steps_since_seen(first, last), *(_percent(error) for error in errors))
    return table


def steps_since_seen(first: int, last: int) -> str:
    """Return the display name of a span of steps since a cell was seen."""
    return "in sight" if last == 0 else f"{first}" if first == last else f"{first} to {last}"


def _percent(value: float) -> str:
    return _or_dash(value, ".1%")


def _or_dash(value: float, form: str) -> str:
    return "–" if np.isnan(value) else format(value, form)


def knowledge_figure(scores: Mapping[str, Scores], title: str) -> Figure:
    """Plot the scores by time step, and the map's error on seen and unseen cells and by age (App. I)."""
    constant = scores["constant"]
    has_ages = constant.error_by_age is not None
    names = [name for name in (*constant.errors, *constant.accuracies) if name not in REGIONS[1:]]
    count = len(names) + 2 * has_ages
    figure = Figure(figsize=(3 * max(count, 2), 3.7), layout="constrained")
    figure.suptitle(title, fontsize=11, parse_math=False)
    panels: list[Axes] = list(figure.subplots(1, count, squeeze=False).flat)
    if has_ages:
        plot_map_errors(panels[:3], scores)
        panels, names = panels[3:], [name for name in names if name != "map_mse"]
    for panel, name in zip(panels, names, strict=True):
        prepare(panel, name.replace("_mse", " MSE").replace("_", " "))
        for predictor, score in scores.items():
            panel.plot(score.by_time()[name], color=COLOURS[predictor], label=predictor)
        if name in constant.accuracies:
            panel.set_ylim(0, 1.02)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(scores), fontsize=9, frameon=False)
    return figure


def plot_map_errors(panels: Sequence[Axes], scores: Mapping[str, Scores]) -> None:
    """Plot the map's error by time, over all cells, those seen and those not yet seen, and by age."""
    prepare(panels[0], "map MSE")
    prepare(panels[1], "map MSE, seen (dashed: not yet)")
    prepare(panels[2], "map MSE by age", "steps since a cell was last in sight")
    for predictor, score in scores.items():
        by_time, colour = score.by_time(), COLOURS[predictor]
        panels[0].plot(by_time["map_mse"], color=colour, label=predictor)
        panels[1].plot(by_time["map_mse_seen"], color=colour)
        panels[1].plot(by_time["map_mse_unseen"], color=colour, linestyle="--")
        if score.error_by_age is not None:
            panels[2].plot(score.error_by_age.by_age(), color=colour)


def prepare(panel: Axes, title: str, x: str = "step of the episode") -> None:
    """Set a panel's title, the label of its x axis, and its style."""
    panel.set_title(title, fontsize=9)
    panel.set_xlabel(x, fontsize=8)
    panel.tick_params(labelsize=8)
    panel.spines[["top", "right"]].set_visible(False)
