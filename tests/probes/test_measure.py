"""The scores of what the belief knows, against sums written out by hand."""

import numpy as np
import pytest
import torch

from simcore.learning.trajectory import Truth
from simcore.probes import Probes
from simcore.probes.measure import Constant, Scores, score
from simcore.probes.readout import Readout

T, W, N, H = 5, 4, 3, 8


@pytest.fixture
def truth() -> Truth:
    generator = torch.Generator().manual_seed(0)
    return Truth(
        torch.randint(0, 256, (T, W, N, N, 3), generator=generator, dtype=torch.uint8),
        torch.rand(T, W, N, N, generator=generator) < 0.5,
        torch.randint(0, N * N, (T, W), generator=generator),
        torch.randint(0, H, (T, W), generator=generator),
    )


def perfect(truth: Truth) -> Readout:
    one_hot = torch.nn.functional.one_hot
    return Readout(truth.maps / 255.0, one_hot(truth.cells, N * N).float(), one_hot(truth.headings, H).float())


def test_a_perfect_readout_scores_perfectly(truth: Truth) -> None:
    overall = score(perfect(truth), truth).overall()
    assert overall == {
        "map_mse": 0.0, "map_mse_seen": 0.0, "map_mse_unseen": 0.0, "cell_accuracy": 1.0, "heading_accuracy": 1.0,
    }  # fmt: skip


def test_map_errors_are_means_over_their_cells(truth: Truth) -> None:
    read = perfect(truth)._replace(maps=torch.rand(T, W, N, N, 3, generator=torch.Generator().manual_seed(1)))
    scores = score(read, truth)
    for t in range(T):
        for w in range(W):
            error = ((read.maps[t, w] - truth.maps[t, w] / 255.0) ** 2).mean(-1)
            seen = truth.seen[t, w]
            assert scores.map_mse[t, w] == pytest.approx(error.mean().item(), rel=1e-5)
            assert scores.map_mse_seen[t, w] == pytest.approx(error[seen].mean().item(), rel=1e-5)
            assert scores.map_mse_unseen[t, w] == pytest.approx(error[~seen].mean().item(), rel=1e-5)


def test_where_nothing_is_unseen_there_is_no_score(truth: Truth) -> None:
    seen = truth.seen.clone()
    seen[2] = True
    seen[3, 1] = True
    scores = score(perfect(truth), truth._replace(seen=seen))
    assert np.isnan(scores.map_mse_unseen[2]).all()
    by_time = scores.by_time()["map_mse_unseen"]
    assert np.isnan(by_time).tolist() == [False, False, True, False, False]
    assert not np.isnan(scores.overall()["map_mse_unseen"])


def test_the_constant_is_the_best_constant(truth: Truth) -> None:
    constant = Constant.fit(truth)
    torch.testing.assert_close(constant.map, (truth.maps / 255.0).mean((0, 1)))
    read = constant.read(perfect(truth))
    scores = score(read, truth).overall()
    assert scores["map_mse"] == pytest.approx((truth.maps / 255.0).var((0, 1), correction=0).mean().item(), rel=1e-5)
    assert scores["cell_accuracy"] == pytest.approx(torch.bincount(truth.cells.flatten()).max().item() / (T * W))
    assert scores["heading_accuracy"] == pytest.approx(torch.bincount(truth.headings.flatten()).max().item() / (T * W))


def test_scores_join_world_by_world(truth: Truth) -> None:
    scores = score(perfect(truth), truth)
    halves = [Scores(*(values[:, part] for values in scores)) for part in (slice(0, 1), slice(1, None))]
    for value, expected in zip(Scores.join(halves), scores, strict=True):
        np.testing.assert_array_equal(value, expected)


def test_the_probes_learn_what_is_in_the_belief(truth: Truth) -> None:
    """Beliefs that hold cell and heading as one-hots and the map outright are read to the end."""
    torch.manual_seed(0)
    read = perfect(truth)
    beliefs = torch.cat([read.maps.flatten(2), read.cells, read.headings], dim=-1)
    probes = Probes(beliefs.shape[-1], N, H, hidden_size=64)
    optimizer = torch.optim.Adam(probes.parameters(), 3e-3)
    for _ in range(300):
        knowing = probes.loss(beliefs, truth)
        optimizer.zero_grad()
        knowing.loss.backward()
        optimizer.step()
    assert knowing.map_mse < 0.01
    assert knowing.cell_accuracy == 1.0
    assert knowing.heading_accuracy == 1.0


def test_the_probes_losses_share_no_parameter(truth: Truth) -> None:
    probes = Probes(6, N, H, hidden_size=4)
    beliefs = torch.randn(T, W, 6, generator=torch.Generator().manual_seed(2))
    read = probes(beliefs)
    for part, module in zip(read, (probes.map, probes.cell, probes.heading), strict=True):
        touched = torch.autograd.grad(part.sum(), list(probes.parameters()), allow_unused=True, retain_graph=True)
        expected = {id(parameter) for parameter in module.parameters()}
        assert {id(p) for p, g in zip(probes.parameters(), touched, strict=True) if g is not None} == expected
