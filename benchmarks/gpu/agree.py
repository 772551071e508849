"""Comparison of GPU and CPU: an update of each kind of net, with the same weights, batch and noise.

    python -m benchmarks.gpu.agree

Compares every loss of an update, and every gradient: its norm, and the norm of the difference. All random numbers are
sampled on the CPU and moved, on both sides. A row has the largest difference, and the loss or weight where it is.
Products are in full float32, without TF32, unless noted; the last rows compare the faster modes with that. Exit code 1:
some row differs by more than its tolerance.
"""

import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from rich.console import Console
from rich.table import Table
from torch.overrides import TorchFunctionMode

from benchmarks.gpu.common import CPU, fitted, fresh_learner, make_parser, make_trajectory, sized, tell
from benchmarks.timing import machine
from simcore.common.precision import set_precision
from simcore.config.run import Config
from simcore.data.trajectory import Trajectory

DRAWS = frozenset({torch.randn, torch.rand, torch.randint, torch.randperm})
"""The sampling functions of the nets; any other would sample on each device separately, and show as a difference."""
SMALL = 1e-5
"""Smallest denominator of relative differences: of losses, and of gradients as a fraction of their net's largest."""


class Tolerance(NamedTuple):
    """The largest relative differences that are allowed."""

    loss: float
    """Of a loss."""
    norm: float
    """Of the norm of a weight's gradient."""
    gradient: float
    """The norm of the difference of a weight's gradients, as a fraction of the gradient's."""


FLOAT32 = Tolerance(loss=1e-4, norm=2e-3, gradient=2e-2)
"""Sums in another order, over unrolls of tens of steps. `--nudged` gave up to 8e-6, 8e-5 and 4e-3 on a CPU."""
LATER = Tolerance(loss=1e-2, norm=0.0, gradient=0.0)
"""After several updates: Adam's first steps depend only on each gradient's sign, and so on its rounding."""
TF32 = Tolerance(loss=1e-2, norm=0.1, gradient=0.2)
"""Ten bits of mantissa inside products."""
BF16 = Tolerance(loss=0.05, norm=0.5, gradient=1.0)
"""Seven bits of mantissa in activations as well."""


class Case(NamedTuple):
    """A case to be compared."""

    name: str
    config: Config
    """On the device; on the CPU it is the same without the faster modes."""
    tolerance: Tolerance
    updates: int = 1
    """How many are done; gradients are those of the last."""
    gradients: bool = True
    """Whether gradients are compared, or only losses."""


class Outcome(NamedTuple):
    """The results of updates, on the CPU."""

    losses: dict[str, float]
    gradients: dict[str, torch.Tensor]


class Difference(NamedTuple):
    """The difference of two outcomes."""

    loss: float
    at_loss: str
    norm: float
    gradient: float
    at_weight: str

    def within(self, case: Case) -> bool:
        """Return whether all differences are within the tolerance; NaN is not."""
        tolerance = case.tolerance
        same = self.loss <= tolerance.loss
        return same and (not case.gradients or (self.norm <= tolerance.norm and self.gradient <= tolerance.gradient))


