"""The contrastive model: what its loss is for scorers that are known, and whom a frame is told from."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from simcore.common.errors import UserError
from simcore.frame_models import Contrastive, ContrastiveConfig, Deterministic
from simcore.frame_models.contrastive import contrast, draw_negatives

LN2 = math.log(2)


def make_model(**changes: int) -> Contrastive:
    torch.manual_seed(0)
    config = ContrastiveConfig(**{"negatives": 6, "embedding_size": 16, "hidden_size": 32} | changes)
    return Contrastive(config, condition_size=5, frame_size=8, encoder_channels=(4,))


def coloured_frames(count: int) -> Tensor:
    """Frames that differ in one colour, from black to red."""
    frames = torch.zeros(count, 8, 8, 3, dtype=torch.uint8)
    frames[..., 0] = torch.linspace(0, 255, count).round().to(torch.uint8)[:, None, None]
    return frames


def test_a_blind_scorer_pays_ln_2_a_term_and_a_perfect_one_nothing() -> None:
    for negatives in (1, 7):
        all_valid = torch.ones(4, negatives, dtype=torch.bool)
        blind = contrast(torch.zeros(4), torch.zeros(4, negatives), all_valid)
        torch.testing.assert_close(blind, torch.full((4,), LN2))
        perfect = contrast(torch.full((4,), 50.0), torch.full((4, negatives), -50.0), all_valid)
        torch.testing.assert_close(perfect, torch.zeros(4))
        deceived = contrast(torch.full((4,), -50.0), torch.full((4, negatives), 50.0), all_valid)
        torch.testing.assert_close(deceived, torch.full((4,), 50.0))


def test_the_loss_is_torchs_cross_entropy_with_the_right_frame_as_heavy_as_all_wrong_ones() -> None:
    right, wrong = torch.randn(5), torch.randn(5, 3)
    valid = torch.tensor([[1, 1, 1], [1, 1, 0], [0, 1, 0], [1, 0, 1], [0, 0, 0]], dtype=torch.bool)
    expected = []
    for n in range(5):
        counted = wrong[n][valid[n]]
        labels = torch.tensor([1.0] + [0.0] * len(counted))
        weights = torch.tensor([0.5] + [0.5 / max(len(counted), 1)] * len(counted))
        logits = torch.cat([right[n : n + 1], counted])
        expected.append(F.binary_cross_entropy_with_logits(logits, labels, weights, reduction="sum"))
    torch.testing.assert_close(contrast(right, wrong, valid), torch.stack(expected))


def test_a_model_whose_score_is_nothing_pays_ln_2() -> None:
    model = make_model()
    for parameter in model.score.parameters():
        torch.nn.init.zeros_(parameter)
    terms = model.loss(coloured_frames(9), torch.randn(9, 5))
    torch.testing.assert_close(terms.loss, torch.full((9,), LN2))
    assert torch.equal(terms.error, terms.loss)
    assert not terms.kl.any()


def of_worlds(*times_of_each: list[int]) -> Tensor:
    """Identities of frames at these times of world 0, of world 1 and so on."""
    return torch.tensor([[world, time] for world, times in enumerate(times_of_each) for time in times])


def alone(numbers: Tensor) -> Tensor:
    """Identities of frames each of a world of its own, alike where the numbers are."""
    return torch.stack([numbers, numbers], dim=1)


@pytest.mark.parametrize("worlds", [1, 2, 7])
@pytest.mark.parametrize("times", [1, 2, 5, 1000])
@pytest.mark.parametrize("count", [1, 2, 3, 50])
def test_negatives_show_other_frames_and_half_of_them_the_same_world(times: int, worlds: int, count: int) -> None:
    """As far as there are so many, and none twice; the target's own frame is none of them, nor is its like."""
    noise, points = torch.Generator().manual_seed(times), 20
    for _ in range(10):
        identity = torch.stack([torch.randint(0, most, (points,), generator=noise) for most in (worlds, times)], dim=1)
        drawn = draw_negatives(identity, count, noise)
        for n, (world, time) in enumerate(identity.tolist()):
            same = {m for m in range(points) if identity[m, 0] == world and identity[m, 1] != time}
            other = {m for m in range(points) if identity[m, 0] != world}
            chosen = drawn.points[n][drawn.valid[n]].tolist()
            assert set(chosen) <= same | other
            assert len(chosen) == len(set(chosen)) == min(count, len(same | other))
            wanted = max(math.ceil(count / 2), count - len(other))
            assert len(same & set(chosen)) == min(wanted, len(same))


def test_of_each_kind_every_frame_is_drawn_equally_often() -> None:
    identity = of_worlds([0, 0, 1, 2, 3], [0, 5], [1, 1, 1])
    noise, draws, count, points = torch.Generator().manual_seed(0), 4000, 4, len(identity)
    counts = torch.zeros(points, points)
    for _ in range(draws):
        drawn = draw_negatives(identity, count, noise)
        assert drawn.valid.all()
        counts.scatter_add_(1, drawn.points, torch.ones(points, count))
    is_same = identity[:, :1] == identity[:, 0]
    differs = (identity[:, None] != identity).any(dim=-1)
    same, other = (is_same & differs).float(), (~is_same).float()
    from_same = same.sum(dim=1, keepdim=True).clamp(max=2)
    expected = from_same * same / same.sum(dim=1, keepdim=True).clamp(min=1)
    expected += (count - from_same) * other / other.sum(dim=1, keepdim=True)
    assert from_same.flatten().tolist() == [2, 2, 2, 2, 2, 1, 1, 0, 0, 0]
    assert (counts / draws - expected).abs().max() < 4 * math.sqrt(0.25 / draws)


