"""Gymnasium environments with an image observation and discrete actions, with the interface of SimCore's worlds.

```python
worlds = GymVectorEnv("MiniGrid-MemoryS7-v0", num_envs=16)
frames, _ = worlds.reset(seed=0)  # uint8 [16, 64, 64, 3]
frames, rewards, terminated, truncated, _ = worlds.step(worlds.action_space.sample())
```
"""

from simcore.worlds.gym.config import GymConfig
from simcore.worlds.gym.making import FAMILIES, find_spec, is_gym_id, make_one
from simcore.worlds.gym.vector import GymVectorEnv

__all__ = ["FAMILIES", "GymConfig", "GymVectorEnv", "find_spec", "is_gym_id", "make_one"]
