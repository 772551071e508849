"""The check that a user's objective keeps the contract of `simcore.objectives.Objective`."""

import torch

from simcore.common.registry import make_part
from simcore.common.seeding import Generators
from simcore.common.user_code import UserCodeError
from simcore.data.state import CoreState
from simcore.data.trajectory import NO_ACTION, Trajectory
from simcore.objectives.base import Beliefs, Objective, ObjectiveLoss, Weighted
from simcore.testing.comparing import demand, given_options

LENGTH, WORLDS, ACTIONS, BELIEF, FRAME = 9, 3, 4, 6, 8
CPU = torch.device("cpu")


def check_objective(objective_class: type[Objective], config: object = None, seed: int = 0) -> None:
    """Check that SimCore can train a belief by an objective.

    Args:
        objective_class: a class derived from `Objective`, made as SimCore makes it: from its options, and those of the
            keywords `belief_size`, `num_actions` and `frame_size` that it names.
        config: its options, an instance of its `Config`; None: `Config()`, if it has one.
        seed: of weights and inputs.

    Raises:
        AssertionError: it breaks its contract; the message says how.
    """
    is_objective = isinstance(objective_class, type) and issubclass(objective_class, Objective)
    name = getattr(objective_class, "__name__", str(objective_class))
    demand(is_objective, f"{name} must be a class derived from simcore.objectives.Objective")
    own = getattr(objective_class, "name", "")
    demand(isinstance(own, str) and own.isidentifier(), f"{name}.name must be a plain word, not {own!r}")
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        sizes = {"belief_size": BELIEF, "num_actions": ACTIONS, "frame_size": FRAME}
        objective = make_part(objective_class, name, *given_options(objective_class, config), **sizes)
        _check(name, objective, _trajectory())


def _trajectory() -> Trajectory:
    is_first = torch.zeros(LENGTH, WORLDS, dtype=torch.bool)
    is_first[0], is_first[4, 1] = True, True
    return Trajectory(
        torch.randint(0, 256, (LENGTH, WORLDS, FRAME, FRAME, 3), dtype=torch.uint8),
        torch.randint(0, ACTIONS, (LENGTH, WORLDS)).where(~is_first, NO_ACTION),
        torch.randn(LENGTH, WORLDS).where(~is_first, 0.0),
        is_first,
        torch.zeros(LENGTH, WORLDS, dtype=torch.bool),
        torch.zeros(LENGTH, WORLDS),
        None,
        {},
    )


def _check(name: str, objective: Objective, trajectory: Trajectory) -> None:
    def compute() -> tuple[Beliefs, ObjectiveLoss]:
        generators = Generators.seeded(0, objective.name, CPU)
        times = objective.sample_times(LENGTH, generators, CPU)
        at = objective.snapshots_at(times)
        snapshots = None if at is None else CoreState(outputs[at.rows], outputs[at.rows])
        beliefs = Beliefs(outputs, snapshots, times)
        before = outputs._version
        try:
            computed = ObjectiveLoss.of(objective, objective.loss(beliefs, trajectory, generators))
        except UserCodeError as error:
            raise AssertionError(str(error)) from error
        demand(outputs._version == before, f"{name}.loss changed the beliefs in place, which others read too")
        return beliefs, computed

    outputs = torch.randn(LENGTH, WORLDS, BELIEF, requires_grad=True)
    beliefs, computed = compute()
    loss, metrics = computed
    demand(loss.dim() == 0 and bool(loss.isfinite()), f"{name}.loss must be a finite scalar, not {loss}")
    parts = [part for metric in metrics.values() for part in (metric if isinstance(metric, Weighted) else (metric,))]
    scalars = all(isinstance(part, torch.Tensor) and part.dim() == 0 for part in parts)
    demand(scalars, f"{name}.loss: metrics must be scalar tensors, or pairs of them as Weighted")
    _, (again, others) = compute()
    demand(torch.equal(loss, again), f"{name} must sample by the generators that it is given alone")
    demand(list(metrics) == list(others), f"{name}.loss must return the same metrics every time")
    torch.autograd.backward(loss)
    reached = outputs.grad is not None and bool(outputs.grad.abs().sum() > 0)
    demand(
        reached == objective.trains_belief,
        f"{name}.trains_belief is {objective.trains_belief}, and its loss has {'a' if reached else 'no'} gradient "
        "at the beliefs",
    )
    for weight, parameter in objective.named_parameters():
        demand(
            parameter.grad is not None, f"{name}.loss must have a gradient at every weight, and has none at {weight}"
        )
    before = {key: value.clone() for key, value in objective.state_dict().items()}
    objective.after_step(beliefs, computed.values(), torch.tensor(True))
    kept = all(torch.equal(value, before[key]) for key, value in objective.state_dict().items())
    demand(kept, f"{name}.after_step must change nothing where the step has failed")
