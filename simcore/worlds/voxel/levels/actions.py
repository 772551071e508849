"""The actions that levels share: each set begins with the one before it, so that an action keeps its number."""

from simcore.worlds.voxel.levels.base import Action
from simcore.worlds.voxel.rules import PLACE, REMOVE

WALKING = (
    Action("forward", walk=1),
    Action("turn_left", turn=-1),
    Action("turn_right", turn=1),
    Action("forward_left", turn=-1, walk=1),
    Action("forward_right", turn=1, walk=1),
)

CLIMBING = (
    *WALKING,
    Action("jump", jump=1),
    Action("jump_forward", jump=1, walk=1),
)

BUILDING = (
    *CLIMBING,
    Action("look_up", look=1),
    Action("look_down", look=-1),
    Action("remove", hand=REMOVE),
    Action("place", hand=PLACE),
)
