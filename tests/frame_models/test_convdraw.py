"""ConvDRAW: its mathematics, a slow loop as oracle, and a few pictures learned by heart."""

from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Normal
from torch.distributions import kl_divergence as kl_divergence_of_torch

from convdraws import CONDITION, LATENT, SIZE, STATE, N, random_conditions, random_frames, seeded, small
from simcore.common.errors import UserError
from simcore.frame_models import ConvDRAW, ConvDRAWConfig, GECOConfig
from simcore.frame_models.convdraw import diagonal_gaussian, kl_divergence, sample_gaussian

# The mathematics.


def random_gaussian(seed: int) -> Normal:
    return diagonal_gaussian(3 * torch.randn(2, 6, 4, 4, dtype=torch.float64, generator=seeded(seed)))


def test_the_kl_divergence_is_that_of_torch_elementwise() -> None:
    posterior, prior = random_gaussian(0), random_gaussian(1)
    kl = kl_divergence(posterior, prior)
    assert kl.shape == (2, 3, 4, 4)
    torch.testing.assert_close(kl, kl_divergence_of_torch(posterior, prior))
    assert not kl_divergence(prior, prior).any()


def test_a_deviation_starts_near_one_stays_positive_and_grows_no_faster_than_linearly() -> None:
    raw = torch.tensor([0.0, -1000.0, 1000.0])
    gaussian = diagonal_gaussian(torch.stack([torch.full((3,), 7.0), raw])[None, :, :, None])
    assert gaussian.loc.flatten().tolist() == [7.0, 7.0, 7.0]
    assert gaussian.scale.flatten().tolist() == pytest.approx([1.0, 1e-3, 1000.0], rel=2e-3)


def test_a_draw_moves_with_mean_and_deviation() -> None:
    mean, scale = torch.full((1000,), 2.0, requires_grad=True), torch.full((1000,), 0.5, requires_grad=True)
    z = sample_gaussian(Normal(mean, scale), torch.randn(mean.shape, generator=seeded(0)))
    unit = torch.randn(1000, generator=seeded(0))
    torch.testing.assert_close(z, 2.0 + 0.5 * unit)
    gradients = torch.autograd.grad(z.sum(), [mean, scale])
    torch.testing.assert_close(gradients, (torch.ones(1000), unit))


class Slow(NamedTuple):
    """What the slow loop gives for one example."""

    canvas: Tensor
    kl: float
    error: float


def slow(model: ConvDRAW, frame: Tensor | None, condition: Tensor, noise: list[Tensor]) -> Slow:
    """Figure 7 for one example, written out: from the posterior where there is a frame, else from the prior."""

    def conv(layer: nn.Conv2d, *inputs: Tensor, **how: int) -> Tensor:
        return F.conv2d(torch.cat(inputs)[None], layer.weight, layer.bias, **how)[0]

    def gate(x: Tensor) -> Tensor:
        return x[:STATE].tanh() * x[STATE:].sigmoid()

    def gaussian(x: Tensor) -> Normal:
        return Normal(x[:LATENT], F.softplus(x[LATENT:] + 0.54) + 1e-3)

    side = model.state_size
    embedded = (model.embed_condition.weight @ condition + model.embed_condition.bias).view(STATE, side, side)
    h_prior = h_encoder = h_decoder = torch.zeros(STATE, side, side)
    z, canvas, kl = torch.zeros(LATENT, side, side), torch.zeros(3, SIZE, SIZE), 0.0
    x = torch.zeros_like(canvas) if frame is None else frame.permute(2, 0, 1) / 255
    for number, (step, unit) in enumerate(zip(model.steps, noise, strict=True)):
        assert len(step.condition) == (1 if number else 4)
        for layer in step.condition:
            h_prior = gate(conv(layer, z, embedded, h_prior, padding=2))
        latent = prior = gaussian(conv(step.prior, h_prior, padding=2))
        if frame is not None:
            features = conv(step.features[0], x, x - canvas, stride=2, padding=1).clamp(min=0)
            from_states = conv(step.encode_states, h_encoder, h_decoder, padding=2)
            h_encoder = gate(conv(step.encode_features, features, stride=2, padding=1) + from_states)
            latent = gaussian(conv(step.posterior, h_encoder, padding=2))
            kl += kl_divergence_of_torch(latent, prior).sum().item()
        z = latent.mean + latent.stddev * unit
        h_decoder = gate(conv(step.decode, z, h_decoder, padding=2))
        hidden = F.conv_transpose2d(h_decoder, step.paint[0].weight, step.paint[0].bias, stride=2, padding=1)
        paint = step.paint[2]
        canvas = canvas + F.conv_transpose2d(hidden.clamp(min=0), paint.weight, paint.bias, stride=2, padding=1)
    dimensions = SIZE * SIZE * 3
    return Slow(canvas, kl / dimensions, (x - canvas).square().sum().item() / dimensions)


