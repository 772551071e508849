"""Benchmark of probes trained alongside the belief: their accuracy relative to fresh ones, and their cost.

    python -m benchmarks.online_probes                    # tiny, 1,000 updates, one core: some ten minutes
    python -m benchmarks.online_probes --updates 4500

All candidates, with different learning rates and times, are trained alongside the same belief, without gradient to it.
Prints for each the milliseconds per update, and in held-out worlds the map error relative to the best constant guess's,
and cell and heading accuracy; below them the same of fresh probes.
"""

import argparse
import time
from itertools import product

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from simcore.analysis.collecting import collect, episode_frames
from simcore.analysis.fresh_probes import FreshProbes
from simcore.analysis.scores import Constant, Scores, left, score
from simcore.analysis.subjects import observe
from simcore.build import make_probes, world_sizes
from simcore.common.seeding import Generators
from simcore.common.tree import tree_map
from simcore.config.presets import preset
from simcore.data.targets import TargetValues
from simcore.data.trajectory import Trajectory
from simcore.objectives.base import Beliefs, ObjectiveLoss
from simcore.objectives.probing import Probing
from simcore.probes import Probes
from simcore.training.training import Training

RATES = (3e-4, 1e-3)
TIMES = (3, 6, 12, 40)


class Candidate:
    """Probes with their own learning rate and number of times."""

    def __init__(self, probes: Probes, rate: float, times: int) -> None:
        self.probes = probes
        self.rate = rate
        self.times = times
        self.optimizer = torch.optim.Adam(probes.parameters(), rate, fused=True)
        self.generator = torch.Generator().manual_seed(0)
        self.seconds = 0.0

    def learn(self, beliefs: Tensor, truth: TargetValues) -> None:
        """Do one step on beliefs `[T, B, *]`."""
        begin = time.process_time()
        chosen = torch.randperm(len(beliefs), generator=self.generator)[: self.times].sort().values
        self.probes.standardise.track(beliefs.flatten(0, 1))
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.probes.loss(beliefs[chosen], tree_map(lambda part: part[chosen], truth)).loss
        torch.autograd.backward(loss)
        self.optimizer.step()
        self.seconds += time.process_time() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--updates", type=int, default=1000)
    parser.add_argument("--worlds", type=int, default=256)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    config = preset(arguments.preset)
    training = Training(config, torch.device("cpu"))
    size = training.system.agent.core.output_size
    candidates = [
        Candidate(make_probes(config, world_sizes(config), size), rate, times) for rate, times in product(RATES, TIMES)
    ]
    (probing,) = (objective for objective in training.learner.objectives if isinstance(objective, Probing))
    usual = probing.loss

    def loss_and_show(beliefs: Beliefs, trajectory: Trajectory, generators: Generators) -> ObjectiveLoss:
        assert trajectory.targets is not None, "the preset's world tells"
        for candidate in candidates:
            candidate.learn(beliefs.outputs.detach(), trajectory.targets)
        return usual(beliefs, trajectory, generators)

    probing.loss = loss_and_show  # type: ignore[method-assign]
    for _ in range(arguments.updates):
        training.update()

    system = training.system.eval()
    with torch.no_grad():
        length = episode_frames(config)
        held_out, others = (
            collect(config, system.agent, name, arguments.worlds, length) for name in ("held", "others")
        )
        beliefs = observe(system.agent, held_out)
    truth, targets = held_out.targets, candidates[0].probes.targets
    guess = Constant.fit([others.targets], targets).read(candidates[0].probes(beliefs))
    constant = score(guess, truth, targets)
    table = Table(title=f"probes of {config.preset} after {arguments.updates:,} updates", title_justify="left")
    for heading in ("learning rate", "times", "ms an update", "map left", "out of sight", "cell", "heading"):
        table.add_column(heading, justify="right")

    def add(scores: Scores, *names: str) -> None:
        remaining, overall = left(scores, constant), scores.overall()
        values = (remaining["map_mse"], remaining["map_mse_old"], overall["cell_accuracy"], overall["heading_accuracy"])
        table.add_row(*names, *(f"{value:.1%}" for value in values))

    with torch.no_grad():
        for candidate in candidates:
            cost = f"{1e3 * candidate.seconds / arguments.updates:.1f}"
            add(score(candidate.probes(beliefs), truth, targets), f"{candidate.rate:g}", str(candidate.times), cost)
    fresh = FreshProbes(config, system, arguments.updates, None).get(["belief"])["belief"]
    with torch.no_grad():
        add(score(fresh(beliefs), truth, targets), "fresh", "", "")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
