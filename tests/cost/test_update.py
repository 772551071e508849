"""The cost of an update that is not done, against one that is."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.dry_run import CPU, measured, predicted, real_update
from simcore.build import make_system, world_sizes
from simcore.common.tree import tree_map
from simcore.config.presets import preset
from simcore.config.run import Config
from simcore.cost import Meter, cost_of_run
from simcore.cost.batch import empty_batch, first_frames, size_of, waiting
from simcore.cost.peaks import CARDS
from simcore.data.trajectory import Trajectory
from simcore.training.training import Training
from tinier import changed, tinier, tinier_acting

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("core", ["lstm", "slots", "kanerva"])
def test_the_peak_is_that_of_a_real_update(core: str) -> None:
    config = changed(
        replace(preset("tiny"), core=core, threads=1), learning__worlds=8, learning__unroll_length=24, device="cpu"
    )
    costs, peak = predicted(config)
    assert peak == pytest.approx(measured(config), rel=0.2)
    assert sum(costs.parameters.values()) == sum(p.numel() for p in make_system(config).parameters())


@pytest.mark.parametrize(
    ("core", "frame_model"), [("lstm", "convdraw"), ("slots", "deterministic"), ("kanerva", "contrastive")]
)
def test_every_kind_of_net_is_counted_as_when_it_is_real(core: str, frame_model: str) -> None:
    config = tinier(core=core, frame_model=frame_model, probes__map_convdraw=True, learning__probe_times=2)
    costs = cost_of_run(config, on_gpu=False)
    assert set(costs.parameters) == {
        "encoder", "belief core", "simulation core", "frame model", "probes", "map model"
    }  # fmt: skip
    assert all(costs.flop_by(part, way) > 0 for part in costs.parameters for way in (False, True))
    assert sum(costs.flop_by(part, way) for part in costs.parameters for way in (False, True)) == costs.total
    learner, batch = real_update(config)
    for generators in learner.generators.values():
        generators.host.manual_seed(0)  # the times that the counted update sampled
    prepared = learner.prepare(batch)
    with Meter() as meter:
        learner.step(prepared)
    assert meter.flop.total() == costs.total


def test_an_agent_that_acts_measures_the_gradient_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    config = tinier_acting()
    costs = cost_of_run(config, on_gpu=False)
    assert costs.flop_by("policy and value", True) > 0
    assert costs.measuring > 1.0
    alone = replace(config, frame_model="none")
    assert cost_of_run(alone, on_gpu=False).measuring == 1.0
    monkeypatch.syspath_prepend(EXAMPLES)
    own = replace(alone, objectives=("own_objective:InverseDynamics",))
    assert cost_of_run(own, on_gpu=False).measuring > 1.0, "of one's own objective, where there is no frame model"


def test_maps_around_the_agent_come_without_the_steps_since_cells_were_seen() -> None:
    sizes = [size_of(empty_batch(config, world_sizes(config))) for config in (tinier(), tinier(world__map_frame="ego"))]
    assert sizes[1] < sizes[0]


def test_bfloat16_takes_less_room_and_the_same_arithmetic() -> None:
    config = tinier()
    single, half = (cost_of_run(replace(config, precision=precision), on_gpu=True) for precision in ("fp32", "bf16"))
    assert half.total == single.total
    assert half.peak < single.peak
    assert {kind.dtype for kind in half.flop} == {torch.float32, torch.bfloat16}
    assert {kind.dtype for kind in single.flop} == {torch.float32}


def test_a_kanerva_memorys_exact_products_take_their_time() -> None:
    card = CARDS["h100"]
    for core, is_exact in (("lstm", False), ("kanerva", True)):
        costs = cost_of_run(tinier(core=core, precision="tf32"), on_gpu=True)
        exact = sum(flop for kind, flop in costs.flop.items() if kind.is_exact and kind.dtype == torch.float32)
        assert (exact > 0) == is_exact
        rounded = costs.total - exact
        assert costs.least_seconds(card, "tf32") == pytest.approx(exact / 66.9e12 + rounded / 494.7e12, rel=0.05)


@pytest.mark.parametrize("config", [tinier(), tinier_acting()], ids=["walker", "agent"])
def test_a_batch_without_content_has_the_shapes_of_a_real_one(config: Config) -> None:
    with (training := Training(config, CPU)).executor as executor:
        real = executor.take(config.trajectories_per_update).parts[0].trajectory
    batch = empty_batch(config, world_sizes(config))
    shapes = [[(leaf.shape, leaf.dtype) for leaf in leaves(one)] for one in (batch, real)]
    assert shapes[0] == shapes[1]
    assert size_of(batch) == size_of(real)
    assert training.updates == 0


def leaves(batch: Trajectory) -> list[torch.Tensor]:
    found: list[torch.Tensor] = []
    tree_map(lambda leaf: found.append(leaf) or leaf, batch._replace(initial_state=None))
    return found


def test_episodes_begin_together_or_apart() -> None:
    assert first_frames(tinier(), 18).any(dim=1).nonzero()[:, 0].tolist() == [0, 9]
    apart = first_frames(tinier_acting(), 21)
    assert apart.sum(dim=0).tolist() == [1, 1, 1]
    assert apart.any(dim=1).sum() == 3


def test_trajectories_that_wait() -> None:
    config = tinier_acting(acting__actors=3, acting__queue=4, acting__worlds=1)
    assert [waiting(replace(config, executor=name)) for name in ("serial", "threads", "ray")] == [3, 3 + 3 + 4, 3 + 12]
