"""Registration of the levels with Gymnasium, as `simcore/<level>-v0`, without importing them.

`import simcore` does so, and so does Gymnasium itself where the id names the module:
`gymnasium.make("simcore:simcore/RandomCity-v0")`. Since version 1.0 it does not find plugins by entry points.
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
"""The levels' names, the same as in `LEVELS`, whose import needs the compiler."""


def register_levels() -> None:
    """Register each level that is not there yet."""
    for name in NAMES:
        id_ = f"simcore/{name}-v0"
        if id_ not in registry:
            register(
                id=id_,
                entry_point="simcore.worlds.voxel.single:WorldEnv",
                vector_entry_point="simcore.worlds.voxel.env:WorldVectorEnv",
                kwargs={"level": name},
            )
