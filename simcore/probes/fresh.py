"""Fresh probes: trained to the end on a frozen belief, so that they tell what it holds and not how fast it moves."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from simcore.common.tree import tree_map
from simcore.config.run import ProbesConfig
from simcore.data.targets import ProbeTargets
from simcore.probes.readout import Probes, Readout

PARTS = ("map", "cell", "heading")
"""The three nets of probes, which share no parameter: each is stopped where it is best."""


LOOKS = 2
"""How often in an epoch the validation set is looked at."""


class Examples(NamedTuple):
    """Beliefs and what they should tell; rows are times of worlds."""

    beliefs: Tensor
    """Float `[N, belief_size]`."""
    targets: ProbeTargets
    """`[N, ...]`."""

    def rows(self, chosen: Tensor | slice) -> "Examples":
        """Return some of the rows."""
        return Examples(self.beliefs[chosen], tree_map(lambda part: part[chosen], self.targets))


@torch.enable_grad()  # whoever looks into a run has switched gradients off
def train_fresh_probes(
    probes: Probes,
    examples: Examples,
    validation: Examples,
    config: ProbesConfig,
    generator: torch.Generator,
    advance: Callable[[float], None] = lambda part: None,
) -> Probes:
    """Train probes on frozen beliefs, and stop each of the three nets where it is best on worlds apart.

    Args:
        probes: with fresh weights; they are trained in place.
        examples: the training set.
        validation: beliefs from other worlds, by which each net's best moment is chosen.
        config: epochs, batch and learning rate.
        generator: draws the order of the examples (on the CPU).
        advance: told after every step which part of the whole has been done.

    Returns:
        The same probes.
    """
    probes.standardise.fit(examples.beliefs)
    probes.begin_at(mean_map(examples.targets))
    optimizer = torch.optim.Adam(probes.parameters(), config.learning_rate, fused=True)
    per_epoch = math.ceil(len(examples.beliefs) / config.batch)
    total = config.epochs * per_epoch
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: (1 + math.cos(math.pi * step / total)) / 2)
    count = config.epochs * LOOKS
    looks = {round(total * (look + 1) / count) for look in range(count)}
    best = dict.fromkeys(PARTS, math.inf)
    kept: dict[str, dict[str, Tensor]] = {}
    step = 0
    for _ in range(config.epochs):
        order = torch.randperm(len(examples.beliefs), generator=generator).to(examples.beliefs.device)
        for chosen in torch.split(order, config.batch):
            rows = examples.rows(chosen)
            loss = probes.loss(rows.beliefs, rows.targets).loss
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            step += 1
            advance(step / total)
            if step in looks:
                for part, value in validation_losses(probes, validation).items():
                    if value < best[part]:
                        best[part] = value
                        weights = getattr(probes, part).state_dict()
                        kept[part] = {name: weight.clone() for name, weight in weights.items()}
    for part, weights in kept.items():
        getattr(probes, part).load_state_dict(weights)
    return probes.eval().requires_grad_(False)


def mean_map(truth: ProbeTargets) -> Tensor:
    """Return the mean of maps `[N, M, M, 3]`, float in [0, 1], without a float copy of all of them."""
    total = torch.zeros(truth.maps.shape[1:], dtype=torch.int64, device=truth.maps.device)
    for part in torch.split(truth.maps, 4096):
        total += part.sum(0, dtype=torch.int64)
    return (total.double() / (255.0 * len(truth.maps))).float()


@torch.no_grad()
def validation_losses(probes: Probes, validation: Examples, batch: int = 4096) -> dict[str, float]:
    """Return each net's mean loss on examples."""
    sums = torch.zeros(len(PARTS), dtype=torch.float64)
    for begin in range(0, len(validation.beliefs), batch):
        rows = validation.rows(slice(begin, begin + batch))
        losses = torch.stack([part.sum() for part in losses_by_example(probes(rows.beliefs), rows.targets)])
        sums += losses.double().cpu()
    return dict(zip(PARTS, (sums / len(validation.beliefs)).tolist(), strict=True))


def losses_by_example(read: Readout, truth: ProbeTargets) -> tuple[Tensor, Tensor, Tensor]:
    """Return the losses of map, cell and heading, `[N]` each."""
    return (
        (read.maps - truth.maps / 255.0).square().flatten(1).mean(1),
        F.cross_entropy(read.cells, truth.cells, reduction="none"),
        F.cross_entropy(read.headings, truth.headings, reduction="none"),
    )
