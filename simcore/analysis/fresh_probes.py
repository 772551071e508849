"""Fresh probes of a run: trained on its frozen belief and on the controls, and stored in the run's folder."""

import math
import os
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from simcore.acting import Actor
from simcore.agent import Agent
from simcore.build import make_policy, make_probes, make_system, make_worlds, world_sizes
from simcore.common.archive import read_archive, write_archive
from simcore.common.digest import digest_of
from simcore.common.seeding import derive_seed
from simcore.common.tree import to_device, tree_map
from simcore.config.run import Config
from simcore.data.targets import TargetValues
from simcore.data.trajectory import Trajectory
from simcore.networks import frames_to_float
from simcore.probes import Probes
from simcore.probes.fresh import Examples, train_fresh_probes
from simcore.probes.memory_reader import MemoryShape
from simcore.system import SimCore
from simcore.worlds.api import SINCE_SEEN, Worlds
from simcore.worlds.gym import GymConfig

Of = Literal["hidden", "state"]
"""What the probes read: "hidden" is b_t, as in the paper; "state" is the core's whole state: b_t, the LSTM's cell, and
the memory, which is read by attention."""

PROBE_VERSION = 2
"""Of what probes are trained on where an agent acts, which may leave the map, or where the world tells vectors: from 2
on cells off the map are none, and vectors have a unit. It is in the keys of stored probes."""

Advance = Callable[[str, float], None]
"""A progress callback: what is being done, and the fraction of it that is done."""


def silent(text: str, part: float) -> None:
    """Report no progress."""


WIDEST_FRAME = 32
"""The largest side, in pixels, of frames that a probe reads; larger ones are averaged down."""
MAX_WORLDS = 256
"""The most worlds in one batch of measurements."""
MAX_PIXELS = 2**22
"""The most pixels of frames that are embedded together; those of a single world may exceed it."""
MAX_MAP_BYTES = 2**29
"""The most bytes of maps (as float32) in one batch of worlds; intermediate results take a few times as much."""


