"""Measurement of a run's belief by probes on held-out worlds, compared with controls and a constant guess."""

from collections.abc import Collection, Mapping

import torch

from simcore.analysis.collecting import episode_frames
from simcore.analysis.first_episode import first_episodes, in_first_episode
from simcore.analysis.loaded_run import LoadedRun
from simcore.analysis.scores import Constant, Scores, score
from simcore.analysis.subjects import Of, Subject
from simcore.common.checks import require
from simcore.common.errors import UserError
from simcore.common.progress import Advance, silent
from simcore.probes.readout import Probes

CONTROLS = ("untrained", "frame")
"""The controls of a belief, read by the same probes trained equally long: an untrained agent's belief, and the present
frame alone."""
ORDER = ("belief", "online", "untrained", "frame", "constant", "oracle")
"""The predictors that are measured, in the order in which they are reported."""
GUESS_WORLDS = 128
"""The fewest worlds that the best constant guess is fitted to: of N worlds its error is larger by an Nth of their
variance, so that every score which is given as a part of it looks better."""


def require_oracle(oracle: LoadedRun, run: LoadedRun) -> None:
    """Raise `UserError` unless the oracle is a supervised run in the same worlds as the run."""
    if not oracle.config.supervised:
        raise UserError("the oracle's belief was not trained on the truth; train one with --supervised")
    own, expected = ({"level": config.level} | vars(config.world) for config in (oracle.config, run.config))
    differing = [f"{name} {own.get(name)}, not {value}" for name, value in expected.items() if own.get(name) != value]
    if differing:
        raise UserError(f"the oracle was trained in other worlds than the run: {'; '.join(differing)}")


def measure(
    run: LoadedRun,
    worlds: int = 256,
    steps: int | None = None,
    oracle: LoadedRun | None = None,
    purpose: str = "",
    controls: Collection[str] = CONTROLS,
    of: Of = "hidden",
    advance: Advance = silent,
) -> dict[str, Scores]:
    """Score the belief, the controls and the constant guess on held-out worlds.

    Args:
        run: the run.
        worlds: the number of held-out worlds; as many others fit the constant guess.
        steps: steps in each world from an episode's start; None: one whole episode.
        oracle: a supervised run, which observes the same frames.
        purpose: the prefix of the names that seed the worlds: another one gives other worlds.
        controls: those to measure as well, of `CONTROLS`; each needs probes of its own.
        of: what fresh probes read.
        advance: the progress callback.

    Returns:
        Scores `[steps, worlds]` by predictor, up to the end of each world's episode: the "belief"; if it is read by
        fresh probes, also the belief read by the "online" probes, where they fit these worlds, and the controls; the
        best "constant" guess; and the "oracle", if there is one.

    Raises:
        UserError: the run has no probes, or the oracle is not supervised or was trained in other worlds; or online
            probes are to read the state.
    """
    steps = steps or episode_frames(run.config)
    require(worlds >= 1, f"{worlds} worlds: there must be 1 at least")
    run.require_targets()
    require(not run.online or of == "hidden", "online probes read b_t, as in training: of is then hidden")
    if oracle is not None:
        require_oracle(oracle, run)
    readers: dict[str, tuple[Subject, Probes]] = {}
    if run.online:
        readers["belief"] = run.fresh.subject("belief"), run.online_probes
    else:
        for name, probes in run.fresh.get(("belief", *controls), of, advance).items():
            readers[name] = run.fresh.subject(name, of), probes
        if run.online_fits:
            readers["online"] = run.fresh.subject("belief"), run.online_probes
    if oracle is not None:
        readers["oracle"] = oracle.fresh.subject("belief"), oracle.fresh.get(["belief"])["belief"]
    return score_readers(run, readers, worlds, steps, purpose)


@torch.no_grad()
def score_readers(
    run: LoadedRun, readers: Mapping[str, tuple[Subject, Probes]], worlds: int, steps: int, purpose: str
) -> dict[str, Scores]:
    """Score the probes of subjects, and the best constant guess, on the same held-out worlds."""
    targets, constant = run.require_targets(), constant_guess(run, worlds, steps, purpose)
    parts: dict[str, list[Scores]] = {name: [] for name in ORDER if name in readers or name == "constant"}
    for trajectory in run.collect_each(f"{purpose}held-out", worlds, steps):
        within = in_first_episode(trajectory.is_first)
        reads = {name: probes(subject.features(trajectory)) for name, (subject, probes) in readers.items()}
        reads["constant"] = constant.read(reads["belief"])
        for name, read in reads.items():
            parts[name].append(score(read, trajectory.targets, targets, within))
    return {name: Scores.join(scores) for name, scores in parts.items()}


def constant_guess(run: LoadedRun, worlds: int, steps: int, purpose: str = "") -> Constant:
    """Fit the best constant guess to worlds other than those that are measured, as many or `GUESS_WORLDS`."""
    episodes = map(first_episodes, run.collect_each(f"{purpose}constant", max(worlds, GUESS_WORLDS), steps))
    return Constant.fit(episodes, run.require_targets())
