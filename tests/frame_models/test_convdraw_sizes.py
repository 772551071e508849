"""ConvDRAW has App. A's sizes, layers and wiring; and takes weights of versions that had them otherwise."""

import itertools
import re
from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from convdraws import random_conditions, random_frames, seeded, small
from simcore.frame_models import ConvDRAW
from simcore.frame_models.convdraw import ConvDRAWStep

STRIDED, SAME = (4, 4), (5, 5)
LAYERS = {
    # Kernel and output; before its gate a state has twice 64 channels, and a Gaussian has mean and deviation of 16.
    "condition.0": (SAME, (128, 8, 8)),
    "features.0": (STRIDED, (16, 32, 32)),
    "features.2": (STRIDED, (16, 16, 16)),
    "encode_features": (STRIDED, (128, 8, 8)),
    "encode_states": (SAME, (128, 8, 8)),
    "posterior": (SAME, (32, 8, 8)),
    "prior": (SAME, (32, 8, 8)),
    "decode": (SAME, (128, 8, 8)),
    "paint.0": (STRIDED, (32, 16, 16)),
    "paint.2": (STRIDED, (32, 32, 32)),
    "paint.4": (STRIDED, (3, 64, 64)),
}
ENCODER = {"features.0", "features.2", "encode_features", "encode_states", "posterior"}


class Call(NamedTuple):
    """One call of a convolution."""

    step: int
    name: str
    kernel: tuple[int, ...]
    shape: tuple[int, ...]


@pytest.fixture(scope="module")
def paper() -> ConvDRAW:
    torch.manual_seed(0)
    return ConvDRAW(condition_size=7, frame_size=64)


def recorded(model: ConvDRAW, run: str) -> list[Call]:
    """Return the calls of all convolutions, in order, in the loss of one frame or in one sample."""
    calls: list[Call] = []

    def record(number: int, name: str, module: nn.Conv2d | nn.ConvTranspose2d) -> torch.utils.hooks.RemovableHandle:
        return module.register_forward_hook(
            lambda _module, _inputs, output: calls.append(Call(number, name, module.kernel_size, tuple(output.shape)))
        )

    handles = [
        record(number, name, module)
        for number, step in enumerate(model.steps)
        for name, module in step.named_modules()
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d)
    ]
    condition = torch.zeros(1, 7)
    if run == "loss":
        model.loss(random_frames(1, 64), condition)
    else:
        model.sample(condition)
    for handle in handles:
        handle.remove()
    return calls


@pytest.mark.parametrize("run", ["loss", "sample"])
def test_the_layers_have_the_papers_sizes_and_each_is_called_once_a_step(paper: ConvDRAW, run: str) -> None:
    calls = recorded(paper, run)
    used = {name: expected for name, expected in LAYERS.items() if run == "loss" or name not in ENCODER}
    assert list(dict.fromkeys(call.step for call in calls)) == list(range(8)), "one step after the other"
    for number in range(8):
        of_step = [call for call in calls if call.step == number]
        expected = dict(used)
        if number == 0:
            expected |= {f"condition.{i}": used["condition.0"] for i in range(4)}
        calls_of_step = [Call(number, name, kernel, (1, *shape)) for name, (kernel, shape) in expected.items()]
        assert sorted(of_step) == sorted(calls_of_step)


@pytest.mark.parametrize("run", ["loss", "sample"])
def test_the_first_conditioning_is_applied_four_times_before_the_first_prior(paper: ConvDRAW, run: str) -> None:
    calls = [call for call in recorded(paper, run) if call.name == "prior" or "condition" in call.name]
    first = ["condition.0", "condition.1", "condition.2", "condition.3", "prior"]
    assert [call.name for call in calls] == first + ["condition.0", "prior"] * 7
    assert [call.step for call in calls] == [0] * 5 + [step for step in range(1, 8) for _ in range(2)]


def test_hidden_layers_are_rectified_and_nothing_else_is(paper: ConvDRAW) -> None:
    for step in paper.steps:
        rectified = [name for name, module in step.named_modules() if isinstance(module, nn.ReLU)]
        assert rectified == ["features.1", "features.3", "paint.1", "paint.3"]


def test_the_states_are_8_by_8_by_64(paper: ConvDRAW, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: dict[str, set[tuple[int, ...]]] = {}
    for name in ("next_prior_state", "next_encoder_state", "next_decoder_state"):
        original = getattr(ConvDRAWStep, name)

        def spy(*arguments: object, name: str = name, original: Callable[..., Tensor] = original) -> Tensor:
            state = original(*arguments)
            shapes.setdefault(name, set()).add(tuple(state.shape))
            return state

        monkeypatch.setattr(ConvDRAWStep, name, spy)
    paper.loss(random_frames(1, 64), torch.zeros(1, 7))
    assert list(shapes.values()) == [{(1, 64, 8, 8)}] * 3


def test_no_parameter_is_shared_between_steps(paper: ConvDRAW) -> None:
    owned = [parameter.data_ptr() for step in paper.steps for parameter in step.parameters()]
    assert len(set(owned)) == len(owned) == 2 * (8 * len(LAYERS) + 3), "a weight and a bias for each layer"


def test_no_weight_is_shared_between_the_four_conditionings_before_the_first_prior() -> None:
    """What each learns from one loss differs from what the others do."""
    model = small()
    model.loss(random_frames(), random_conditions(), seeded(5)).loss.sum().backward()
    gradients = [layer.weight.grad for layer in model.steps[0].condition]
    assert len(gradients) == 4
    for one, other in itertools.combinations(gradients, 2):
        assert not torch.allclose(one, other, rtol=0.1)


@torch.no_grad()
def test_weights_of_a_time_when_the_four_conditionings_were_one_give_what_they_gave() -> None:
    model, old = small(), small()
    shared = model.steps[0].condition[0].state_dict()
    for layer in model.steps[0].condition[1:]:
        layer.load_state_dict(shared)
    state = {}
    for name, value in model.state_dict().items():
        layer = re.fullmatch(r"(steps\.\d\.condition)\.(\d)\.(\w+)", name)
        if layer is None:
            state[name] = value
        elif layer[2] == "0":
            state[f"{layer[1]}.{layer[3]}"] = value
    assert "steps.0.condition.weight" in state
    before = set(state)
    for parameter in old.parameters():
        parameter.zero_()
    holder = nn.ModuleDict({"draw": old})
    holder.load_state_dict({f"draw.{name}": value for name, value in state.items()})
    old.load_state_dict(state)
    assert set(state) == before, "what is loaded is left as it is"
    for one, other in zip(
        old.loss(random_frames(), random_conditions(), seeded(5)),
        model.loss(random_frames(), random_conditions(), seeded(5)),
        strict=True,
    ):
        assert torch.equal(one, other)
