"""How well a run's agent does: whole episodes in worlds that it was not trained in, beside a random policy."""

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
"""Worlds that are played side by side."""
STRETCH = 64
"""Steps between two looks at what has ended."""
LABELS = {"food": "food eaten", "length": "episode length"}
"""What measures are called, where not by their names."""


class Evaluation(NamedTuple):
    """Episodes of one level, by the agent and by a policy that draws every action alike."""

    level: str
    agent: list[Episode]
    random: list[Episode]

    @property
    def measures(self) -> tuple[str, ...]:
        """What is told of episodes: their return, what the world tells of them, and their length."""
        return ("return", *self.agent[0].metrics, "length")

    def intervals(self) -> dict[str, dict[str, Interval | None]]:
        """Return the mean of each measure with its interval, by who played."""
        played = {"agent": self.agent, "random": self.random}
        return {
            who: {name: Interval.of([measured(episode, name) for episode in episodes]) for name in self.measures}
            for who, episodes in played.items()
        }

    def report(self) -> dict[str, Any]:
        """Return everything, for JSON."""
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
    """Return a measure of an episode."""
    return {"return": episode.reward, "length": episode.length, **episode.metrics}[name]


def label(name: str) -> str:
    """Return what a measure is called in tables."""
    return LABELS.get(name, name)


def evaluate(
    run: LoadedRun, episodes: int = 100, level: str | None = None, greedy: bool = False, seed: int = 0
) -> Evaluation:
    """Let the agent, and a random policy, play whole episodes.

    Each world plays its share of them to the end, so that short episodes are not preferred.

    Args:
        run: the run.
        episodes: how many.
        level: another level than the run's; its arguments are those of the run's preset.
        greedy: take the most likely action in place of drawing one.
        seed: chooses the worlds, and what is drawn.

    Raises:
        UserError: the run's agent does not act, or the level has other actions than its own.
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
    """Return the names of the actions that there are in a run's world."""
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
    """Play `episodes` episodes in `count` worlds side by side, in each as many as in the others, or one more."""
    shares = [episodes // count + (world < episodes % count) for world in range(count)]
    played: list[Episode] = []
    with closing(make_worlds(config, count, copy=False)) as worlds:
        actor = Actor(worlds, policy, seed, reward_scale=config.reinforcement.reward_scale)
        while any(shares):
            for episode in actor.collect(STRETCH).episodes:
                if shares[episode.world]:
                    shares[episode.world] -= 1
                    played.append(episode)
    return played
