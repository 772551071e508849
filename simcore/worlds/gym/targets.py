"""Probe targets of Gymnasium environments: named entries of `info`, converted to SimCore's types."""

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from simcore.common.user_code import UserCodeError
from simcore.worlds.api import SINCE_SEEN, Arrays, ProbeTarget
from simcore.worlds.checks import require_valid
from simcore.worlds.gym.frames import kind as kind_of

LARGEST = float(np.finfo(np.float32).max)
SYNTAX = "name=class:C with C classes, name=vector:D with D numbers, or name=picture:HxW"


def parse_target(text: str) -> ProbeTarget:
    """Parse a target, written as `name=class:4`, `name=vector:2` or `name=picture:9x9`.

    Raises:
        ValueError: the text is not of this form; the message says how to write it.
    """
    name, _, rest = text.partition("=")
    kind, _, sizes = rest.partition(":")
    numbers = sizes.split("x") if kind == "picture" else [sizes]
    wanted = f"targets holds {text!r}; it must be written {SYNTAX}"
    # Those that begin with _ are the masks of Gymnasium's infos.
    is_free = name != SINCE_SEEN and not name.startswith("_")
    require_valid(is_free, f"targets holds {text!r}; no target can be named {name}")
    require_valid(
        kind in ("class", "vector", "picture") and len(numbers) == 1 + (kind == "picture"),
        wanted,
    )
    require_valid(all(number.isdecimal() for number in numbers), wanted)
    shape = tuple(int(number) for number in numbers)
    return ProbeTarget(name, kind, (*shape, 3) if kind == "picture" else shape)  # type: ignore[arg-type]


class Targets(gymnasium.Wrapper[Any, Any, Any, Any]):
    """A wrapper that reduces `info` to the targets, each as in `ProbeTarget`, without a batch dimension.

    A target is read from the environment's `info`, or if that has no such entry, from its Dict observation. A class is
    a whole number of any type, a vector is made of numbers, a picture is uint8 `[H, W, 3]`.

    Args:
        env: the environment.
        targets: the targets to read.
        name: the environment's name in messages.

    Raises:
        UserCodeError: in reset or step, if there is no such entry or it does not fit.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], targets: tuple[ProbeTarget, ...], name: str = "") -> None:
        super().__init__(env)
        self.targets = targets
        self.name = name

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
                raise UserCodeError(
                    f"{self.name}: the target {target.name} is not in what a step tells, which is: {held}"
                )
        try:
            return {target.name: convert(entries[target.name], target) for target in self.targets}
        except ValueError as error:
            raise UserCodeError(f"{self.name}: {error}") from error


def convert(value: Any, target: ProbeTarget) -> NDArray[Any]:
    """Convert a target's value in one environment to int64 `[]`, float32 `[D]` or uint8 `[H, W, 3]`.

    Raises:
        ValueError: its type, shape or range is not that of the target.
    """
    kind, shape = target.kind, () if target.kind == "class" else target.shape
    wanted = {"class": "a whole number", "vector": f"numbers {shape}", "picture": f"uint8 {shape}"}[kind]
    try:
        given = np.asarray(value)
    except ValueError as error:  # lists of different lengths
        raise ValueError(f"the target {target.name} is no array; world.targets has it as {wanted}") from error
    if given.size == 1 and shape in ((), (1,)):  # a number may be given for a vector of one, and the reverse
        given = given.reshape(shape)
    numbers = {"class": "biu", "vector": "biuf", "picture": "u"}[kind]
    fits = given.dtype.kind in numbers and (kind != "picture" or given.dtype == np.uint8)
    if not fits or given.shape != shape:
        came = kind_of(value if given.dtype.kind == "O" else given)
        raise ValueError(f"the target {target.name} is {came}; world.targets has it as {wanted}")
    if kind == "class" and not 0 <= int(given) < target.shape[0]:
        raise ValueError(f"the target {target.name} is {given}; world.targets has it from 0 to {target.shape[0] - 1}")
    if kind == "vector" and not np.abs(given).max() <= LARGEST:  # NaN is not either
        wrong = given[~(np.abs(given) <= LARGEST)][0]
        raise ValueError(f"the target {target.name} holds {wrong:g}; what a probe reads is finite, in float32")
    return given.astype({"class": np.int64, "vector": np.float32, "picture": np.uint8}[kind])
