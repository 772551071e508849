"""An objective of your own: predict the action between two successive beliefs (inverse dynamics).

    python examples/own_objective.py

or, from this folder, on the command line, in addition to all other objectives:

    simcore train RandomCity --objectives own_objective:InverseDynamics --options inverse_dynamics.weight=2.0
"""

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import torch.nn.functional as F

from simcore.common.seeding import Generators
from simcore.data.trajectory import Trajectory
from simcore.networks import mlp
from simcore.objectives import Beliefs, Objective, ObjectiveLoss


@dataclass(frozen=True)
class InverseDynamicsConfig:
    """Weight and size of the objective."""

    weight: float = 1.0
    """Weight of its loss relative to the other objectives."""
    hidden_size: int = 64
    """Hidden units of the net that predicts the action."""


class InverseDynamics(Objective):
    """Train the belief by predicting the action a_t from b_{t-1} and b_t."""

    name = "inverse_dynamics"
    Config = InverseDynamicsConfig

    def __init__(self, config: InverseDynamicsConfig, *, belief_size: int, num_actions: int) -> None:
        super().__init__()
        self.weight = config.weight
        self.net = mlp(2 * belief_size, config.hidden_size, num_actions)

    def loss(self, beliefs: Beliefs, trajectory: Trajectory, generators: Generators) -> ObjectiveLoss:
        """Return the mean cross-entropy, in nats, over steps within episodes; `actions[t]` led to `frames[t]`."""
        pairs = torch.cat([beliefs.outputs[:-1], beliefs.outputs[1:]], dim=-1)
        logits = self.net(pairs).flatten(0, 1)
        taken = trajectory.actions[1:].clamp(min=0).flatten()
        counts = (~trajectory.is_first[1:]).flatten().float()
        total = self.ranks.mean(counts.sum()).clamp(min=1.0)
        loss = (counts * F.cross_entropy(logits, taken, reduction="none")).sum() / total
        accuracy = (counts * (logits.argmax(-1) == taken)).sum() / total
        return ObjectiveLoss(self.weight * loss, {"loss": loss, "accuracy": accuracy})


def main() -> None:
    """Check the objective, train with it briefly, and print its cross-entropy."""
    import simcore
    from simcore.runs import read_metrics
    from simcore.testing import check_objective

    check_objective(InverseDynamics)
    updates = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        config = simcore.preset("tiny").changed(
            objectives=("own_objective:InverseDynamics",), threads=1, learning={"updates": updates}
        )
        simcore.train(config, path)
        last = read_metrics(path / "metrics.jsonl")[-1]
        print(f"Cross-entropy {last['inverse_dynamics/loss']:.2f} nats, of {math.log(5):.2f} for a uniform guess")


if __name__ == "__main__":
    main()
