"""Roll-outs in motion: what is seen and what is expected of it, then what is imagined, beside the maps."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from simcore.rollout import Rollout

TILE = 128
GAP = 8


def rollout_animation(rollout: Rollout) -> list[Image.Image]:
    """Return one picture a step: for each world a row of true frame, model's frame, true map, decoded map.

    While the belief sees the frames the model looks one step ahead; then a red bar says that it goes on alone.
    """
    pictures = []
    for t in range(len(rollout.frames)):
        rows = [
            np.concatenate([_tile(part) for part in _parts(rollout, t, world)], axis=1)
            for world in range(rollout.frames.shape[1])
        ]
        picture = np.concatenate(rows, axis=0)
        bar = np.full((GAP, picture.shape[1], 3), (214, 39, 40) if t >= rollout.context else (60, 160, 60), np.uint8)
        pictures.append(Image.fromarray(np.concatenate([bar, picture])))
    return pictures


def _parts(rollout: Rollout, t: int, world: int) -> list[NDArray[np.uint8]]:
    seen = t < rollout.context
    parts = [rollout.frames[t, world], (rollout.expected[t] if seen else rollout.samples[t - rollout.context])[world]]
    if rollout.true is not None and rollout.believed is not None:
        parts += [rollout.true.pictures[t, world], rollout.believed.pictures[min(t, rollout.context - 1), world]]
    return [part.numpy() for part in parts]


def _tile(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Scale to TILE pixels without blur, and leave a margin."""
    scaled = np.asarray(Image.fromarray(picture).resize((TILE, TILE), Image.Resampling.NEAREST))
    return np.pad(scaled, ((GAP // 2, GAP // 2), (GAP // 2, GAP // 2), (0, 0)), constant_values=255)
