"""Configurations as a whole: what is refused wherever one is made, and those of earlier versions."""

import json
from pathlib import Path
from typing import Any

import pytest

from simcore.common.errors import UserError
from simcore.config.presets import preset
from simcore.config.run import Config
from tinier import tinier

OLD = [json.loads(line) for line in (Path(__file__).parent / "old_configs.jsonl").read_text().splitlines()]
"""One `config.json` of each shape that there has been."""


@pytest.mark.parametrize("old", OLD, ids=range(len(OLD)))
def test_a_configuration_of_an_earlier_version_is_still_read(old: dict[str, Any]) -> None:
    config = Config.from_dict(old)
    for name in ("level", "seed", "preset"):
        assert getattr(config, name) == old[name]
    now = json.loads(json.dumps(config.to_dict()))
    gone = {("acting", "look_around")}
    for section, values in old.items():
        if isinstance(values, dict):
            for name, value in values.items():
                assert (section, name) in gone or now[section][name] == value
    assert Config.from_dict(now) == config


def test_a_field_that_no_version_has_is_refused() -> None:
    with pytest.raises(UserError, match="has no size_of_the_moon"):
        Config.from_dict(tinier().to_dict() | {"size_of_the_moon": 3})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frame_model": "pixelcnn"}, "no frame model 'pixelcnn'; there are: contrastive, convdraw, deterministic"),
        ({"core": "gru"}, "no memory 'gru'"),
        ({"policy": "dancer"}, "policy must be one of walker, agent, not 'dancer'"),
        ({"executor": "slurm"}, "executor must be one of serial, threads, processes, ray, not 'slurm'"),
        ({"precision": "fp8"}, "precision must be one of fp32, tf32, bf16, not 'fp8'"),
        ({"objectives": ("curiosity",)}, "no objective 'curiosity'; give one of yours as module:Name"),
        ({"options": ("frame_model.width=3",)}, "this run has no part of your own"),
        ({"options": ("width",)}, "must be written part.field=value"),
    ],
)
def test_unknown_names_are_refused_from_python_too(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        tinier(**changes)


def test_a_preset_of_ones_own_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[all.agent]\nhidden_size = 48\n[levels.RandomCity.world]\nsize = 9\n[acts]\npolicy = 'agent'\n")
    city, food = preset(str(file)), preset(str(file), "Food")
    assert (city.agent.hidden_size, city.world.size, city.policy) == (48, 9, "walker")
    assert (food.agent.hidden_size, food.policy) == (48, "agent")
    assert city.run_name == "RandomCity-mine-0"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[all.agent]\nsize_of_the_moon = 3\n", "mine.toml: .*size_of_the_moon"),
        ("[everything.agent]\nhidden_size = 3\n", "has everything; a preset's tables are all, acts, levels, gym"),
        ("[all.agent\n", "is no TOML"),
        ("[all.agent]\nhidden_size = 0\n", "hidden_size must be a whole number from 1 to 65536, not 0"),
    ],
)
def test_a_preset_that_says_what_cannot_be_is_refused(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(UserError, match=message):
        preset(str(file))
    with pytest.raises(UserError, match="cannot read the preset"):
        preset(str(tmp_path / "nowhere.toml"))
