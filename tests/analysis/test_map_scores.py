"""The scores of what the belief knows, against sums written out by hand."""

import numpy as np
import pytest
import torch

from simcore.analysis.scores import Constant, Scores, left, sample_variance, score
from simcore.common.tree import tree_map
from simcore.data.targets import TargetValues
from simcore.probes import Probes, ProbesConfig
from simcore.probes.readout import Readout
from simcore.worlds.api import OUT_OF_SIGHT_STEPS
from tinier import tell_map

T, W, N, H = 5, 4, 3, 8
TARGETS = tell_map(N, H)


@pytest.fixture
def truth() -> TargetValues:
    generator = torch.Generator().manual_seed(0)
    return {
        "map": torch.randint(0, 256, (T, W, N, N, 3), generator=generator, dtype=torch.uint8),
        "since_seen": torch.randint(-1, T, (T, W, N, N), generator=generator, dtype=torch.int32),
        "cell": torch.randint(0, N * N, (T, W), generator=generator),
        "heading": torch.randint(0, H, (T, W), generator=generator),
    }


def perfect(truth: TargetValues) -> Readout:
    one_hot = torch.nn.functional.one_hot
    return {
        "map": truth["map"] / 255.0,
        "cell": one_hot(truth["cell"], N * N).float(),
        "heading": one_hot(truth["heading"], H).float(),
    }


def test_a_perfect_readout_scores_perfectly(truth: TargetValues) -> None:
    overall = score(perfect(truth), truth, TARGETS).overall()
    nothing_old = overall.pop("map_mse_old")
    assert np.isnan(nothing_old)  # no episode is long enough
    assert overall == {
        "map_mse": 0.0, "map_mse_seen": 0.0, "map_mse_unseen": 0.0, "cell_accuracy": 1.0, "heading_accuracy": 1.0,
    }  # fmt: skip


def test_map_errors_are_means_over_their_cells(truth: TargetValues) -> None:
    read = perfect(truth) | {"map": torch.rand(T, W, N, N, 3, generator=torch.Generator().manual_seed(1))}
    scores = score(read, truth, TARGETS)
    for t in range(T):
        for w in range(W):
            error = ((read["map"][t, w] - truth["map"][t, w] / 255.0) ** 2).mean(-1)
            seen = truth["since_seen"][t, w] >= 0
            for name, cells in (("map_mse", slice(None)), ("map_mse_seen", seen), ("map_mse_unseen", ~seen)):
                expected = pytest.approx(error[cells].mean().item(), rel=1e-5, nan_ok=True)
                assert scores.errors[name].mse_by_step_and_world()[t, w] == expected


def test_where_nothing_is_unseen_there_is_no_score(truth: TargetValues) -> None:
    since_seen = truth["since_seen"].clone()
    since_seen[2] = 1
    since_seen[3, 1] = 0
    scores = score(perfect(truth), truth | {"since_seen": since_seen}, TARGETS)
    assert np.isnan(scores.errors["map_mse_unseen"].mse_by_step_and_world()[2]).all()
    by_time = scores.by_time()["map_mse_unseen"]
    assert np.isnan(by_time).tolist() == [False, False, True, False, False]
    assert not np.isnan(scores.overall()["map_mse_unseen"])


def test_the_constant_is_the_best_constant(truth: TargetValues) -> None:
    parts = [tree_map(lambda part: part[:, worlds], truth) for worlds in (slice(0, 1), slice(1, W))]  # noqa: B023
    constant = Constant.fit(parts, TARGETS)
    assert torch.equal(constant.answers["map"], Constant.fit([truth], TARGETS).answers["map"])
    torch.testing.assert_close(constant.answers["map"], (truth["map"] / 255.0).mean((0, 1)))
    read = constant.read(perfect(truth))
    scores = score(read, truth, TARGETS).overall()
    assert scores["map_mse"] == pytest.approx((truth["map"] / 255.0).var((0, 1), correction=0).mean().item(), rel=1e-5)
    assert scores["cell_accuracy"] == pytest.approx(torch.bincount(truth["cell"].flatten()).max().item() / (T * W))
    headings = torch.bincount(truth["heading"].flatten())
    assert scores["heading_accuracy"] == pytest.approx(headings.max().item() / (T * W))


def test_errors_are_sorted_by_the_steps_since_a_cell_was_seen(truth: TargetValues) -> None:
    """Errors that are the age itself come back as the age; cells never seen count nowhere."""
    since_seen = truth["since_seen"]
    offset = since_seen.sqrt().nan_to_num(nan=1e3)[..., None]
    fading = score(perfect(truth) | {"map": truth["map"] / 255.0 + offset}, truth, TARGETS).error_by_age
    np.testing.assert_allclose(fading.by_age(), np.arange(T), rtol=1e-5, atol=1e-6)
    assert fading.cells.shape == (T, W)
    for world in range(W):
        ages = since_seen[:, world][since_seen[:, world] >= 0]
        assert fading.cells[:, world].tolist() == torch.bincount(ages, minlength=T).tolist()
    expected = since_seen[(since_seen >= 1) & (since_seen <= 3)].float().mean().item()
    assert fading.map_mse(1, 3) == pytest.approx(expected, rel=1e-5)
    assert np.isnan(fading.map_mse(T, T + 5))


