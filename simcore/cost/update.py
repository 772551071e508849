"""The cost of one update, found by running it on tensors without data."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn

from simcore.build import make_learner, make_system, world_sizes
from simcore.common.tree import detach, leaves, tree_map
from simcore.config.run import Config
from simcore.cost.batch import empty_batch, size_of, waiting
from simcore.cost.meter import Arithmetic, Held, Meter
from simcore.cost.peaks import Peak
from simcore.cost.shapes import hollow, shapes_alone
from simcore.data.trajectory import Trajectory
from simcore.learning.learner import Learner
from simcore.memory import RecurrentCore
from simcore.system import SimCore, WorldSizes

WEIGHTS, GRADIENTS, MOMENTS, BATCH = "weights", "gradients", "Adam's moments", "batch"


@dataclass(frozen=True)
class UpdateCost:
    """The cost of one update."""

    parameters: dict[str, int]
    """Parameters by part."""
    memories: dict[str, int]
    """Of these, the parameters of each core's memory."""
    flop: Counter[Arithmetic]
    """Floating-point operations."""
    frames: int
    """Frames that the agent sees in an update."""
    peak: int
    """Most bytes on the device at one time."""
    at_peak: Counter[Held]
    """Bytes at that time."""
    most: Counter[str]
    """Most bytes of each kind of memory at one time."""
    trajectory: int
    """Bytes of one trajectory on the host."""
    waiting: int
    """The most trajectories that are on the host at one time."""

    measuring: float = 1.0
    """The operations of an update that measures gradient_ratio, as a multiple of `total`."""

    @property
    def total(self) -> int:
        """The operations of all parts, forward and backward."""
        return self.flop.total()

    def flop_by(self, part: str, backward: bool) -> int:
        """Return the operations of a part, forward or backward."""
        return sum(flop for kind, flop in self.flop.items() if (kind.part, kind.backward) == (part, backward))

    def total_by(self, backward: bool) -> int:
        """Return the operations of all parts, forward or backward."""
        return sum(flop for kind, flop in self.flop.items() if kind.backward == backward)

    def least_seconds(self, card: Peak, precision: str) -> float:
        """Return the least time of an update in seconds, its operations one after another at a card's peak."""
        rates = {kind: card.rate(kind.dtype, "fp32" if kind.is_exact else precision) for kind in self.flop}
        return sum(amount / rates[kind] for kind, amount in self.flop.items())

    def peak_by(self, kind: str) -> int:
        """Return the bytes of a kind of memory at the peak."""
        return sum(size for held, size in self.at_peak.items() if held.kind == kind)


def parts_of(system: SimCore) -> dict[str, tuple[nn.Module, str]]:
    """Return the parts that a system has, by name, each with the method that an update calls."""
    agent, simulation = system.agent, system.simulation
    parts: dict[str, tuple[nn.Module | None, str]] = {
        "encoder": (agent.encoder, "forward"),
        "belief core": (agent.core, "forward"),
        "simulation core": (simulation and simulation.core, "forward"),
        "frame model": (simulation and simulation.frame_model, "loss"),
        "policy and value": (agent.heads, "forward"),
        "probes": (system.probes, "loss"),
        "map model": (system.map_model, "loss"),
    }
    return {name: (module, method) for name, (module, method) in parts.items() if module is not None}


def cost_of(config: Config, system: SimCore, sizes: WorldSizes, device: str = "cpu") -> UpdateCost:
    """Run an update on tensors without data, and return its cost.

    Args:
        config: of the run.
        system: its nets, whose weights are replaced by such tensors.
        sizes: of the worlds.
        device: cpu or cuda, for which the cost is.
    """
    parts = parts_of(system)
    parameters = {name: count(module) for name, (module, _) in parts.items()}
    memories = {
        name: count(part.memory)
        for name, (part, _) in parts.items()
        if isinstance(part, RecurrentCore) and part.memory is not None
    }
    batch = empty_batch(config, sizes)
    with shapes_alone() as mode:
        hollow(system)
        # Compiling or recording an update does not change its arithmetic.
        learner = make_learner(replace(config, compile=False, graph=False), system, seed=0)
        shapes = tree_map(mode.from_tensor, batch)._replace(is_first=batch.is_first)
        make_moments(learner)
        # The first update measures gradient_ratio, if that is measured, and the second does not.
        first = last = metered(learner, shapes, parts, device)
        if learner.measures_ratio and config.record.metrics_every > 1:
            last = metered(learner, shapes, parts, device)
        return UpdateCost(
            parameters,
            memories,
            last.flop,
            config.learning.frames_per_update,
            first.peak,
            first.at_peak,
            first.most,
            size_of(batch) // config.trajectories_per_update,
            waiting(config),
            first.flop.total() / last.flop.total(),
        )


def cost_of_run(config: Config, on_gpu: bool) -> UpdateCost:
    """Return the cost of an update of a run; no data are computed, so it needs no GPU and little memory.

    Args:
        config: of the run.
        on_gpu: count for a GPU, also if the run's device is another.

    Raises:
        UserError: there is no such environment, or it cannot be learned from.
    """
    gpu = on_gpu or config.device.startswith("cuda") or (config.device == "auto" and torch.cuda.is_available())
    sizes = world_sizes(config)
    return cost_of(config, make_system(config, sizes), sizes, "cuda" if gpu else "cpu")


def make_moments(learner: Learner) -> None:
    """Make the optimiser allocate its moments, as it does in the first update."""
    for parameter in learner.system.parameters():
        parameter.grad = torch.zeros_like(parameter)
    learner.optimizer.step()
    learner.optimizer.zero_grad(set_to_none=True)


def metered(learner: Learner, trajectory: Trajectory, parts: dict[str, tuple[nn.Module, str]], device: str) -> Meter:
    """Run an update under a meter, with weights, moments and batch booked before, and return the meter."""
    system, meter = learner.system, Meter(device)
    for generators in learner.generators.values():
        generators.host.manual_seed(0)  # so that two updates sample the same times
    state = detach(system.agent.initial_state(trajectory.frames.shape[1]))
    batch = learner.prepare(trajectory._replace(initial_state=state))
    learner.optimizer.zero_grad(set_to_none=True)
    parameters = list(system.parameters())
    meter.hold([*parameters, *system.buffers()], WEIGHTS)
    meter.hold((moment for state in learner.optimizer.state.values() for moment in state.values()), MOMENTS)
    meter.hold(leaves(batch), BATCH)
    methods = {name: getattr(module, method) for name, (module, method) in parts.items()}

    def gathered(weight: Tensor) -> None:
        meter.hold([cast(Tensor, weight.grad)], GRADIENTS)

    hooks = [parameter.register_post_accumulate_grad_hook(gathered) for parameter in parameters]  # type: ignore[no-untyped-call]
    try:
        for name, (module, method) in parts.items():
            setattr(module, method, meter.measured(name, methods[name]))
        with meter:
            learner.step(batch)
    finally:
        for name, (module, method) in parts.items():
            setattr(module, method, methods[name])
        for hook in hooks:
            hook.remove()
    return meter


def count(module: nn.Module) -> int:
    """Return the number of a module's parameters."""
    return sum(parameter.numel() for parameter in module.parameters())
