"""Steps of batches of worlds."""

import numpy as np


def actions_for(env, steps, seed=0):
    return np.random.default_rng(seed).integers(0, len(env.action_names), (steps, env.num_envs))
