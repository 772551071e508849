"""What is logged of a run between two lines of metrics: losses, episodes, policy lag, and where the time goes."""

from typing import Any

import torch
from torch import Tensor

from simcore.acting import Episode, RolloutBatch
from simcore.common.distributed import Ranks
from simcore.config.run import Config

STAGES = ("act", "step", "draw", "queue", "learn")
"""Stages of the loop: the policy chooses, the worlds move, frames are drawn, the learner waits, the learner learns."""


class Statistics:
    """Sums what the updates tell, until it is taken.

    Args:
        config: of the run.
        device: of the learner's metrics, which stay there until they are taken.
        episode_metrics: what the worlds tell of an episode beside its return and length.
    """

    def __init__(self, config: Config, device: torch.device, episode_metrics: tuple[str, ...] = ()) -> None:
        self._acts = config.policy == "agent"
        self._device = device
        self._episode_metrics = episode_metrics
        self._names: tuple[str, ...] = ()
        self._sums: Tensor | None = None
        """Of each name's values, and of how many there were, `[2, names]`."""
        self._count = 0
        self._episodes: list[Episode] = []
        self._lags: list[int] = []
        self._seconds = dict.fromkeys(STAGES, 0.0)

    def add(self, metrics: dict[str, Tensor], handed: RolloutBatch, updates: int, seconds: float) -> None:
        """Take note of one update.

        Args:
            metrics: what the learner says, scalars; NaN says that there was no value at this update.
            handed: what it learned from.
            updates: the updates that were done before it.
            seconds: what it took.
        """
        values = torch.stack([value.float() for value in metrics.values()])
        told = ~values.isnan()
        sums = torch.stack([torch.where(told, values, 0.0), told.float()])
        names = tuple(metrics)
        # A run that is resumed may have been stopped in a version with other metrics.
        self._sums = self._sums + sums if self._sums is not None and self._names == names else sums
        self._names = names
        self._count += 1
        for rollout in handed.rollouts:
            self._episodes += rollout.episodes if self._acts else ()
            self._lags.append(updates - rollout.version)
            for stage, spent in rollout.seconds.items():
                self._seconds[stage] += spent
        self._seconds["queue"] += handed.waited
        self._seconds["learn"] += seconds

    def take(self, ranks: Ranks, also: Tensor | None = None) -> tuple[dict[str, float], list[float]]:
        """Return the means since the last call, and the numbers `also`, read with them at once; begin anew.

        Over all ranks, losses and scores by their names, each the mean of the values that there were, NaN where there
        was none, and, where the agent acts, `episodes`, which counts those that ended, and their means `return`,
        `length` and what the worlds tell, such as `food`. Of this rank, `seconds/<stage>` of an update, and `lag/mean`
        and `lag/max` in updates.
        """
        also = torch.zeros(0) if also is None else also
        if self._sums is None:
            return {}, also.tolist()
        sums, counts = ranks.mean(self._sums)
        numbers = torch.cat([(sums / counts).double(), also.to(sums.device, torch.float64)]).cpu().tolist()
        means = dict(zip(self._names, numbers, strict=False))
        means |= {f"seconds/{stage}": spent / self._count for stage, spent in self._seconds.items()}
        means |= {"lag/mean": sum(self._lags) / len(self._lags), "lag/max": float(max(self._lags))}
        if self._acts:
            means |= self._of_episodes(ranks)
        self._clear()
        return means, numbers[len(self._names) :]

    def _of_episodes(self, ranks: Ranks) -> dict[str, float]:
        told = {"return": [episode.reward for episode in self._episodes]}
        told["length"] = [float(episode.length) for episode in self._episodes]
        told |= {name: [episode.metrics[name] for episode in self._episodes] for name in self._episode_metrics}
        columns = [torch.tensor(values, dtype=torch.float64) for values in told.values()]
        columns = [values[~values.isnan()] for values in columns]
        sums = torch.tensor([[values.sum(), len(values)] for values in columns], dtype=torch.float64)
        sums = ranks.mean(sums.to(self._device if ranks.size > 1 else "cpu")) * ranks.size
        means = (sums[:, 0] / sums[:, 1]).tolist()  # NaN where there was none
        return {"episodes": sums[0, 1].item(), **dict(zip(told, means, strict=True))}

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run goes on from; not the times, which are another machine's."""
        return {
            "names": list(self._names),
            "sums": self._sums,
            "count": self._count,
            "episodes": [tuple(episode) for episode in self._episodes],
            "lags": self._lags,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self._names = tuple(state["names"])
        self._sums = None if state["sums"] is None else state["sums"].to(self._device)
        self._count = state["count"]
        self._episodes = [_episode(*episode) for episode in state["episodes"]]
        self._lags = list(state["lags"])

    def _clear(self) -> None:
        self._sums, self._count = None, 0
        self._episodes, self._lags = [], []
        self._seconds = dict.fromkeys(STAGES, 0.0)


def _episode(reward: float, length: int, metrics: dict[str, float] | float, world: int) -> Episode:
    """Return an episode as a checkpoint holds it; one of an older version tells the part of the food alone."""
    return Episode(reward, length, metrics if isinstance(metrics, dict) else {"food": metrics}, world)
