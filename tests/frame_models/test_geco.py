"""GECO on a problem whose optimum is known, and its multiplier under every treatment."""

import math

import pytest
import torch
from torch import Tensor, nn

from benchmarks.water_level import variances, water_level
from simcore.common.errors import UserError
from simcore.frame_models import GECO, GECOConfig

KAPPA = 0.05


@pytest.mark.parametrize(("kappa", "expected"), [(1e-3, 62.5), (KAPPA, 1.25), (1e-5, 1000.0)])
def test_the_multiplier_starts_where_smooth_frames_let_it_rest_and_within_the_range(
    kappa: float, expected: float
) -> None:
    assert GECO(GECOConfig(kappa)).multiplier.item() == pytest.approx(expected)
    assert GECO(GECOConfig(kappa, initial=7.0)).multiplier.item() == 7.0


def test_the_lagrangian_is_the_kl_and_the_weighted_violation() -> None:
    kl, error = torch.tensor([0.5, 2.0], requires_grad=True), torch.tensor([0.01, 0.3], requires_grad=True)
    lagrangian = GECO(GECOConfig(KAPPA, initial=4.0))(kl, error)
    assert lagrangian.tolist() == pytest.approx([0.5 + 4 * (0.01 - 0.05), 2.0 + 4 * (0.3 - 0.05)])
    lagrangian.sum().backward()
    assert kl.grad is not None
    assert error.grad is not None
    assert kl.grad.tolist() == [1.0, 1.0]
    assert error.grad.tolist() == [4.0, 4.0]


class LinearGaussianVAE(nn.Module):
    """x_i ~ N(0, s_i²), q(z_i | x_i) = N(a_i x_i, b_i²), z_i ~ N(0, 1), reconstruction w_i z_i, in exact expectation.

    KL + λ error is, but for a constant, the negative ELBO of probabilistic PCA with noise variance v = 1 / (2 λ). The
    family of posteriors holds the true one, so the optimum is that of the likelihood: w_i² = s_i² - v where s_i² > v,
    b_i² = v / s_i², a_i = w_i / s_i². The expected error of each dimension is then
    s_i² (1 - a_i w_i)² + w_i² b_i² = v² / s_i² + (s_i² - v) v / s_i² = v. Where s_i² <= v nothing is coded, w_i = 0,
    and the error is s_i². Their mean is κ where v is the water level θ, mean of min(s_i², θ) = κ, so λ = 1 / (2 θ).
    """

    def __init__(self, variance: list[float]) -> None:
        super().__init__()
        self.register_buffer("variance", torch.tensor(variance))
        self.parameters_of_each = nn.Parameter(torch.tensor([[0.1], [0.1], [0.0]]).repeat(1, len(variance)))

    def forward(self) -> tuple[Tensor, Tensor]:
        """Return the expected KL and squared error per dimension, two scalars."""
        a, w, log_b = self.parameters_of_each
        b_squared = (2 * log_b).exp()
        kl = 0.5 * (a.square() * self.variance + b_squared - 1) - log_b
        error = self.variance * (1 - a * w).square() + w.square() * b_squared
        return kl.mean(), error.mean()


ALL_CODED, HALF_CODED = [1.0, 0.8, 0.5, 0.25], [1.0, 0.8, 0.01, 0.005]


@pytest.mark.parametrize(
    ("initial", "variance", "water_level"),
    [
        (1000.0, ALL_CODED, KAPPA),
        (1e-3, ALL_CODED, KAPPA),
        (None, ALL_CODED, KAPPA),
        (None, HALF_CODED, (4 * KAPPA - 0.015) / 2),
    ],
)
def test_the_error_is_driven_to_kappa_and_the_multiplier_to_its_optimum(
    initial: float | None, variance: list[float], water_level: float
) -> None:
    vae, geco = LinearGaussianVAE(variance), GECO(GECOConfig(KAPPA, initial=initial))
    # Adam must forget the gradients of a large λ as fast as λ falls: with β2 = 0.999 it still takes tiny steps when λ
    # has passed the optimum by orders of magnitude.
    optimizer = torch.optim.Adam(vae.parameters(), lr=0.01, betas=(0.9, 0.99))
    errors = []
    for _ in range(2500):
        kl, error = vae()
        optimizer.zero_grad()
        geco(kl, error).backward()
        optimizer.step()
        geco.update(error.detach())
        errors.append(error.item())
    start_is_too_high = initial == 1000.0
    assert (min(errors) < KAPPA / 2) or not start_is_too_high, "a λ too high should first make the error too small"
    assert errors[-100:] == pytest.approx([KAPPA] * 100, rel=0.1)
    assert geco.multiplier.item() == pytest.approx(1 / (2 * water_level), rel=0.1)


