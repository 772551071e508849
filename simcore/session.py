"""A live belief: it observes frame by frame, acts, imagines, and is read.

```python
session = BeliefSession(agent, simulation, probes)
belief = session.observe(*env.reset(seed=0))
while not over:
    *returned, info = env.step(session.act())
    belief = session.observe(*returned, info)
```
"""

import copy
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from simcore.agent import Agent
from simcore.belief import Belief
from simcore.common.checks import require
from simcore.common.errors import UserError
from simcore.common.seeding import derive_seed
from simcore.common.tree import leaves
from simcore.data.state import CoreState
from simcore.data.trajectory import NO_ACTION
from simcore.probes import MapModel, Probes
from simcore.simulation import SimCoreHead
from simcore.stepper import AgentStepper
from simcore.worlds.api import LARGEST_REWARD, PREVIOUS_ACTION, RewardError
from simcore.worlds.checks import checked_actions

ReadBy = Literal["fresh", "online", "nothing"]
"""The probes of a belief: trained afterwards on the frozen belief, alongside it, or none."""


class SessionState(NamedTuple):
    """A snapshot of a session, from which it, or a fork of it, can continue; safe to keep."""

    core: CoreState
    """The belief core's state after the last frame, `[N, ...]`."""
    belief: Tensor | None
    """b_t, `[N, belief_size]`; None before the first frame."""
    simulated: CoreState | None
    """The simulation core's state after steps without frames; None if there were none since the last frame."""
    action: NDArray[np.int64] | None
    """The chosen actions whose frames were not observed yet, `[N]`; None if there are none."""
    is_over: NDArray[np.bool_]
    """Where an episode has ended, so that the next frame is the first of another, `[N]`."""
    policy_generator: Tensor
    """The state of the generator that samples actions."""
    frame_generator: Tensor
    """The state of the generator that samples frames and maps."""


