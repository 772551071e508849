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
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from simcore.agent import Agent
from simcore.belief import Belief
from simcore.common.checks import require
from simcore.common.errors import UserError
from simcore.common.seeding import derive_seed
from simcore.data.state import CoreState
from simcore.data.trajectory import NO_ACTION
from simcore.probes import MapModel, Probes
from simcore.session.inputs import Inputs
from simcore.session.state import SessionState
from simcore.simulation import SimCoreHead
from simcore.stepper import AgentStepper
from simcore.worlds.api import PREVIOUS_ACTION

ReadBy = Literal["fresh", "online", "nothing"]
"""The probes of a belief: trained afterwards on the frozen belief, alongside it, or none."""


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
        self.reward_scale = reward_scale
        self.read_by = read_by
        self._inputs = Inputs(batch, agent.frame_size, agent.num_actions)
        self.num_worlds = self._inputs.num_worlds
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
        frames = self._inputs.frames(frame)
        rewards, over = np.zeros(self.num_worlds, np.float32), np.zeros(self.num_worlds, np.bool_)
        actions, begins = np.full(self.num_worlds, NO_ACTION, np.int64), np.ones(self.num_worlds, np.bool_)
        if len(returned) == 4:
            reward, terminated, truncated, info = *returned[:3], returned[3] or {}
            begins = self._is_over
            if not begins.all():
                actions = np.where(begins, NO_ACTION, self._previous_action(action, info, begins))
                rewards = self._inputs.rewards(reward, self.reward_scale, begins)
            over = self._inputs.each(terminated, "terminated", np.bool_)
            over = over | self._inputs.each(truncated, "truncated", np.bool_)
        elif len(returned) == 1:
            if self._stepper.belief is not None:
                self._inputs.require_all_reset(returned[0] or {})
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
        simulation, state = self._simulation(), self._moment()
        return simulation.simulate(state, torch.from_numpy(self._inputs.plan(actions)).to(self._stepper.device))

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
        chosen = self._inputs.actions(action)
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
        state.require_like(self._stepper.core_state())
        forked = copy.copy(self)
        forked._stepper = copy.copy(self._stepper)
        forked._stepper.load(state.core, state.belief, state.policy_generator)
        forked._simulated, forked._action, forked._is_over = state.simulated, state.action, state.is_over
        forked._imagination = torch.Generator(self._stepper.device)
        forked._imagination.set_state(state.frame_generator)
        return forked

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

    def _previous_action(
        self, given: ArrayLike | None, info: Mapping[str, Any], begins: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        for action in (given, info.get(PREVIOUS_ACTION), self._action):
            if action is not None:
                return self._inputs.actions(np.where(begins, 0, self._inputs.each(action, "actions")))
        raise UserError(
            "nobody knows the action that led to this frame: choose it by session.act(), take an environment of "
            "run.make_env(), which tells it, or give it: session.observe(*env.step(action), action=action)"
        )
