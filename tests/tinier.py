"""A configuration so small that tests can train it in seconds."""

from dataclasses import replace
from typing import Any

from simcore.agent import AgentConfig
from simcore.config.run import Config
from simcore.frame_models.convdraw import ConvDRAWConfig
from simcore.learning.config import LearningConfig
from simcore.memory import KanervaConfig, SlotsConfig
from simcore.probes.config import ProbesConfig
from simcore.runs.record import RecordConfig
from simcore.simulation import SimulationConfig
from simcore.worlds import FoodConfig, RandomCityConfig
from simcore.worlds.api import ProbeTarget


def tinier(**changes: Any) -> Config:
    """Return the configuration, changed by flat arguments such as `learning__updates=3` or `seed=1`."""
    config = Config(
        preset="tiny",
        threads=1,
        device="cpu",
        world=RandomCityConfig(size=7, frame_size=8, episode_length=8),
        agent=AgentConfig(hidden_size=16, embedding_size=8, encoder_channels=(4,)),
        slots=SlotsConfig(memory_size=5, word_size=4, reads=2, top_k=3),
        kanerva=KanervaConfig(memory_size=4, word_size=8, write_hidden=8),
        simulation=SimulationConfig(overshoot=3, starts=2, frames=2),
        convdraw=ConvDRAWConfig(
            steps=2,
            latent_channels=2,
            state_channels=4,
            encoder_channels=(4,),
            decoder_channels=(4,),
            kernel_size=3,
        ),
        probes=ProbesConfig(hidden_size=8, layers=1, channels=2, worlds=6, validation_worlds=2, times=3, epochs=1),
        learning=LearningConfig(updates=6, worlds=3, unroll_length=7, learning_rate=1e-3),
        record=RecordConfig(metrics_every=2, checkpoint_every=2, pictures_every=0),
    )
    return changed(config, **changes)


def changed(config: Config, **changes: Any) -> Config:
    """Return a configuration with some values changed, by flat arguments."""
    for name, value in changes.items():
        section, _, key = name.rpartition("__")
        config = replace(
            config,
            **({section: replace(getattr(config, section), **{key: value})} if section else {key: value}),
        )
    return config


def tell_map(size: int, headings: int) -> tuple[ProbeTarget, ...]:
    """Return what a level tells with a map of `size` x `size` cells and so many headings."""
    return (
        ProbeTarget("map", "picture", (size, size, 3)),
        ProbeTarget("cell", "class", (size * size,)),
        ProbeTarget("heading", "class", (headings,)),
    )


def tinier_acting(**changes: Any) -> Config:
    """Return such a configuration of an agent that acts by itself, in the level Food."""
    base = replace(
        tinier(),
        level="Food",
        policy="agent",
        world=FoodConfig(size=7, frame_size=8, episode_length=20, amount=2, landmarks=1),
    )
    return changed(base, **changes)
