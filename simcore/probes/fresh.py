"""Training of fresh probes on a frozen belief; unlike online probes, they do not lag behind a changing belief."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from simcore.common.tree import tree_map
from simcore.data.targets import TargetValues
from simcore.probes.config import ProbesConfig
from simcore.probes.readout import Probes

LOOKS = 2
"""Evaluations of the validation set per epoch."""


class Examples(NamedTuple):
    """Beliefs with the probes' targets; each of the N rows is one time of one world."""

    beliefs: Tensor
    """Float `[N, belief_size]`, or `[N, belief_size + K D]` with a memory."""
    targets: TargetValues
    """`[N, ...]`."""

    def rows(self, chosen: Tensor | slice) -> "Examples":
        """Return some of the rows, by indices or a slice."""
        return Examples(self.beliefs[chosen], tree_map(lambda part: part[chosen], self.targets))


@torch.enable_grad()  # analysis is run without gradient
def train_fresh_probes(
    probes: Probes,
    examples: Examples,
    validation: Examples,
    config: ProbesConfig,
    generator: torch.Generator,
    advance: Callable[[float], None] = lambda part: None,
) -> Probes:
    """Train probes on frozen beliefs, and keep each net's weights of its best validation loss; nets share no parameter.

    Args:
        probes: newly initialised; they are trained in place.
        examples: the training set.
        validation: beliefs from other worlds, on which each net's best step is chosen.
        config: epochs, batch and learning rate.
        generator: for the order of the examples (on the CPU).
        advance: called after every step with the fraction of all steps that is done.

    Returns:
        The same probes, in evaluation mode and without gradient.
    """
    probes.fit_inputs(examples.beliefs)
    probes.begin_at(examples.targets)
    optimizer = torch.optim.Adam(probes.parameters(), config.learning_rate, fused=True)
    per_epoch = math.ceil(len(examples.beliefs) / config.batch)
    total = config.epochs * per_epoch
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: (1 + math.cos(math.pi * step / total)) / 2)
    count = config.epochs * LOOKS
    validate_at = {round(total * (look + 1) / count) for look in range(count)}
    best = {target.name: math.inf for target in probes.targets}
    best_weights: dict[str, dict[str, Tensor]] = {}
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
            if step in validate_at:
                for part, value in validation_losses(probes, validation).items():
                    if value < best[part]:
                        best[part] = value
                        weights = probes.get_submodule(part).state_dict()
                        best_weights[part] = {name: weight.clone() for name, weight in weights.items()}
    for part, weights in best_weights.items():
        probes.get_submodule(part).load_state_dict(weights)
    return probes.eval().requires_grad_(False)


@torch.no_grad()
def validation_losses(probes: Probes, validation: Examples, batch: int = 4096) -> dict[str, float]:
    """Return the mean loss of each net by its target's name, computed in batches."""
    names = [target.name for target in probes.targets]
    sums = torch.zeros(len(names), dtype=torch.float64)
    for begin in range(0, len(validation.beliefs), batch):
        rows = validation.rows(slice(begin, begin + batch))
        losses = probes.losses(rows.beliefs, rows.targets)
        sums += torch.stack([losses[name].sum() for name in names]).double().cpu()
    return dict(zip(names, (sums / len(validation.beliefs)).tolist(), strict=True))
