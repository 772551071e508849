"""Learning from rewards of any size: a world with two actions, with and without what docs/rewards.md offers.

    python -m benchmarks.rewards --rewards 1 1000 --updates 500

A frame is red or green, at random at each step, and of the two actions one is right for red, the other for green; the
right one always pays the same reward. Chance is 50 %.
"""

import argparse
from contextlib import closing
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.spaces import Box, Discrete
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from simcore.config.presets import preset
from simcore.config.run import Config
from simcore.training.training import Training

WAYS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "reward_scale": {},
    "popart": {"popart": True},
}
LAST = 50
"""Updates at the end over which right actions are counted."""
EPISODE = 20
SIDE = 8


class TwoActions(gymnasium.Env[NDArray[np.uint8], np.int64]):
    """The world; `reward` is paid for each right action."""

    observation_space = Box(0, 255, (SIDE, SIDE, 3), np.uint8)
    action_space = Discrete(2)

    def __init__(self, reward: float = 1.0) -> None:
        self.reward = reward

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Begin an episode."""
        super().reset(seed=seed)
        self.left = EPISODE
        return self._look(), {}

    def step(self, action: np.int64) -> tuple[NDArray[np.uint8], float, bool, bool, dict[str, Any]]:
        """Take an action."""
        reward = self.reward * float(action == self.right)
        self.left -= 1
        return self._look(), reward, self.left == 0, False, {}

    def _look(self) -> NDArray[np.uint8]:
        self.right = int(self.np_random.integers(2))
        frame = np.zeros((SIDE, SIDE, 3), np.uint8)
        frame[..., self.right] = 255
        return frame


gymnasium.register("TwoActions-v0", entry_point=f"{__name__}:TwoActions")


def make_config(reward: float, updates: int, seed: int, **reinforcement: Any) -> Config:
    """Return the configuration of a model-free agent in the world."""
    config = preset("tiny", f"{__name__}:TwoActions-v0")
    return config.changed(
        seed=seed,
        threads=1,
        device="cpu",
        policy="agent",
        frame_model="none",
        world={"frame_size": SIDE, "make_kwargs": (f"reward={reward}",)},
        agent={"hidden_size": 32, "embedding_size": 32, "encoder_channels": (8,)},
        learning={"updates": updates, "worlds": 16, "unroll_length": 20, "learning_rate": 2e-3},
        simulation={"overshoot": 1, "starts": 1},
        reinforcement={"discount": 0.9, **reinforcement},
    )


def right_actions(config: Config, reward: float) -> float:
    """Train, and return the fraction of right actions in the last updates."""
    training = Training(config, torch.device("cpu"))
    with closing(training.executor):
        for update in range(config.learning.updates):
            if update == config.learning.updates - LAST:
                training.take_metrics()
            training.update()
        return training.take_metrics()["return"] / (EPISODE * reward)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rewards", type=float, nargs="+", default=[1.0, 1000.0])
    parser.add_argument("--updates", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--ways", nargs="+", choices=tuple(WAYS), default=list(WAYS))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    table = Table(title=f"right actions in updates {arguments.updates - LAST} to {arguments.updates}")
    table.add_column("reward a step", justify="right")
    for way in arguments.ways:
        table.add_column(way, justify="right")
    for reward in arguments.rewards:
        cells = []
        for way in arguments.ways:
            settings = WAYS[way] | ({"reward_scale": 1 / reward} if way == "reward_scale" else {})
            shares = [
                right_actions(make_config(reward, arguments.updates, seed, **settings), reward)
                for seed in range(arguments.seeds)
            ]
            cells.append(", ".join(f"{share:.1%}" for share in shares))
        table.add_row(f"{reward:g}", *cells)
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
