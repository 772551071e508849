"""Figures 13 and 14: inputs above samples of the model, line after line, from building levels and terrain (App. J)."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from simcore.inspection import Rollout

COLUMNS = 16


def inputs_and_samples_figure(rollouts: Mapping[str, Rollout], title: str, columns: int = COLUMNS) -> Figure:
    """Draw one example after the other: a row of inputs above a row of samples, continued in the rows below.

    Samples framed in red are of frames that the belief never saw: there the simulation goes on by its actions alone.

    Args:
        rollouts: by the example's name; each of one world.
        title: the figure's title.
        columns: frames in a row.
    """
    strips = [  # name, roll-out, first time
        (name if begin == 1 else "", rollout, begin)
        for name, rollout in rollouts.items()
        for begin in range(1, len(rollout.frames), columns)
    ]
    figure = Figure(figsize=(0.66 * columns + 1.0, 1.42 * len(strips) + 0.6), layout="constrained")
    figure.suptitle(title, fontsize=11)
    grid = figure.subplots(2 * len(strips), columns, squeeze=False)
    for panel in grid.flat:
        panel.set_xticks([])
        panel.set_yticks([])
        panel.spines[:].set_visible(False)
    for strip, (name, rollout, begin) in enumerate(strips):
        for column, t in enumerate(range(begin, min(begin + columns, len(rollout.frames)))):
            for row, part in enumerate((rollout.frames, rollout.samples)):
                panel = grid[2 * strip + row, column]
                panel.imshow(part[t, 0].numpy(), interpolation="nearest")
                if row == 1 and t >= rollout.context:
                    panel.spines[:].set(visible=True, edgecolor="tab:red", linewidth=1.5)
        grid[2 * strip, 0].set_ylabel(f"{name}\ninput" if name else "input", fontsize=8)
        grid[2 * strip + 1, 0].set_ylabel("sample", fontsize=8)
    return figure