class BeliefSession:
    """The belief of one world, or of N side by side, formed frame by frame without gradient.

    It keeps track of the previous action, the reward and where episodes begin. An action is known because the session
    chose it (`act`), because the environment's info reports it (as those of `LoadedRun.make_env` do), or because it is
    given (`action=`); the later of these has precedence.

    Args:
        agent: the nets; their weights are read at each step, so changes take effect at once.
        simulation: imagines frames; None: nothing is imagined.
        probes: read the belief; None: nothing is read from it.
        map_model: samples maps; None: none are sampled.
        batch: N worlds side by side, where arrays have a dimension N; None: one world, without it.
        seed: of the generators.
        greedy: take the most likely action instead of sampling.
        reward_scale: what rewards are multiplied by before the agent sees them.
        read_by: which probes these are.

    Raises:
        UserError: `batch` is not positive.
    """

    def __init__(
        self,
        agent: Agent,
        simulation: SimCoreHead | None = None,
        probes: Probes | None = None,
        map_model: MapModel | None = None,
        *,
        batch: int | None = None,
        seed: int = 0,
        greedy: bool = False,
        reward_scale: float = 1.0,
        read_by: ReadBy = "nothing",
    ) -> None:
        require(batch is None or batch >= 1, f"batch is {batch}; it must be at least 1, or None for one world")
        self.agent = agent
        self.simulation = simulation
        self.probes = probes
        self.map_model = map_model
        self.batch = batch
        self.num_worlds = batch or 1
        self.reward_scale = reward_scale
        self.read_by = read_by
        self._stepper = AgentStepper(agent, self.num_worlds, seed, greedy)
        self._imagination = torch.Generator(self._stepper.device).manual_seed(derive_seed(seed, "imagine"))
        self._simulated: CoreState | None = None
        self._action: NDArray[np.int64] | None = None
        self._is_over = np.ones(self.num_worlds, np.bool_)

    def observe(self, frame: ArrayLike, *returned: Any, action: ArrayLike | None = None) -> Belief:
        """Observe what an environment's `reset` or `step` returned, and return the belief.

        Worlds of a batch begin their next episode by themselves, in Gymnasium's next-step mode: the step after an end
        returns a first frame. There, after `reset`, and at a session's first frame, the belief begins anew.

        Args:
            frame: uint8 `[H, W, 3]`, or `[N, H, W, 3]` of a batch.
            *returned: the info, as `reset` returns it; or reward, terminated, truncated and info, as `step` does.
            action: what led to the frame; None: what the environment reports, or else what `act` chose.

        Raises:
            UserError: the action that led to the frame is unknown, a reward is not a finite number, or only some of a
                batch of SimCore's levels were reset (`reset_mask`), which a session cannot follow.
            ValueError: the frame or the action is not one of this agent's.
            TypeError: it is neither what `reset` returned nor what `step` did.
        """
        if isinstance(frame, tuple):
            raise TypeError("observe was given a tuple; it takes its parts: session.observe(*env.reset(seed=0))")
        frames = self._frames(frame)
        rewards, over = np.zeros(self.num_worlds, np.float32), np.zeros(self.num_worlds, np.bool_)
        actions, begins = np.full(self.num_worlds, NO_ACTION, np.int64), np.ones(self.num_worlds, np.bool_)
        if len(returned) == 4:
            reward, terminated, truncated, info = *returned[:3], returned[3] or {}
            begins = self._is_over
            if not begins.all():
                actions = np.where(begins, NO_ACTION, self._previous_action(action, info, begins))
                rewards = self._scaled(reward, begins)
            over = self._each(terminated, "terminated", np.bool_) | self._each(truncated, "truncated", np.bool_)
        elif len(returned) == 1:
            self._require_all_reset(returned[0] or {})
        else:
            raise TypeError(
                f"observe was given a frame and {len(returned)} more; it takes what reset returned (frame, info), or "
                "what step returned (frame, reward, terminated, truncated, info)"
            )
        self._stepper.observe(frames, actions, rewards, begins)
        self._is_over, self._action, self._simulated = over, None, None
        return self.read()

    def read(self) -> Belief:
        """Return the present belief.

        Raises:
            UserError: no frame was observed, or none since steps without frames: a simulated state cannot be read.
        """
        return Belief(self._present(), self.batch is not None, self.probes)

    def act(self) -> int | NDArray[np.int64]:
        """Choose the next action; for a batch int64 `[N]`.

        Raises:
            UserError: the agent has no policy; or as `read`.
        """
        require(
            self.agent.heads is not None,
            "this agent has no policy, a hand-made one acted in its training; choose actions in another way, and tell "
            "them by session.observe(*env.step(action), action=action)",
        )
        self._present()
        self._action, _ = self._stepper.choose()
        return self._action.copy() if self.batch is not None else int(self._action[0])

    @torch.no_grad()
    def imagine(self, actions: ArrayLike, samples: int = 8, seed: int | None = None) -> NDArray[np.uint8]:
        """Imagine the frames that actions would lead to; the session does not advance.

        Args:
            actions: K of them, `[K]`, or `[K, N]` of a batch.
            samples: S, how often each frame is sampled, from one simulated state.
            seed: of the samples; None: the session's own generator continues.

        Returns:
            Frames, uint8 `[S, K, H, W, 3]`, or `[S, K, N, H, W, 3]` of a batch.

        Raises:
            UserError: there is no simulation, or its frame model makes no frames; nothing was observed yet; or
                `samples` is not positive.
            ValueError: the actions are not this agent's.
        """
        require(
            isinstance(samples, int | np.integer) and samples >= 1,
            f"samples is {samples}; it must be a whole number from 1",
        )
        states = self.simulate(actions)
        together = states.expand(samples, *states.shape)
        frames = self._simulation().sample_frames(together, self._drawn_by(seed)).cpu().numpy()
        return frames if self.batch is not None else frames[:, :, 0]

    @torch.no_grad()
    def simulate(self, actions: ArrayLike) -> Tensor:
        """Compute the states that actions would lead to, from which frames are sampled; the session does not advance.

        Args:
            actions: K of them, `[K]`, or `[K, N]` of a batch.

        Returns:
            States of the simulation core, on the nets' device, float `[K, N, *]`; N is 1 without a batch.

        Raises:
            UserError: there is no simulation, or nothing was observed yet.
            ValueError: the actions are not this agent's.
        """
        simulation, state, given = self._simulation(), self._moment(), np.asarray(actions)
        if given.ndim != (1 if self.batch is None else 2) or not len(given):
            wanted = "[K]" if self.batch is None else f"[K, {self.batch}]"
            raise ValueError(f"actions are {list(given.shape)}; they must be {wanted}, one step at least")
        rows = [self._actions(row) for row in given]
        return simulation.simulate(state, torch.from_numpy(np.stack(rows)).to(self._stepper.device))

    @torch.no_grad()
    def imagine_maps(self, samples: int = 8, seed: int | None = None) -> NDArray[np.uint8]:
        """Sample the map given the present belief, uint8 `[S, M, M, 3]`, or `[S, N, M, M, 3]` of a batch.

        Raises:
            UserError: there is no map model; or as `read`.
        """
        if self.map_model is None:
            raise UserError("there is no map model; train one with --probes.map-convdraw")
        belief = self._present()
        maps = self.map_model.sample(belief.expand(samples, *belief.shape), self._drawn_by(seed)).cpu().numpy()
        return maps if self.batch is not None else maps[:, 0]

    @torch.no_grad()
    def step_blind(self, action: ArrayLike) -> None:
        """Advance the simulation core by an action, without a frame.

        Then `imagine` starts from there, and the belief can neither be read nor act until the next frame, when it
        continues from the last frame that it observed.

        Raises:
            UserError: there is no simulation, or nothing was observed yet.
            ValueError: the action is not this agent's.
        """
        chosen = self._actions(action)
        unrolled = self._simulation().unroll(self._moment(), torch.from_numpy(chosen).to(self._stepper.device)[None])
        self._simulated, self._action = unrolled.final, chosen

    @property
    def state(self) -> SessionState:
        """A snapshot of the present, for `fork`."""
        return SessionState(
            self._stepper.core_state(),
            None if self._stepper.belief is None else self._stepper.belief.clone(),
            None if self._simulated is None else self._simulation().core.portable(self._simulated),
            None if self._action is None else self._action.copy(),
            self._is_over.copy(),
            self._stepper.generator.get_state(),
            self._imagination.get_state(),
        )

    def fork(self, state: SessionState | None = None) -> "BeliefSession":
        """Return a session of the same nets that continues from a snapshot; this one is unchanged.

        Args:
            state: of this session or of one like it; None: the present one.

        Raises:
            UserError: it is of a session with other nets, or with another number of worlds.
        """
        state = self.state if state is None else state
        self._require_alike(state)
        forked = copy.copy(self)
        forked._stepper = copy.copy(self._stepper)
        forked._stepper.load(state.core, state.belief, state.policy_generator)
        forked._simulated, forked._action, forked._is_over = state.simulated, state.action, state.is_over
        forked._imagination = torch.Generator(self._stepper.device)
        forked._imagination.set_state(state.frame_generator)
        return forked

    def _require_alike(self, state: SessionState) -> None:
        """Raise `UserError` unless a state could be one of this session."""
        own, given = (list(leaves(core)) for core in (self._stepper.core_state(), state.core))
        worlds, width = given[0].shape
        require(
            worlds == self.num_worlds and width == own[0].shape[1],
            f"the state is of a session with {worlds} worlds and agent.hidden_size {width}; this one has "
            f"{self.num_worlds} and {own[0].shape[1]}",
        )
        # A slot memory's state grows along the slots, the last dimension but one of its words.
        sizes = [[(leaf.dim(), leaf.shape[-1] if leaf.dim() > 2 else 0) for leaf in each] for each in (own, given)]
        require(sizes[0] == sizes[1], "the state is of a session with another memory: see core and its sizes")

    def _present(self) -> Tensor:
        require(self._simulated is None, "the last steps were without frames, and only a belief is read: observe one")
        return self._last_belief()

    def _moment(self) -> CoreState:
        """Return the state that the simulation core starts from."""
        self._last_belief()
        return self._stepper.state if self._simulated is None else self._simulated

    def _last_belief(self) -> Tensor:
        if self._stepper.belief is None:
            raise UserError("nothing was observed yet; begin with session.observe(*env.reset(seed=0))")
        return self._stepper.belief

    def _simulation(self) -> SimCoreHead:
        if self.simulation is None:
            raise UserError("there is no simulation, so nothing is imagined; train a run with a frame model")
        return self.simulation

    def _drawn_by(self, seed: int | None) -> torch.Generator:
        if seed is None:
            return self._imagination
        return torch.Generator(self._stepper.device).manual_seed(derive_seed(seed, "imagine"))

    def _require_all_reset(self, info: Mapping[str, Any]) -> None:
        """Raise `UserError` if an environment's info says, by its masks, that it has reset only some worlds."""
        if self._stepper.belief is None:
            return
        is_reset = np.asarray(info.get("_pose", True), np.bool_)  # of SimCore's levels; others' masks mean other things
        require(
            bool(is_reset.all()),
            f"only {int(is_reset.sum())} of {self.num_worlds} worlds were reset, and a session begins all anew: "
            "reset all worlds, or have a session for each",
        )

    def _previous_action(
        self, given: ArrayLike | None, info: Mapping[str, Any], begins: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        for action in (given, info.get(PREVIOUS_ACTION), self._action):
            if action is not None:
                return self._actions(np.where(begins, 0, self._each(action, "actions")))
        raise UserError(
            "nobody knows the action that led to this frame: choose it by session.act(), take an environment of "
            "run.make_env(), which tells it, or give it: session.observe(*env.step(action), action=action)"
        )

    def _actions(self, actions: ArrayLike) -> NDArray[np.int64]:
        return checked_actions(self._each(actions, "actions"), self.num_worlds, self.agent.num_actions)

    def _scaled(self, reward: ArrayLike, begins: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return the rewards as the agent receives them, `[N]`: scaled, and 0 where an episode begins."""
        try:
            scaled = np.where(begins, 0.0, self.reward_scale * self._each(reward, "rewards", np.float64))
        except (TypeError, ValueError, OverflowError):
            scaled = np.full(self.num_worlds, np.nan)
        if not np.abs(scaled).max() <= LARGEST_REWARD:  # true of NaN, too
            raise RewardError(f"the reward is {reward!r}; it must be a finite number for each world")
        return scaled.astype(np.float32)

    def _frames(self, frame: ArrayLike) -> NDArray[np.uint8]:
        frames = np.array(frame if self.batch is not None else np.asarray(frame)[None])  # a copy, which may be written
        shape = (self.num_worlds, self.agent.frame_size, self.agent.frame_size, 3)
        if frames.dtype != np.uint8 or frames.shape != shape:
            expected = list(shape if self.batch is not None else shape[1:])
            raise ValueError(f"a frame must be uint8 {expected}, not {frames.dtype} {list(np.shape(frame))}")
        return frames

    def _each(self, value: ArrayLike, what: str, dtype: Any = None) -> NDArray[Any]:
        """Return an array with a value for each world.

        Raises:
            ValueError: there are more or fewer.
        """
        array = np.asarray(value, dtype)
        wanted = () if self.batch is None else (self.batch,)
        if array.shape != wanted and (self.batch is not None or array.size != 1):
            raise ValueError(f"{what} are {list(array.shape)}; they must be {list(wanted)}, one for each world")
        return array if self.batch is not None else array.reshape(1)
