"""What a run's belief knows of worlds that it was not trained in, and what it is compared with."""

from collections.abc import Mapping

import torch

from simcore.analysis.fresh_probes import Advance, Of, Subject, episode_frames, silent, together
from simcore.analysis.loading import LoadedRun
from simcore.analysis.scores import Constant, Scores, score
from simcore.common.errors import UserError
from simcore.probes.readout import Probes

ORDER = ("belief", "online", "untrained", "frame", "constant", "oracle")
"""What is measured, in the order in which it is told."""


def require_oracle(oracle: LoadedRun, run: LoadedRun) -> None:
    """Raise `UserError` unless the oracle was trained by the truth itself, in the same worlds as the run."""
    if not oracle.config.supervised:
        raise UserError("the oracle's belief was not trained on the truth; train one with --supervised")
    own, asked = ({"level": config.level} | vars(config.world) for config in (oracle.config, run.config))
    differing = [f"{name} {own.get(name)}, not {asked[name]}" for name in asked if own.get(name) != asked[name]]
    if differing:
        raise UserError(f"the oracle was trained in other worlds than the run: {'; '.join(differing)}")


def measure(
    run: LoadedRun,
    worlds: int = 256,
    steps: int | None = None,
    oracle: LoadedRun | None = None,
    purpose: str = "",
    controls: bool = True,
    of: Of = "hidden",
    advance: Advance = silent,
) -> dict[str, Scores]:
    """Measure what is known of held-out worlds: by the belief, and by what it is compared with.

    Args:
        run: the run.
        worlds: how many held-out worlds; as many others serve the constant guess.
        steps: steps in each world from an episode's start; None: one whole episode.
        oracle: a supervised run, which is shown the same frames.
        purpose: begins the names that seed the worlds: another one, other worlds.
        controls: measure the two controls as well, which want probes of their own.
        of: what a belief is for fresh probes: b_t, or with the LSTM's cell.
        advance: told what is done, and which part of it is.

    Returns:
        Scores `[steps, worlds]` of the "belief"; read by fresh probes (unless the run is read by its online ones): of
        the same belief by the "online" probes, of the belief of an "untrained" agent, and of the present "frame" alone;
        of the best "constant" guess; and, where there is one, of the "oracle".

    Raises:
        UserError: the run has no probes, or the oracle is none.
    """
    steps, online = steps or episode_frames(run.config), run.online_probes
    if oracle is not None:
        require_oracle(oracle, run)
    readers: dict[str, tuple[Subject, Probes]] = {}
    if run.online:
        readers["belief"] = run.fresh.subject("belief"), online
    else:
        names = ("belief", "untrained", "frame") if controls else ("belief",)
        for name, probes in run.fresh.get(names, of, advance).items():
            readers[name] = run.fresh.subject(name, of), probes
        readers["online"] = run.fresh.subject("belief"), online
    if oracle is not None:
        readers["oracle"] = oracle.fresh.subject("belief"), oracle.probes
    return score_readers(run, readers, worlds, steps, purpose)


@torch.no_grad()
def score_readers(
    run: LoadedRun, readers: Mapping[str, tuple[Subject, Probes]], worlds: int, steps: int, purpose: str
) -> dict[str, Scores]:
    """Score probes of subjects on the same held-out worlds, and the best constant guess beside them."""
    targets, batch = run.online_probes.targets, together(run.config, steps)
    sizes = [min(batch, worlds - begun) for begun in range(0, worlds, batch)]
    constant = Constant.fit(
        (run.collect(f"{purpose}constant/{i}", size, steps).targets for i, size in enumerate(sizes)), targets
    )
    parts: dict[str, list[Scores]] = {name: [] for name in ORDER if name in readers or name == "constant"}
    for i, size in enumerate(sizes):
        trajectory = run.collect(f"{purpose}held-out/{i}", size, steps)
        reads = {name: probes(subject.features(trajectory)) for name, (subject, probes) in readers.items()}
        reads["constant"] = constant.read(reads["belief"])
        for name, read in reads.items():
            parts[name].append(score(read, trajectory.targets, targets))
    return {name: Scores.join(scores) for name, scores in parts.items()}