def test_samples_that_know_nothing_spread_as_the_worlds_do(truth: TargetValues) -> None:
    """Samples drawn from other worlds differ as these do; those that are always the same, not at all."""
    generator = torch.Generator().manual_seed(5)
    black_or_white = torch.where(torch.arange(T * W) % 2 == 0, 0, 255).to(torch.uint8).view(T * W, 1, 1, 1)
    worlds = black_or_white.expand(T * W, N, N, 3)
    maps, seen = worlds.view(T, W, N, N, 3), truth["since_seen"] >= 0
    chosen = torch.randint(0, T * W, (4000, T, W), generator=generator)
    samples, mean = torch.where(seen[..., None], maps, worlds[chosen]), torch.full((N, N, 3), 0.5)
    spreading = sample_variance(samples, maps, mean, truth["since_seen"])
    assert spreading.seen == 0.0
    assert spreading.unseen == pytest.approx(1.0, abs=0.02)
    one = sample_variance(samples[:, :, :1], maps[:, :1], mean, truth["since_seen"][:, :1])
    assert one.unseen == pytest.approx(1.0, abs=0.02), "of a single world: it deviates from the mean of others"
    everything = sample_variance(samples, maps, mean, torch.zeros_like(truth["since_seen"]))
    assert np.isnan(everything.unseen), "all has been seen"


def test_the_variance_of_few_samples_is_as_large_as_that_of_many() -> None:
    """Black and white at random, of which the variance is a quarter: over pairs of samples it is so on average."""
    maps, mean, unseen = (
        torch.zeros(1, 1, 1, 3, dtype=torch.uint8),
        torch.full((1, 1, 3), 0.5),
        torch.full((1, 1, 1), -1),
    )
    pairs = [torch.tensor(pair, dtype=torch.uint8) for pair in ((0, 0), (0, 255), (255, 0), (255, 255))]
    spreads = [sample_variance(pair.view(2, 1, 1, 1, 1).expand(2, 1, 1, 1, 3), maps, mean, unseen) for pair in pairs]
    assert np.mean([spread.unseen for spread in spreads]) == pytest.approx(0.25 / 0.25)


def test_a_class_that_is_not_told_is_not_scored(truth: TargetValues) -> None:
    read, off = perfect(truth), torch.zeros(T, W, dtype=torch.bool)
    off[2:, 0] = True
    told = truth | {"cell": truth["cell"].masked_fill(off, -1)}
    accuracy = score(read, told, TARGETS).accuracies["cell_accuracy"]
    np.testing.assert_array_equal(np.isnan(accuracy), off.numpy())
    assert np.nanmin(accuracy) == 1.0
    only = {"cell": torch.where(off, -1, 3)}
    assert Constant.fit([only], [each for each in TARGETS if each.name == "cell"]).answers["cell"].argmax() == 3


def test_what_is_not_within_the_first_episode_is_in_no_score(truth: TargetValues) -> None:
    within = torch.ones(T, W, dtype=torch.bool)
    within[3:, 1] = within[1:, 2] = False
    right = perfect(truth)
    wrong = {"map": 1.0 - right["map"], **{name: right[name].roll(1, -1) for name in ("cell", "heading")}}
    read = {
        name: torch.where(within.view(T, W, *[1] * (part.dim() - 2)), part, wrong[name]) for name, part in right.items()
    }
    scores = score(read, truth, TARGETS, within)
    for name, error in scores.errors.items():
        assert not error.squared.any(), name
        assert not error.cells[~within.numpy()].any(), name
    assert (scores.errors["map_mse"].cells[within.numpy()] == N * N).all()
    for accuracy in scores.accuracies.values():
        np.testing.assert_array_equal(accuracy == 1.0, within.numpy())
        assert np.isnan(accuracy[~within.numpy()]).all()
    assert scores.error_by_age is not None
    assert not scores.error_by_age.squared.any()
    assert scores.error_by_age.cells.sum() == ((truth["since_seen"] >= 0) & within[..., None, None]).sum().item()


