"""The checks of parts of one's own: SimCore's parts pass them, broken ones are told what is wrong."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from simcore.common.seeding import Generators
from simcore.data.trajectory import Trajectory
from simcore.frame_models import Contrastive, ConvDRAW, ConvDRAWConfig, Deterministic, FrameLoss, FrameModel
from simcore.objectives import Beliefs, Objective, ObjectiveLoss
from simcore.testing import check_frame_model, check_level, check_objective
from simcore.worlds import LEVELS, Level, World

SMALL = ConvDRAWConfig(2, 2, 4, (4,), (4,), 3)


@pytest.mark.parametrize(("kind", "config"), [(ConvDRAW, SMALL), (Deterministic, None), (Contrastive, None)])
def test_our_frame_models_keep_the_contract(kind: type[FrameModel], config: object) -> None:
    check_frame_model(kind, config)


class Fine(FrameModel):
    """A model that keeps the contract."""

    def __init__(self, *, condition_size: int, frame_size: int) -> None:
        super().__init__()
        self.size = frame_size
        self.linear = nn.Linear(condition_size, frame_size * frame_size * 3)

    def loss(
        self,
        frames: Tensor,
        condition: Tensor,
        generator: torch.Generator | None = None,
        identity: Tensor | None = None,
    ) -> FrameLoss:
        error = (self.linear(condition) - frames.flatten(1) / 255).square().mean(1)
        return FrameLoss(error, torch.zeros_like(error), error)

    @torch.no_grad()
    def sample(self, condition: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return (255 * self.linear(condition).clamp(0, 1)).to(torch.uint8).view(-1, self.size, self.size, 3)

    def update(self, error: Tensor) -> None: ...

    @property
    def multiplier(self) -> Tensor:
        return torch.tensor(1.0)


class Averaged(Fine):
    def loss(self, *arguments: Any) -> FrameLoss:
        return FrameLoss(*(term.mean() for term in super().loss(*arguments)))


class Deaf(Fine):
    def loss(self, frames: Tensor, condition: Tensor, *rest: Any) -> FrameLoss:
        return super().loss(frames, condition.detach(), *rest)


class Capricious(Fine):
    def loss(self, *arguments: Any) -> FrameLoss:
        terms = super().loss(*arguments)
        return terms._replace(loss=terms.loss + torch.rand(()))


class Floating(Fine):
    def sample(self, condition: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return super().sample(condition).float()


class Forgetful(Fine):
    def update(self, error: Tensor) -> None:
        with torch.no_grad():
            self.linear.bias.zero_()


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Averaged, r"loss must have a value for each frame, \[6\], not \(\)"),
        (Deaf, "must have a gradient at the condition"),
        (Capricious, "must sample by the generator"),
        (Floating, "must return uint8"),
        (Forgetful, "must change nothing after a batch whose error is NaN"),
        (nn.Linear, "must be a class derived from simcore.frame_models.FrameModel"),
    ],
)
def test_a_frame_model_that_breaks_the_contract_is_told_how(kind: Any, message: str) -> None:
    check_frame_model(Fine)
    with pytest.raises(AssertionError, match=message):
        check_frame_model(kind)


@pytest.mark.parametrize("name", LEVELS)
def test_our_levels_keep_the_contract(name: str) -> None:
    check_level(LEVELS[name])


CITY = LEVELS["RandomCity"]


def changed(change: Callable[[World, int], World]) -> Level:
    return replace(CITY, generate=lambda config, seed: change(CITY.generate(config, seed), seed))


def doorway(world: World, seed: int) -> World:
    blocks = world.blocks.copy()
    blocks[0, 5] = 0
    return replace(world, blocks=blocks)


@pytest.mark.parametrize(
    ("level", "message"),
    [
        (changed(lambda world, _: replace(world, blocks=world.blocks.astype(np.int64))), "must make blocks uint8"),
        (changed(lambda world, _: replace(world, blocks=world.blocks[:-1])), r"must make blocks uint8 \[24, 24, 5\]"),
        (changed(lambda world, _: replace(world, spawn=(0.5, 0.5, 1.0))), "must not lie within a block"),
        (changed(lambda world, _: replace(world, heading=99)), "heading must be 0 to 15"),
        (changed(lambda world, _: CITY.generate(CITY.config(), 3)), "other worlds of other seeds"),
        (changed(doorway), "every column at the grid's edge must hold a wall"),
        (replace(CITY, name="Random City"), "must be a plain word"),
        (replace(CITY, config=dict), "derived from LevelConfig"),
    ],
)
def test_a_level_that_breaks_the_contract_is_told_how(level: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_level(level)


class Mean(Objective):
    """An objective that keeps the contract."""

    name = "mean"

    def __init__(self, *, belief_size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(belief_size, 1)

    def loss(self, beliefs: Beliefs, trajectory: Trajectory, generators: Generators) -> ObjectiveLoss:
        loss = (self.linear(beliefs.outputs)[..., 0] - trajectory.rewards).square().mean()
        return ObjectiveLoss(loss, {"loss": loss})


class Detached(Mean):
    def loss(self, beliefs: Beliefs, *rest: Any) -> ObjectiveLoss:
        return super().loss(beliefs._replace(outputs=beliefs.outputs.detach()), *rest)


class Elementwise(Mean):
    def loss(self, *arguments: Any) -> ObjectiveLoss:
        loss, metrics = super().loss(*arguments)
        return ObjectiveLoss(loss[None].expand(3), metrics)


class Bare(Mean):
    def loss(self, *arguments: Any) -> Any:
        return super().loss(*arguments).loss


class Changing(Mean):
    def loss(self, beliefs: Beliefs, *rest: Any) -> ObjectiveLoss:
        with torch.no_grad():
            beliefs.outputs.mul_(0.5)
        return super().loss(beliefs, *rest)


class Stubborn(Mean):
    def after_step(self, beliefs: Beliefs, metrics: dict[str, Tensor], failed: Tensor) -> None:
        with torch.no_grad():
            self.linear.bias.zero_()


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Detached, "trains_belief is True, and its loss has no gradient"),
        (Elementwise, r"returned a loss of shape \[3\]; it must return an ObjectiveLoss"),
        (Bare, "Bare.loss returned Tensor; it must return an ObjectiveLoss"),
        (Changing, "changed the beliefs in place"),
        (Stubborn, "must change nothing where the step has failed"),
        (type("Nameless", (Mean,), {"name": "a name"}), "must be a plain word"),
        (nn.Linear, "derived from simcore.objectives.Objective"),
    ],
)
def test_an_objective_that_breaks_the_contract_is_told_how(kind: Any, message: str) -> None:
    check_objective(Mean)
    with pytest.raises(AssertionError, match=message):
        check_objective(kind)
