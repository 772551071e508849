"""Other people's agents learn in our worlds, of which they know no more than Gymnasium's interface."""

import pytest

import simcore.worlds  # noqa: F401  registers the worlds

pytestmark = pytest.mark.slow

STEPS = 24_576


def make_agent(name, worlds):
    shared = {"n_steps": 64, "batch_size": 256, "n_epochs": 4, "learning_rate": 5e-4, "ent_coef": 0.01}
    if name == "PPO":
        stable_baselines3 = pytest.importorskip("stable_baselines3")
        return stable_baselines3.PPO("CnnPolicy", worlds, seed=0, device="cpu", **shared)
    sb3_contrib = pytest.importorskip("sb3_contrib")
    memory = {"lstm_hidden_size": 64}
    return sb3_contrib.RecurrentPPO("CnnLstmPolicy", worlds, seed=0, device="cpu", policy_kwargs=memory, **shared)


@pytest.mark.parametrize("name", ["PPO", "RecurrentPPO"])
def test_foreign_agent_learns_to_find_food(name):
    """Of the 5 pieces an untrained policy, which is all but random, finds 1.5; the trained one nearly all."""
    pytest.importorskip("stable_baselines3")
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.evaluation import evaluate_policy

    worlds, held_out = (make_vec_env("simcore/Food-v0", n_envs=16, seed=seed) for seed in (0, 1_000_000))
    agent = make_agent(name, worlds)

    def mean_return():
        return evaluate_policy(agent, held_out, n_eval_episodes=64, deterministic=False)[0]

    untrained = mean_return()
    agent.learn(STEPS)
    trained = mean_return()
    print(f"{name}: {untrained:.2f} pieces before, {trained:.2f} after {STEPS} steps")
    assert untrained < 2.5
    assert trained > 4