@pytest.mark.parametrize("variance", [ALL_CODED, HALF_CODED])
def test_the_benchmark_finds_the_water_level_of_samples(variance: list[float]) -> None:
    axes = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(0))).Q
    signs = torch.tensor([[1.0, -1.0], [1.0, -1.0], [1.0, -1.0], [1.0, -1.0]])
    corners = torch.cartesian_prod(*signs) * torch.tensor(variance).sqrt() @ axes.T  # their covariance is exact
    components = variances(0.5 * 255 * (corners / corners.abs().max() + 1))  # colours in [0, 1]
    scale = 0.25 / float(corners.abs().max()) ** 2
    assert components.tolist() == pytest.approx(sorted(scale * each for each in variance), rel=1e-3)
    expected = KAPPA if variance is ALL_CODED else (4 * KAPPA - 0.015) / 2
    assert water_level(components, 4, scale * KAPPA) == pytest.approx(scale * expected, rel=1e-3)
    assert water_level(components, 4, scale * sum(variance)) == float("inf"), "nothing is coded"


def test_an_update_follows_the_unbiased_moving_average_of_the_limited_violation() -> None:
    decay, rate = 0.8, 0.1
    geco = GECO(GECOConfig(KAPPA, rate=rate, decay=decay, initial=3.0))
    errors = [0.9, 0.06, 0.05, 0.01, 0.0, 0.055, 0.02]
    violations = [min(1.0, error / KAPPA - 1) for error in errors]
    multiplier = 3.0
    for n, error in enumerate(errors):
        geco.update(torch.tensor(error))
        weights = [decay ** (n - i) for i in range(n + 1)]
        average = sum(w * v for w, v in zip(weights, violations, strict=False)) / sum(weights)
        multiplier *= math.exp(rate * average)
        assert geco.multiplier.item() == pytest.approx(multiplier, rel=1e-5)


@pytest.mark.parametrize("kappa", [1e-4, 1e-1])
def test_one_rate_serves_every_kappa(kappa: float) -> None:
    geco = GECO(GECOConfig(kappa, rate=0.1, initial=1.0))
    geco.update(torch.tensor(1.5 * kappa))
    assert geco.multiplier.item() == pytest.approx(math.exp(0.05), rel=1e-5)


def hold(geco: GECO, error: float, updates: int) -> list[float]:
    """Return λ after each of so many updates with the same error."""
    multipliers = []
    for _ in range(updates):
        geco.update(torch.tensor(error))
        multipliers.append(geco.multiplier.item())
    return multipliers


def test_the_multiplier_rises_to_its_maximum_and_no_further() -> None:
    multipliers = hold(GECO(GECOConfig(KAPPA, rate=1.0)), 1e3, 100)
    assert multipliers == sorted(multipliers)
    assert multipliers[-1] == 1000.0


def test_the_multiplier_stays_positive_however_long_the_constraint_holds_and_comes_back() -> None:
    geco = GECO(GECOConfig(KAPPA, rate=1.0))
    falling = hold(geco, 0.0, 300)
    assert falling == sorted(falling, reverse=True)
    assert falling[-1] > 0
    assert hold(geco, 1.0, 300)[-1] == 1000.0


def test_a_restored_multiplier_goes_on_as_if_nothing_had_happened() -> None:
    errors = torch.rand(20, generator=torch.Generator().manual_seed(0)) * 3 * KAPPA
    geco = GECO(GECOConfig(KAPPA))
    for error in errors[:10]:
        geco.update(error)
    restored = GECO(GECOConfig(KAPPA))
    restored.load_state_dict(geco.state_dict())
    for error in errors[10:]:
        geco.update(error)
        restored.update(error)
        assert torch.equal(restored.multiplier, geco.multiplier)
    assert geco.multiplier != GECO(GECOConfig(KAPPA)).multiplier


@pytest.mark.parametrize("before", [0, 3])
def test_a_batch_without_an_error_changes_nothing_nor_what_comes_after_it(before: int) -> None:
    errors, nothing = [0.03, 0.2, 0.06, 0.01, 0.3], torch.tensor(math.nan)
    geco, never_asked = GECO(GECOConfig(KAPPA, initial=3.0)), GECO(GECOConfig(KAPPA, initial=3.0))
    for number, error in enumerate(errors):
        if number == before:
            state = {name: value.clone() for name, value in geco.state_dict().items()}
            geco.update(nothing)
            geco.update(nothing)
            assert all(torch.equal(value, state[name]) for name, value in geco.state_dict().items())
        geco.update(torch.tensor(error))
        never_asked.update(torch.tensor(error))
        assert torch.equal(geco.multiplier, never_asked.multiplier)
    assert geco.multiplier != 3.0


def test_the_multiplier_is_no_parameter() -> None:
    """It is ascended here, and would be descended by an optimiser."""
    assert list(GECO().parameters()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        {"kappa": 0.0},
        {"kappa": -1e-3},
        {"rate": 0.0},
        {"initial": 0.0},
        {"initial": -1.0},
        {"decay": 1.0},
        {"decay": -0.1},
        {"maximum": 0.0},
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, float]) -> None:
    name = next(iter(arguments))
    with pytest.raises(UserError, match=f"geco.{name} must be"):
        GECOConfig(**arguments)


def test_the_printed_form_says_the_settings() -> None:
    assert repr(GECO(GECOConfig(0.002))) == "GECO(kappa=0.002, rate=0.01, decay=0.99, maximum=1000)"