def noise_of(model: ConvDRAW, seed: int) -> list[Tensor]:
    """Return the standard normal latents that a batch of N draws at each step."""
    generator, side = seeded(seed), model.state_size
    return [torch.randn(N, LATENT, side, side, generator=generator) for _ in model.steps]


@torch.no_grad()
def test_loss_kl_and_error_equal_the_slow_loop_per_dimension_and_per_example() -> None:
    model, frames, conditions = small(), random_frames(), random_conditions()
    result = model.loss(frames, conditions, seeded(5))
    noise = noise_of(model, 5)
    expected = [slow(model, frames[n], conditions[n], [unit[n] for unit in noise]) for n in range(N)]
    assert result.kl.tolist() == pytest.approx([one.kl for one in expected], rel=1e-4)
    assert result.error.tolist() == pytest.approx([one.error for one in expected], rel=1e-4)
    lagrangian = [one.kl + model.multiplier.item() * (one.error - 0.01) for one in expected]
    assert result.loss.tolist() == pytest.approx([SIZE * SIZE * 3 * one for one in lagrangian], rel=1e-4)


def test_the_loss_in_nats_is_the_lagrangian_per_dimension_times_the_dimensions_in_value_and_gradient() -> None:
    model, conditions = small(), random_conditions().requires_grad_()
    result = model.loss(random_frames(), conditions, seeded(5))
    per_dimension = result.kl + model.multiplier * (result.error - model.geco.kappa)
    torch.testing.assert_close(result.loss, 768 * per_dimension)
    trained = [conditions, *model.parameters()]
    gradients = torch.autograd.grad(result.loss.sum(), trained, retain_graph=True)
    for gradient, one in zip(gradients, torch.autograd.grad(per_dimension.sum(), trained), strict=True):
        torch.testing.assert_close(gradient, 768 * one, rtol=1e-4, atol=1e-4)
    assert gradients[0].any()


@torch.no_grad()
def test_samples_equal_the_slow_loop() -> None:
    model, conditions = small(), random_conditions()
    model.steps[-1].paint[-1].bias.add_(0.5)  # mid-grey, so that few pixels are clipped
    samples = model.sample(conditions, seeded(5))
    noise = noise_of(model, 5)
    for n in range(N):
        canvas = slow(model, None, conditions[n], [unit[n] for unit in noise]).canvas
        expected = 255 * canvas.clamp(0, 1).permute(1, 2, 0)
        assert 0.01 < canvas.std() < 1, "the test wants a picture that varies"
        assert (samples[n] - expected).abs().max() < 0.51


@torch.no_grad()
def test_an_example_does_not_depend_on_its_neighbours() -> None:
    model, frames, conditions = small(), random_frames(), random_conditions()
    before = model.loss(frames, conditions, seeded(5))
    sample_before = model.sample(conditions, seeded(5))
    frames[0], conditions[0] = 255 - frames[0], -conditions[0]
    after = model.loss(frames, conditions, seeded(5))
    sample_after = model.sample(conditions, seeded(5))
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(one[1:], other[1:])
        assert one[0] != other[0]
    # The order of a sum may differ between runs, and move a pixel from one side of a rounding to the other.
    assert (sample_before[1:].int() - sample_after[1:].int()).abs().max() <= 1
    assert (sample_before[0] != sample_after[0]).any()


@torch.no_grad()
def test_the_condition_reaches_the_prior_and_not_the_reconstruction() -> None:
    model, frames = small(), random_frames()
    one = model.loss(frames, random_conditions(), seeded(5))
    other = model.loss(frames, 3 - random_conditions(), seeded(5))
    assert torch.equal(one.error, other.error)
    assert ((one.kl - other.kl).abs() > 1e-4 * one.kl).all()


