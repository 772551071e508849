"""What a page learns about a scene at first: the world, its actions and their keys, and the beliefs."""

from collections.abc import Sequence
from typing import Any

from simcore.analysis.loaded_run import LoadedRun
from simcore.common.version import __version__
from simcore.viewer.scene import LONGEST, SAMPLES, STEPS, Scene
from simcore.worlds.voxel.levels.base import LevelConfig

KEYS = {
    "forward": "ArrowUp",
    "turn_left": "ArrowLeft",
    "turn_right": "ArrowRight",
    "forward_left": "ArrowUp+ArrowLeft",
    "forward_right": "ArrowUp+ArrowRight",
    "jump": "j",
    "jump_forward": "k",
    "look_up": "PageUp",
    "look_down": "PageDown",
    "remove": "x",
    "place": "c",
    # Names that other people's worlds use.
    "left": "ArrowLeft",
    "right": "ArrowRight",
    "up": "ArrowUp",
    "down": "ArrowDown",
    "backward": "ArrowDown",
}
"""The keys of actions, by name, as browsers call them; two are held together. The first ten others have a digit."""


def describe(scene: Scene, names: Sequence[str]) -> dict[str, Any]:
    """Return what a page learns about a scene at first; `names` are those of its runs."""
    config, actions = scene.runs[0].config, scene.world.action_names
    world = config.world
    return {
        "version": __version__,
        "level": config.level,
        "actions": [{"name": name, "key": key} for name, key in zip(actions, keys_of(actions), strict=True)],
        "drivers": scene.drivers,
        "has_maps": scene.has_maps,
        "map_size": world.size if isinstance(world, LevelConfig) else 0,
        "headings": world.turns if isinstance(world, LevelConfig) else 0,
        "frame_size": world.frame_size,
        "episode_length": world.episode_length,
        "can_return": scene.world.can_return,
        "can_blindfold": scene.can_blindfold,
        "samples": SAMPLES,
        "steps": STEPS,
        "longest": LONGEST,
        "beliefs": [
            describe_belief(run, name, watcher.can_imagine, watcher.session.read_by)
            for run, name, watcher in zip(scene.runs, names, scene.watchers, strict=True)
        ],
    }


def describe_belief(run: LoadedRun, name: str, can_imagine: bool, read_by: str) -> dict[str, Any]:
    """Return what a page learns about one belief."""
    return {
        "name": name,
        "core": run.config.core,
        "frame_model": run.config.frame_model if run.config.has_frame_model else None,
        "age": run.age,
        "read_by": read_by,
        "can_imagine": can_imagine,
        "has_map_model": run.system.map_model is not None,
    }


def keys_of(actions: Sequence[str]) -> list[str]:
    """Return a key for each action; empty where there are more others than digits."""
    digits = iter("1234567890")
    taken: set[str] = set()
    keys = []
    for action in actions:
        key = KEYS.get(action.lower(), "")
        if not key or key in taken:
            key = next(digits, "")
        taken.add(key)
        keys.append(key)
    return keys
