"""Conversion of an environment's observations to frames."""

from typing import Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict, Space
from numpy.typing import NDArray

LIKELY = ("image", "screen", "rgb", "pixels", "RGB_INTERLEAVED")
"""The usual names of images, by which one is chosen if a Dict has several."""


class Picture(NamedTuple):
    """Where the image is in an observation, and how it is stored."""

    key: str | None
    """The entry of a Dict; None: the observation is the image."""
    channels: int | None
    """The axis of the channels, 0 or 2; None: the image is grey, without channels."""
    low: float
    """The value of black."""
    high: float
    """The value of white."""


def find_picture(space: Space[Any], key: str = "auto") -> Picture:
    """Find the image in the observations of a space.

    Args:
        space: an environment's observation space.
        key: the entry of a Dict space; "auto": the only image in it, or the one with one of the
            names in `LIKELY`.

    Raises:
        ValueError: there is no image or no such entry, or several images and none of the usual names.
    """
    if not isinstance(space, Dict):
        if key != "auto":
            raise ValueError(f"observation is {key!r}; the observation is no Dict but {space}: leave it at auto")
        return _picture(None, space)
    if key != "auto":
        if key not in space.spaces:
            raise ValueError(f"observation is {key!r}; allowed are {', '.join(space.spaces)}")
        return _picture(key, space[key])
    pictures: dict[str, Picture] = {}
    for name, part in space.spaces.items():
        try:
            pictures[name] = _picture(name, part)
        except ValueError:  # this entry is no image; another may be
            continue
    likely = [name for name in LIKELY if name in pictures]
    if not pictures:
        raise ValueError(f"none of the observations {', '.join(space.spaces)} is an image")
    if len(pictures) > 1 and not likely:
        raise ValueError(f"which of the images is the observation: {', '.join(pictures)}?")
    return pictures[likely[0]] if likely else next(iter(pictures.values()))


def make_frame(observation: Any, picture: Picture, size: int) -> NDArray[np.uint8]:
    """Convert an observation to a frame `uint8 [size, size, 3]`.

    Each pixel is the mean over its area (Pillow's box filter); images that are not square are stretched. Values other
    than uint8 are clipped to the space's bounds and scaled from them.
    """
    pixels = np.asarray(observation if picture.key is None else observation[picture.key])
    if picture.channels == 0:
        pixels = pixels.transpose(1, 2, 0)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.dtype != np.uint8:
        share = (pixels.astype(np.float64) - picture.low) / (picture.high - picture.low)
        pixels = np.rint(255 * share.clip(0, 1)).astype(np.uint8)
    if pixels.shape[:2] != (size, size):
        from PIL import Image  # of the extra `figures`; not needed for frames of this size

        pixels = np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.BOX))
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    return np.ascontiguousarray(pixels)


class Frames(gymnasium.ObservationWrapper[NDArray[np.uint8], Any, Any]):
    """A wrapper whose observations are frames, `uint8 [size, size, 3]`; see `find_picture` for key and errors."""

    def __init__(self, env: gymnasium.Env[Any, Any], size: int, key: str = "auto") -> None:
        super().__init__(env)
        self.picture = find_picture(env.observation_space, key)
        self.size = size
        self.observation_space = Box(0, 255, (size, size, 3), np.uint8)

    def observation(self, observation: Any) -> NDArray[np.uint8]:
        """Convert an observation to a frame."""
        return make_frame(observation, self.picture, self.size)


def _picture(key: str | None, space: Space[Any]) -> Picture:
    """Return how the image of a space is stored, or raise `ValueError` if it holds none."""
    wanted = "an image is a Box of shape [H, W], [H, W, C] or [C, H, W], with 1 or 3 channels"
    if not isinstance(space, Box) or len(space.shape) not in (2, 3):
        raise ValueError(f"the observation {space} is no image; {wanted}")
    axis = None
    if len(space.shape) == 3:
        axes = [axis for axis in (2, 0) if space.shape[axis] in (1, 3)]
        if not axes:
            raise ValueError(f"the observation of shape {space.shape} is no image; {wanted}")
        axis = axes[0]
    if space.dtype == np.uint8:
        return Picture(key, axis, 0.0, 255.0)
    low, high = float(space.low.min()), float(space.high.max())
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ValueError(f"the observation's values are from {low:g} to {high:g}; an image's are bounded, or uint8")
    return Picture(key, axis, low, high)
