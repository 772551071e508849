"""The scene of the live view: a world, its driver, the beliefs that are watched, and the time line."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from simcore.analysis.loaded_run import LoadedRun
from simcore.analysis.maps import has_maps
from simcore.analysis.worlds import map_frame
from simcore.common.checks import require
from simcore.common.errors import UserError
from simcore.common.tree import leaves
from simcore.config.run import Config
from simcore.viewer.guess import Guess
from simcore.viewer.moment import BelievedMoment, Frame, Futures, Moment, Place
from simcore.viewer.watcher import Watcher, WatcherState
from simcore.viewer.world import MOST_SEEDS, LiveWorld, Returned, WorldState
from simcore.worlds.api import MAP, NO_CLASS, SINCE_SEEN

Driver = Literal["you", "walker", "agent"]
"""Who chooses the actions: a person by keys, the hand-made walker, or the agent's policy."""
DRIVERS: tuple[Driver, ...] = get_args(Driver)

SAMPLES, STEPS = 8, 12
"""Futures that are imagined, and how many steps each has."""
LONGEST = 600
"""The most moments of the time line; older ones are forgotten."""
LARGEST = 2**28
"""The most bytes of their snapshots, together."""


class Snapshot(NamedTuple):
    """All that a moment can be continued from."""

    world: WorldState | None
    beliefs: tuple[WatcherState, ...]
    is_blind: bool


class Past(NamedTuple):
    """A moment of the time line."""

    moment: Moment
    snapshot: Snapshot
    bytes: int
    """Of the snapshot."""


@dataclass(frozen=True)
class Plan:
    """Along which actions futures are imagined: those that a driver would take, or one held."""

    driver: Driver
    action: int = 0
    """The one that is held, if the driver is "you"."""


