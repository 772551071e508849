"""The configuration of other people's environments."""

import json
from dataclasses import asdict, dataclass, replace

import cattrs
import pytest

from simcore.worlds.gym import GymConfig


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"frame_size": 3}, "frame_size is 3; allowed are 4 to 512 pixels"),
        ({"episode_length": -1}, "episode_length is -1; allowed are 0 to 1000000000"),
        ({"processes": -1}, "processes is -1; allowed are 0 to 1024"),
        ({"repeat": 0}, "repeat is 0; allowed are 1 to 10000"),
        ({"wrappers": ("Lamp",)}, "wrappers holds 'Lamp'; allowed are auto and module:Class"),
        ({"make_kwargs": ("lamps",)}, "make_kwargs holds 'lamps'; it must be written name=value"),
        ({"make_kwargs": ("=3",)}, "make_kwargs holds '=3'; it must be written name=value"),
        ({"make_kwargs": ("a=3", "a=4")}, "make_kwargs gives a more than once"),
    ],
)
def test_config_out_of_its_limits(config, message):
    with pytest.raises(ValueError, match=message):
        GymConfig(**config)


def test_arguments_are_pythons_values():
    config = GymConfig(make_kwargs=("number=3", "text=hard", "flag=True", "pair=(1, 2)", "equation=a=b", "empty="))
    expected = {"number": 3, "text": "hard", "flag": True, "pair": (1, 2), "equation": "a=b", "empty": ""}
    assert config.arguments == expected


def test_config_survives_json():
    config = GymConfig(wrappers=("auto", "a:B"), make_kwargs=("x=3",), repeat=2, observation="screen")

    @dataclass(frozen=True)
    class Run:
        world: GymConfig

    written = json.loads(json.dumps(asdict(Run(config))))
    assert cattrs.structure(written, Run) == Run(config)
    assert replace(config, repeat=1) != config
