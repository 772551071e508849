"""Fresh probes of a run: trained on its frozen belief and on the controls, and stored in the run's folder."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from simcore.agent import Agent
from simcore.analysis.collecting import collect, episode_frames, worlds_per_batch
from simcore.analysis.subjects import Of, Subject, memory_shape, observe, see
from simcore.build import make_probes, make_system, world_sizes
from simcore.common.archive import read_archive, write_archive
from simcore.common.digest import digest_of
from simcore.common.progress import Advance, silent
from simcore.common.seeding import derive_seed
from simcore.common.tree import tree_map
from simcore.config.run import Config
from simcore.data.targets import TargetValues
from simcore.probes import Probes
from simcore.probes.fresh import Examples, train_fresh_probes
from simcore.probes.memory_reader import MemoryShape
from simcore.system import SimCore
from simcore.worlds.api import SINCE_SEEN

PROBE_VERSION = 2
"""Of what probes are trained on where an agent acts, which may leave the map, or where the world tells vectors: from 2
on cells off the map are none, and vectors have a unit. It is in the keys of stored probes."""


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
