"""A loaded run: its nets, its probes, and sessions, worlds and trajectories for analysis."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from simcore.agent import Agent
from simcore.analysis.collecting import collect, worlds_per_batch
from simcore.analysis.fresh_probes import FreshProbes
from simcore.analysis.subjects import Of, observe
from simcore.analysis.worlds import in_worlds, map_frame
from simcore.build import make_worlds
from simcore.common.checks import require
from simcore.common.errors import UserError
from simcore.common.progress import Advance
from simcore.config.run import Config
from simcore.data.trajectory import Trajectory
from simcore.probes import Probes, Readout
from simcore.session import BeliefSession, ReadBy
from simcore.simulation import SimCoreHead
from simcore.system import SimCore
from simcore.worlds.api import ProbeTarget, Worlds
from simcore.worlds.making import TellsPreviousAction, make_env


@dataclass(frozen=True, repr=False)
class LoadedRun:
    """A run's nets at its newest checkpoint."""

    config: Config
    """The run's configuration."""
    system: SimCore
    """All its nets."""
    device: torch.device
    """The device of the nets."""
    update: int
    """The number of their updates."""

    fresh: FreshProbes
    """Probes of the frozen belief, trained on first use."""
    online: bool = False
    """Whether the belief is read by the online probes, trained alongside it, instead of fresh ones."""
    of: Of = "hidden"
    """What fresh probes read in pictures."""
    is_exported: bool = False
    """Whether it is of an exported file."""
    learned_frame: str | None = None
    """The frame of the maps that the online probes learned to read; None: that of `config`."""
    frames: int = 0
    """The number of frames that the nets have learned from, in all processes together."""

    def __repr__(self) -> str:
        return f"<LoadedRun of {self.config.level}, {self.config.core}, {self.config.frame_model}, {self.age}>"

    @property
    def age(self) -> str:
        """How far the run is, for titles: "after N updates", or "after N of M updates" if it is not finished."""
        return age_of(self.update, self.config.learning.updates)

    @property
    def agent(self) -> Agent:
        """The encoder, the belief core, and policy and value if the agent acts."""
        return self.system.agent

    def in_worlds(self, level: str | None = None, world: Mapping[str, Any] | None = None) -> "LoadedRun":
        """Return the run for analysis in other worlds, its nets unchanged.

            run.in_worlds(world={"episode_length": 500}).make_env()

        Args:
            level: another level than the run's, see `simcore.analysis.worlds.world_in`.
            world: new values of fields of its world, by name.

        Raises:
            UserError: there is no such level or field, a value is out of its range, or frames or actions are not those
                that the nets were trained with.
        """
        config = in_worlds(self.config, level, world)
        if config == self.config:
            return self
        fresh = self._other_probes(config, (config.level, config.world))
        return replace(self, config=config, fresh=fresh, learned_frame=self.learned_frame or map_frame(self.config))

    def with_probes(self, **values: Any) -> "LoadedRun":
        """Return the run for analysis by other fresh probes, its nets unchanged.

            run.with_probes(hidden_size=1024, epochs=10)

        Args:
            **values: new values of fields of `ProbesConfig`, by name.

        Raises:
            UserError: there is no such field, it does not concern fresh probes, or a value is out of its range.
        """
        fields = [name for name in vars(self.config.probes) if not name.startswith("map_")]
        for name in values:
            require(name in fields, f"fresh probes have no {name}; they have {', '.join(fields)}")
        config = replace(self.config, probes=replace(self.config.probes, **values))
        if config == self.config:
            return self
        return replace(self, config=config, fresh=self._other_probes(config, config.probes))

    def _other_probes(self, config: Config, different: object) -> FreshProbes:
        """Return fresh probes by another configuration, kept in a folder of their own beside those of the run's own."""
        folder = self.fresh.folder
        if folder is not None:
            folder = folder / hashlib.sha256(repr(different).encode()).hexdigest()[:16]
        return FreshProbes(config, self.system, self.update, folder)

    def make_env(self, render_mode: str | None = None) -> TellsPreviousAction:
        """Make one Gymnasium environment of the run's world, for a session; `reset(seed=)` seeds it.

        Args:
            render_mode: "rgb_array" or None.

        Raises:
            UserError: the environment cannot be made on this machine.
        """
        try:
            return make_env(self.config.level, self.config.world, render_mode)
        except UserError:
            raise
        except ValueError as error:
            raise UserError(str(error)) from error

    def make_worlds(self, num_envs: int) -> Worlds:
        """Make a batch of the run's worlds, in Gymnasium's next-step autoreset mode.

        Raises:
            UserError: the environment cannot be made on this machine.
        """
        return make_worlds(self.config, num_envs)

    def session(
        self,
        batch: int | None = None,
        probes: Literal["auto", "fresh", "online", "none"] = "auto",
        seed: int = 0,
        greedy: bool = False,
    ) -> BeliefSession:
        """Return a session, which updates the run's belief step by step; its `read_by` says which probes read it.

        Args:
            batch: N, worlds side by side; None: one world.
            probes: "fresh" ones, which are trained first if the run's folder holds none for these weights; "online"
                ones; "none"; or "auto": the fresh ones if the folder holds them, else the online ones.
            seed: seeds the sampling of actions and imagined frames.
            greedy: take the most likely action instead of sampling one.

        Raises:
            UserError: there are no such probes, or `batch` is not positive.
        """
        reader, read_by = self._session_probes(probes)
        return BeliefSession(
            self.agent,
            self.system.simulation,
            reader,
            self.system.map_model,
            batch=batch,
            seed=seed,
            greedy=greedy,
            reward_scale=self.config.reinforcement.reward_scale,
            read_by=read_by,
        )

    def _session_probes(self, wanted: str) -> tuple[Probes | None, ReadBy]:
        if wanted not in ("auto", "fresh", "online", "none"):
            raise UserError(f"probes is {wanted!r}; allowed are auto, fresh, online and none")
        if wanted == "none" or (wanted == "auto" and self.system.probes is None):
            return None, "nothing"
        self.require_targets()
        fresh = None
        if wanted == "auto" and not self.online:
            fresh = self.fresh.kept()
        elif wanted == "fresh":
            fresh = self.fresh.get(["belief"])["belief"]
        return (self.online_probes, "online") if fresh is None else (fresh, "fresh")

    def collect(self, purpose: str, worlds: int, rows: int) -> Trajectory:
        """Collect one trajectory `[rows, worlds, ...]` in new worlds with the run's policy; `purpose` seeds them."""
        return collect(self.config, self.system.agent, purpose, worlds, rows)

    def collect_each(self, purpose: str, worlds: int, rows: int) -> Iterator[Trajectory]:
        """Yield trajectories `[rows, W, ...]` of that many worlds in all, as many at a time as fit into memory."""
        batch = worlds_per_batch(self.config, rows)
        for number, first in enumerate(range(0, worlds, batch)):
            yield self.collect(f"{purpose}/{number}", min(batch, worlds - first), rows)

    @torch.no_grad()
    def observe(self, trajectory: Trajectory) -> Tensor:
        """Compute this run's beliefs `[T, W, *]` along a trajectory of any policy, from a fresh initial state.

        Without gradient; `run.agent.unroll` has one.
        """
        return observe(self.system.agent, trajectory)

    @torch.no_grad()
    def read(self, trajectory: Trajectory) -> Readout:
        """Read the targets along a trajectory `[T, W]`, by the probes that read the belief in pictures.

        Raises:
            UserError: the run has no probes.
        """
        if self.of == "hidden":
            return self.probes(self.observe(trajectory))
        probes = self.fresh.get(["belief"], self.of)["belief"]
        return probes(self.fresh.subject("belief", self.of).features(trajectory))

    def require_targets(self) -> tuple[ProbeTarget, ...]:
        """Return what these worlds provide for probes to read.

        Raises:
            UserError: they provide nothing, or the run was trained without probes.
        """
        if self.system.probes is None:
            raise UserError(
                f"this run has no probes: {self.config.level} tells nothing for them to read, see world.targets, "
                "or it was trained with --learning.probe-times 0"
            )
        targets = self.config.world.probe_targets
        if not targets:
            raise UserError(f"the run's probes read {listed(self.system.probes.targets)}; these worlds tell nothing")
        return targets

    @property
    def online_fits(self) -> bool:
        """Whether the online probes fit what these worlds provide: the same targets, and maps in the same frame."""
        if self.system.probes is None:
            return False
        is_alike = listed(self.system.probes.targets) == listed(self.config.world.probe_targets)
        return is_alike and self.learned_frame in (None, map_frame(self.config))

    @property
    def online_probes(self) -> Probes:
        """The probes trained alongside the belief.

        Raises:
            UserError: the run has none, or they do not fit these worlds.
        """
        told, probes = self.require_targets(), self.system.probes
        assert probes is not None, "else there were no targets"
        if not self.online_fits:
            learned = self.learned_frame or map_frame(self.config)
            raise UserError(
                f"the run's probes read {listed(probes.targets)}, maps in the frame {learned}; these worlds tell "
                f"{listed(told)}, in the frame {map_frame(self.config)}: simcore probe RUN --world... trains fresh ones"
            )
        return probes

    @property
    def probes(self) -> Probes:
        """The probes that read the belief in pictures: fresh ones, or the online ones if `online`.

        Of an exported run they are the online ones too, unless `simcore probe` has left fresh ones: pictures from a
        file then need no minutes of training.

        Raises:
            UserError: the run has no probes.
        """
        self.require_targets()
        if self.online:
            return self.online_probes
        if self.is_exported and self.online_fits:
            return self.fresh.kept() or self.online_probes
        return self.fresh.get(["belief"])["belief"]

    def train_probes(self, advance: Advance) -> None:
        """Train the probes that read the belief in pictures now, with progress, if there are none yet."""
        has_targets = self.system.probes is not None and self.config.world.probe_targets
        if has_targets and not self.online and not (self.is_exported and self.online_fits):
            self.fresh.get(["belief"], self.of, advance)

    @property
    def simulation(self) -> SimCoreHead:
        """The run's simulation core with its frame model.

        Raises:
            UserError: the run has none.
        """
        if self.system.simulation is None:
            raise UserError(
                "this run has no frame model, so it expects nothing; "
                "train one with neither --frame-model none nor --supervised"
            )
        return self.system.simulation


def listed(targets: Sequence[ProbeTarget]) -> str:
    """Return targets with their shapes, for messages."""
    return ", ".join(f"{target.name} {target.shape}" for target in targets)


def age_of(update: int, total: int) -> str:
    """Describe how many updates of all a run has done."""
    return f"after {update:,} updates" if update >= total else f"after {update:,} of {total:,} updates"
