"""In which fields configurations differ, and which of them a run may change."""

from dataclasses import replace

import pytest

from simcore.common.errors import UserError
from simcore.config.differences import (
    CHANGEABLE,
    INCIDENTAL,
    differences,
    differing_fields,
    fields_of,
    require_changeable,
)
from simcore.config.presets import preset
from simcore.config.run import Config
from tinier import tinier, tinier_acting


def test_the_fields_are_all_those_of_a_configuration() -> None:
    fields = fields_of(tinier())
    assert fields["seed"] == 0
    assert fields["simulation.overshoot"] == 3
    assert fields["agent.encoder_channels"] == (4,)
    assert fields["geco.initial"] is None
    of_gym = fields_of(preset("tiny", "CartPole-v1"))
    assert {*CHANGEABLE, *INCIDENTAL} <= {*fields, *of_gym}, "none of these is misspelt"


def test_nothing_that_is_learned_or_seen_is_incidental() -> None:
    parts = {field.partition(".")[0] for field in INCIDENTAL if "." in field}
    assert parts == {"acting", "record", "world"}
    assert [field for field in INCIDENTAL if field.startswith("world.")] == ["world.processes"]
    assert not {"seed", "precision", "executor", "learning.updates"} & set(INCIDENTAL)


def test_differences_name_field_old_and_new() -> None:
    assert differences(tinier(), tinier()) == ()
    changes = differences(tinier(), tinier(learning__updates=9, core="slots"))
    assert [str(change) for change in changes] == ["core = lstm, not slots", "learning.updates = 6, not 9"]


def test_fields_that_one_level_alone_has_differ() -> None:
    fields = differing_fields([tinier(), tinier_acting()])
    assert {"level", "policy", "world.amount", "world.heights"} <= set(fields)
    assert "world.frame_size" not in fields
    assert "level" not in differing_fields([tinier(), tinier_acting()], besides={"level"})


def test_what_may_change_may_and_what_may_not_is_named() -> None:
    old = tinier()
    require_changeable(old, tinier(learning__updates=99, record__metrics_every=1, device="cuda", threads=3), "runs/a")
    require_changeable(old, replace(tinier(acting__queue=5), executor="threads", graph=True), "runs/a")
    for changes, told in (
        ({"precision": "bf16"}, "precision = fp32, not bf16"),
        ({"seed": 1}, "seed = 0, not 1"),
        ({"learning__worlds": 4, "learning__updates": 9}, "learning.worlds = 3, not 4"),
    ):
        with pytest.raises(UserError) as refused:
            require_changeable(old, tinier(**changes), "runs/a")
        message = str(refused.value)
        assert message.startswith(f"runs/a has {told}; where a run goes on there may change: learning.updates, device")
        assert "\n" not in message


def test_many_differences_are_counted() -> None:
    with pytest.raises(UserError, match=r" and \d+ more; where a run"):
        require_changeable(tinier(), Config(), "runs/a")
