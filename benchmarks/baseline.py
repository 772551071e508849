"""The baseline of the training benchmark: Stable-Baselines3's PPO with our encoder on our worlds."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box
from sb3_contrib import RecurrentPPO
from stable_baselines3 import PPO
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

from simcore.config.run import Config
from simcore.networks import ResidualEncoder
from simcore.worlds import make_vector


class Worlds(VecEnv):
    """A batch of our worlds with the interface of Stable-Baselines3."""

    def __init__(self, config: Config) -> None:
        self.worlds = make_vector(config.level, config.learning.worlds, copy=False, **vars(config.world))
        size = config.world.frame_size
        super().__init__(
            config.learning.worlds, Box(0, 255, (3, size, size), np.uint8), self.worlds.single_action_space
        )

    def reset(self) -> Any:
        """Begin an episode in all worlds."""
        frames, _ = self.worlds.reset(seed=0)
        return frames.transpose(0, 3, 1, 2)

    def step_async(self, actions: Any) -> None:
        """Store the actions."""
        self._actions = actions

    def step_wait(self) -> Any:
        """Step the worlds with the stored actions."""
        frames, rewards, terminated, truncated, _ = self.worlds.step(self._actions)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        return frames.transpose(0, 3, 1, 2).copy(), rewards.astype(np.float32), terminated | truncated, infos

    def close(self) -> None:
        """Close the worlds."""
        self.worlds.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute, the same for all worlds."""
        return [getattr(self.worlds, attr_name)] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Raise an error: not supported."""
        raise NotImplementedError

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        """Raise an error: not supported."""
        raise NotImplementedError

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Return False for all worlds: none is wrapped."""
        return [False] * self.num_envs


class Encoder(BaseFeaturesExtractor):
    """Our residual encoder, for float frames in [0, 1], channels first."""

    def __init__(self, observation_space: Any, embedding_size: int, channels: tuple[int, ...]) -> None:
        super().__init__(observation_space, embedding_size)
        self.encoder = ResidualEncoder(observation_space.shape[-1], embedding_size, channels)

    def forward(self, frames: Tensor) -> Tensor:
        """Embed float frames `[N, 3, H, W]`."""
        features = torch.relu(self.encoder.stages(frames)).flatten(1)
        return torch.relu(self.encoder.norm(self.encoder.linear(features)))


def make_ppo(config: Config, recurrent: bool, passes: int) -> Callable[[int], None]:
    """Make a PPO agent of the run's sizes, and return a function that does a number of updates."""
    learning, agent = config.learning, config.agent
    policy: dict[str, Any] = {
        "features_extractor_class": Encoder,
        "features_extractor_kwargs": {"embedding_size": agent.embedding_size, "channels": agent.encoder_channels},
        "net_arch": [],
        "ortho_init": False,  # it cannot fill weights whose channels come last, as the encoder's do
    }
    if recurrent:
        policy |= {"lstm_hidden_size": agent.hidden_size, "shared_lstm": True, "enable_critic_lstm": False}
    kind, name = (RecurrentPPO, "CnnLstmPolicy") if recurrent else (PPO, "CnnPolicy")
    model = kind(
        name,
        Worlds(config),
        n_steps=learning.unroll_length,
        batch_size=learning.frames_per_update,
        n_epochs=passes,
        learning_rate=learning.learning_rate,
        ent_coef=config.reinforcement.entropy_cost,
        policy_kwargs=policy,
        seed=config.seed,
        device="cpu",
    )

    def learn(updates: int) -> None:
        model.learn(updates * learning.frames_per_update, reset_num_timesteps=False)

    return learn
