"""The display names of scores, of an episode's measures, and of predictors, in tables."""

from simcore.worlds.api import OUT_OF_SIGHT_STEPS

_LABELS = {
    "map_mse": "whole map",
    "map_mse_seen": "seen so far",
    "map_mse_unseen": "not yet seen",
    "map_mse_old": f"out of sight {OUT_OF_SIGHT_STEPS}+",
    "food": "food eaten",
    "length": "episode length",
}
_OLDER = "map_mse_old_"
"""The prefix of scores of cells out of sight for at least a number of steps."""
PREDICTORS = {
    "belief": "belief",
    "online": "belief, online probes",
    "untrained": "untrained agent's belief",
    "frame": "present frame alone",
    "constant": "best constant guess",
    "oracle": "oracle, trained on the map",
}
"""The display names of the predictors compared on held-out worlds."""


def label(name: str) -> str:
    """Return the display name of a score or a measure; its own where it has no other."""
    if name.startswith(_OLDER):
        return f"out of sight {name.removeprefix(_OLDER)}+"
    return _LABELS.get(name, name).removesuffix("_mse").removesuffix("_accuracy")
