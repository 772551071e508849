"""The contrastive model: what its loss is for scorers that are known, and whom a frame is told from."""

import math

import pytest
import torch
from torch import Tensor

from simcore.errors import UserError
from simcore.frame_models import Contrastive
from simcore.frame_models.contrastive import contrast, draw_negatives

LN2 = math.log(2)


def make_model(**changes: int) -> Contrastive:
    torch.manual_seed(0)
    sizes = {"frame_size": 8, "negatives": 6, "embedding_size": 16, "hidden_size": 32} | changes
    return Contrastive(condition_size=5, encoder_channels=(4,), **sizes)


def coloured_frames(count: int) -> Tensor:
    """Frames that differ in one colour, from black to red."""
    frames = torch.zeros(count, 8, 8, 3, dtype=torch.uint8)
    frames[..., 0] = torch.linspace(0, 255, count).round().to(torch.uint8)[:, None, None]
    return frames


def test_a_blind_scorer_pays_ln_2_a_term_and_a_perfect_one_nothing() -> None:
    for negatives in (1, 7):
        zeros = torch.zeros(4), torch.zeros(4, negatives)
        torch.testing.assert_close(contrast(*zeros), torch.full((4,), LN2))
        perfect = contrast(torch.full((4,), 50.0), torch.full((4, negatives), -50.0))
        torch.testing.assert_close(perfect, torch.zeros(4))
        deceived = contrast(torch.full((4,), -50.0), torch.full((4, negatives), 50.0))
        torch.testing.assert_close(deceived, torch.full((4,), 50.0))


def test_a_model_whose_score_is_nothing_pays_ln_2() -> None:
    model = make_model()
    for parameter in model.score.parameters():
        torch.nn.init.zeros_(parameter)
    terms = model.loss(coloured_frames(9), torch.randn(9, 5))
    torch.testing.assert_close(terms.loss, torch.full((9,), LN2))
    assert torch.equal(terms.error, terms.loss)
    assert not terms.kl.any()


def test_no_target_is_among_its_own_negatives() -> None:
    """Nor is another point that shows the very same frame; all the others are met."""
    identity = torch.tensor([3, 8, 3, 5, 8, 1])
    drawn = draw_negatives(6, 400, identity, torch.Generator().manual_seed(0), torch.device("cpu"))
    for point, others in enumerate(drawn.tolist()):
        assert set(others) == {other for other in range(6) if identity[other] != identity[point]}


def test_without_identities_all_frames_differ() -> None:
    drawn = draw_negatives(3, 100, None, None, torch.device("cpu"))
    assert [set(others) for others in drawn.tolist()] == [{1, 2}, {0, 2}, {0, 1}]


def test_frames_that_are_all_the_same_are_refused() -> None:
    with pytest.raises(ValueError, match="4 points do not show two different frames"):
        draw_negatives(4, 2, torch.zeros(4, dtype=torch.int64), None, torch.device("cpu"))


def test_it_learns_which_frame_belongs_to_which_state() -> None:
    model, count = make_model(), 12
    frames, conditions = coloured_frames(count), torch.randn(count, 5)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    noise = torch.Generator().manual_seed(0)
    for _ in range(300):
        optimizer.zero_grad()
        torch.autograd.backward(model.loss(frames, conditions, noise).loss.mean())
        optimizer.step()
    with torch.no_grad():
        assert model.loss(frames, conditions, noise).loss.mean() < 0.2 * LN2
        shuffled = model.loss(frames, conditions.roll(1, 0), noise).loss.mean()
        scores = model._score(model.from_condition(conditions)[:, None], model.from_embedding(model.encoder(frames)))
    assert shuffled > LN2, "with the wrong states it is surer of itself than right"
    assert (scores.argmax(dim=1) == torch.arange(count)).float().mean() > 0.7


def test_gradients_reach_the_state_and_every_weight() -> None:
    model = make_model()
    conditions = torch.randn(9, 5, requires_grad=True)
    torch.autograd.backward(model.loss(coloured_frames(9), conditions).loss.mean())
    assert conditions.grad is not None
    assert conditions.grad.abs().sum(dim=1).gt(0).all()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


def test_the_same_generator_gives_the_same_loss() -> None:
    model, conditions = make_model(), torch.randn(9, 5)
    one, same, other = (
        model.loss(coloured_frames(9), conditions, torch.Generator().manual_seed(seed)).loss for seed in (0, 0, 1)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_it_makes_no_frames_and_has_no_constraint() -> None:
    model = make_model()
    with pytest.raises(UserError, match="nothing to sample"):
        model.sample(torch.zeros(1, 5))
    model.update(torch.tensor(3.0))
    assert model.multiplier == 1