def test_the_same_seed_gives_the_same_sample_and_another_seed_another() -> None:
    model, conditions = small(), random_conditions()
    sample = model.sample(conditions, seeded(0))
    assert torch.equal(sample, model.sample(conditions, seeded(0)))
    other = model.sample(conditions, seeded(1))
    assert all((one != two).any() for one, two in zip(sample, other, strict=True))
    assert (model.sample(conditions[:1].expand(2, -1), seeded(0)).diff(dim=0) != 0).any(), "two draws in a batch differ"


def test_gradients_reach_every_parameter_that_ever_sees_anything_but_zeros() -> None:
    model = small()
    model.loss(random_frames(), random_conditions(), seeded(5)).loss.sum().backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    # At the first step encoder and decoder states are empty, and this layer sees nothing else.
    assert without == ["steps.0.encode_states.weight"]


# Other sizes.


@pytest.mark.parametrize(("size", "layers", "state"), [(64, 2, 8), (32, 2, 4), (32, 1, 8), (16, 2, 2), (16, 0, 8)])
@pytest.mark.parametrize("steps", [1, 2])
def test_other_sizes_give_frames_of_their_size(size: int, layers: int, state: int, steps: int) -> None:
    model = small(steps, size, layers)
    assert model.state_size == state
    assert len(model.steps) == steps
    result = model.loss(random_frames(size=size), random_conditions(), seeded(0))
    assert all(term.shape == (N,) and term.isfinite().all() for term in result)
    sample = model.sample(random_conditions(), seeded(0))
    assert sample.shape == (N, size, size, 3)
    assert sample.dtype == torch.uint8
    assert not sample.requires_grad


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"encoder_channels": (16,)}, "as many, not 1 and 2"),
        ({"kernel_size": 4}, "must be odd, not 4"),
        ({"steps": 0}, "must be a whole number from 1 to 1024, not 0"),
    ],
)
def test_bad_sizes_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        ConvDRAWConfig(**arguments)


def test_frames_that_cannot_be_halved_are_refused() -> None:
    with pytest.raises(ValueError, match="60 pixels cannot be halved 3 times: use a multiple of 8"):
        ConvDRAW(condition_size=CONDITION, frame_size=60)


def test_frames_that_are_not_bytes_are_refused() -> None:
    with pytest.raises(TypeError, match="uint8"):
        small().loss(random_frames().float(), random_conditions())


def test_frames_and_conditions_of_other_shapes_are_refused() -> None:
    frames, conditions = random_frames(), random_conditions()
    for wrong in (
        (frames[..., :2], conditions),
        (frames[:, 1:], conditions),
        (frames[1:], conditions),
        (frames, frames),
    ):
        with pytest.raises(ValueError, match=r"they must be \[N, \d+, \d+, 3\] and \[N, \d+\]"):
            small().loss(*wrong)


# Learning.


def test_a_few_pictures_are_learned_by_heart_and_recalled_from_the_prior() -> None:
    count, kappa, draws = 6, 5e-3, 8
    colours = torch.randint(0, 256, (count, 2, 2, 3), dtype=torch.uint8, generator=seeded(0))
    pictures = colours.repeat_interleave(SIZE // 2, dim=1).repeat_interleave(SIZE // 2, dim=2)
    which = torch.eye(count)
    torch.manual_seed(0)
    config = ConvDRAWConfig(2, LATENT, 16, (16,), (16,))
    model = ConvDRAW(config, condition_size=count, frame_size=SIZE, geco=GECOConfig(kappa))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, betas=(0.9, 0.99))
    noise = seeded(1)
    for _ in range(150):
        result = model.loss(pictures.repeat(2, 1, 1, 1), which.repeat(2, 1), noise)
        optimizer.zero_grad()
        result.loss.mean().backward()
        optimizer.step()
        model.update(result.error.detach().mean())
    assert result.error.max() < kappa

    samples = model.sample(which.repeat_interleave(draws, dim=0), seeded(2))
    difference = (samples[:, None].float() - pictures.float()) / 255
    error = difference.square().flatten(2).mean(2).view(count, draws, count)
    own = error.diagonal(dim1=0, dim2=2)
    assert own.max() < 2 * kappa
    assert (error.argmin(dim=2) == torch.arange(count)[:, None]).all()
