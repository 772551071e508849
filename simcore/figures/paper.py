"""The paper's figures from recorded runs: the runs that each one needs, and how it is made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from simcore.analysis.collecting import episode_frames
from simcore.analysis.comparing import require_equally_long
from simcore.analysis.decoded import decoded_maps, shared_worlds, trajectory_error
from simcore.analysis.frames import frame_variance
from simcore.analysis.loaded_run import LoadedRun
from simcore.analysis.loading import load_run
from simcore.analysis.maps import decode_maps, require_maps
from simcore.analysis.measuring import measure
from simcore.analysis.rollout import roll_out
from simcore.common.errors import UserError
from simcore.common.progress import Advance, silent
from simcore.config.differences import INCIDENTAL, differing_fields
from simcore.config.run import Config
from simcore.config.settings import SEED, label_settings, require_one_of_each_seed
from simcore.figures.inputs_and_samples import COLUMNS, inputs_and_samples_figure
from simcore.figures.kappa import Point, kappa_figure
from simcore.figures.map_samples import map_samples_figure
from simcore.figures.maps import maps_figure
from simcore.figures.trajectory_error import trajectory_error_figure
from simcore.runs import open_run, require_each_once

KAPPA, OVERSHOOT = "geco.kappa", "simulation.overshoot"
MAP_SAMPLES = 8
"""Worlds of figure 10 with up to three overshoots; fewer with more, since each shows them all beside the others."""
MAP_STEP = 70
"""The step of figure 10 in an episode of 100 frames; in proportion for shorter ones."""
CONTEXT = 8
"""First frames that the belief observes in figures 13 and 14."""


@dataclass(frozen=True)
class PaperFigure:
    """One of the paper's figures."""

    wants: str
    """The runs that it needs, in words."""
    make: str
    """A command that trains one of them."""
    draw: Callable[[Sequence[LoadedRun], int, Advance], Figure]
    """Makes the figure from runs, a seed of the worlds, and a progress callback."""


def plot_paper_figure(
    number: str,
    paths: Sequence[Path],
    device: str = "auto",
    seed: int = 0,
    world: Mapping[str, Any] | None = None,
    advance: Advance = silent,
) -> Figure:
    """Make a figure of the paper from runs' folders.

    Args:
        number: the figure's in the paper, a key of `PAPER_FIGURES`.
        paths: the runs' folders.
        device: as `Config.device`.
        seed: of the held-out worlds.
        world: new values of fields of the runs' worlds, by name.
        advance: the progress callback, for the training of fresh probes where there are none yet.

    Raises:
        UserError: a run is missing or does not fit; the message names the command that makes one.
    """
    figure = PAPER_FIGURES[number]
    hint = f"figure {number} wants {figure.wants}, for instance: {figure.make}"
    if not paths:
        raise UserError(hint)
    try:
        require_each_once(paths)
        runs = [load_run(open_run(path), device).in_worlds(world=world) for path in paths]
    except UserError as error:
        raise UserError(f"{error}; {hint}") from error
    try:
        return figure.draw(runs, seed, advance)
    except UserError as error:
        raise UserError(f"{error}; {hint}") from error


def draw_kappa(runs: Sequence[LoadedRun], seed: int, advance: Advance = silent) -> Figure:
    """Make figure 9: map MSE over κ."""
    kappas = {run.config.geco.kappa for run in runs}
    if len(kappas) < 2 or any(run.config.frame_model != "convdraw" for run in runs):
        raise UserError("these runs do not differ in κ")
    require_alike(runs, "these runs", KAPPA)
    for kappa in kappas:
        same = {f"run {place}": run.config for place, run in enumerate(runs, start=1) if run.config.geco.kappa == kappa}
        require_one_of_each_seed(list(same.values()), list(same))
    points, constant = [], []
    variance = frame_variance(shared_worlds(runs[0], seed))
    for run in runs:
        require_maps(run.config)
    for place, run in enumerate(runs):
        advance("runs", place / len(runs))
        scores = measure(shared_worlds(run, seed), controls=(), advance=advance)
        points.append(Point(run.config.geco.kappa, scores["belief"].overall()["map_mse"]))
        constant.append(scores["constant"].overall()["map_mse"])
    title = f"{runs[0].config.level}, {runs[0].config.preset}{unfinished(runs)}"
    return kappa_figure(points, sum(constant) / len(constant), title, variance)


