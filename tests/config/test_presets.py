"""What presets must keep to, whatever their values."""

from dataclasses import replace

import pytest

from simcore.config.presets import preset
from simcore.frame_models.contrastive import Contrastive, ContrastiveConfig
from tinier import tinier


@pytest.mark.parametrize("name", ["tiny", "small", "paper"])
@pytest.mark.parametrize("level", ["Food", "Terrain", "Tower", "MiniGrid-MemoryS7-v0"])
def test_beside_policy_and_value_the_model_weighs_nats_of_an_image_dimension(name: str, level: str) -> None:
    config = preset(name, level)
    assert config.model_cost * 3 * config.world.frame_size**2 == pytest.approx(1.0)
    assert config.learning.gradient_clip == 40.0
    alone = preset(name)
    assert alone.model_cost == 1.0
    assert alone.learning.gradient_clip > 1000.0


def test_the_contrastive_model_is_weighed_on_its_own_scale() -> None:
    for frame_model, cost in (("convdraw", 0.25), ("deterministic", 0.25), ("contrastive", 2.0)):
        config = tinier(frame_model=frame_model, simulation__cost=0.25, contrastive__cost=2.0)
        assert config.model_cost == cost


class Variant(Contrastive):
    """A user's variant, which has its own `cost`."""


def test_so_is_a_users_model_that_has_a_cost() -> None:
    config = tinier(frame_model=f"{__name__}:Variant", simulation__cost=0.25, options=("frame_model.cost=3.0",))
    assert config.model_cost == 3.0
    assert replace(config, options=()).model_cost == ContrastiveConfig().cost