class Place(nn.Module):
    """Embeds frames as their places in the batch."""

    def forward(self, frames: Tensor) -> Tensor:
        return torch.arange(float(len(frames)))[:, None]


def knowing(model: Contrastive, identity: Tensor) -> None:
    """Give a model a score that is right of every point with the target's frame and of every other: 50 or -50."""
    model.encoder, model.from_embedding, model.from_condition = Place(), nn.Identity(), nn.Identity()
    model._score = lambda asked, shown: (  # type: ignore[method-assign]
        100.0 * (identity[asked[..., 0].long()] == identity[shown[..., 0].long()]) - 50.0
    )


def test_a_point_with_the_very_same_frame_is_no_negative() -> None:
    """The score calls it right, so it would cost 50 times its share if it were one."""
    identity, states = torch.arange(12) // 3, torch.arange(12.0)[:, None]  # a state is its place, too
    model = make_model(negatives=12)
    model.condition_size = 1
    knowing(model, identity)
    told = model.loss(coloured_frames(12), states, None, alone(identity)).loss
    torch.testing.assert_close(told, torch.zeros(12))
    untold = model.loss(coloured_frames(12), states).loss
    torch.testing.assert_close(untold, torch.full((12,), 50.0 * 2 / 11 / 2))


@pytest.mark.parametrize("shapes", [((1, 8, 8, 3), (3, 5)), ((3, 8, 8, 3), (1, 5)), ((2, 3, 8, 8, 3), (2, 3, 5))])
def test_frames_and_conditions_that_would_be_broadcast_are_refused(shapes: tuple[tuple[int, ...], ...]) -> None:
    frames, conditions = torch.zeros(shapes[0], dtype=torch.uint8), torch.zeros(shapes[1])
    for model in (make_model(), Deterministic(condition_size=5, frame_size=8)):
        with pytest.raises(ValueError, match=r"they must be \[N, 8, 8, 3\] and \[N, 5\]"):
            model.loss(frames, conditions)


def test_with_all_negatives_the_order_of_the_batch_changes_nothing() -> None:
    model, frames, conditions = make_model(negatives=12), coloured_frames(12), torch.randn(12, 5)
    identity, order = torch.arange(12) // 2, torch.randperm(12)
    loss = model.loss(frames, conditions, None, alone(identity)).loss
    shuffled = model.loss(frames[order], conditions[order], None, alone(identity)[order]).loss
    torch.testing.assert_close(shuffled, loss[order])
    assert loss.std() > 1e-4, "the test wants points that differ"


def test_scores_are_those_of_one_net_of_state_and_embedding() -> None:
    model, conditions, embeddings = make_model(), torch.randn(3, 5), torch.randn(3, 16)
    hidden = torch.cat([model.from_condition.weight, model.from_embedding.weight], dim=1)
    for c, e in itertools.product(conditions, embeddings):
        rectified = (hidden @ torch.cat([c, e]) + model.from_condition.bias).clamp(min=0)
        expected = model.score.weight[0] @ rectified + model.score.bias[0]
        torch.testing.assert_close(model._score(model.from_condition(c), model.from_embedding(e)), expected)


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


def test_a_state_is_trained_by_its_own_target_and_lends_others_its_frame_alone() -> None:
    model = make_model()
    conditions = torch.randn(9, 5, requires_grad=True)
    (gradient,) = torch.autograd.grad(model.loss(coloured_frames(9), conditions).loss[4], conditions)
    assert gradient.any(dim=1).tolist() == [n == 4 for n in range(9)]


def test_scores_tend_to_the_log_of_how_much_likelier_the_state_makes_the_frame() -> None:
    """State 0 shows black four times in five, else red, and state 1 the other way round: 0.8 / 0.5 and 0.2 / 0.5.

    Half of the others look like the target; were they no negatives, a frame that is possible would seem certain.
    """
    model, noise = make_model(negatives=16), torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    colours, states = coloured_frames(2), torch.eye(5)[:2]
    for _ in range(150):
        state = torch.randint(0, 2, (256,), generator=noise)
        unlikely = torch.rand(256, generator=noise) < 0.2
        optimizer.zero_grad()
        torch.autograd.backward(model.loss(colours[state ^ unlikely], states[state], noise).loss.mean())
        optimizer.step()
    with torch.no_grad():
        scores = model._score(model.from_condition(states)[:, None], model.from_embedding(model.encoder(colours)))
    expected = torch.tensor([[0.8, 0.2], [0.2, 0.8]]).div(0.5).log()
    torch.testing.assert_close(scores, expected, rtol=0, atol=0.25)


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