def worlds_per_batch(config: Config, steps: int) -> int:
    """Return how many worlds fit into one batch of measurements of `steps` steps; at least 1."""
    numbers = sum(math.prod(target.shape) for target in config.world.probe_targets if target.kind == "picture")
    maps = 4 * max(numbers, 3) * steps  # of one world, as floats
    frames = config.world.frame_size**2 * steps
    return max(1, min(MAX_WORLDS, MAX_MAP_BYTES // maps, MAX_PIXELS // frames))


def episode_frames(config: Config) -> int:
    """Return the most frames of an episode; those of an unroll if the world sets no time limit."""
    return (config.world.episode_length or config.learning.unroll_length) + 1


def collect(config: Config, agent: Agent, purpose: str, worlds: int, rows: int) -> Trajectory:
    """Collect one trajectory `[rows, worlds, ...]` in new worlds with the run's policy; `purpose` seeds them.

    There are never more Gymnasium environments at a time than an actor of the run had, since some, such as simulators
    with licences or ports, do not allow more.
    """
    copies = min(worlds, config.worlds_per_actor) if isinstance(config.world, GymConfig) else worlds
    seed, parts = derive_seed(config.seed, purpose), []
    for first in range(0, worlds, copies):
        count = min(copies, worlds - first)
        with closing(make_worlds(config, count, copy=False)) as batch:
            parts.append(collect_in(batch, config, agent, seed + first, rows))
    joined = tree_map(lambda *columns: torch.cat(columns, dim=1), *parts) if len(parts) > 1 else parts[0]
    return to_device(joined, next(agent.parameters()).device)._replace(initial_state=agent.initial_state(worlds))


def collect_in(worlds: Worlds, config: Config, agent: Agent, seed: int, rows: int) -> Trajectory:
    """Collect one trajectory `[rows, worlds, ...]` in some worlds, reset by a seed, with the run's policy.

    It is on the CPU, without an initial state.
    """
    policy, scale = make_policy(config, worlds, agent, seed), config.reinforcement.reward_scale
    actor = Actor(worlds, policy, seed, reward_scale=scale, measures=True, patience=config.acting.patience)
    return actor.collect(rows - 1 if policy.needs_last else rows).trajectory._replace(initial_state=None)


class Subject(NamedTuple):
    """A predictor whose features probes are trained on."""

    name: str
    features: Callable[[Trajectory], Tensor]
    """Computes the probes' inputs, float `[T, W, F]`, from a trajectory `[T, W, ...]`."""
    weights: nn.Module | None
    """The net that computes the features, if any; probes are valid for these weights only."""
    of: Of = "hidden"
    """What of a core's state the features are."""
    memory: MemoryShape | None = None
    """The shape of the memory that is the last part of the features, if one is."""


def observe(agent: Agent, trajectory: Trajectory, of: Of = "hidden") -> Tensor:
    """Compute an agent's beliefs `[T, W, *]` along a trajectory of any policy, from a fresh initial state.

    Of the "state", b_t is followed by the cell and by what the memory holds, if there is one, `memory_shape`.
    """
    length, worlds = trajectory.frames.shape[:2]
    fresh = trajectory._replace(initial_state=agent.initial_state(worlds))
    unrolled = agent.unroll(fresh, snapshots_at=range(length) if of == "state" else ())
    if unrolled.snapshots is None:
        return unrolled.outputs
    held = agent.core.contents(unrolled.snapshots)
    parts = [unrolled.outputs, unrolled.snapshots.cell, *([] if held is None else [held.flatten(-2)])]
    return torch.cat(parts, dim=-1)


def memory_shape(agent: Agent) -> MemoryShape | None:
    """Return the shape of what an agent's memory holds, if it has one that exposes it."""
    held = agent.core.contents(agent.initial_state(1))
    return None if held is None else MemoryShape(*held.shape[-2:])


def see(trajectory: Trajectory) -> Tensor:
    """Return the frames' pixels, averaged down, float `[T, W, F]`: the control without a memory."""
    frames = trajectory.frames
    pictures = frames_to_float(frames.flatten(0, 1))
    factor = -(-frames.shape[2] // WIDEST_FRAME)
    if factor > 1:
        pictures = nn.functional.avg_pool2d(pictures, factor)
    return pictures.flatten(1).view(*frames.shape[:2], -1)


def file_of(subject: Subject) -> str:
    """Return the name of the file with the probes of a subject."""
    return f"{subject.name}-{subject.of}.pt"


@dataclass
class FreshProbes:
    """The fresh probes of a run at a checkpoint; each is trained on first use, then stored.

    Args:
        config: the run's configuration.
        system: its nets.
        update: the number of their updates.
        folder: where probes are stored; None: nowhere.
        also: another folder, whose probes are read.
    """

    config: Config
    system: SimCore
    update: int
    folder: Path | None
    also: Path | None = None

    def __post_init__(self) -> None:
        self._trained: dict[tuple[str, Of], Probes] = {}
        self._untrained: Agent | None = None

    @property
    def device(self) -> torch.device:
        """The device of the nets."""
        return next(self.system.parameters()).device

    @property
    def untrained(self) -> Agent:
        """The control: an untrained agent with the run's architecture and other initial weights."""
        if self._untrained is None:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(derive_seed(self.config.seed, "untrained"))
                self._untrained = make_system(self.config).agent.to(self.device).eval().requires_grad_(False)
        return self._untrained

    def subject(self, name: str, of: Of = "hidden") -> Subject:
        """Return the subject named "belief", "untrained" or "frame"; `of` does not affect what is read from a frame."""
        if name == "frame":
            return Subject(name, see, None)
        agent = self.untrained if name == "untrained" else self.system.agent
        memory = memory_shape(agent) if of == "state" else None
        return Subject(name, lambda trajectory: observe(agent, trajectory, of), agent, of, memory)

    def get(self, names: Sequence[str], of: Of = "hidden", advance: Advance = silent) -> dict[str, Probes]:
        """Return the probes of subjects by name; those that are missing are trained first.

        Args:
            names: some of "belief", "untrained" and "frame".
            of: what the probes of a belief read.
            advance: the progress callback.
        """
        subjects = {name: self.subject(name, of) for name in names}
        missing = [subject for name, subject in subjects.items() if self.kept(name, of) is None]
        if missing:
            sets = [self._examples(missing, purpose, advance) for purpose in ("training", "validation")]
            for subject, examples, validation in zip(missing, *sets, strict=True):
                probes = self._train(subject, examples, validation, advance)
                self._trained[subject.name, subject.of] = probes
                self._save(subject, probes)
        return {name: self._trained[name, subject.of] for name, subject in subjects.items()}

    def kept(self, name: str = "belief", of: Of = "hidden") -> Probes | None:
        """Return the probes of a subject, see `get`, if they were already trained on these weights; else None."""
        subject = self.subject(name, of)
        if (name, subject.of) not in self._trained:
            folders = [folder for folder in (self.folder, self.also) if folder is not None]
            found = (self._load(folder / file_of(subject), self._key(subject)) for folder in folders)
            kept = next((probes for probes in found if probes is not None), None)
            if kept is None:
                return None
            self._trained[name, subject.of] = kept
        return self._trained[name, subject.of]

    def _train(self, subject: Subject, examples: Examples, validation: Examples, advance: Advance) -> Probes:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(self.config.seed, "fresh probes' weights"))
            size = examples.beliefs.shape[-1] - (0 if subject.memory is None else subject.memory.size)
            probes = make_probes(self.config, world_sizes(self.config), size, subject.memory).to(self.device)
        order = torch.Generator().manual_seed(derive_seed(self.config.seed, "fresh probes' order"))

        def tell(part: float) -> None:
            advance(f"probes of the {subject.name}", part)

        return train_fresh_probes(probes, examples, validation, self.config.probes, order, tell)

    @torch.no_grad()
    def _examples(self, subjects: Sequence[Subject], purpose: str, advance: Advance) -> list[Examples]:
        """Collect whole episodes, and keep a random sample of times of each; the same for all subjects."""
        config, length = self.config, episode_frames(self.config)
        worlds = config.probes.worlds if purpose == "training" else config.probes.validation_worlds
        batch, times = worlds_per_batch(config, length), min(config.probes.times, length)
        generator = torch.Generator().manual_seed(derive_seed(config.seed, f"probes/{purpose}/times"))
        parts: list[list[Tensor]] = [[] for _ in subjects]
        truths: list[TargetValues] = []
        for first in range(0, worlds, batch):
            count = min(batch, worlds - first)
            trajectory = collect(config, self.system.agent, f"probes/{purpose}/{first}", count, length)
            chosen = torch.rand(length, count, generator=generator).argsort(dim=0)[:times].to(self.device)
            world = torch.arange(count, device=self.device).expand_as(chosen)
            for rows, subject in zip(parts, subjects, strict=True):
                rows.append(subject.features(trajectory)[chosen, world].flatten(0, 1))
            truth = {name: target for name, target in trajectory.targets.items() if name != SINCE_SEEN}
            truths.append(tree_map(lambda part: part[chosen, world].flatten(0, 1), truth))  # noqa: B023
            advance(f"{purpose} worlds", (first + count) / worlds)
        truth = tree_map(lambda *rows: torch.cat(rows), *truths)
        return [Examples(torch.cat(rows), truth) for rows in parts]

    def _key(self, subject: Subject) -> dict[str, Any]:
        """Return everything that the trained probes depend on: the weights they read, the worlds, and the training."""
        config, recipe, agent = self.config, asdict(self.config.probes), self.system.agent
        if not recipe["heads"]:
            del recipe["heads"]  # absent from probes that were stored before there was this option
        key = {
            "of": subject.of,
            "weights": digest_of(subject.weights.state_dict() if subject.weights is not None else {}),
            "world": repr(config.world),
            "seed": config.seed,
            "recipe": repr(recipe),
        }
        if config.policy == "agent" or any(target.kind == "vector" for target in config.world.probe_targets):
            key["reading"] = PROBE_VERSION
        if config.policy == "agent" and subject.weights is not agent:  # a control sees what the agent's policy reaches
            key["policy"] = digest_of(agent.state_dict())
        return key

    def _load(self, file: Path, key: dict[str, Any]) -> Probes | None:
        """Return stored probes if their key is equal; else None."""
        if not os.path.lexists(file):
            return None
        try:
            payload = read_archive(file, self.device)
            if payload["key"] != key:
                return None
            memory = None if payload.get("memory") is None else MemoryShape(*payload["memory"])
            probes = make_probes(self.config, world_sizes(self.config), payload["size"], memory).to(self.device)
            probes.load_state_dict(payload["probes"])
        except Exception:  # reading a damaged file may raise anything; the probes are trained again
            return None
        return probes.eval().requires_grad_(False)

    def _save(self, subject: Subject, probes: Probes) -> None:
        """Store probes; do nothing if the folder cannot be written."""
        if self.folder is None:
            return
        file = self.folder / file_of(subject)
        sizes = {"size": probes.belief_size, "memory": None if subject.memory is None else tuple(subject.memory)}
        content = {"key": self._key(subject), **sizes, "update": self.update, "probes": probes.state_dict()}
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_archive(file, content)
        except OSError:
            return
