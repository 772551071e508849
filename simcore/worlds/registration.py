"""Registers the levels with Gymnasium, as `simcore/<level>-v0`, without importing one of them.

`import simcore` does so, and so does Gymnasium itself where the id names the module:
`gymnasium.make("simcore:simcore/RandomCity-v0")`. Since version 1.0 it has no plugins that it finds by an entry point.
"""

from gymnasium.envs.registration import register, registry

NAMES = (
    "RandomCity",
    "Terrain",
    "Food",
    "HighFood",
    "Bridge",
    "Cliff",
    "CliffHard",
    "HighFoodHard",
    "Tower",
)
"""The levels' names; `LEVELS` has the same, and the compiled worlds behind them."""


def register_levels() -> None:
    """Register each level that is not there yet."""
    for name in NAMES:
        id_ = f"simcore/{name}-v0"
        if id_ not in registry:
            register(
                id=id_,
                entry_point="simcore.worlds.voxel.env:WorldEnv",
                vector_entry_point="simcore.worlds.voxel.env:WorldVectorEnv",
                kwargs={"level": name},
            )
