"""Which runs are of one setting, and what settings are called."""

from dataclasses import replace

import pytest

from simcore.common.errors import UserError
from simcore.config.differences import LENGTH
from simcore.config.presets import preset
from simcore.config.run import Config
from simcore.config.settings import group_by_setting, label_settings, require_one_of_each_seed, short_name
from tinier import changed, tinier, tinier_acting


def test_runs_of_one_setting_differ_in_their_seed_alone() -> None:
    configs = [
        tinier(simulation__overshoot=1),
        tinier(),
        tinier(seed=1),
        tinier(simulation__overshoot=1, seed=1),
        tinier(learning__learning_rate=2e-3, seed=1),
        tinier(geco__kappa=2e-3),
        tinier(precision="bf16"),
        tinier(seed=2, device="cuda", threads=8, record__metrics_every=1),
        tinier(seed=3, executor="threads"),
    ]
    assert group_by_setting(configs) == [[0, 3], [1, 2, 7], [4], [5], [6], [8]]
    longer = [tinier(), tinier(seed=1, learning__updates=7)]
    assert group_by_setting(longer) == [[0], [1]]
    assert group_by_setting(longer, besides=[LENGTH]) == [[0, 1]]


@pytest.mark.parametrize(
    ("configs", "labels"),
    [
        ([tinier()], [""]),
        ([tinier(), tinier(seed=1, threads=2)], ["", ""]),
        ([tinier(simulation__overshoot=1), tinier(simulation__overshoot=5)], ["overshoot = 1", "overshoot = 5"]),
        (
            [tinier(), tinier(core="slots", simulation__overshoot=5)],
            ["lstm, overshoot = 3", "slots, overshoot = 5"],
        ),
        ([tinier(geco__kappa=1e-3), tinier(geco__kappa=5e-3)], ["kappa = 0.001", "kappa = 0.005"]),
        (
            [tinier(), tinier(learning__learning_rate=2e-3)],
            ["learning.learning_rate = 0.001", "learning.learning_rate = 0.002"],
        ),
        ([tinier(geco__rate=1 / 768), tinier(geco__rate=1.0)], ["rate = 0.0013", "rate = 1.0"]),
        ([tinier(geco__kappa=1e-3), tinier(geco__kappa=1.0001e-3)], ["kappa = 0.001", "kappa = 0.0010001"]),
        ([tinier_acting(), tinier_acting(frame_model="none")], ["convdraw", "no frame model"]),
        ([tinier(), tinier(world__heights=(2, 2))], ["heights = (1, 4)", "heights = (2, 2)"]),
    ],
)  # fmt: skip
def test_labels_name_what_differs(configs: list[Config], labels: list[str]) -> None:
    assert label_settings(configs) == labels


def test_what_follows_from_level_and_preset_is_not_named() -> None:
    configs = [preset("tiny"), preset("small"), preset("tiny", "Food"), preset("tiny", "MiniGrid-Empty-5x5-v0")]
    labels = ["RandomCity, tiny", "RandomCity, small", "Food, tiny", "MiniGrid-Empty-5x5-v0, tiny"]
    assert label_settings(configs) == labels
    other = changed(preset("tiny"), geco__kappa=0.25)
    assert label_settings([other, preset("small")]) == ["tiny, kappa = 0.25", "small, kappa = 0.004"]
    assert label_settings([replace(preset("tiny"), preset="of old"), preset("tiny")])[0].startswith("of old")


def test_labels_of_different_settings_differ() -> None:
    configs = [
        *(tinier(), tinier_acting(), tinier_acting(world__amount=1), preset("tiny", "Food"), preset("paper")),
        *(tinier(slots__top_k=2), tinier(core="slots"), tinier(probes__learning_rate=0.5), tinier(supervised=True)),
    ]
    labels = label_settings(configs)
    assert len(set(labels)) == len(configs) == len(group_by_setting(configs))


def test_an_oracle_is_called_so_and_the_others_are_not_called_unsupervised() -> None:
    configs = [tinier(simulation__overshoot=1), tinier(), tinier(supervised=True)]
    assert label_settings(configs) == ["overshoot = 1", "overshoot = 3", "oracle, overshoot = 3"]


def test_a_name_that_two_fields_share_is_whole() -> None:
    names = ("geco.kappa", "probes.learning_rate", "seed", "world.amount", "convdraw.steps", "slots.word_size")
    short = ["kappa", "probes.learning_rate", "seed", "amount", "steps", "slots.word_size"]
    assert [short_name(name) for name in names] == short


def test_copies_of_a_run_are_refused_by_name() -> None:
    names = ["runs/a", "runs/b", "runs/c"]
    require_one_of_each_seed([tinier(seed=seed) for seed in range(3)], names)
    with pytest.raises(UserError, match=r"^runs/a and runs/c have the same seed, 0, and have one configuration: "):
        require_one_of_each_seed([tinier(), tinier(seed=1), tinier()], names)
    with pytest.raises(UserError, match=r"runs/a and runs/b .* differ in device, learning.updates alone: "):
        require_one_of_each_seed([tinier(), tinier(device="cuda", learning__updates=9)], names)
