"""The heart: one trajectory in, better weights out."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from simcore.config import LearningConfig, SimulationConfig
from simcore.learning.trajectory import Trajectory
from simcore.memory import CoreState
from simcore.nested import detach
from simcore.simulation import draw_starts
from simcore.system import SimCore


class NonFiniteLossError(ArithmeticError):
    """A loss is NaN or infinite. The weights are those of before the update."""


class Learned(NamedTuple):
    """What one update gives."""

    metrics: Tensor
    """One value for each of `Learner.METRICS`, on the learner's device."""
    final_state: CoreState
    """The belief core's state after the trajectory, without gradient, `[B, ...]`."""


class Learner:
    """Trains belief, simulation, frame model and probes, each trajectory once.

    Args:
        system: the nets.
        learning: batch, learning rate and the like.
        simulation: the overshoot's lengths and points.
        seed: seeds the starts, the offsets and the latents.
    """

    METRICS = (
        "loss",
        "kl",
        "error",
        "lambda",
        "map_mse",
        "cell_accuracy",
        "heading_accuracy",
        "probe_loss",
        "grad_norm",
        "weight",
    )

    def __init__(self, system: SimCore, learning: LearningConfig, simulation: SimulationConfig, seed: int) -> None:
        self.system = system
        self.learning = learning
        self.simulation = simulation
        device = next(system.parameters()).device
        self.generator = torch.Generator().manual_seed(seed)
        self.noise = torch.Generator(device).manual_seed(seed + 1)
        self.updates = 0
        belief = [*system.agent.parameters(), *system.simulation.core.parameters()]
        frames = list(system.simulation.frame_model.parameters())
        self._clipped = belief + frames
        self.optimizer = torch.optim.Adam(
            [
                {"params": belief, "lr": learning.learning_rate},
                {"params": frames, "lr": learning.learning_rate},
                {"params": list(system.probes.parameters()), "lr": learning.probe_learning_rate},
            ],
            betas=(learning.beta1, learning.beta2),
            fused=True,
        )

    def step(self, trajectory: Trajectory) -> Learned:
        """Do one update of all weights, and of λ.

        Raises:
            NonFiniteLossError: a loss is NaN or infinite; nothing has been changed.
        """
        system, generator = self.system, self.generator
        starts = draw_starts(len(trajectory.frames), self.simulation.overshoot, self.simulation.starts, generator)
        beliefs = system.agent.unroll(trajectory, snapshots_at=starts)
        assert beliefs.snapshots is not None
        seeing = system.simulation.loss(beliefs.snapshots, trajectory, starts, generator, self.noise)
        knowing = system.probes.loss(beliefs.outputs.detach(), trajectory.truth)

        self._check({"model loss": seeing.loss, "KL": seeing.kl, "error": seeing.error, "probe loss": knowing.loss})
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(seeing.loss + knowing.loss)
        norm = nn.utils.clip_grad_norm_(self._clipped, self.learning.gradient_clip)
        self._check({"gradient norm": norm})
        self.updates += 1
        self._warm_up()
        self.optimizer.step()
        multiplier = system.simulation.frame_model.multiplier.clone()
        system.simulation.frame_model.update(seeing.error.detach())

        metrics = [
            seeing.loss,
            seeing.kl,
            seeing.error,
            multiplier,
            *knowing[1:],
            knowing.loss,
            norm,
            seeing.weight,
        ]
        return Learned(torch.stack([metric.detach() for metric in metrics]), detach(beliefs.final))

    def state_dict(self) -> dict[str, Any]:
        """Return weights, λ, the optimiser's moments and the random states."""
        return {
            "system": self.system.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "updates": self.updates,
            "generator": self.generator.get_state(),
            "noise": self.noise.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        self.system.load_state_dict(state["system"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.updates = state["updates"]
        self.generator.set_state(state["generator"].cpu())
        self.noise.set_state(state["noise"].cpu())

    def _warm_up(self) -> None:
        """Set the learning rate of encoder and cores."""
        fraction = min(1.0, self.updates / max(self.learning.belief_warmup, 1))
        self.optimizer.param_groups[0]["lr"] = self.learning.learning_rate * fraction

    @staticmethod
    def _check(losses: dict[str, Tensor]) -> None:
        finite = torch.stack([torch.isfinite(loss) for loss in losses.values()]).tolist()
        for (name, loss), good in zip(losses.items(), finite, strict=True):
            if not good:
                raise NonFiniteLossError(f"the {name} is {loss.item()}")
