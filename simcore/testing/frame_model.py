"""The check that a user's frame model keeps the contract of `simcore.frame_models.FrameModel`."""

import torch
from torch import Tensor

from simcore.common.errors import UserError
from simcore.common.registry import make_part
from simcore.frame_models import FrameModel, GECOConfig
from simcore.testing.comparing import demand, given_options

POINTS = 6
"""Frames in a batch."""


def check_frame_model(
    model_class: type[FrameModel],
    config: object = None,
    *,
    condition_size: int = 7,
    frame_size: int = 16,
    seed: int = 0,
) -> None:
    """Check that SimCore can train a frame model and sample from it.

    Args:
        model_class: a class derived from `FrameModel`, made as SimCore makes it: from its options, and those of the
            keywords `condition_size`, `frame_size`, `geco` and `encoder_channels` that it names.
        config: its options, an instance of its `Config`; None: `Config()`, if it has one.
        condition_size: the length of the condition, the simulated state.
        frame_size: height and width of the frames, in pixels.
        seed: of weights and inputs.

    Raises:
        AssertionError: it breaks its contract; the message says how.
    """
    is_model = isinstance(model_class, type) and issubclass(model_class, FrameModel)
    name = getattr(model_class, "__name__", str(model_class))
    demand(is_model, f"{name} must be a class derived from simcore.frame_models.FrameModel")
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        model = make_part(
            model_class,
            name,
            *given_options(model_class, config),
            condition_size=condition_size,
            frame_size=frame_size,
            geco=GECOConfig(),
            encoder_channels=(4, 8),
        )
        frames = torch.randint(0, 256, (POINTS, frame_size, frame_size, 3), dtype=torch.uint8)
        condition = torch.randn(POINTS, condition_size)
        _check_loss(name, model, frames, condition)
        _check_samples(name, model, condition, frames.shape)
        _check_update(name, model)


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def _check_loss(name: str, model: FrameModel, frames: Tensor, condition: Tensor) -> None:
    condition = condition.clone().requires_grad_()
    identity = torch.stack([torch.arange(POINTS) % 3, torch.arange(POINTS)], dim=1)
    terms = model.loss(frames, condition, _generator(), identity)
    for term, value in terms._asdict().items():
        shape = tuple(value.shape)
        demand(shape == (POINTS,), f"{name}.loss: {term} must have a value for each frame, [{POINTS}], not {shape}")
        demand(value.is_floating_point(), f"{name}.loss: {term} must be a float tensor, not {value.dtype}")
        demand(bool(value.isfinite().all()), f"{name}.loss: {term} must be finite, not {value.tolist()}")
    demand(bool((terms.kl >= -1e-5).all()), f"{name}.loss: the KL divergence must not be negative")
    again = model.loss(frames, condition, _generator(), identity)
    demand(
        all(torch.equal(one, other) for one, other in zip(terms, again, strict=True)),
        f"{name}.loss must sample by the generator that it is given alone: with the same, it returned something else",
    )
    torch.autograd.backward(terms.loss.sum())
    demand(
        condition.grad is not None and bool(condition.grad.abs().sum() > 0),
        f"{name}.loss must have a gradient at the condition, by which the belief learns",
    )
    for weight, parameter in model.named_parameters():
        demand(
            parameter.grad is not None, f"{name}.loss must have a gradient at every weight, and has none at {weight}"
        )


def _check_samples(name: str, model: FrameModel, condition: Tensor, shape: torch.Size) -> None:
    if not model.draws_frames:
        try:
            model.sample(condition, _generator())
        except UserError:
            return
        demand(False, f"{name}.sample must raise UserError, as draws_frames says that there are no frames to be had")
    frames = model.sample(condition, _generator())
    demand(
        frames.dtype == torch.uint8 and frames.shape == shape,
        f"{name}.sample must return uint8 {list(shape)}, not {frames.dtype} {list(frames.shape)}",
    )
    demand(not frames.requires_grad, f"{name}.sample must be without gradient")
    demand(
        torch.equal(frames, model.sample(condition, _generator())),
        f"{name}.sample must sample by the generator that it is given alone",
    )


def _check_update(name: str, model: FrameModel) -> None:
    demand(model.multiplier.dim() == 0, f"{name}.multiplier must be a scalar")
    before = {key: value.clone() for key, value in model.state_dict().items()}
    model.update(torch.tensor(torch.nan))
    demand(
        all(torch.equal(value, before[key]) for key, value in model.state_dict().items()),
        f"{name}.update must change nothing after a batch whose error is NaN: there was nothing to be reconstructed",
    )
    model.update(torch.tensor(0.1))
    demand(bool(model.multiplier.isfinite()), f"{name}.update must leave the multiplier finite")
