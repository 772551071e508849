"""Fresh probes: trained to the end on a frozen belief, so that they tell what it holds and not how fast it moves."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from simcore.common.tree import tree_map
from simcore.data.targets import ProbeTargets
from simcore.probes.config import ProbesConfig
from simcore.probes.readout import Probes

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
    """Train probes on frozen beliefs, and stop each net where it is best on worlds apart: they share no parameter.

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
    probes.begin_at(examples.targets)
    optimizer = torch.optim.Adam(probes.parameters(), config.learning_rate, fused=True)
    per_epoch = math.ceil(len(examples.beliefs) / config.batch)
    total = config.epochs * per_epoch
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: (1 + math.cos(math.pi * step / total)) / 2)
    count = config.epochs * LOOKS
    looks = {round(total * (look + 1) / count) for look in range(count)}
    best = {target.name: math.inf for target in probes.targets}
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
                        weights = probes.get_submodule(part).state_dict()
                        kept[part] = {name: weight.clone() for name, weight in weights.items()}
    for part, weights in kept.items():
        probes.get_submodule(part).load_state_dict(weights)
    return probes.eval().requires_grad_(False)


@torch.no_grad()
def validation_losses(probes: Probes, validation: Examples, batch: int = 4096) -> dict[str, float]:
    """Return each net's mean loss on examples."""
    names = [target.name for target in probes.targets]
    sums = torch.zeros(len(names), dtype=torch.float64)
    for begin in range(0, len(validation.beliefs), batch):
        rows = validation.rows(slice(begin, begin + batch))
        losses = probes.losses(rows.beliefs, rows.targets)
        sums += torch.stack([losses[name].sum() for name in names]).double().cpu()
    return dict(zip(names, (sums / len(validation.beliefs)).tolist(), strict=True))