def draw_map_samples(runs: Sequence[LoadedRun], seed: int, advance: Advance = silent) -> Figure:
    """Make figure 10: maps decoded from several models' beliefs."""
    length = episode_frames(runs[0].config)
    step = min(MAP_STEP, round(MAP_STEP / 100 * length), length - 1)
    models: dict[str, list[LoadedRun]] = {}
    for run in runs:
        if run.config.world != runs[0].config.world:
            raise UserError("these runs are not of the same world")
        models.setdefault(model_name(run.config), []).append(run)
    shown: dict[str, dict[int, LoadedRun]] = {}
    for name, of_model in zip(row_names(models), models.values(), strict=True):
        require_alike(of_model, f"the runs of {name}", OVERSHOOT)
        shown[name] = {}
        for run in of_model:  # the first of several seeds stands for its model
            shown[name].setdefault(run.config.simulation.overshoot, run)
    train_probes([run for by_overshoot in shown.values() for run in by_overshoot.values()], advance)
    worlds = min(MAP_SAMPLES, 3 * MAP_SAMPLES // len({overshoot for row in shown.values() for overshoot in row}))
    rows = {
        name: {overshoot: decoded_maps(run, step, seed, worlds) for overshoot, run in by_overshoot.items()}
        for name, by_overshoot in shown.items()
    }
    return map_samples_figure(rows, step, f"Maps decoded from the belief, {runs[0].config.level}{unfinished(runs)}")


def draw_maps(runs: Sequence[LoadedRun], seed: int, advance: Advance = silent) -> Figure:
    """Make figure 11: the map along episodes."""
    (run,) = only_one(runs)
    train_probes(runs, advance)
    maps = decode_maps(shared_worlds(run, seed), worlds=3, times=10)
    return maps_figure(
        maps, f"The map along episodes of {run.config.level}, {model_name(run.config)}{unfinished(runs)}"
    )


def draw_trajectory_error(runs: Sequence[LoadedRun], seed: int, advance: Advance = silent) -> Figure:
    """Make figure 12: the map's error along one trajectory."""
    (run,) = only_one(runs)
    train_probes(runs, advance)
    title = f"Map error along one trajectory, {run.config.level}, {model_name(run.config)}{unfinished(runs)}"
    return trajectory_error_figure(trajectory_error(run, seed), title)


def draw_inputs_and_samples(runs: Sequence[LoadedRun], seed: int, _: Advance = silent) -> Figure:
    """Make figures 13 and 14: inputs and samples of long roll-outs."""
    rollouts, names = {}, dict[str, str]()
    for run in runs:
        if run.config.level in names:
            raise UserError(f"two of these runs are of {run.config.level}, where one of each level is wanted")
        context = min(CONTEXT, episode_frames(run.config) // 2)
        steps = min(2 * COLUMNS, episode_frames(run.config)) - context
        names[run.config.level] = f"{run.config.level}{unfinished([run])}"
        rollouts[names[run.config.level]] = roll_out(
            run, worlds=1, context=context, steps=steps, seed=seed, decode=False
        )
    return inputs_and_samples_figure(rollouts, "Inputs, and what the model imagines after the first of them")


def train_probes(runs: Sequence[LoadedRun], advance: Advance) -> None:
    """Train the probes that runs' maps are decoded by, where there are none yet.

    Raises:
        UserError: the world of one has no maps.
    """
    for run in runs:
        require_maps(run.config)
    for place, run in enumerate(runs):
        advance("runs", place / len(runs))
        run.train_probes(advance)


def unfinished(runs: Sequence[LoadedRun]) -> str:
    """Return what a title says of runs that are not finished; nothing if all are."""
    ages = dict.fromkeys(run.age for run in runs if run.update < run.config.learning.updates)
    return f", {' and '.join(ages)}" if ages else ""


def only_one(runs: Sequence[LoadedRun]) -> Sequence[LoadedRun]:
    """Return the runs, or raise `UserError` unless there is exactly one."""
    if len(runs) != 1:
        raise UserError(f"{len(runs)} runs are given, where one is wanted")
    return runs


def require_alike(runs: Sequence[LoadedRun], which: str, but: str) -> None:
    """Raise `UserError` if runs differ in more than one field and the seed, or in their number of updates."""
    found = differing_fields([run.config for run in runs], {SEED, *INCIDENTAL, but})
    if found:
        raise UserError(f"{which} differ in {', '.join(found)}; beside the seed they may differ in {but} alone")
    require_equally_long(runs, which)


def row_names(models: Mapping[str, Sequence[LoadedRun]]) -> list[str]:
    """Return the labels of figure 10's rows: the model, and the other fields in which the models' runs differ."""
    firsts = [of_model[0].config for of_model in models.values()]
    others = label_settings(firsts, besides=["core", "frame_model", OVERSHOOT])
    return [f"{name}, {label}" if label else name for name, label in zip(models, others, strict=True)]


def model_name(config: Config) -> str:
    """Return the name of a run's model in figures."""
    names = {"convdraw": "generative"}
    return f"{names.get(config.frame_model, config.frame_model)}, {config.core}"


PAPER_FIGURES = {
    "9": PaperFigure(
        "runs that differ in κ",
        "simcore train RandomCity --preset tiny --geco.kappa 1e-3 --run runs/kappa-1e-3-0",
        draw_kappa,
    ),
    "10": PaperFigure(
        "runs of several models, each with a short and a long overshoot",
        "simcore train RandomCity --preset tiny --simulation.overshoot 1 --run runs/Lo-1-0",
        draw_map_samples,
    ),
    "11": PaperFigure(
        "one run, with a ConvDRAW of the map where samples are to be shown",
        "simcore train Terrain --preset tiny --probes.map-convdraw",
        draw_maps,
    ),
    "12": PaperFigure("one run", "simcore train Terrain --preset tiny", draw_trajectory_error),
    "13": PaperFigure("runs in building levels", "simcore train HighFood --preset tiny", draw_inputs_and_samples),
    "14": PaperFigure("a run in Terrain", "simcore train Terrain --preset tiny", draw_inputs_and_samples),
}
