"""The card of a run: where it comes from, and its scores in held-out worlds."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import numpy as np

from simcore.analysis.collecting import episode_frames
from simcore.analysis.evaluation import evaluate
from simcore.analysis.loaded_run import LoadedRun
from simcore.analysis.measuring import CONTROLS, score_readers
from simcore.analysis.scores import Scores
from simcore.common.intervals import Interval
from simcore.common.progress import Advance, silent
from simcore.config.flags import training_command
from simcore.config.run import Config
from simcore.pretrained import ActingScores, BeliefScores, Card, Means

ONLINE, FRESH = "the probes in the file, trained along with it", "fresh probes, trained to the end"


def make_card(
    config: Config, update: int, frames: int, origin: Mapping[str, str | None], title: str | None, licence: str | None
) -> Card:
    """Make the card of a run, without scores.

    Args:
        config: the run's.
        update: how many updates the weights have had.
        frames: how many frames they have learned from.
        origin: the `version` of SimCore that began the run, and the `commit`, as far as they are known.
        title: what it is, in a line; None: its level, core and seed.
        licence: of the weights.

    Raises:
        UserError: a text is empty, or has letters that cannot be printed.
    """
    return Card(
        title=f"{config.level}, {config.core}, seed {config.seed}" if title is None else title,
        level=config.level,
        core=config.core,
        frame_model=config.frame_model if config.has_frame_model else "none",
        preset=config.preset,
        seed=config.seed,
        updates=update,
        planned=config.learning.updates,
        frames=frames,
        command=training_command(config),
        version=origin.get("version"),
        commit=origin.get("commit"),
        licence=licence,
    )


def score_belief(
    run: LoadedRun, worlds: int = 256, purpose: str = "", advance: Advance = silent
) -> BeliefScores | None:
    """Score a belief in held-out worlds as the online probes read it, beside the controls whose probes are at hand.

    Args:
        run: the run.
        worlds: how many worlds, one episode each; as many others fit the constant guess.
        purpose: the prefix of the names that seed the worlds: another one gives other worlds.
        advance: the progress callback.

    Returns:
        The scores; None if there is nothing to read.
    """
    if run.system.probes is None:
        return None
    readers = {"belief": (run.fresh.subject("belief"), run.online_probes)}
    for name in CONTROLS:
        probes = run.fresh.kept(name)
        if probes is not None:
            readers[name] = run.fresh.subject(name), probes
    text = f"{worlds} held-out worlds"
    advance(text, 0.0)
    scores = score_readers(run, readers, worlds, episode_frames(run.config), purpose)
    advance(text, 1.0)
    constant = scores["constant"]
    return BeliefScores(
        worlds=worlds,
        read_by={name: ONLINE if name == "belief" else FRESH for name in readers},
        left=_means(constant.errors, {name: partial(_left, scores[name], constant) for name in readers}),
        accuracy=_means(constant.accuracies, {name: partial(_accuracy, score) for name, score in scores.items()}),
        constant={name: value for name, value in constant.overall().items() if name in constant.errors},
    )


def score_acting(run: LoadedRun, episodes: int = 100, seed: int = 0, advance: Advance = silent) -> ActingScores | None:
    """Play whole episodes in held-out worlds with a run's agent, and with a random policy.

    Args:
        run: the run.
        episodes: how many, of each.
        seed: of the worlds and of sampling.
        advance: the progress callback.

    Returns:
        The means; None if the walker acts.
    """
    if run.config.policy != "agent":
        return None
    evaluation = evaluate(run, episodes, seed=seed, advance=advance)
    whose = {name: of.get for name, of in evaluation.intervals().items()}
    return ActingScores(episodes, _means(evaluation.measures, whose))


def _means(names: Iterable[str], whose: Mapping[str, Callable[[str], Interval | None]]) -> Means:
    """Return the means of each name, as far as there are any."""
    means = {name: {who: mean for who, of in whose.items() if (mean := of(name)) is not None} for name in names}
    return {name: of for name, of in means.items() if of}


def _left(score: Scores, constant: Scores, name: str) -> Interval | None:
    """Return what is left of the constant guess's error, by name, over worlds."""
    return Interval.of_ratio(*(each.errors[name].squared.sum(axis=0) for each in (score, constant)))


def _accuracy(score: Scores, name: str) -> Interval | None:
    """Return an accuracy, by name, over worlds."""
    right = score.accuracies[name]  # NaN where nothing is scored
    return Interval.of_ratio(np.nansum(right, axis=0), (~np.isnan(right)).sum(axis=0))
