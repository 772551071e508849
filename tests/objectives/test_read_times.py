"""What probes and map model are told is the truth of the very times whose beliefs they read."""

from typing import Any

import torch
from torch import Tensor, nn

from simcore.common.seeding import Generators
from simcore.data.trajectory import Trajectory
from simcore.objectives import Beliefs, MapModelling, Objective, Probing
from simcore.probes.map_model import MapModelLoss
from simcore.probes.readout import ProbeLoss
from simcore.worlds.api import ProbeTarget

CPU = torch.device("cpu")
T, B, TIMES = 9, 2, 3


class Noting(nn.Module):
    """Probes, or a map model, of beliefs and maps that are the number of their time and world."""

    targets = (ProbeTarget("map", "picture", (1, 1, 3)),)
    multiplier = torch.tensor(1.0)

    def __init__(self) -> None:
        super().__init__()
        self.read: list[int] = []

    def note(self, beliefs: Tensor, maps: Tensor) -> None:
        assert torch.equal(beliefs[..., 0].to(torch.uint8), maps[..., 0, 0, 0])
        assert beliefs.shape == (len(beliefs), B, 1)
        self.read = (beliefs[:, 0, 0] / B).long().tolist()


class NotingProbes(Noting):
    def loss(self, beliefs: Tensor, truth: dict[str, Tensor], *_: Any) -> ProbeLoss:
        self.note(beliefs, truth["map"])
        return ProbeLoss(beliefs.sum(), {}, {})


class NotingMapModel(Noting):
    def loss(self, maps: Tensor, beliefs: Tensor, *_: Any) -> MapModelLoss:
        self.note(beliefs, maps)
        return MapModelLoss(*[beliefs.sum()] * 3)


def times_read(objective: Objective, model: Noting, seed: int) -> list[int]:
    """Return the times that an objective reads of a trajectory, in which all carry their number."""
    generators = Generators.seeded(seed, "a test", CPU)
    numbers = torch.arange(T * B).view(T, B)
    frames, nothing = torch.zeros(T, B, 4, 4, 3, dtype=torch.uint8), torch.zeros(T, B)
    targets = {"map": numbers[..., None, None, None].expand(T, B, 1, 1, 3).to(torch.uint8)}
    trajectory = Trajectory(frames, numbers, nothing, nothing.bool(), nothing.bool(), nothing, None, targets)
    beliefs = Beliefs(numbers[..., None].float(), None, objective.sample_times(T, generators, CPU))
    objective.loss(beliefs, trajectory, generators)
    return model.read


def test_what_is_read_and_what_is_told_are_of_the_same_times() -> None:
    probes, maps = NotingProbes(), NotingMapModel()
    for objective, model in ((Probing(probes, TIMES, 1e-3), probes), (MapModelling(maps, TIMES, 1e-3), maps)):
        each = [times_read(objective, model, seed) for seed in range(30)]
        assert all(len(set(times)) == len(times) == TIMES for times in each)
        assert {time for times in each for time in times} == set(range(T)), "every time has its turn"


def test_probes_that_read_all_times_read_them_in_order() -> None:
    for times in (None, T, T + 1):
        probes = NotingProbes()
        assert times_read(Probing(probes, times, 1e-3), probes, 0) == list(range(T))
