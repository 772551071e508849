"""Looking into a finished or running run: what its belief knows, and what its model expects to see."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from simcore.config import Config
from simcore.errors import UserError
from simcore.learning.trajectory import Trajectory, Truth
from simcore.map_view import MapView, believed_view, true_view
from simcore.precision import set_precision
from simcore.probes import Probes
from simcore.probes.measure import Constant, Scores, Spread, score, spread
from simcore.probes.readout import Readout
from simcore.probing import (
    Advance,
    FreshProbes,
    Of,
    Subject,
    believe,
    collect,
    episode_frames,
    silent,
    together,
)
from simcore.runs import AnyRun, ExportedRun, checkpoints
from simcore.simulation import SimCoreHead
from simcore.system import SimCore
from simcore.training import choose_device, make_system, stream
from simcore.worlds import LevelConfig

SHOWN = 32
"""Worlds whose maps are followed, at most."""
ORDER = ("belief", "online", "untrained", "frame", "constant", "oracle")
"""What is measured, in the order in which it is told."""


@dataclass(frozen=True)
class Loaded:
    """A run's nets at its newest checkpoint."""

    config: Config
    system: SimCore
    device: torch.device
    update: int

    fresh: FreshProbes
    """Probes that are trained on the frozen belief when they are first asked for."""
    online: bool = False
    """Read the belief by the probes that were trained along with it instead."""

    def live(self, purpose: str, worlds: int, rows: int) -> Trajectory:
        """Let the run's policy make one trajectory in new worlds, `[rows, worlds, ...]`; `purpose` seeds them."""
        return collect(self.config, self.system.agent, purpose, worlds, rows)

    def believe(self, trajectory: Trajectory) -> Tensor:
        """Form this run's beliefs `[T, W, *]` along a trajectory from episodes' start, whoever made it."""
        return believe(self.system.agent, trajectory)

    @property
    def online_probes(self) -> Probes:
        """The probes that were trained along with the belief.

        Raises:
            UserError: it has none.
        """
        if self.system.probes is None:
            raise UserError(
                f"this run has no probes: {self.config.level} tells neither map nor pose, "
                "or it was trained with --learning.probe-times 0"
            )
        return self.system.probes

    @property
    def probes(self) -> Probes:
        """What reads the run's belief: fresh probes, unless it was loaded to be read by the online ones.

        Raises:
            UserError: the run's belief is not to be probed.
        """
        online = self.online_probes
        return online if self.online else self.fresh.get(["belief"])["belief"]

    @property
    def simulation(self) -> SimCoreHead:
        """The run's simulation.

        Raises:
            UserError: it has none.
        """
        if self.system.simulation is None:
            raise UserError(
                "this run has no frame model, so it expects nothing; "
                "train one with neither --frame-model none nor --supervised"
            )
        return self.system.simulation


def load_run(run: AnyRun, device: str = "auto", online: bool = False) -> Loaded:
    """Load the nets of a run's newest checkpoint, or of an exported run.

    Args:
        run: the run.
        device: where to.
        online: read its belief by the probes that were trained along with it, not by fresh ones.

    Raises:
        UserError: the run has no checkpoint, or a damaged one.
    """
    config = Config.from_dict(run.config)
    target = choose_device(device)
    set_precision(config.precision)
    weights, update = newest_weights(run, target)
    system = make_system(config).to(target)
    system.load_state_dict(weights)
    fresh = FreshProbes(config, system.eval(), update, run.path / "probes")
    return Loaded(config, system, target, update, fresh, online)


def newest_weights(run: AnyRun, device: torch.device) -> tuple[dict[str, Tensor], int]:
    """Return the newest state dict of a run's nets, and how many updates it has had.

    Raises:
        UserError: the run has no checkpoint, or it or the exported file is damaged.
    """
    if isinstance(run, ExportedRun):
        return run.weights(), run.update
    newest = checkpoints.latest(run.checkpoints)
    if newest is None:
        raise UserError(f"{run.path} has no checkpoint yet; train until its first, or resume it")
    checkpoint = checkpoints.load(newest, device)
    return checkpoint.state["learner"]["system"], checkpoint.update


def known(trajectory: Trajectory) -> Truth:
    """Return what the world told of a trajectory of a run that has probes, and so a world that tells."""
    assert trajectory.truth is not None
    return trajectory.truth


