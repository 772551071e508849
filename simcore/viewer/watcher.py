"""A belief that is watched: what it expects, how much the next frame surprises it, and what is read from it."""

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from simcore.analysis.loaded_run import LoadedRun
from simcore.belief import Belief
from simcore.common.seeding import derive_seed
from simcore.session import BeliefSession, SessionState
from simcore.viewer.guess import Guess
from simcore.viewer.moment import BelievedMoment, Frame, Place, Reading
from simcore.viewer.world import Returned, Trial
from simcore.worlds.api import MAP, NO_CLASS, ProbeTarget

MAP_SAMPLES = 8
"""Samples of the map model, for its certainty."""
PLACE_TARGETS = (MAP, "cell", "heading")
"""The targets that the map's panel shows; others are listed."""


class WatcherState(NamedTuple):
    """A snapshot of a watched belief."""

    session: SessionState
    simulated: SessionState | None


class Watcher:
    """Follows one run's belief of the live world.

    Blindfolded, the simulation core continues on its own from the last belief, as in the paper, and gives `expected`
    and `imagine`. Probes read beliefs, not its states, so the belief core observes the imagined frames instead of the
    true ones; map and place are read from that belief, which also continues when the blindfold comes off.

    Args:
        run: the run.
        guess: the best constant guess in these worlds.
        seed: of the generators.
    """

    def __init__(self, run: LoadedRun, guess: Guess | None, seed: int = 0) -> None:
        self.run = run
        self.session = run.session(batch=1, seed=seed)
        self._guess = guess
        self._blind: BeliefSession | None = None  # the simulation core's way since the blindfold was put on
        simulation = self.session.simulation
        self._model = None if simulation is None else simulation.frame_model
        self._generator = torch.Generator(run.device).manual_seed(derive_seed(seed, "live"))

    @property
    def can_imagine(self) -> bool:
        """Whether the run has a model that makes frames."""
        return self._model is not None and self._model.draws_frames

    @property
    def acts(self) -> bool:
        """Whether the run's agent has a policy."""
        return self.session.agent.heads is not None

    def begin(self, returned: Returned) -> None:
        """Observe an episode's first frame."""
        self._blind = None
        self.session.observe(returned.frame[None], returned.info)

    def observe(self, action: int, returned: Returned, place: Place | None) -> BelievedMoment:
        """Take a step, and observe the frame that it led to."""
        self._blind = None
        expected, error, surprise = None, np.nan, np.nan
        if self._model is not None:
            state = self.session.simulate([[action]])[0]
            expected = self._sample(state)
            error, surprise = self._surprise(state, expected, returned.frame)
        show(self.session, action, returned.frame, returned.reward)
        return self.read(returned.info, place, expected, error, surprise)

    def dream(self, action: int, returned: Returned, place: Place | None) -> BelievedMoment:
        """Take a step without being shown the frame; `returned` is only what the belief is compared with."""
        if self._blind is None:
            self._blind = self.session.fork()
        imagined = self._sample(self._blind.simulate([[action]])[0])
        assert imagined is not None, "only beliefs that can imagine frames are blindfolded"
        self._blind.step_blind([action])
        show(self.session, action, imagined, reward=0.0)
        error = squared_error(imagined, returned.frame)
        return self.read(returned.info, place, imagined, error)

    def act(self) -> int:
        """Return the agent's next action."""
        return int(np.asarray(self.session.act())[0])

    def plan(self, steps: int, trial: Trial | None) -> list[int]:
        """Return the agent's next actions, fewer at an episode's end.

        Args:
            steps: K.
            trial: where the agent acts; None: it acts on the frames that it imagines.
        """
        ahead, actions = self.session.fork(), list[int]()
        while len(actions) < steps and not (trial is not None and trial.is_over):
            actions.append(int(np.asarray(ahead.act())[0]))
            if trial is None:
                frame, reward = ahead.imagine([[actions[-1]]], samples=1)[0, 0, 0], 0.0
            else:
                returned = trial.step(actions[-1])
                frame, reward = returned.frame, returned.reward
            show(ahead, actions[-1], frame, reward)
        return actions

    def simulate(self, actions: list[int]) -> Tensor:
        """Return the states of the simulation core along K actions, `[K, 1, *]`."""
        return (self._blind or self.session).simulate(np.array(actions)[:, None])

    def sample(self, states: Tensor) -> Frame:
        """Sample one frame for each state `[K, 1, *]`, uint8 `[K, H, W, 3]`."""
        assert self.session.simulation is not None
        with torch.no_grad():
            frames = self.session.simulation.sample_frames(states[:, 0], self._generator)
        return frames.cpu().numpy()

    def state(self) -> WatcherState:
        """Return a snapshot."""
        return WatcherState(self.session.state, None if self._blind is None else self._blind.state)

    def fork(self, state: WatcherState) -> "Watcher":
        """Return a watcher of the same belief that continues from a snapshot; this one is unchanged."""
        forked = copy.copy(self)
        forked._generator = torch.Generator(self.run.device)
        forked._generator.set_state(self._generator.get_state())
        forked.restore(state)
        return forked

    def restore(self, state: WatcherState) -> None:
        """Return to a snapshot."""
        self.session = self.session.fork(state.session)
        self._blind = None if state.simulated is None else self.session.fork(state.simulated)

    def read(
        self,
        info: Mapping[str, Any],
        place: Place | None,
        expected: Frame | None = None,
        error: float = np.nan,
        surprise: float = np.nan,
    ) -> BelievedMoment:
        """Read the current belief, and compare it with what the world reports in `info`."""
        belief = self.session.read()
        others = tuple(self._others(belief, info, place is not None))
        if place is None or belief.map is None:
            return BelievedMoment(expected, error, surprise, others=others)
        cells, headings = belief.cell_probabilities, belief.heading_probabilities
        assert cells is not None, "worlds with a place have these targets"
        assert headings is not None, "and this one"
        return BelievedMoment(
            expected,
            error,
            surprise,
            belief.map[0],
            self._certainty(),
            cells[0],
            headings[0],
            squared_error(belief.map[0], place.map),
            float(cells[0, place.cell]) if place.cell != NO_CLASS else np.nan,
            float(headings[0, place.heading]),
            others,
        )

    def _others(self, belief: Belief, info: Mapping[str, Any], has_place: bool) -> list[Reading]:
        targets: tuple[ProbeTarget, ...] = () if belief.probes is None else belief.probes.targets
        readings = []
        for target in targets:
            if (has_place and target.name in PLACE_TARGETS) or target.info_key not in info:
                continue
            true, read = info[target.info_key][0], belief.values[target.name][0]
            if target.kind == "class":
                readings.append(
                    Reading(target.name, int(true), int(read), float(belief.probabilities[target.name][0, int(true)]))
                )
            else:
                readings.append(Reading(target.name, np.asarray(true), read, np.nan))
        return readings

    def _certainty(self) -> NDArray[np.float32] | None:
        """Return 1 - the variance of the map's samples as a part of that between worlds, `[M, M]`."""
        if self.session.map_model is None or self._guess is None:
            return None
        samples = self.session.imagine_maps(MAP_SAMPLES)[:, 0] / 255.0
        variance = samples.var(axis=0).mean(axis=-1)
        return np.clip(1 - variance / self._guess.variance, 0, 1).astype(np.float32)

    def _sample(self, state: Tensor) -> Frame | None:
        return self.sample(state[None])[0] if self.can_imagine else None

    @torch.no_grad()
    def _surprise(self, state: Tensor, expected: Frame | None, frame: Frame) -> tuple[float, float]:
        """Return the squared error of what was expected, and KL(posterior || prior) of the frame in nats."""
        assert self._model is not None
        terms = self._model.loss(torch.from_numpy(frame)[None].to(state.device), state, self._generator)
        error = float(terms.error[0]) if expected is None else squared_error(expected, frame)
        return error, float(terms.kl[0]) * frame.size


def show(session: BeliefSession, action: int, frame: Frame, reward: float) -> None:
    """Let a session of one world observe a frame within an episode, true or imagined."""
    no = np.zeros(1, np.bool_)
    session.observe(frame[None], np.array([reward]), no, no, {}, action=[action])


def squared_error(one: Frame, other: Frame) -> float:
    """Return the mean squared difference of pictures, on the scale [0, 1]."""
    return float(np.square((one.astype(np.float32) - other) / 255).mean())
