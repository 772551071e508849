"""Adam over all weights: a group for encoder and cores, and one for each objective's own."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from simcore.common.finite import first_not_finite
from simcore.learning.config import LearningConfig
from simcore.objectives.base import Objective


def belief_parameters(agent: nn.Module, objectives: Iterable[Objective]) -> list[nn.Parameter]:
    """Return the weights that the belief's rate and its warm-up hold for: the agent's and the simulation core's."""
    return [*agent.parameters(), *(p for objective in objectives for p in objective.belief_parameters())]


def clipped_parameters(agent: nn.Module, objectives: Sequence[Objective]) -> list[nn.Parameter]:
    """Return the weights whose gradients are clipped together."""
    own = (p for objective in objectives if objective.is_clipped for p in objective.own_parameters())
    return [*belief_parameters(agent, objectives), *own]


def make_adam(agent: nn.Module, objectives: Sequence[Objective], config: LearningConfig) -> torch.optim.Adam:
    """Make Adam; its first group is the belief's."""
    groups = [(belief_parameters(agent, objectives), config.learning_rate)]
    for objective in objectives:
        rate = objective.learning_rate
        groups.append((objective.own_parameters(), config.learning_rate if rate is None else rate))
    return torch.optim.Adam(
        [{"params": parameters, "lr": rate} for parameters, rate in groups if parameters],
        betas=(config.beta1, config.beta2),
        fused=True,
    )


def load_moments(optimizer: torch.optim.Optimizer, system: nn.Module, state: dict[str, Any]) -> None:
    """Restore the optimiser's moments; rates and flags stay those of the configuration and of this device.

    Args:
        optimizer: of all weights of the system.
        system: its weights are loaded already.
        state: the optimiser's `state_dict()` from a checkpoint.

    Raises:
        ValueError: weights or moments are not finite, or moments are not those of these weights.
    """
    groups = optimizer.state_dict()["param_groups"]
    if [len(group["params"]) for group in state["param_groups"]] != [len(group["params"]) for group in groups]:
        raise ValueError("the optimiser has other groups of weights")
    optimizer.load_state_dict({"state": dict(state["state"]), "param_groups": groups})
    loaded: dict[str, Tensor] = dict(system.named_parameters())
    names = {parameter: name for name, parameter in loaded.items()}
    for parameter, moments in optimizer.state.items():
        shapes = {"step": torch.Size(), "exp_avg": parameter.shape, "exp_avg_sq": parameter.shape}
        if {kind: value.shape for kind, value in moments.items()} != shapes:
            raise ValueError(f"the optimiser's state of {names[parameter]} has other shapes")
        if moments["step"] < 1:
            raise ValueError(f"the optimiser's steps of {names[parameter]} are {float(moments['step'])}")
        loaded |= {f"{kind} of {names[parameter]}": value for kind, value in moments.items()}
    found = first_not_finite(loaded.items())
    if found is not None:
        raise ValueError(f"{found} is not finite")
