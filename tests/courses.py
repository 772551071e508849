"""What training does, update by update; and two ways of it compared."""

import pytest
import torch
from torch import Tensor

from simcore.config.run import Config
from simcore.training.training import Training

CPU = torch.device("cpu")


def course(config: Config, updates: int) -> dict[str, Tensor]:
    """Train, and return each metric at each update."""
    training, steps = Training(config, CPU), []
    step = training.learner.step
    training.learner.step = lambda batch: steps.append(step(batch)) or steps[-1]  # type: ignore[method-assign]
    for _ in range(updates):
        training.update()
    training.check()
    return {name: torch.stack([learned.metrics[name] for learned in steps]) for name in steps[0].metrics}


def assert_alike(plain: Config, other: Config, updates: int, metrics: float, weights: tuple[float, float]) -> None:
    """Train twice, and compare the last line of metrics and the weights.

    Args:
        plain: a configuration.
        other: of another way to do the same.
        updates: how many.
        metrics: the relative difference that metrics may have.
        weights: the relative and the absolute one of weights.
    """
    first, second = (Training(config, CPU) for config in (plain, other))
    for _ in range(updates):
        for training in (first, second):
            training.update()
    told = second.take_metrics()
    for name, value in first.take_metrics().items():
        if not name.startswith("seconds"):
            assert told[name] == pytest.approx(value, rel=metrics, abs=1e-6, nan_ok=True), name
    relative, absolute = weights
    assert second.system.state_dict().keys() == first.system.state_dict().keys()
    for name, value in first.system.state_dict().items():
        torch.testing.assert_close(second.system.state_dict()[name], value, rtol=relative, atol=absolute, msg=name)