def require_oracle(oracle: Loaded, run: Loaded) -> None:
    """Raise `UserError` unless the oracle was trained by the truth itself, in the same worlds as the run."""
    if not oracle.config.supervised:
        raise UserError("the oracle's belief was not trained on the truth; train one with --supervised")
    own, asked = ({"level": config.level} | vars(config.world) for config in (oracle.config, run.config))
    differing = [f"{name} {own.get(name)}, not {asked[name]}" for name in asked if own.get(name) != asked[name]]
    if differing:
        raise UserError(f"the oracle was trained in other worlds than the run: {'; '.join(differing)}")


def measure(
    run: Loaded,
    worlds: int = 256,
    steps: int | None = None,
    oracle: Loaded | None = None,
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
    run: Loaded, readers: Mapping[str, tuple[Subject, Probes]], worlds: int, steps: int, purpose: str
) -> dict[str, Scores]:
    """Score probes of subjects on the same held-out worlds, and the best constant guess beside them."""
    batch = together(run.config, steps)
    sizes = [min(batch, worlds - begun) for begun in range(0, worlds, batch)]
    constant = Constant.fit(known(run.live(f"{purpose}constant/{i}", size, steps)) for i, size in enumerate(sizes))
    parts: dict[str, list[Scores]] = {name: [] for name in ORDER if name in readers or name == "constant"}
    for i, size in enumerate(sizes):
        trajectory = run.live(f"{purpose}held-out/{i}", size, steps)
        reads = {name: probes(subject.features(trajectory)) for name, (subject, probes) in readers.items()}
        reads["constant"] = constant.read(reads["belief"])
        for name, read in reads.items():
            parts[name].append(score(read, known(trajectory)))
    return {name: Scores.join(scores) for name, scores in parts.items()}


@dataclass(frozen=True)
class Maps:
    """The map along held-out episodes, as it is and as the belief has it; all on the CPU, time first."""

    frames: Tensor
    """What was seen, uint8 `[T, W, H, W, 3]`."""
    lengths: list[int]
    """Frames of each world's first episode, at most T; W of them. What follows is of another episode."""
    true: MapView
    """True maps and places `[T, W]`."""
    believed: MapView
    """Maps decoded from the belief, and where it takes the agent to be, `[T, W]`."""
    times: list[int]
    """The times that are shown and sampled at, P of them."""
    samples: Tensor | None
    """Samples of the map model at those times, uint8 `[S, P, W, N, N, 3]`; None where there is no such model."""

    def spread(self) -> Spread | None:
        """Return how much the samples differ on cells seen and not yet seen; None without a map model."""
        if self.samples is None:
            return None
        return spread(self.samples, self.true.pictures[self.times], self.true.since_seen[self.times])


@torch.no_grad()
def imagine_maps(run: Loaded, worlds: int | None = None, times: int = 8, samples: int = 8) -> Maps:
    """Follow the map in the belief through held-out episodes.

    Args:
        run: the run.
        worlds: how many worlds; None: as many as can be looked at together.
        times: at how many times of the episode, evenly spread, the map is sampled.
        samples: how many samples each.

    Raises:
        UserError: the run has no probes.
    """
    probes, length = run.probes, episode_frames(run.config)
    trajectory = run.live("held-out/maps", worlds or min(SHOWN, together(run.config, length)), length)
    beliefs = run.believe(trajectory)
    shown = torch.linspace(0, length - 1, min(times, length)).round().long().tolist()
    drawn = None
    if run.system.map_model is not None:
        noise = torch.Generator(run.device).manual_seed(stream(run.config.seed, "map samples"))
        # One at a time: all samples of a large map would not fit into memory together.
        at = beliefs.index_select(0, torch.tensor(shown).to(beliefs.device))
        drawn = torch.stack([run.system.map_model.sample(at, noise).cpu() for _ in range(samples)])
    true, believed = map_views(run, known(trajectory), probes(beliefs))
    return Maps(trajectory.frames.cpu(), episode_lengths(trajectory.is_first), true, believed, shown, drawn)


def map_views(run: Loaded, truth: Truth, read: Readout) -> tuple[MapView, MapView]:
    """Return the maps as they are and as a run's probes read them, `[...]`, each with the agent's place."""
    assert truth.since_seen is not None, "it was made to be measured"
    frame = map_frame(run.config)
    return true_view(truth, read.headings.shape[-1], frame), believed_view(read, truth.since_seen, frame)


def map_frame(config: Config) -> str:
    """Return the frame of the world's maps; there are none in other people's worlds."""
    return config.world.map_frame if isinstance(config.world, LevelConfig) else "start"


def episode_lengths(is_first: Tensor) -> list[int]:
    """Return the frames that the first episode of each world has in a trajectory, by `is_first`, bool `[T, W]`."""
    return (1 + (is_first[1:].cpu().cumsum(dim=0) == 0).sum(dim=0)).tolist()
