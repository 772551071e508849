"""Presets: the paper's sizes (tables 2 to 4), and smaller ones that a laptop learns in minutes or hours."""

from dataclasses import replace
from typing import Any

from simcore.common.checks import require
from simcore.config.run import (
    AgentConfig,
    Config,
    ConvDRAWConfig,
    GECOConfig,
    KanervaConfig,
    LearningConfig,
    RecordConfig,
    ReinforcementConfig,
    SimulationConfig,
    SlotsConfig,
    find_world_config,
)
from simcore.probes.config import ProbesConfig
from simcore.worlds import RandomCityConfig
from simcore.worlds.gym import is_gym_id

# An episode of unroll_length - 1 steps has unroll_length frames: each trajectory is then one whole episode.
CITIES: dict[str, dict[str, Any]] = {
    "tiny": {"size": 7, "frame_size": 16, "episode_length": 39, "heights": (1, 3), "buildings": (2, 4)},
    "small": {"size": 11, "frame_size": 32, "episode_length": 59, "heights": (1, 3)},
    "paper": {"size": 24, "frame_size": 64, "episode_length": 99},
}
FRAME_SIZES = {"tiny": 16, "small": 32, "paper": 64}
FOREIGN_FRAME_SIZES = FRAME_SIZES | {"tiny": 32}  # other people's pictures are not made to be seen in 16 x 16
BUILT = ("HighFood", "Bridge", "Cliff", "CliffHard", "HighFoodHard", "Tower")
"""Levels whose food is out of reach for one who does not build."""
# Smaller and easier worlds for the smaller presets; the paper's are the levels' own defaults.
TINY_ROOM = {"size": 9, "landmarks": 2, "episode_length": 200}
LEVELS_OF: dict[str, dict[str, dict[str, Any]]] = {
    "tiny": {
        "Terrain": {"size": 24, "amount": 8, "relief": 4, "speed": 0.5, "episode_length": 300},
        "Food": {"size": 11, "amount": 5, "landmarks": 3, "episode_length": 120},
        # Much food and many blocks: nearly all that chance finds in a building level, it finds by luck with a block.
        "HighFood": TINY_ROOM | {"amount": 6, "carried": 8},
        "Bridge": TINY_ROOM | {"gap": 2, "speed": 0.25, "amount": 7, "carried": 12},
        "Cliff": TINY_ROOM | {"rise": 2, "carried": 8},
        "CliffHard": TINY_ROOM | {"rise": 3},
        "HighFoodHard": TINY_ROOM | {"lift": 2},
        "Tower": TINY_ROOM | {"rise": 3},
    },
    "small": {
        "Terrain": {"size": 32, "amount": 10, "relief": 6, "episode_length": 1000},
        "Food": {"size": 14},
        "Cliff": {"size": 12, "rise": 2},
        "HighFood": {"size": 12},
        "Bridge": {"size": 12},
    },
    "paper": {},
}


def preset(name: str, level: str = "RandomCity") -> Config:
    """Return a preset for a level.

    Raises:
        UserError: there is no such preset, or no such level.
    """
    require(name in CITIES, f"there is no preset {name!r}; there are: {', '.join(CITIES)}")
    if level == "RandomCity":
        return city_preset(name)
    return acting_preset(name, level)


