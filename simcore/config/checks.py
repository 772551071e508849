"""Checks of a configuration across its parts; what a part can check alone is checked beside the part."""

from typing import TYPE_CHECKING, Any

from simcore.common.checks import require, require_fields
from simcore.common.registry import NoOptions
from simcore.config.options import parse_options
from simcore.frame_models import frame_models
from simcore.memory.base import memories
from simcore.objectives.base import objectives
from simcore.worlds.gym.config import GymConfig

if TYPE_CHECKING:
    from simcore.config.run import Config

NO_MODEL, NO_MEMORY = "none", "lstm"
"""The names that stand for no frame model and no memory."""
RESERVED = ("acting", "frame_model", "probes", "map_model", "core")
"""Names of SimCore's own objectives and parts, which distinguish metrics and options."""
LARGEST_BATCH = 2**40
"""The most bytes of a batch's frames."""


def check_whole(config: "Config") -> None:
    """Check a whole configuration.

    Raises:
        UserError: a name is unknown, a value is out of its range, or two do not fit together.
    """
    require_fields("", config)
    require_fields("world.", config.world)
    check_parts(config)
    check_policy(config)
    check_simulation(config)
    check_frames(config)
    check_size(config)
    has_probes = config.has_probes
    for wanted, flag in ((config.supervised, "--supervised"), (config.probes.map_convdraw, "--probes.map-convdraw")):
        require(
            has_probes or not wanted,
            f"{flag} wants probes: a world that tells what they are to read, which {config.level} does with "
            "world.targets alone if it is Gymnasium's, and learning.probe_times above 0",
        )
    require(
        config.has_map or not config.probes.map_convdraw,
        f"--probes.map-convdraw wants a square map; in {config.level} no target is named map and such a picture",
    )


def check_parts(config: "Config") -> None:
    """Check that all parts exist, and that their options are valid."""
    parts = parts_of(config)
    for option in parse_options(config.options):
        known = [part for part, (name, _) in parts.items() if not is_section(config, name)]
        allowed = f"options can be of {', '.join(known)}" if known else "this run has no part of your own"
        require(option.part in known, f"options has {option.part}.{option.field}; {allowed}")
    for part, (name, kind) in parts.items():
        config.options_of(part, name, kind)


def parts_of(config: "Config") -> dict[str, tuple[str, type]]:
    """Return the name and the dataclass of options of each part that may be a user's, by its name in `options`.

    Raises:
        UserError: there is no such part, or an objective has the name of another part.
    """
    parts: dict[str, tuple[str, type]] = {}
    if config.frame_model != NO_MODEL:
        parts["frame_model"] = config.frame_model, options_class(frame_models.find(config.frame_model))
    if config.core != NO_MEMORY:
        parts["core"] = config.core, options_class(memories.find(config.core))
    for name in config.objectives:
        kind = objectives.find(name)
        require(kind.name.isidentifier(), f"{name} is named {kind.name!r}; an objective's name must be a plain word")
        is_free = kind.name not in parts and kind.name not in RESERVED
        require(is_free, f"objectives holds {kind.name} twice, or it is the name of a part that SimCore has")
        parts[kind.name] = name, options_class(kind)
    return parts


def given_values(config: "Config") -> dict[str, Any]:
    """Return name=value texts as a dict, as the environment or part receives them."""
    world = config.world.arguments if isinstance(config.world, GymConfig) else {}
    parts = parts_of(config)
    options = {
        f"{option.part}.{option.field}": getattr(config.options_of(option.part, *parts[option.part]), option.field)
        for option in parse_options(config.options)
    }
    return {f"world.make_kwargs {name}": value for name, value in world.items()} | options


def options_class(kind: type) -> type:
    """Return the dataclass of a part's options."""
    return getattr(kind, "Config", NoOptions)


def is_section(config: "Config", name: str) -> bool:
    """Return whether a part's options are a section of the configuration."""
    return hasattr(config, name)


def check_policy(config: "Config") -> None:
    """Check that the policy fits the level and the batch, and that there is something to learn."""
    is_agent = config.policy == "agent"
    require(
        is_agent or config.level == "RandomCity",
        f"the walker walks in RandomCity alone; in {config.level} the policy is agent",
    )
    require(
        is_agent or config.frame_model != NO_MODEL or config.supervised or bool(config.objectives),
        "with --policy walker and --frame-model none there is nothing to learn from; allowed is one of them",
    )
    per_actor = config.worlds_per_actor
    require(
        config.learning.worlds % per_actor == 0,
        f"learning.worlds is {config.learning.worlds}; it must be a multiple of acting.worlds, {per_actor}",
    )
    require(
        is_agent or config.trajectories_per_update == 1,
        "with --policy walker a batch is one trajectory; leave acting.worlds at 0",
    )


def check_simulation(config: "Config") -> None:
    """Check that the simulation's roll-outs fit into a trajectory, and that an update can be recorded."""
    require(
        not config.graph or config.core == NO_MEMORY,
        f"--graph records an update with --core lstm alone, not {config.core}: a memory's is done by what is in it",
    )
    require(
        not (config.graph and config.memory.plain),
        "--graph records an LSTM that is masked at every step; leave out --memory.plain or --graph",
    )
    unroll, overshoot, starts = config.learning.unroll_length, config.simulation.overshoot, config.simulation.starts
    require(
        overshoot < unroll,
        f"simulation.overshoot is {overshoot}; it must be shorter than learning.unroll_length, {unroll}",
    )
    require(
        starts <= unroll - overshoot,
        f"simulation.starts is {starts}; an unroll of {unroll} with an overshoot of {overshoot} has "
        f"{unroll - overshoot}",
    )


def check_frames(config: "Config") -> None:
    """Check that the frame model can take the frames."""
    multiple = config.convdraw.frame_multiple
    require(
        config.frame_model != "convdraw" or config.world.frame_size % multiple == 0,
        f"world.frame_size is {config.world.frame_size}; with {len(config.convdraw.encoder_channels)} "
        f"convdraw.encoder_channels it must be a multiple of {multiple}",
    )
    modelled = config.simulation.starts * min(config.simulation.frames, config.simulation.overshoot)
    require(
        config.frame_model != "contrastive" or modelled * config.learning.worlds > 1,
        "--frame-model contrastive tells a batch's frames apart, and this batch has one; "
        "let simulation.starts, learning.worlds or both simulation.frames and overshoot be 2 or more",
    )


def check_size(config: "Config") -> None:
    """Check that a batch's frames could fit into any machine's memory."""
    learning, side = config.learning, config.world.frame_size
    size = 3 * side**2 * learning.worlds * learning.unroll_length
    require(
        size <= LARGEST_BATCH,
        f"a batch of learning.worlds = {learning.worlds}, learning.unroll_length = {learning.unroll_length} and "
        f"world.frame_size = {side} needs {size / 2**30:,.0f} GiB; at most {LARGEST_BATCH // 2**30} are allowed",
    )
