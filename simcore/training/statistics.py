"""Training statistics between two lines of metrics: losses, episodes, policy lag, and time by stage."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from simcore.acting import CollectedBatch, Episode
from simcore.common.distributed import Ranks
from simcore.config.run import Config

STAGES = ("act", "step", "draw", "queue", "learn")
"""Stages of the loop: the policy acts, the worlds step, frames are rendered, the learner waits, the learner learns."""


class Statistics:
    """Accumulates the statistics of updates until `take` returns their means.

    Args:
        config: the run's configuration.
        device: the device of the learner's metrics, which are summed there.
        episode_metrics: the names of the worlds' metrics of an episode, besides return and length.
    """

    def __init__(self, config: Config, device: torch.device, episode_metrics: tuple[str, ...] = ()) -> None:
        self._acts = config.policy == "agent"
        self._device = device
        self._episode_metrics = episode_metrics
        self._names: tuple[str, ...] = ()
        self._sums: Tensor | None = None
        """The weighted sums of the metrics' values, and the sums of their weights, `[2, names]`."""
        self._count = 0
        self._episodes: list[Episode] = []
        self._lags: list[int] = []
        self._timed = 0
        """The updates whose seconds are counted: those of this process, and not those before a run was resumed."""
        self._seconds = dict.fromkeys(STAGES, 0.0)

    def add(
        self,
        metrics: Mapping[str, Tensor],
        weights: Mapping[str, Tensor],
        handed: CollectedBatch,
        updates: int,
        seconds: float,
    ) -> None:
        """Add one update.

        Args:
            metrics: the learner's metrics, scalars; NaN: there was no value at this update.
            weights: of the metrics that have one; 1 for the others.
            handed: the trajectories that it learned from.
            updates: the number of updates before it.
            seconds: its duration in seconds.
        """
        values = torch.stack([value.float() for value in metrics.values()])
        one = torch.ones((), device=values.device)
        given = torch.stack([weights.get(name, one).float() for name in metrics])
        has_value = ~values.isnan()
        sums = torch.stack([torch.where(has_value, given * values, 0.0), torch.where(has_value, given, 0.0)])
        names = tuple(metrics)
        # A resumed run may have been stopped in a version with other metrics.
        self._sums = self._sums + sums if self._sums is not None and self._names == names else sums
        self._names = names
        self._count += 1
        self._timed += 1
        for collected in handed.parts:
            self._episodes += collected.episodes if self._acts else ()
            self._lags.append(updates - collected.version)
            for stage, spent in collected.seconds.items():
                self._seconds[stage] += spent
        self._seconds["queue"] += handed.waited
        self._seconds["learn"] += seconds

    def take(self, ranks: Ranks, also: Tensor | None = None) -> tuple[dict[str, float], list[float]]:
        """Return the means since the last call, and the numbers `also` `[n]`, read in the same transfer; then clear.

        Over all ranks: losses and scores by name, each the weighted mean of its values, NaN if there was none; if the
        agent acts, `episodes`, the number of those that ended, and their means `return`, `length` and the worlds'
        metrics, such as `food`. Of this rank: `seconds/<stage>` per update, and `lag/mean` and `lag/max` in updates.
        """
        also = torch.zeros(0) if also is None else also
        if self._sums is None:
            return {}, also.tolist()
        sums, weights = ranks.mean(self._sums)
        numbers = torch.cat([(sums / weights).double(), also.to(sums.device, torch.float64)]).cpu().tolist()
        means = dict(zip(self._names, numbers, strict=False))
        means |= {f"seconds/{stage}": spent / max(self._timed, 1) for stage, spent in self._seconds.items()}
        means |= {"lag/mean": sum(self._lags) / len(self._lags), "lag/max": float(max(self._lags))}
        if self._acts:
            means |= self._of_episodes(ranks)
        self._clear()
        return means, numbers[len(self._names) :]

    def _of_episodes(self, ranks: Ranks) -> dict[str, float]:
        columns = {"return": [episode.reward for episode in self._episodes]}
        columns["length"] = [float(episode.length) for episode in self._episodes]
        columns |= {name: [episode.metrics[name] for episode in self._episodes] for name in self._episode_metrics}
        tensors = [torch.tensor(values, dtype=torch.float64) for values in columns.values()]
        tensors = [values[~values.isnan()] for values in tensors]
        sums = torch.tensor([[values.sum(), len(values)] for values in tensors], dtype=torch.float64)
        sums = ranks.mean(sums.to(self._device if ranks.size > 1 else "cpu")) * ranks.size
        means = (sums[:, 0] / sums[:, 1]).tolist()  # NaN if there was no value
        return {"episodes": sums[0, 1].item(), **dict(zip(columns, means, strict=True))}

    def state_dict(self) -> dict[str, Any]:
        """Return the sums that a resumed run continues; not the times, which are of this machine."""
        return {
            "names": list(self._names),
            "sums": self._sums,
            "count": self._count,
            "episodes": [tuple(episode) for episode in self._episodes],
            "lags": self._lags,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned.

        Raises:
            ValueError: it is something else.
        """
        counts = [state["count"], *state["lags"]]
        if not all(type(number) is int and number >= 0 for number in counts):
            raise ValueError("the statistics' counts are no counts")
        self._names, sums = tuple(map(str, state["names"])), state["sums"]
        # One of an early version has another shape, and is left out.
        self._sums = sums.float().to(self._device) if sums is not None and sums.shape == (2, len(self._names)) else None
        self._count = state["count"]
        self._episodes = [_episode(*episode) for episode in state["episodes"]]
        self._lags = list(state["lags"])

    def forget_episodes(self) -> None:
        """Forget the episodes and lags since the last `take`, which another rank also holds."""
        self._episodes, self._lags = [], []

    def _clear(self) -> None:
        self._sums, self._count, self._timed = None, 0, 0
        self._episodes, self._lags = [], []
        self._seconds = dict.fromkeys(STAGES, 0.0)


def _episode(
    reward: float, length: int, metrics: dict[str, float] | float, world: int, terminated: bool = False
) -> Episode:
    """Make an episode from a checkpoint's entry; an older version holds a number, the fraction of food eaten."""
    metrics = metrics if isinstance(metrics, dict) else {"food": metrics}
    metrics = {name: float(value) for name, value in metrics.items()}
    return Episode(float(reward), int(length), metrics, int(world), bool(terminated))
