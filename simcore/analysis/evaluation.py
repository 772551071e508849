"""Evaluation of a run's agent: whole episodes in held-out worlds, compared with a random policy."""

from contextlib import closing
from dataclasses import replace
from typing import Any, NamedTuple

from simcore.acting import Actor, AgentPolicy, Episode, Policy, RandomPolicy
from simcore.analysis.loading import LoadedRun
from simcore.build import make_worlds
from simcore.common.errors import UserError
from simcore.common.intervals import CONFIDENCE, Interval
from simcore.common.seeding import stream
from simcore.config.presets import preset
from simcore.config.run import Config

BATCH = 32
"""Worlds that are stepped side by side."""
STRETCH = 64
"""Steps between two checks for ended episodes."""
LABELS = {"food": "food eaten", "length": "episode length"}
"""The display names of measures, where they differ from the measures' names."""


class Evaluation(NamedTuple):
    """Episodes of one level, played by the agent and by a uniformly random policy."""

    level: str
    agent: list[Episode]
    random: list[Episode]

    @property
    def measures(self) -> tuple[str, ...]:
        """The names of an episode's measures: its return, the world's episode metrics, and its length."""
        return ("return", *self.agent[0].metrics, "length")

    def intervals(self) -> dict[str, dict[str, Interval | None]]:
        """Return the mean of each measure with its interval, by policy and measure; None as in `Interval.of`."""
        played = {"agent": self.agent, "random": self.random}
        return {
            who: {name: Interval.of([measured(episode, name) for episode in episodes]) for name in self.measures}
            for who, episodes in played.items()
        }

    def report(self) -> dict[str, Any]:
        """Return level, intervals and the agent's returns, for JSON."""
        return {
            "level": self.level,
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


def label(name: str) -> str:
    """Return a measure's display name."""
    return LABELS.get(name, name)


def evaluate(
    run: LoadedRun, episodes: int = 100, level: str | None = None, greedy: bool = False, seed: int = 0
) -> Evaluation:
    """Play whole episodes with the agent and with a random policy.

    Each world plays its share of them to the end, so that short episodes are not over-represented.

    Args:
        run: the run.
        episodes: the number of episodes of each policy.
        level: another level than the run's; its arguments are those of the run's preset.
        greedy: take the most likely action instead of sampling one.
        seed: seeds the worlds and the sampled actions.

    Raises:
        UserError: a walker acts in the run, `episodes` is not positive, there is no such level, or its actions do not
            begin with those that the agent was trained with.
    """
    if run.config.policy != "agent":
        raise UserError("in this run a walker acts and there is no reward; simcore probe measures what it learned")
    if episodes < 1:
        raise UserError(f"--episodes is {episodes}; it must be at least 1")
    config = config_in(run.config, level)
    trained, offered = action_names(run.config), action_names(config)
    if offered[: len(trained)] != trained:
        raise UserError(
            f"the agent knows the actions {', '.join(trained)}; {config.level} has {', '.join(offered)}, "
            "which must begin alike"
        )
    purpose = stream(run.config.seed, f"evaluate/{config.level}/{seed}")
    count = min(BATCH, episodes)
    agent = AgentPolicy(run.system.agent, count, purpose, greedy)
    chance = RandomPolicy(len(trained), count, purpose)
    played, at_random = (play(config, policy, count, episodes, purpose) for policy in (agent, chance))
    return Evaluation(config.level, played, at_random)


def action_names(config: Config) -> tuple[str, ...]:
    """Return the names of the actions of a run's world."""
    with closing(make_worlds(config, 1)) as worlds:
        return worlds.action_names


def config_in(config: Config, level: str | None) -> Config:
    """Return a run's configuration for another level, with frames of the same size.

    Raises:
        UserError: there is no such level.
    """
    if level is None or level == config.level:
        return config
    world = replace(preset(config.preset, level).world, frame_size=config.world.frame_size)
    return replace(config, level=level, world=world)


def play(config: Config, policy: Policy, count: int, episodes: int, seed: int) -> list[Episode]:
    """Play `episodes` whole episodes in `count` worlds side by side; the worlds' shares differ by at most one."""
    shares = [episodes // count + (world < episodes % count) for world in range(count)]
    played: list[Episode] = []
    with closing(make_worlds(config, count, copy=False)) as worlds:
        scale, patience = config.reinforcement.reward_scale, config.acting.patience
        actor = Actor(worlds, policy, seed, reward_scale=scale, patience=patience)
        while any(shares):
            for episode in actor.collect(STRETCH).episodes:
                if shares[episode.world]:
                    shares[episode.world] -= 1
                    played.append(episode)
    return played