def test_scores_join_world_by_world(truth: TargetValues) -> None:
    read = perfect(truth) | {"map": torch.rand(T, W, N, N, 3, generator=torch.Generator().manual_seed(3))}
    scores = score(read, truth, TARGETS)
    parts = (slice(0, 1), slice(1, None))
    halves = [
        score(tree_map(lambda x: x[:, part], read), tree_map(lambda x: x[:, part], truth), TARGETS)  # noqa: B023
        for part in parts
    ]
    joined = Scores.join(halves)
    assert joined.errors.keys() == scores.errors.keys()
    for name, error in scores.errors.items():
        for part, expected in zip(joined.errors[name], error, strict=True):
            np.testing.assert_allclose(part, expected, err_msg=name, rtol=1e-12)
    for name, accuracy in scores.accuracies.items():
        np.testing.assert_array_equal(joined.accuracies[name], accuracy, err_msg=name)
    for part, expected in zip(joined.error_by_age, scores.error_by_age, strict=True):
        np.testing.assert_allclose(part, expected, rtol=1e-12)


def test_old_cells_are_those_long_out_of_sight(truth: TargetValues) -> None:
    """Errors are pooled over the cells of all steps and worlds, so that each cell counts alike."""
    generator, length = torch.Generator().manual_seed(7), 2 * OUT_OF_SIGHT_STEPS
    since_seen = torch.randint(-1, length, (length, W, N, N), generator=generator, dtype=torch.int32)
    aged = {name: part[:1].expand(length, *part.shape[1:]) for name, part in truth.items()} | {"since_seen": since_seen}
    read = perfect(aged) | {"map": torch.rand(length, W, N, N, 3, generator=generator)}
    old = score(read, aged, TARGETS).errors["map_mse_old"]
    errors = (read["map"] - aged["map"] / 255.0).square().mean(-1)
    assert old.mse() == pytest.approx(errors[since_seen >= OUT_OF_SIGHT_STEPS].mean().item(), rel=1e-6)
    assert old.mse_by_time()[1] == pytest.approx(errors[1][since_seen[1] >= OUT_OF_SIGHT_STEPS].mean().item(), rel=1e-6)


def test_what_is_left_is_a_part_of_the_constant_guesss_error(truth: TargetValues) -> None:
    constant = Constant.fit([truth], TARGETS).read(perfect(truth))
    halfway = perfect(truth) | {"map": (truth["map"] / 255.0 + constant["map"]) / 2}
    remaining = left(score(halfway, truth, TARGETS), score(constant, truth, TARGETS))
    for name in ("map_mse", "map_mse_seen", "map_mse_unseen"):
        assert remaining[name] == pytest.approx(0.25, rel=1e-4)


def test_the_probes_learn_what_is_in_the_belief(truth: TargetValues) -> None:
    """Beliefs that hold cell and heading as one-hots and the map outright are read to the end."""
    torch.manual_seed(0)
    read = perfect(truth)
    beliefs = torch.cat([read["map"].flatten(2), read["cell"], read["heading"]], dim=-1)
    probes = Probes(ProbesConfig(hidden_size=64), belief_size=beliefs.shape[-1], targets=TARGETS)
    optimizer = torch.optim.Adam(probes.parameters(), 3e-3)
    for _ in range(300):
        knowing = probes.loss(beliefs, truth)
        optimizer.zero_grad()
        knowing.loss.backward()
        optimizer.step()
    assert knowing.metrics["map_mse"] < 0.01
    assert knowing.metrics["cell_accuracy"] == 1.0
    assert knowing.metrics["heading_accuracy"] == 1.0


def test_the_probes_losses_share_no_parameter(truth: TargetValues) -> None:
    probes = Probes(ProbesConfig(hidden_size=4), belief_size=6, targets=TARGETS)
    beliefs = torch.randn(T, W, 6, generator=torch.Generator().manual_seed(2))
    read = probes(beliefs)
    for part, module in zip(read.values(), (probes.map, probes.cell, probes.heading), strict=True):
        touched = torch.autograd.grad(part.sum(), list(probes.parameters()), allow_unused=True, retain_graph=True)
        expected = {id(parameter) for parameter in module.parameters()}
        assert {id(p) for p, g in zip(probes.parameters(), touched, strict=True) if g is not None} == expected


def test_a_run_with_shallow_probes_still_loads() -> None:
    """Those of an older run fit no net of today; they are left out, and what stands beside them is loaded."""

    class Old(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name, outputs in (("map", 27), ("cell", 9), ("heading", 8)):
                setattr(
                    self, name, torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.ReLU(), torch.nn.Linear(4, outputs))
                )

    old = torch.nn.ModuleDict({"probes": Old(), "other": torch.nn.Linear(2, 2)})
    probes = Probes(ProbesConfig(hidden_size=4), belief_size=6, targets=TARGETS)
    new = torch.nn.ModuleDict({"probes": probes, "other": torch.nn.Linear(2, 2)})
    before = {name: value.clone() for name, value in new["probes"].state_dict().items()}
    new.load_state_dict(old.state_dict())
    assert torch.equal(new["other"].weight, old["other"].weight)
    for name, value in new["probes"].state_dict().items():
        assert torch.equal(value, before[name])
