"""Looking into a finished or running run: what its belief knows, and what its model expects to see."""

from contextlib import closing
from dataclasses import dataclass

import torch
from torch import Tensor

from simcore.acting import Actor
from simcore.config import Config
from simcore.errors import UserError
from simcore.learning.trajectory import Trajectory, Truth
from simcore.map_view import MapView, believed_view, true_view
from simcore.nested import tree_map
from simcore.probes import Probes
from simcore.probes.measure import Constant, Scores, Spread, score, spread
from simcore.probes.readout import Readout
from simcore.runs import RunFolder, checkpoints
from simcore.simulation import SimCoreHead
from simcore.system import SimCore
from simcore.training import choose_device, make_policy, make_system, make_worlds, stream
from simcore.worlds import LevelConfig

BATCH = 32
"""Worlds that are looked at together, if their maps are not too many."""
ROOM = 2**29
"""Bytes that the maps of worlds looked at together may take; what is made of them takes a few times as much."""


@dataclass(frozen=True)
class Loaded:
    """A run's nets at its newest checkpoint."""

    config: Config
    system: SimCore
    device: torch.device
    update: int

    def live(self, purpose: str, worlds: int, rows: int) -> Trajectory:
        """Let the run's policy make one trajectory in new worlds, `[rows, worlds, ...]`; `purpose` seeds them."""
        seed = stream(self.config.seed, purpose)
        with closing(make_worlds(self.config, worlds, copy=False)) as batch:
            policy = make_policy(self.config, batch, self.system.agent, seed)
            actor = Actor(batch, policy, seed, reward_scale=self.config.reinforcement.reward_scale, measures=True)
            trajectory = actor.collect(rows - 1 if policy.needs_last else rows).trajectory
        if trajectory.initial_state is None:
            trajectory = trajectory._replace(initial_state=self.system.agent.initial_state(worlds))
        return tree_map(lambda tensor: tensor.to(self.device), trajectory)

    def believe(self, trajectory: Trajectory) -> Tensor:
        """Form this run's beliefs `[T, W, *]` along a trajectory from episodes' start, whoever made it."""
        state = self.system.agent.initial_state(trajectory.frames.shape[1])
        return self.system.agent.unroll(trajectory._replace(initial_state=state)).outputs

    @property
    def probes(self) -> Probes:
        """The run's probes.

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


def load_run(folder: RunFolder, device: str = "auto") -> Loaded:
    """Load the nets of a run's newest checkpoint.

    Raises:
        UserError: the run has no checkpoint, or a damaged one.
    """
    config = Config.from_dict(folder.config)
    newest = checkpoints.latest(folder.checkpoints)
    if newest is None:
        raise UserError(f"{folder.path} has no checkpoint yet; train until its first, or resume it")
    target = choose_device(device)
    system = make_system(config).to(target)
    checkpoint = checkpoints.load(newest, target)
    system.load_state_dict(checkpoint.state["learner"]["system"])
    return Loaded(config, system.eval(), target, checkpoint.update)


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


@torch.no_grad()
def measure(
    run: Loaded, worlds: int = 256, steps: int | None = None, oracle: Loaded | None = None, purpose: str = ""
) -> dict[str, Scores]:
    """Measure the belief, and the best constant guess, on held-out worlds.

    Args:
        run: the run.
        worlds: how many held-out worlds; as many training worlds serve the constant guess.
        steps: steps in each world from an episode's start; None: one whole episode.
        oracle: a supervised run, which is shown the same frames.
        purpose: begins the names that seed the worlds: another one, other worlds.

    Returns:
        Scores `[steps, worlds]` of the "belief", of the "constant" and, where there is one, of the "oracle".

    Raises:
        UserError: the run has no probes, or the oracle is none.
    """
    steps, probes = steps or longest(run.config), run.probes
    if oracle is not None:
        require_oracle(oracle, run)
    batch = batch_size(run.config, steps)
    sizes = [min(batch, worlds - begun) for begun in range(0, worlds, batch)]
    constant = Constant.fit(known(run.live(f"{purpose}constant/{i}", size, steps)) for i, size in enumerate(sizes))
    parts: dict[str, list[Scores]] = {}
    for i, size in enumerate(sizes):
        trajectory = run.live(f"{purpose}held-out/{i}", size, steps)
        read = probes(run.believe(trajectory))
        reads = {"belief": read, "constant": constant.read(read)}
        if oracle is not None:
            reads["oracle"] = oracle.probes(oracle.believe(trajectory))
        for predictor, answer in reads.items():
            parts.setdefault(predictor, []).append(score(answer, known(trajectory)))
    return {predictor: Scores.join(scores) for predictor, scores in parts.items()}


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
    probes, length = run.probes, longest(run.config)
    trajectory = run.live("held-out/maps", worlds or batch_size(run.config, length), length)
    beliefs = run.believe(trajectory)
    shown = torch.linspace(0, length - 1, min(times, length)).round().long().tolist()
    drawn = None
    if run.system.map_model is not None:
        noise = torch.Generator(run.device).manual_seed(stream(run.config.seed, "map samples"))
        # One at a time: all samples of a large map would not fit into memory together.
        drawn = torch.stack([run.system.map_model.sample(beliefs[shown], noise).cpu() for _ in range(samples)])
    true, believed = map_views(run, known(trajectory), probes(beliefs))
    return Maps(trajectory.frames.cpu(), episode_lengths(trajectory.is_first), true, believed, shown, drawn)


def map_views(run: Loaded, truth: Truth, read: Readout) -> tuple[MapView, MapView]:
    """Return the maps as they are and as a run's probes read them, `[...]`, each with the agent's place."""
    assert truth.since_seen is not None, "it was made to be measured"
    frame = map_frame(run.config)
    return true_view(truth, read.headings.shape[-1], frame), believed_view(read, truth.since_seen, frame)


def batch_size(config: Config, steps: int) -> int:
    """Return how many worlds can be looked at together for so many steps."""
    cells = config.world.size**2 if isinstance(config.world, LevelConfig) else 1
    maps = 3 * 4 * cells * steps  # of one world, as floats
    return max(1, min(BATCH, ROOM // maps))


def map_frame(config: Config) -> str:
    """Return the frame of the world's maps; there are none in other people's worlds."""
    return config.world.map_frame if isinstance(config.world, LevelConfig) else "start"


def longest(config: Config) -> int:
    """Return the frames that an episode has at most; of an unroll where the world sets no bound."""
    return (config.world.episode_length or config.learning.unroll_length) + 1


def episode_lengths(is_first: Tensor) -> list[int]:
    """Return the frames that the first episode of each world has in a trajectory, by `is_first`, bool `[T, W]`."""
    return (1 + (is_first[1:].cumsum(dim=0) == 0).sum(dim=0)).tolist()
