"""The deterministic model: a decoder with a squared error."""

import pytest
import torch

from simcore.common.errors import UserError
from simcore.frame_models import Deterministic
from simcore.frame_models.deterministic import DeterministicConfig


def test_it_overfits_a_batch() -> None:
    torch.manual_seed(0)
    model = Deterministic(DeterministicConfig(32), condition_size=6, frame_size=16)
    frames = torch.randint(0, 256, (4, 16, 16, 3), dtype=torch.uint8)
    conditions = torch.randn(4, 6)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    first = model.loss(frames, conditions).error.mean()
    for _ in range(400):
        optimizer.zero_grad()
        torch.autograd.backward(model.loss(frames, conditions).loss.mean())
        optimizer.step()
    last = model.loss(frames, conditions).error.mean()
    assert last < 0.02 * first
    assert (model.sample(conditions).int() - frames.int()).abs().float().mean() < 12


def test_where_the_state_leaves_it_open_it_decodes_the_mean() -> None:
    """Two frames of one state: the generative model would show one of them, this one what lies between."""
    torch.manual_seed(0)
    model = Deterministic(DeterministicConfig(8), condition_size=2, frame_size=8)
    frames = torch.zeros(2, 8, 8, 3, dtype=torch.uint8)
    frames[1] = 200
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(300):
        optimizer.zero_grad()
        torch.autograd.backward(model.loss(frames, torch.ones(2, 2)).loss.mean())
        optimizer.step()
    sample = model.sample(torch.ones(1, 2)).float()
    assert sample.mean() == pytest.approx(100, abs=3)
    assert sample.std() < 5


def test_terms_and_weight() -> None:
    torch.manual_seed(0)
    model = Deterministic(DeterministicConfig(4, 25), condition_size=6, frame_size=8)
    frames, conditions = torch.randint(0, 256, (3, 8, 8, 3), dtype=torch.uint8), torch.randn(3, 6, requires_grad=True)
    terms = model.loss(frames, conditions)
    decoded = model.decoder(conditions).movedim(1, -1)
    torch.testing.assert_close(terms.error, (decoded - frames / 255).square().mean(dim=(1, 2, 3)))
    torch.testing.assert_close(terms.loss, 25 * (decoded - frames / 255).square().sum(dim=(1, 2, 3)))
    assert model.multiplier == pytest.approx(25)
    assert not terms.kl.any()
    torch.autograd.backward(terms.loss.sum())
    assert conditions.grad is not None
    assert conditions.grad.abs().sum(dim=1).gt(0).all()
    model.update(torch.tensor(1.0))
    assert model.multiplier == pytest.approx(25)


def test_the_loss_is_a_gaussians_log_density_but_for_a_constant() -> None:
    torch.manual_seed(0)
    model, conditions = Deterministic(DeterministicConfig(4, 8.0), condition_size=6, frame_size=8), torch.randn(3, 6)
    gaussian = torch.distributions.Normal(model.decoder(conditions), (1 / 16) ** 0.5)
    frames = torch.randint(0, 256, (2, 3, 8, 8, 3), dtype=torch.uint8)
    nats = [-gaussian.log_prob(x.movedim(-1, 1) / 255).sum(dim=(1, 2, 3)) for x in frames]
    losses = [model.loss(x, conditions).loss for x in frames]
    torch.testing.assert_close(losses[0] - losses[1], nats[0] - nats[1], rtol=1e-4, atol=1e-3)


def test_a_weight_that_is_not_positive_is_refused() -> None:
    with pytest.raises(UserError, match=r"must be a finite number from 1e-37 to 1e\+37, not 0"):
        DeterministicConfig(weight=0)