class Scene:
    """One world and the beliefs of one run or several in it, advanced step by step; everything is synchronous.

    The first run's agent is the one that can drive. Futures are imagined in parts, so that a step can come between.

    Args:
        runs: the runs; all of the same worlds.
        seed: of the first world, and of the generators.

    Raises:
        UserError: the runs' worlds differ, or cannot be made on this machine.
    """

    def __init__(self, runs: Sequence[LoadedRun], seed: int = 0) -> None:
        require_same_worlds([run.config for run in runs])
        config = runs[0].config
        self.runs = tuple(runs)
        self.world = LiveWorld(runs[0])
        self.has_maps = has_maps(config) and all(run.system.probes is not None for run in runs)
        self.guess = Guess.fit(runs[0]) if self.has_maps else None
        self.watchers = tuple(Watcher(run, self.guess, seed) for run in runs)
        self.driver: Driver = self.drivers[-1]
        self.is_blind = False
        """Whether the next steps are without frames."""
        self._is_marked = has_maps(config) and map_frame(config) == "start"
        self._past: deque[Past] = deque()
        self._looked_at: int | None = None
        self.reset(seed)

    @property
    def drivers(self) -> tuple[Driver, ...]:
        """Who can drive; at first the last of them does."""
        able = {"you": True, "walker": self.world.has_walker, "agent": self.watchers[0].acts}
        return tuple(driver for driver in DRIVERS if able[driver])

    @property
    def can_blindfold(self) -> bool:
        """Whether all beliefs can continue without frames."""
        return all(watcher.can_imagine for watcher in self.watchers)

    @property
    def past(self) -> Sequence[Past]:
        """The time line, oldest first."""
        return self._past

    @property
    def present(self) -> Moment:
        """The newest moment."""
        return self._past[-1].moment

    @property
    def shown(self) -> Past:
        """The selected moment; the newest, unless another was chosen."""
        return self._past[-1 if self._looked_at is None else self._looked_at - self._past[0].moment.number]

    @property
    def is_looking_back(self) -> bool:
        """Whether another moment than the newest is selected."""
        return self._looked_at is not None

    def reset(self, seed: int | None = None) -> Moment:
        """Begin an episode in a new world.

        Args:
            seed: of the world; None: the one after the present one's.

        Raises:
            UserError: the seed is out of range.
        """
        if seed is None:
            seed = (self.present.seed + 1) % MOST_SEEDS
        require(0 <= seed < MOST_SEEDS, f"the seed is {seed}; allowed are 0 to {MOST_SEEDS - 1}")
        returned = self.world.reset(seed)
        for watcher in self.watchers:
            watcher.begin(returned)
        self.is_blind, self._looked_at = False, None
        place = self._place(returned.info)
        beliefs = tuple(watcher.read(returned.info, place) for watcher in self.watchers)
        number = self.present.number + 1 if self._past else 0
        return self._keep(Moment(number, seed, 0, None, 0.0, 0.0, False, False, returned.frame, place, beliefs))

    def step(self, action: int | None = None) -> Moment:
        """Take a step from the selected moment; after an episode's end, begin one in the next world.

        From an earlier moment another future begins, and the one that was is forgotten.

        Args:
            action: what to do; None: what the driver chooses.

        Raises:
            UserError: the action is unknown, none is chosen, or an earlier world cannot be restored.
        """
        self.branch()
        before = self.present
        if before.is_over:
            return self.reset()
        if action is None:
            action = self._choose()
        names = self.world.action_names
        require(0 <= action < len(names), f"the action is {action}; allowed are 0 to {len(names) - 1}")
        returned = self.world.step(action)
        place = self._place(returned.info)
        beliefs = tuple(self._advance(watcher, action, returned, place) for watcher in self.watchers)
        return self._keep(
            Moment(
                before.number + 1,
                before.seed,
                before.step + 1,
                action,
                returned.reward,
                before.total + returned.reward,
                returned.is_over,
                self.is_blind,
                returned.frame,
                place,
                beliefs,
            )
        )

    def blindfold(self, is_on: bool) -> None:
        """Put the blindfold on or off, from the next step on.

        Raises:
            UserError: a run has no model that makes frames.
        """
        if is_on:
            self.require_blindfold()
        self.is_blind = is_on

    def require_blindfold(self) -> None:
        """Raise `UserError` unless `can_blindfold`."""
        require(
            self.can_blindfold,
            "a belief goes on without frames only if its run has a model that makes frames, convdraw or deterministic",
        )

    def look(self, number: int | None) -> Moment:
        """Look at a moment of the time line; None: the newest.

        Raises:
            UserError: it is not on the time line.
        """
        first, last = self._past[0].moment.number, self.present.number
        require(number is None or first <= number <= last, f"moment {number}; there are {first} to {last}")
        self._looked_at = None if number == last else number
        return self.shown.moment

    def branch(self) -> None:
        """Make the selected moment the present.

        Raises:
            UserError: its world cannot be restored.
        """
        if not self.is_looking_back:
            return
        past = self.shown
        if past.snapshot.world is None:
            raise UserError("this environment cannot be taken back to an earlier moment; go on from the newest")
        while self.present.number > past.moment.number:
            self._past.pop()
        self._looked_at = None
        self.world.restore(past.snapshot.world)
        self.is_blind = past.snapshot.is_blind
        for watcher, state in zip(self.watchers, past.snapshot.beliefs, strict=True):
            watcher.restore(state)

    def draw(self) -> Frame | None:
        """Return a sharper view of the selected moment; None if it cannot be drawn."""
        return self.world.draw(self.shown.snapshot.world)

    def imagine(self, plan: Plan, samples: int = SAMPLES, steps: int = STEPS) -> Iterator[Futures | None]:
        """Imagine futures from the selected moment, in parts: yields None, and finally the futures."""
        past = self.shown
        if past.moment.is_over or not any(watcher.can_imagine for watcher in self.watchers):
            return
        pairs = zip(self.watchers, past.snapshot.beliefs, strict=True)
        watchers = tuple(watcher.fork(state) for watcher, state in pairs)
        actions, true = self._plan(plan, watchers[0], past.snapshot.world, steps)
        yield None
        imagined: list[Frame | None] = []
        for watcher in watchers:
            if not watcher.can_imagine:
                imagined.append(None)
                continue
            states, rows = watcher.simulate(actions), []
            for _ in range(samples):
                rows.append(watcher.sample(states))
                yield None
            imagined.append(np.stack(rows))
        spread = tuple(None if each is None else spread_of(each) for each in imagined)
        yield Futures(past.moment.number, tuple(actions), true, tuple(imagined), spread)

    def close(self) -> None:
        """Release the world."""
        self.world.close()

    def _choose(self) -> int:
        if self.driver == "you":
            raise UserError("nobody chose an action; press a key, or let the walker or the agent drive")
        return self.world.walk() if self.driver == "walker" else self.watchers[0].act()

    def _advance(self, watcher: Watcher, action: int, returned: Returned, place: Place | None) -> BelievedMoment:
        if self.is_blind:
            return watcher.dream(action, returned, place)
        return watcher.observe(action, returned, place)

    def _plan(
        self, plan: Plan, watcher: Watcher, state: WorldState | None, steps: int
    ) -> tuple[list[int], Frame | None]:
        """Return the plan's actions, and the frames that they will lead to where the world can be tried out."""
        trial = None if state is None else self.world.trial(state)
        if plan.driver == "agent":
            actions = watcher.plan(steps, trial)
        else:
            actions = []
            while len(actions) < steps and not (trial is not None and trial.is_over):
                actions.append(trial.walk() if plan.driver == "walker" and trial is not None else plan.action)
                if trial is not None:
                    trial.step(actions[-1])
        return actions, None if trial is None else np.stack(trial.frames)

    def _place(self, info: dict[str, Any]) -> Place | None:
        if self.guess is None:
            return None
        cell, x, y = int(info["cell"][0]), float(info["pose"][0, 0]), float(info["pose"][0, 1])
        if not self._is_marked:
            x = y = np.nan
        true = info[MAP][0].copy()
        return Place(
            true,
            info[SINCE_SEEN][0].copy(),
            cell,
            int(info["heading_index"][0]),
            x,
            y,
            self.guess.error(true),
            float(self.guess.cell[cell]) if cell != NO_CLASS else np.nan,
        )

    def _keep(self, moment: Moment) -> Moment:
        snapshot = Snapshot(self.world.state(), tuple(watcher.state() for watcher in self.watchers), self.is_blind)
        self._past.append(Past(moment, snapshot, size_of(snapshot)))
        while len(self._past) > LONGEST or (len(self._past) > 1 and sum(past.bytes for past in self._past) > LARGEST):
            self._past.popleft()
        return moment


