"""The configuration of Gymnasium environments: plain values, which fit flags and JSON."""

from dataclasses import dataclass
from typing import Any

from simcore.common.literals import literal
from simcore.worlds.api import LONGEST_EPISODE, ProbeTarget, WorldConfig
from simcore.worlds.checks import require_valid, require_valid_fields
from simcore.worlds.gym.targets import parse_target

MOST_REPEATS, MOST_PROCESSES = 10_000, 1024


@dataclass(frozen=True, kw_only=True)
class GymConfig(WorldConfig):
    """How a Gymnasium environment is made, and how its observations, actions and `info` are converted.

    Raises:
        ValueError: a value is out of its limits; the message names it and what is allowed.
    """

    repeat: int = 1
    """Steps per action; their rewards are summed."""
    observation: str = "auto"
    """The entry of a Dict observation that is the image; auto finds it."""
    wrappers: tuple[str, ...] = ("auto",)
    """Gymnasium wrappers as module:Class, the innermost first; auto: what the environment's family needs."""
    make_kwargs: tuple[str, ...] = ()
    """Arguments of the environment as name=value; values are literals of Python, JSON or TOML, such as 3, false or
    null; anything else is a string."""
    targets: tuple[str, ...] = ()
    """Entries of info, or else of a Dict observation, that probes are to read from the belief: name=class:C for whole
    numbers from 0 to C - 1, name=vector:D for D numbers, name=picture:HxW for an RGB image."""
    processes: int = 0
    """Number of processes that share each actor's environments; 0 or 1: they run one after the other in the actor
    itself."""

    def __post_init__(self) -> None:
        require_valid_fields(self)
        require_valid(4 <= self.frame_size <= 512, f"frame_size is {self.frame_size}; allowed are 4 to 512 pixels")
        for name, least, most in (
            ("episode_length", 0, LONGEST_EPISODE),
            ("repeat", 1, MOST_REPEATS),
            ("processes", 0, MOST_PROCESSES),
        ):
            value = getattr(self, name)
            require_valid(least <= value <= most, f"{name} is {value}; allowed are {least} to {most}")
        for wrapper in self.wrappers:
            parts = wrapper.split(":")
            require_valid(
                wrapper == "auto" or (len(parts) == 2 and all(parts)),
                f"wrappers holds {wrapper!r}; allowed are auto and module:Class",
            )
        names = [text.partition("=")[0] for text in self.make_kwargs]
        for text, name in zip(self.make_kwargs, names, strict=True):
            require_valid(
                "=" in text and name.isidentifier(), f"make_kwargs holds {text!r}; it must be written name=value"
            )
            require_valid(names.count(name) == 1, f"make_kwargs gives {name} more than once")
        targets = [target.name for target in self.probe_targets]
        for name in targets:
            require_valid(targets.count(name) == 1, f"targets names {name} more than once")

    @property
    def probe_targets(self) -> tuple[ProbeTarget, ...]:
        """The `targets`, parsed."""
        return tuple(parse_target(text) for text in self.targets)

    @property
    def arguments(self) -> dict[str, Any]:
        """The `make_kwargs`, parsed by `literal`."""
        return {name: literal(text) for name, _, text in (each.partition("=") for each in self.make_kwargs)}
