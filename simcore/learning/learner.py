"""The learner: one update of all weights from a trajectory."""

import logging
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from simcore.common.distributed import Ranks
from simcore.common.errors import UserError
from simcore.common.precision import lowered
from simcore.common.seeding import Generators
from simcore.common.tree import detach, leaves
from simcore.data.trajectory import Trajectory
from simcore.learning.batch import Batch, UpdateResult, make_batch
from simcore.learning.config import LearningConfig
from simcore.learning.fault import Fault, NonFiniteLossError
from simcore.learning.gradients import gradient_at_core, gradient_ratio, ratio_of, spread
from simcore.learning.optimizer import clipped_parameters, load_moments, make_adam
from simcore.learning.recorded import RecordedUpdate
from simcore.objectives.base import Objective, ObjectiveLoss
from simcore.system import SimCore

logger = logging.getLogger(__name__)

LOSS = "nats a frame"
"""The unit of the frame model's loss; recorded in checkpoints, since older ones have another."""


class Learner:
    """Train a system by the sum of a list of objectives, each trajectory once.

    Args:
        system: the nets.
        objectives: what they are trained by; none is known by name.
        config: batch, learning rate and the like.
        seed: seeds the objectives' sampling.
        ranks: the processes that learn together, each with its part of the batch.
        precision: of the nets' products; see `Config.precision`.
        graph: record the update as a CUDA graph and replay it, if the system is on a GPU.
        measure_every: updates between two measurements of the objectives' gradients.

    Raises:
        UserError: two objectives have the same name.
    """

    def __init__(
        self,
        system: SimCore,
        objectives: Sequence[Objective],
        config: LearningConfig,
        seed: int,
        ranks: Ranks | None = None,
        precision: str = "fp32",
        graph: bool = False,
        measure_every: int = 50,
    ) -> None:
        self.system = system
        self.objectives = list(objectives)
        self.config = config
        self.ranks = ranks or Ranks()
        self.precision = precision
        self.graph = graph
        self.measure_every = measure_every
        self.device = device = next(system.parameters()).device
        self.fault = Fault(device)
        for objective in self.objectives:
            objective.ranks = self.ranks
        names = [objective.name for objective in self.objectives]
        if len(set(names)) < len(names):
            raise UserError(f"objectives must have names of their own, not {', '.join(names)}")
        self.generators = {name: Generators.seeded(seed, name, device, self.ranks.rank) for name in names}
        self.updates = 0
        self._compared = ratio_of(self.objectives)
        self.optimizer = make_adam(system.agent, self.objectives, config)
        # As with AMP's scaler: if this is 1, a step of the optimiser changes nothing.
        self.optimizer.found_inf = self.fault.found_inf  # type: ignore[attr-defined]
        self._clipped = clipped_parameters(system.agent, self.objectives)
        self._done = torch.zeros((), dtype=torch.int64, device=device)
        """`updates`, on the device."""
        on_gpu = device.type == "cuda"
        self._copies = torch.cuda.Stream(device) if on_gpu else None  # type: ignore[no-untyped-call]
        sampling = [generators.device for generators in self.generators.values()]
        self._recorded = RecordedUpdate(self._update, sampling, device) if graph and on_gpu else None
        self._rate = torch.zeros((), device=device)
        """The learning rate of encoder and cores, for a recorded update."""
        self._be_recordable()

    def prepare(self, trajectory: Trajectory) -> Batch:
        """Sample the times of the next update, and send them and the trajectory, which is used once, to the device.

        Args:
            trajectory: from the actors, with its initial state; unless it is on the CPU, the host waits for it.
        """
        if self._copies is None:
            return make_batch(trajectory, self.objectives, self.generators, self.device)
        current = torch.cuda.current_stream(self.device)
        with torch.cuda.stream(self._copies):  # concurrent with the last update
            batch = make_batch(trajectory, self.objectives, self.generators, self.device)
        current.wait_stream(self._copies)
        for tensor in leaves(batch):
            if tensor.device.type == "cuda":
                tensor.record_stream(current)
        return batch

    @property
    def measures_ratio(self) -> bool:
        """Whether some updates measure `gradient_ratio`."""
        return self._compared is not None

    def step(self, batch: Batch | Trajectory) -> UpdateResult:
        """Do one update of all weights, and of the objectives' other state; the host does not wait for it.

        If a loss is NaN or infinite, this and later updates change nothing, and `check` raises an error.
        """
        batch = batch if isinstance(batch, Batch) else self.prepare(batch)
        self._warm_up()
        measures = self._compared is not None and self.updates % self.measure_every == 0  # once per line of metrics
        if measures or not self.graph:
            result = self._update(batch, measures)
        else:
            result = (self._recorded or self._update)(batch.blind())
        self.updates += 1
        return result

    def check(self) -> None:
        """Check that all losses so far were finite, and all there is to save is; the host waits for the device once.

        Raises:
            NonFiniteLossError: a loss was not, and weights, λ and the optimiser's moments are those before that update;
                or a weight, a buffer or a moment is not.
        """
        kept = self._kept()
        report = self.fault.report()
        are_not = torch.stack([~value.isfinite().all() for value in kept.values()])
        numbers = torch.cat([report, are_not.to(report)]).cpu().tolist()
        self.fault.complain(numbers[: len(report)])
        for name, is_not in zip(kept, numbers[len(report) :], strict=True):
            if is_not:
                raise NonFiniteLossError(f"{name} is no longer finite", self.updates - 1, name.rpartition(" ")[2])

    def _kept(self) -> dict[str, Tensor]:
        """Return all weights, buffers and moments of the optimiser, by names for messages."""
        kept = self.system.state_dict()
        names: dict[Tensor, str] = {parameter: name for name, parameter in self.system.named_parameters()}
        for parameter, moments in self.optimizer.state.items():
            kept |= {f"Adam's {kind} of {names[parameter]}": value for kind, value in moments.items()}
        return {name: value for name, value in kept.items() if value.is_floating_point()}

    def _update(self, batch: Batch, measures: bool = False) -> UpdateResult:
        """Do the part of `step` on the device; nothing here reads a value from the device."""
        agent, trajectory = self.system.agent, batch.trajectory
        state = trajectory.initial_state
        assert state is not None, "a trajectory is given its initial state where the actor has none"
        with lowered(self.precision, self.device):
            inputs = agent.core_inputs(trajectory.frames, trajectory.actions, trajectory.rewards)
            unrolled = agent.core(inputs, state, batch.begins, batch.snapshots)
        shown = batch.shown(unrolled, self.objectives)
        computed = {
            objective.name: ObjectiveLoss.of(
                objective, objective.loss(beliefs, trajectory, self.generators[objective.name])
            )
            for objective, beliefs in zip(self.objectives, shown, strict=True)
        }
        losses = {name: own.loss for name, own in computed.items()}
        named = {name: own.values() for name, own in computed.items()}
        weights = {f"{name}/{key}": value for name, own in computed.items() for key, value in own.weights().items()}
        metrics = {"embedding_spread": spread(inputs[..., : agent.embedding_size].detach(), self.ranks)}
        metrics |= {f"{name}/{key}": value for name, own in named.items() for key, value in own.items()}
        gradient_of_one = None
        if measures and self._compared is not None:
            loss = losses[self._compared]
            gradient_of_one = gradient_at_core(loss, unrolled.outputs, agent.core, inputs, batch, self.precision)
        self._backward(losses)
        if self._compared is not None:
            metrics["gradient_ratio"] = self._ratio(gradient_of_one, weights)
        self._step_optimizer(losses, metrics)
        for objective, beliefs in zip(self.objectives, shown, strict=True):
            objective.after_step(beliefs, named[objective.name], self.fault.found)
        metrics, weights = ({name: v.detach() for name, v in scalars.items()} for scalars in (metrics, weights))
        return UpdateResult(metrics, weights, detach(unrolled.final))

    def _backward(self, losses: dict[str, Tensor]) -> None:
        """Compute the gradient of the sum of the losses, averaged over processes."""
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(torch.stack(list(losses.values())).sum())
        self.ranks.average(parameter.grad for parameter in self.system.parameters() if parameter.grad is not None)

    def _ratio(self, of_one: list[Tensor] | None, weights: dict[str, Tensor]) -> Tensor:
        """Return `gradient_ratio`; NaN where it was not measured, or an objective has no terms and so no gradient."""
        if of_one is None:
            return torch.full((), torch.nan, device=self.device)
        ratio = gradient_ratio(self.system.agent.core, of_one, self.ranks)
        all_count = torch.stack([torch.ones_like(ratio), *weights.values()]).min() > 0
        return ratio.where(all_count, torch.nan)

    def _step_optimizer(self, losses: dict[str, Tensor], metrics: dict[str, Tensor]) -> None:
        """Clip the gradient and step, unless a term is or was not finite; add to the metrics."""
        clip = self.config.gradient_clip
        metrics["grad_norm"] = nn.utils.clip_grad_norm_(self._clipped, clip)
        metrics["clipped"] = (metrics["grad_norm"] > clip).float()
        terms = {f"loss of {name}": loss for name, loss in losses.items()} | {"gradient norm": metrics["grad_norm"]}
        self.fault.check(terms, self.ranks.mean(torch.stack([term.detach() for term in terms.values()])), self._done)
        self._done += 1
        self.optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        """Return weights, λ, the optimiser's moments and the generators' states."""
        return {
            "system": self.system.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "updates": self.updates,
            "loss": LOSS,
            "generators": {name: generators.state_dict() for name, generators in self.generators.items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned, also on another device, where generators are seeded anew.

        Raises:
            UserError: it is from a version with another loss.
            ValueError: weights or moments are not finite, or moments are not those of these weights.
        """
        if state.get("loss") != LOSS:
            raise UserError(
                "this run was begun when the frame model's loss was counted in other units and probes were other nets; "
                "it can be probed and rolled out, but not go on: train a new one"
            )
        self.system.load_state_dict(state["system"])
        load_moments(self.optimizer, self.system, state["optimizer"])
        self.updates = state["updates"]
        self._done.fill_(self.updates)
        self._be_recordable()
        saved = state["generators"] if "generators" in state else upgrade_generators(state)
        known = [name for name in self.generators if name in saved]
        # The state is the first process's; the other processes start again from their seeds.
        goes_on = [self.generators[name].load_state_dict(saved[name], self.ranks.is_first) for name in known]
        if not all(goes_on):
            logger.warning(
                "this run was on another kind of device than %s: it goes on with the same weights, and with other "
                "random numbers",
                self.device.type,
            )

    def _warm_up(self) -> None:
        """Set the learning rate of encoder and cores for the next update."""
        config = self.config
        rate = config.learning_rate * min(1.0, (self.updates + 1) / max(config.belief_warmup, 1))
        if self._recorded is None:
            self.optimizer.param_groups[0]["lr"] = rate
        else:
            self._rate.fill_(rate)

    def _be_recordable(self) -> None:
        """Keep on the device what differs between updates in the optimiser, if updates are recorded."""
        if self._recorded is not None:
            self.optimizer.param_groups[0]["lr"] = self._rate
            for group in self.optimizer.param_groups:
                group["capturable"] = True


def upgrade_generators(state: dict[str, Any]) -> dict[str, Any]:
    """Convert the generators' states of an older checkpoint, which had fixed objectives, to states by objective."""
    return {
        "frame_model": {"host": state["generator"], "device": state["noise"]},
        "probes": {"host": state["probe_generator"], "device": state["noise"]},
        "map_model": {"host": state["probe_generator"], "device": state["map_noise"]},
    }