def require_same_worlds(configs: Sequence[Config]) -> None:
    """Raise `UserError` unless runs' beliefs can be watched side by side in the first one's worlds."""
    first = configs[0]
    for config in configs[1:]:
        require(
            config.level == first.level,
            f"the runs are of {first.level} and {config.level}; side by side, they must be in the same world",
        )
        one, other = vars(first.world), vars(config.world)
        unlike = ", ".join(name for name in one if one[name] != other.get(name))
        require(not unlike, f"the runs' worlds differ in {unlike}; make them alike by --world flags")


def spread_of(samples: Frame) -> Frame:
    """Return twice the standard deviation over samples `[S, K, H, W, 3]`, the mean over colours: uint8 `[K, H, W]`."""
    deviation = samples.astype(np.float32).std(axis=0).mean(axis=-1)
    return np.minimum(2 * deviation, 255).astype(np.uint8)


def size_of(snapshot: Snapshot) -> int:
    """Return about how many bytes a snapshot takes."""
    tensors = [leaf for state in snapshot.beliefs for leaf in leaves(state.session.core)]
    tensors += [leaf for state in snapshot.beliefs if state.simulated for leaf in leaves(state.simulated.core)]
    arrays = [] if snapshot.world is None else snapshot.world.world.values()
    return sum(leaf.numel() * leaf.element_size() for leaf in tensors) + sum(array.nbytes for array in arrays)
