"""Evaluation of a run's agent: whole episodes in held-out worlds, compared with a random policy."""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from simcore.acting import Actor, AgentPolicy, Episode, Policy, RandomPolicy
from simcore.analysis.loaded_run import LoadedRun
from simcore.analysis.names import label
from simcore.analysis.worlds import action_names, in_worlds
from simcore.build import make_worlds
from simcore.common.checks import require
from simcore.common.errors import UserError
from simcore.common.intervals import CONFIDENCE, Interval
from simcore.common.progress import Advance, silent
from simcore.common.seeding import derive_seed
from simcore.config.run import Config
from simcore.worlds.api import WorldConfig
from simcore.worlds.gym import GymConfig
from simcore.worlds.gym.making import find_spec

CHECK_EVERY = 64
"""Steps between two checks for ended episodes."""
LONGEST = 10_000
"""The most steps of an episode by default, in worlds without a limit of their own."""


class Evaluation(NamedTuple):
    """Episodes of one level, played by the agent and by a uniformly random policy."""

    level: str
    world: WorldConfig
    """The worlds they were played in."""
    agent: list[Episode]
    random: list[Episode]
    max_steps: int | None
    """The steps after which an episode was stopped; None: the worlds have a limit of their own, which is not longer."""

    @property
    def measures(self) -> tuple[str, ...]:
        """The names of an episode's measures: its return, the world's episode metrics, and its length."""
        return ("return", *self.agent[0].metrics, "length")

    @property
    def stopped(self) -> dict[str, int]:
        """The number of episodes that were stopped before they had ended, by policy; they count as far as they came."""
        played, most = {"agent": self.agent, "random": self.random}, self.max_steps
        return {
            who: sum(episode.length == most and not episode.terminated for episode in episodes)
            for who, episodes in played.items()
        }

    def intervals(self) -> dict[str, dict[str, Interval | None]]:
        """Return the mean of each measure with its interval, by policy and measure; None as in `Interval.of`."""
        played = {"agent": self.agent, "random": self.random}
        return {
            who: {name: Interval.of([measured(episode, name) for episode in episodes]) for name in self.measures}
            for who, episodes in played.items()
        }

    def report(self) -> dict[str, Any]:
        """Return level, world, intervals and the agent's returns, for JSON."""
        return {
            "level": self.level,
            "world": asdict(self.world),
            "max_steps": self.max_steps,
            "stopped": self.stopped,
            "confidence": CONFIDENCE,
            **{
                who: {label(name).replace(" ", "_"): each and each.to_dict() for name, each in measures.items()}
                for who, measures in self.intervals().items()
            },
            "returns": [episode.reward for episode in self.agent],
        }


def measured(episode: Episode, name: str) -> float:
    """Return a measure of an episode by name."""
    return {"return": episode.reward, "length": episode.length, **episode.metrics}[name]


def evaluate(
    run: LoadedRun,
    episodes: int = 100,
    level: str | None = None,
    greedy: bool = False,
    seed: int = 0,
    *,
    world: Mapping[str, Any] | None = None,
    copies: int | None = None,
    max_steps: int | None = None,
    advance: Advance = silent,
) -> Evaluation:
    """Play whole episodes with the agent and with a random policy.

    Each world finishes its share of them, so that short episodes are not over-represented.

    Args:
        run: the run.
        episodes: the number of episodes of each policy.
        level: another level than the run's, see `simcore.analysis.worlds.world_in`.
        greedy: take the most likely action instead of sampling one.
        seed: seeds the worlds and the sampled actions.
        world: new values of fields of the run's world, by name.
        copies: worlds stepped side by side; None: as many as each of the run's actors had.
        max_steps: the most steps of an episode; None: the world's own limit, or `LONGEST` if it has none.
        advance: the progress callback.

    Raises:
        UserError: a walker acts in the run, a number is not positive, there is no such level or field of its world, or
            its actions do not begin with those that the agent was trained with.
    """
    if run.config.policy != "agent":
        raise UserError("in this run a walker acts and there is no reward; simcore probe measures what it learned")
    for name, number in (("episodes", episodes), ("copies", copies), ("max-steps", max_steps)):
        require(number is None or number >= 1, f"--{name} is {number}; it must be at least 1")
    config, max_steps = limited(in_worlds(run.config, level, world), max_steps)
    purpose = derive_seed(run.config.seed, f"evaluate/{config.level}/{seed}")
    count = min(copies or config.worlds_per_actor, episodes)
    actions = len(action_names(run.config))
    agent = AgentPolicy(run.system.agent, count, purpose, greedy)
    chance = RandomPolicy(actions, count, purpose)
    played = play(config, agent, count, episodes, purpose, partial(advance, "episodes of the agent"))
    at_random = play(config, chance, count, episodes, purpose, partial(advance, "episodes of the random policy"))
    return Evaluation(config.level, config.world, played, at_random, max_steps)


def limited(config: Config, max_steps: int | None) -> tuple[Config, int | None]:
    """Return a configuration whose episodes end, and the steps after which they are stopped; None: they end sooner."""
    own = config.world.episode_length
    if max_steps is None and not own and not has_limit(config):
        max_steps = LONGEST
    if max_steps is None or (own and own <= max_steps):
        return config, None
    return config.changed(world={"episode_length": max_steps}), max_steps


def has_limit(config: Config) -> bool:
    """Return whether a Gymnasium environment was registered, or is made, with a limit of its episodes' steps."""
    if not isinstance(config.world, GymConfig):
        return True
    return bool(config.world.arguments.get("max_episode_steps", find_spec(config.level).max_episode_steps))


def play(
    config: Config,
    policy: Policy,
    count: int,
    episodes: int,
    seed: int,
    advance: Callable[[float], None] = lambda part: None,
) -> list[Episode]:
    """Play `episodes` whole episodes in `count` worlds side by side; the worlds' shares differ by at most one."""
    shares = [episodes // count + (world < episodes % count) for world in range(count)]
    played: list[Episode] = []
    with closing(make_worlds(config, count, copy=False)) as worlds:
        scale, patience = config.reinforcement.reward_scale, config.acting.patience
        actor = Actor(worlds, policy, seed, reward_scale=scale, patience=patience)
        while any(shares):
            begun = np.minimum(actor.lengths / (config.world.episode_length or np.inf), 1.0)
            advance((len(played) + float(begun[np.array(shares) > 0].sum())) / episodes)
            for episode in actor.collect(CHECK_EVERY).episodes:
                if shares[episode.world]:
                    shares[episode.world] -= 1
                    played.append(episode)
    advance(1.0)
    return played
