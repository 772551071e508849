"""What an environment knows and its frames need not show: named entries of its `info`, for probes to be trained on."""

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from simcore.worlds.api import SINCE_SEEN, Arrays, ProbeTarget, require

SYNTAX = "name=class:C with C classes, name=vector:D with D numbers, or name=picture:HxW"


def parse_target(text: str) -> ProbeTarget:
    """Return the target that `name=class:4`, `name=vector:2` or `name=picture:9x9` names.

    Raises:
        ValueError: it is written otherwise; the message says how.
    """
    name, _, rest = text.partition("=")
    kind, _, sizes = rest.partition(":")
    numbers = sizes.split("x") if kind == "picture" else [sizes]
    wanted = f"targets holds {text!r}; it must be written {SYNTAX}"
    require(name != SINCE_SEEN, f"targets holds {text!r}; no target can be named {name}")
    require(
        kind in ("class", "vector", "picture") and len(numbers) == 1 + (kind == "picture"),
        wanted,
    )
    require(all(number.isdecimal() for number in numbers), wanted)
    shape = tuple(int(number) for number in numbers)
    return ProbeTarget(name, kind, (*shape, 3) if kind == "picture" else shape)  # type: ignore[arg-type]


class Targets(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Reduces `info` to the targets, each as `ProbeTarget` has it, without a batch.

    A target is the entry of that name in the environment's `info`, or where there is none, in its Dict observation.
    Whole numbers of any type make a class, numbers a vector, uint8 `[H, W, 3]` a picture.

    Args:
        env: the environment.
        targets: what is wanted.

    Raises:
        ValueError: by a reset or step: there is no such entry, or it does not fit; in one line.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], targets: tuple[ProbeTarget, ...]) -> None:
        super().__init__(env)
        self.targets = targets

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode."""
        observation, info = super().reset(seed=seed, options=options)
        return observation, self._told(observation, info)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Take an action."""
        observation, reward, terminated, truncated, info = super().step(action)
        return observation, reward, terminated, truncated, self._told(observation, info)

    def _told(self, observation: Any, info: Mapping[str, Any]) -> Arrays:
        entries = {**observation, **info} if isinstance(observation, Mapping) else info
        for target in self.targets:
            if target.name not in entries:
                held = ", ".join(map(str, entries)) or "nothing"
                raise ValueError(f"the target {target.name} is not in what a step tells, which is: {held}")
        return {target.name: convert(entries[target.name], target) for target in self.targets}


def convert(value: Any, target: ProbeTarget) -> NDArray[Any]:
    """Return a target's value in one environment: int64 `[]`, float32 `[D]` or uint8 `[H, W, 3]`.

    Raises:
        ValueError: it does not fit.
    """
    given = np.asarray(value)
    shape = () if target.kind == "class" else target.shape
    if given.size == 1 and len(shape) < 2:  # a number is a vector of one, and an array of one a number
        given = given.reshape(shape)
    numbers = {"class": "biu", "vector": "biuf", "picture": "u"}[target.kind]
    fits = given.dtype.kind in numbers and (target.kind != "picture" or given.dtype == np.uint8)
    if not fits or given.shape != shape:
        wanted = {"class": "a whole number", "vector": f"numbers {shape}", "picture": f"uint8 {shape}"}[target.kind]
        raise ValueError(f"the target {target.name} is {given.dtype} {given.shape}; world.targets has it as {wanted}")
    if target.kind == "class" and not 0 <= int(given) < target.shape[0]:
        raise ValueError(f"the target {target.name} is {given}; world.targets has it from 0 to {target.shape[0] - 1}")
    return given.astype({"class": np.int64, "vector": np.float32, "picture": np.uint8}[target.kind])