class DrawnOnHost(TorchFunctionMode):
    """Sample random numbers on the CPU and move them to their device, so that all devices get the same."""

    def __init__(self) -> None:
        super().__init__()
        self._generators: dict[int, tuple[torch.Generator, torch.Generator]] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Replace generator and device of a sampling function."""
        kwargs = dict(kwargs or {})
        if func not in DRAWS or kwargs.get("generator") is None:
            return func(*args, **kwargs)
        given, device = kwargs["generator"], kwargs.pop("device", None)
        # The given one is kept as well, so that no other gets its number.
        fresh = given, torch.Generator().manual_seed(given.initial_seed())
        kwargs["generator"] = self._generators.setdefault(id(given), fresh)[1]
        drawn = func(*args, **kwargs)
        return drawn if device is None else drawn.to(device)


def make_cases(device: torch.device, rehearse: bool) -> list[Case]:
    """Return the cases: each core with each frame model and kind of actor, then the faster modes."""
    cases = []
    for level in ("RandomCity", "Food"):
        base = sized("tiny", level, rehearse)
        base = replace(base, learning=replace(base.learning, worlds=min(base.learning.worlds, 8)))
        for core in ("lstm", "slots", "kanerva"):
            for model in ("convdraw", "deterministic", "contrastive"):
                config = replace(base, core=core, frame_model=model)
                cases.append(Case(f"{base.policy}, {core}, {model}", config, FLOAT32))
        if rehearse:
            return cases[:2]
    city = sized("tiny", "RandomCity", rehearse)
    city = replace(city, core="lstm", learning=replace(city.learning, worlds=8))
    cases.append(Case("oracle", replace(city, supervised=True), FLOAT32))
    sampled = replace(city, probes=replace(city.probes, map_convdraw=True))
    cases.append(Case("ConvDRAW of the map", sampled, FLOAT32))
    paper = sized("paper", "RandomCity", rehearse)
    paper = replace(paper, learning=replace(paper.learning, worlds=2))
    cases.append(Case("paper's sizes", paper, FLOAT32))
    if device.type != "cuda":
        return cases
    # A graph samples by itself, and compiled code may as well: they are compared where the nets do not sample.
    still = replace(city, frame_model="deterministic")
    cases += [
        Case("walker, lstm, convdraw, tf32", replace(city, precision="tf32"), TF32),
        Case("walker, lstm, convdraw, bf16", replace(city, precision="bf16"), BF16),
        Case("paper's sizes, tf32", replace(paper, precision="tf32"), TF32),
        Case("paper's sizes, bf16", replace(paper, precision="bf16"), BF16),
        Case("walker, lstm, deterministic, graph", replace(still, graph=True), LATER, 4, gradients=False),
        Case("walker, slots, deterministic, 4 updates", replace(still, core="slots"), LATER, 4, gradients=False),
    ]
    return cases


def run_updates(
    config: Config, trajectory: Trajectory, updates: int, device: torch.device, nudged: bool = False
) -> Outcome:
    """Do updates on a device from the initial weights, which are rounded up or down at random if `nudged`."""
    learner = fresh_learner(config, device)
    if nudged:
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for weight in learner.system.parameters():
                weight.mul_(1 + 2.0**-23 * torch.randint(-1, 2, weight.shape, generator=generator).to(device))
    there = fitted(trajectory, config.learning.worlds, learner.system)
    for _ in range(updates):
        learned = learner.step(learner.prepare(there))
        there = there._replace(initial_state=learned.final_state)
    learner.check()
    # Accuracies are left out: a single guess that flips is a jump, however small the cause.
    losses = {name: float(value) for name, value in learned.metrics.items() if not name.endswith("accuracy")}
    gradients = {
        name: parameter.grad.detach().to(CPU, torch.float64)
        for name, parameter in learner.system.named_parameters()
        if parameter.grad is not None
    }
    return Outcome(losses, gradients)


def difference(ours: Outcome, theirs: Outcome) -> Difference:
    """Return the difference of an outcome from the reference, `ours`.

    Raises:
        ValueError: they do not have the same losses or weights.
    """
    if ours.losses.keys() != theirs.losses.keys() or ours.gradients.keys() != theirs.gradients.keys():
        raise ValueError(f"other losses or weights: {set(ours.losses) ^ set(theirs.losses)}")
    losses = {name: apart(value, theirs.losses[name], SMALL) for name, value in ours.losses.items()}
    norms, gradients = {}, {}
    for name, gradient in ours.gradients.items():
        other = theirs.gradients[name]
        # A value that is mere rounding compared with its neighbours cannot agree.
        least = SMALL * max(float(g.norm()) for n, g in ours.gradients.items() if part_of(n) == part_of(name))
        norms[name] = apart(float(gradient.norm()), float(other.norm()), least)
        gradients[name] = float((gradient - other).norm()) / max(float(gradient.norm()), least)
    at_loss, at_norm, at_weight = (max(of, key=nan_first(of)) for of in (losses, norms, gradients))
    return Difference(losses[at_loss], at_loss, norms[at_norm], gradients[at_weight], at_weight)


def apart(one: float, two: float, least: float) -> float:
    """Return the relative difference of two numbers; 0 if both are NaN."""
    if one != one and two != two:
        return 0.0
    return abs(one - two) / max(abs(one), abs(two), least)


def nan_first(values: dict[str, float]) -> Callable[[str], float]:
    """Return a key for `max` that orders NaN above all numbers."""
    return lambda name: values[name] if values[name] == values[name] else float("inf")


def part_of(name: str) -> str:
    """Return the net that a weight belongs to, such as agent.core."""
    return ".".join(name.split(".")[:2])


def compare(case: Case, device: torch.device, nudged: bool = False) -> Difference:
    """Do a case's updates on the CPU and on the device, there `nudged` if requested; return the difference."""
    plain = replace(case.config, precision="fp32", compile=False, graph=False)
    trajectory = make_trajectory(plain)
    with DrawnOnHost():
        ours = run_updates(plain, trajectory, case.updates, CPU)
    with nullcontext() if case.config.graph else DrawnOnHost():
        theirs = run_updates(case.config, trajectory, case.updates, device, nudged)
    return difference(ours, theirs)


def main() -> None:
    """Compare all cases; print each row as soon as it is known, then the table."""
    parser = make_parser(__doc__)
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    parser.add_argument("--nudged", action="store_true", help="move the weights by a rounding: what may be tolerated")
    options = parser.parse_args()
    # Convolutions round to TF32 by default, and would hide the differences.
    set_precision("fp32")
    console = Console(width=150)
    console.print(machine(options.device), highlight=False)
    table = Table("case", title=f"An update on {options.device} against the CPU: largest relative differences")
    for column in ("loss", "at", "gradient's norm", "gradient", "at", "agrees"):
        table.add_column(column, justify="right")
    agreed = True
    for case in make_cases(options.device, options.rehearse):
        if options.only not in case.name:
            continue
        row: dict[str, Any] = {"case": case.name, "tolerance": case.tolerance._asdict()}
        try:
            found = compare(case, options.device, options.nudged)
        except Exception as error:  # of any kind: the other cases are worth knowing
            agreed = False
            message = f"{type(error).__name__}: {error}"
            table.add_row(case.name, "", "", "", "", "", "[red]failed")
            console.print(f"{case.name}: {message[:2000]}", highlight=False, markup=False)
            tell(options.out, row | {"error": message[:2000], "agrees": False})
            continue
        agreed &= (fits := found.within(case))
        of_gradients = (f"{found.norm:.1e}", f"{found.gradient:.1e}", found.at_weight) if case.gradients else ("",) * 3
        table.add_row(case.name, f"{found.loss:.1e}", found.at_loss, *of_gradients, "yes" if fits else "[red]NO")
        print(f"{case.name}: loss {found.loss:.1e}, gradient {found.gradient:.1e}", flush=True)
        tell(options.out, row | found._asdict() | {"agrees": fits})
    console.print(table)
    sys.exit(0 if agreed else 1)


if __name__ == "__main__":
    main()
