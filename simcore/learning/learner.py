"""The heart: one trajectory in, better weights out."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from simcore.common.distributed import Ranks
from simcore.common.errors import UserError
from simcore.common.precision import lowered, set_precision
from simcore.common.tree import detach, leaves, tree_map
from simcore.config.run import Config
from simcore.data.targets import ProbeTargets
from simcore.data.trajectory import Trajectory
from simcore.learning.batch import Batch, UpdateResult, draw_batch
from simcore.learning.compiling import compile_parts
from simcore.learning.fault import Fault
from simcore.learning.recorded import RecordedUpdate
from simcore.memory import RecurrentCore, Times
from simcore.objectives.actor_critic import acting_loss
from simcore.probes import MapModel, MapModelLoss, ProbeLoss, Probes
from simcore.system import SimCore
from simcore.worlds.api import MAP

LOSS = "nats a frame"
"""What the frame model's loss is counted in; a checkpoint says so, since it did not at all times."""


class Learner:
    """Trains agent, simulation, frame model and probes, each trajectory once.

    Args:
        system: the nets.
        config: of the run: which losses there are, batch, learning rate and the like.
        seed: seeds the starts, the offsets and the latents.
        ranks: the processes that learn together, each with its part of the batch.
    """

    def __init__(self, system: SimCore, config: Config, seed: int, ranks: Ranks | None = None) -> None:
        self.system = system
        self.config = config
        self.ranks = ranks or Ranks()
        self.device = device = next(system.parameters()).device
        self.fault = Fault(device)
        set_precision(config.precision)
        if config.compile:
            compile_parts(system)
        self.generator = torch.Generator().manual_seed(seed)  # alike on all ranks: a batch has the same starts
        self.noise = torch.Generator(device).manual_seed(seed + 1 + self.ranks.rank)
        self.probe_generator = torch.Generator().manual_seed(seed)
        self.map_noise = torch.Generator(device).manual_seed(seed - 1 - self.ranks.rank)
        self.updates = 0
        belief: list[nn.Parameter] = list(system.agent.parameters())
        frames: list[nn.Parameter] = []
        probes: list[nn.Parameter] = []
        if system.simulation is not None:
            belief += system.simulation.core.parameters()
            frames += system.simulation.frame_model.parameters()
        if system.probes is not None:
            probes += system.probes.parameters()
        self._clipped = belief + frames
        learning = config.learning
        groups = [(belief, learning.learning_rate), (frames, learning.learning_rate)]
        # An oracle is one net from frame to map, and learns at one rate.
        groups.append((probes, learning.learning_rate if config.supervised else learning.probe_learning_rate))
        if system.map_model is not None:
            groups.append((list(system.map_model.parameters()), learning.learning_rate))
        self.optimizer = torch.optim.Adam(
            [{"params": parameters, "lr": rate} for parameters, rate in groups if parameters],
            betas=(learning.beta1, learning.beta2),
            fused=True,
        )
        # As with AMP's scaler: where this says 1, a step of the optimiser changes nothing.
        self.optimizer.found_inf = self.fault.found_inf  # type: ignore[attr-defined]
        self._done = torch.zeros((), dtype=torch.int64, device=device)
        """`updates`, on the device."""
        on_gpu = device.type == "cuda"
        self._copies = torch.cuda.Stream(device) if on_gpu else None  # type: ignore[no-untyped-call]
        self._recorded = RecordedUpdate(self._update, [self.noise, self.map_noise]) if config.graph and on_gpu else None
        self._rate = torch.zeros((), device=device)
        """The learning rate of encoder and cores, for an update that is recorded."""
        self._be_recordable()

    def prepare(self, trajectory: Trajectory) -> Batch:
        """Draw what the next update is to look at, and send it to the device with the trajectory, which is used once.

        Args:
            trajectory: from the actors, with its initial state; on the CPU, or the host waits for it.
        """
        draws = (self.config, self.device, self.generator, self.probe_generator)
        if self._copies is None:
            return draw_batch(trajectory, *draws)
        current = torch.cuda.current_stream(self.device)
        with torch.cuda.stream(self._copies):  # beside the last update
            batch = draw_batch(trajectory, *draws)
        current.wait_stream(self._copies)
        for tensor in leaves(batch):
            if tensor.device.type == "cuda":
                tensor.record_stream(current)
        return batch

    def step(self, batch: Batch | Trajectory) -> UpdateResult:
        """Do one update of all weights, and of λ; the host does not wait for it.

        If a loss is NaN or infinite, this and later updates change nothing, and `check` complains.
        """
        batch = batch if isinstance(batch, Batch) else self.prepare(batch)
        self._warm_up()
        every, acts = self.config.record.metrics_every, self.system.agent.heads is not None
        measures = acts and self.system.simulation is not None and self.updates % every == 0  # once a line of metrics
        if measures or not self.config.graph:
            learned = self._update(batch, measures)
        else:
            learned = (self._recorded or self._update)(batch.blind())
        self.updates += 1
        return learned

    def check(self) -> None:
        """Ask whether all losses so far were finite; the host waits for the device.

        Raises:
            NonFiniteLossError: one was not; weights, λ and the optimiser's moments are those of before that update.
        """
        self.fault.complain(self.fault.report().cpu().tolist())

    def _update(self, batch: Batch, measures_ratio: bool = False) -> UpdateResult:
        """Do what `step` does on the device; nothing here asks the device for a value."""
        system, trajectory, starts = self.system, batch.trajectory, batch.starts
        state = trajectory.initial_state
        assert state is not None, "a trajectory is given its initial state where the actor has none"
        snapshots_at = starts if system.simulation is not None else starts.none()
        with lowered(self.config.precision, self.device):
            observed = system.agent.core_inputs(*trajectory[:3])
            beliefs = system.agent.core(observed, state, batch.begins, snapshots_at)
        losses: dict[str, Tensor] = {}
        embeddings = observed[..., : self.config.agent.embedding_size].detach()
        metrics: dict[str, Tensor] = {"embedding_spread": embeddings.std(dim=(0, 1)).mean()}
        from_acting: list[Tensor] | None = None  # the acting loss's gradient at the belief core, where it is measured
        if system.agent.heads is not None:
            supervised = self.config.supervised  # then policy and value take the belief as it is
            policy_value = system.agent.policy_and_value(beliefs.outputs.detach() if supervised else beliefs.outputs)
            acting = acting_loss(policy_value, trajectory, self.config.reinforcement, self.ranks)
            losses["policy and value loss"] = acting.loss
            metrics |= {"acting_loss": acting.loss, **named(acting, "policy_loss", "value_loss", "entropy")}
        if system.simulation is not None:
            assert beliefs.snapshots is not None
            with lowered(self.config.precision, self.device):
                seeing = system.simulation.loss(
                    beliefs.snapshots, trajectory, starts, batch.offsets, self.noise, self.ranks
                )
            losses["model loss"] = self.config.model_cost * seeing.loss
            metrics |= named(seeing, "loss", "kl", "error", "weight")
            if seeing.memory_share is not None:
                metrics["memory_share"] = seeing.memory_share
            metrics["loss"] = torch.where(seeing.error.isnan(), torch.nan, seeing.loss)  # no point counted
            metrics["lambda"] = system.simulation.frame_model.multiplier.clone()
            if system.agent.heads is not None:
                metrics["gradient_ratio"] = torch.full_like(seeing.loss, torch.nan)
                if measures_ratio:
                    loss = losses["policy and value loss"]
                    from_acting = gradient_at_core(
                        loss, beliefs.outputs, system.agent.core, observed, batch, self.config.precision
                    )
        if system.probes is not None:
            knowing = self._know(system.probes, beliefs.outputs, trajectory.targets, batch.probed)
            losses["probe loss"] = knowing.loss
            metrics |= {"probe_loss": knowing.loss, **knowing.metrics}
        if system.map_model is not None:
            imagining = self._imagine(system.map_model, beliefs.outputs.detach(), trajectory.targets, batch.mapped)
            losses["map model's loss"] = imagining.loss
            metrics |= {f"map_{name}": term for name, term in named(imagining, "loss", "kl", "error").items()}
            metrics["map_lambda"] = system.map_model.multiplier.clone()

        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(torch.stack(list(losses.values())).sum())
        self.ranks.average(parameter.grad for parameter in self.system.parameters() if parameter.grad is not None)
        if from_acting is not None:
            metrics["gradient_ratio"] = self._gradient_ratio(from_acting)
        clip = self.config.learning.gradient_clip
        metrics["grad_norm"] = nn.utils.clip_grad_norm_(self._clipped, clip)
        metrics["clipped"] = (metrics["grad_norm"] > clip).float()
        terms = losses | {"gradient norm": metrics["grad_norm"]}
        self.fault.look(terms, self.ranks.mean(torch.stack([term.detach() for term in terms.values()])), self._done)
        self._done += 1
        self.optimizer.step()
        failed = self.fault.found
        if system.probes is not None:
            read = beliefs.outputs.detach().flatten(0, 1)
            system.probes.standardise.track(read, self.ranks.mean, unless=failed)
        if system.simulation is not None:  # NaN, which tells of no error, leaves λ alone
            error = self.ranks.mean(metrics["error"].detach())
            system.simulation.frame_model.update(torch.where(failed, torch.nan, error))
        if system.map_model is not None:
            error = self.ranks.mean(metrics["map_error"].detach())
            system.map_model.update(torch.where(failed, torch.nan, error))
        return UpdateResult({name: value.detach() for name, value in metrics.items()}, detach(beliefs.final))

    def state_dict(self) -> dict[str, Any]:
        """Return weights, λ, the optimiser's moments and the random states."""
        return {
            "system": self.system.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "updates": self.updates,
            "loss": LOSS,
            "generator": self.generator.get_state(),
            "noise": self.noise.get_state(),
            "probe_generator": self.probe_generator.get_state(),
            "map_noise": self.map_noise.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned.

        Raises:
            UserError: it is of a version with another loss.
        """
        if state.get("loss") != LOSS:
            raise UserError(
                "this run was begun when the frame model's loss was counted in other units and probes were other nets; "
                "it can be probed and rolled out, but not go on: train a new one"
            )
        self.system.load_state_dict(state["system"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.updates = state["updates"]
        self._done.fill_(self.updates)
        self._be_recordable()
        self.generator.set_state(state["generator"].cpu())
        self.probe_generator.set_state(state["probe_generator"].cpu())
        if self.ranks.is_first:  # it wrote the state; the others' latents go on from where their seeds begin
            self.noise.set_state(state["noise"].cpu())
            self.map_noise.set_state(state["map_noise"].cpu())

    def _gradient_ratio(self, from_acting: list[Tensor]) -> Tensor:
        """Return the norm of the model's gradient at the belief core over that of the acting loss, which is given.

        The core's gradient is the sum of the two, so the model's is what is left of it.
        """
        self.ranks.average(from_acting)
        from_model = [
            parameter.grad - acting
            for parameter, acting in zip(self.system.agent.core.parameters(), from_acting, strict=True)
            if parameter.grad is not None
        ]
        return nn.utils.get_total_norm(from_model) / nn.utils.get_total_norm(from_acting)

    def _know(self, probes: Probes, beliefs: Tensor, truth: ProbeTargets, probed: Times | None) -> ProbeLoss:
        """Read the beliefs at the probes' times; the probes train the belief where they alone are its teachers."""
        supervised = self.config.supervised
        beliefs = beliefs if supervised else beliefs.detach()
        if probed is not None:
            beliefs, truth = tree_map(lambda part: part.index_select(0, probed.rows), (beliefs, truth))
        return probes.loss(beliefs, truth, self.config.probes.map_weight if supervised else 1.0)

    def _imagine(self, map_model: MapModel, beliefs: Tensor, truth: ProbeTargets, mapped: Times | None) -> MapModelLoss:
        """Model the map given the beliefs at a few times."""
        assert mapped is not None, "they are drawn where there is such a model"
        maps, beliefs = (part.index_select(0, mapped.rows) for part in (truth[MAP], beliefs))
        return map_model.loss(maps, beliefs, self.map_noise)

    def _warm_up(self) -> None:
        """Set the learning rate of encoder and cores for the next update."""
        learning = self.config.learning
        rate = learning.learning_rate * min(1.0, (self.updates + 1) / max(learning.belief_warmup, 1))
        if self._recorded is None:
            self.optimizer.param_groups[0]["lr"] = rate
        else:
            self._rate.fill_(rate)

    def _be_recordable(self) -> None:
        """Let the optimiser look up on the device what differs between updates, where they are recorded."""
        if self._recorded is not None:
            self.optimizer.param_groups[0]["lr"] = self._rate
            for group in self.optimizer.param_groups:
                group["capturable"] = True


def gradient_at_core(
    loss: Tensor, beliefs: Tensor, core: RecurrentCore, observed: Tensor, batch: Batch, precision: str
) -> list[Tensor]:
    """Return the gradient at the belief core's weights of a loss that sees its outputs `beliefs` alone.

    The core is unrolled a second time for it, since one with a memory can be gone back through but once; what lies
    between loss and beliefs can be gone back through again.

    Args:
        loss: a scalar.
        beliefs: what the core made of `observed` along the trajectory, `[T, B, *]`.
        core: the belief core.
        observed: its inputs, `[T, B, *]`.
        batch: says where the episodes begin, and the state before the first step.
        precision: what the core works in.
    """
    (at_beliefs,) = torch.autograd.grad(loss, beliefs, retain_graph=True)
    state = batch.trajectory.initial_state
    assert state is not None
    with lowered(precision, observed.device):
        again = core(observed.detach(), core.portable(state), batch.resets)
    weights = list(core.parameters())
    return list(torch.autograd.grad(again.outputs, weights, at_beliefs, allow_unused=True, materialize_grads=True))


def named(terms: NamedTuple, *names: str) -> dict[str, Tensor]:
    """Return some of the terms of a loss by name."""
    return {name: getattr(terms, name) for name in names}