def acting_preset(name: str, level: str) -> Config:
    """Return a preset for a level in which the agent itself acts, by reward (App. D)."""
    base = city_preset(name)
    kind = find_world_config(level)
    frame_size = (FOREIGN_FRAME_SIZES if is_gym_id(level) else FRAME_SIZES)[name]
    world = kind(frame_size=frame_size, **LEVELS_OF[name].get(level, {}))
    learning = replace(base.learning, gradient_clip=40.0)  # for policy and value, and a model's loss of their size
    if name == "tiny":
        learning = replace(
            learning, updates=1000, worlds=32, unroll_length=32, learning_rate=5e-4, belief_warmup=0, probe_times=8
        )
    entropy_cost = 3e-3
    if level in ("Food", "Terrain"):
        entropy_cost = 0.01  # food is found by chance often enough to outweigh more entropy
    elif level in BUILT:
        entropy_cost = 1e-3
        # A run of bad luck gives gradients that all agree in sign; faster than table 2, they end the encoder's ReLUs.
        learning = replace(learning, learning_rate=min(learning.learning_rate, 2e-4))
    return replace(
        base,
        level=level,
        core="lstm",
        policy="agent",
        world=world,
        learning=learning,
        reinforcement=ReinforcementConfig(entropy_cost=entropy_cost),
        # In runs as short as these λ rises to hundreds before the error first comes to κ; the results' began at 50.
        geco=base.geco if name == "paper" else replace(base.geco, initial=50.0),
        # Nats of an image dimension and not of a frame: with this weight the published results were measured.
        simulation=replace(base.simulation, cost=1 / (3 * frame_size**2), earliest_start=0),
        # Their episodes are longer, and making them takes the agent's own belief, step by step.
        probes=replace(base.probes, worlds=1024, times=40),
    )


def city_preset(name: str) -> Config:
    """Return a preset for Random City, where the walker acts (App. H)."""
    level, world = "RandomCity", RandomCityConfig(**CITIES[name])
    if name == "paper":
        return Config(level=level, preset=name, world=world, probes=ProbesConfig(worlds=2048, times=40))
    if name == "small":
        return Config(
            level=level,
            preset=name,
            world=world,
            agent=AgentConfig(hidden_size=512, embedding_size=256, encoder_channels=(16, 32)),
            slots=SlotsConfig(memory_size=128, word_size=128, top_k=32),
            kanerva=KanervaConfig(word_size=256, write_hidden=256),
            simulation=SimulationConfig(overshoot=10, starts=4, frames=2),
            convdraw=ConvDRAWConfig(
                steps=4,
                latent_channels=8,
                state_channels=32,
                encoder_channels=(16,),
                decoder_channels=(32,),
                kernel_size=3,
            ),
            geco=GECOConfig(kappa=4e-3, rate=3e-3, initial=5.0),
            probes=ProbesConfig(map_kappa=4e-3, worlds=6144, times=20),
            learning=LearningConfig(
                updates=50_000,
                unroll_length=60,
                learning_rate=5e-4,
                belief_warmup=500,
                probe_learning_rate=3e-4,
                beta2=0.99,
                gradient_clip=15_000.0,  # twenty times what is usual
            ),
        )
    return Config(
        level=level,
        core="slots",  # at equal CPU time it has the better map, above all of what is out of sight
        preset=name,
        world=world,
        agent=AgentConfig(hidden_size=256, embedding_size=128, encoder_channels=(8, 16)),
        slots=SlotsConfig(memory_size=64, word_size=64, top_k=16),
        kanerva=KanervaConfig(word_size=128, write_hidden=128),
        # Late starts, since only what has been seen and left trains the memory.
        simulation=SimulationConfig(overshoot=6, starts=4, frames=2, earliest_start=15),
        convdraw=ConvDRAWConfig(
            steps=3,
            latent_channels=8,
            state_channels=32,
            encoder_channels=(16,),
            decoder_channels=(32,),
            kernel_size=3,
        ),
        geco=GECOConfig(kappa=5e-3, rate=3e-3, initial=5.0),
        probes=ProbesConfig(map_kappa=5e-3),
        learning=LearningConfig(
            updates=4500,
            unroll_length=40,
            learning_rate=1e-3,
            belief_warmup=300,
            probe_learning_rate=1e-3,
            probe_times=6,
            beta2=0.99,
            gradient_clip=4000.0,  # twenty times what is usual
        ),
        record=RecordConfig(metrics_every=25, checkpoint_every=250),
    )
