"""Conversion of an environment's observations to frames."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict, Space
from numpy.typing import NDArray

from simcore.common.user_code import UserCodeError

Frame = NDArray[np.uint8]
Values = np.float64 | NDArray[np.float64]

LIKELY = ("image", "screen", "rgb", "pixels", "RGB_INTERLEAVED")
"""The usual names of images, by which one is chosen if a Dict has several."""


class Picture(NamedTuple):
    """Where the image is in an observation, how it is stored, and what its values mean."""

    key: str | None
    """The entry of a Dict; None: the observation is the image."""
    channels: int | None
    """The axis of the channels, 0 or 2; None: the image is grey, without channels."""
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    low: Values
    """The value of black, of all elements or of each."""
    high: Values
    """The value of white."""
    is_plain: bool
    """Whether the values are those of a frame: uint8 from 0 to 255."""

    def __str__(self) -> str:
        return f"{self.dtype} {self.shape} from {np.min(self.low):g} to {np.max(self.high):g}"


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
            said = f"observation is {key!r}; the observation is no Dict but {_shown(space)}"
            raise ValueError(f"{said}: leave it at auto")
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


def make_frame(observation: Any, picture: Picture, size: int) -> Frame:
    """Convert an observation to a frame `uint8 [size, size, 3]`.

    Each pixel is the mean over its area (Pillow's box filter); images that are not square are stretched. Values are
    scaled from the space's bounds, of all elements or of each, unless they are uint8 from 0 to 255.

    Raises:
        ValueError: the observation is not what the space says: of another shape or type, out of its bounds, not finite.
    """
    pixels = find_pixels(observation, picture)
    if not (picture.is_plain and pixels.dtype == np.uint8):
        pixels = scale(pixels, picture)
    if picture.channels == 0:
        pixels = pixels.transpose(1, 2, 0)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.shape[:2] != (size, size):
        from PIL import Image  # of the extra `figures`; not needed for frames of this size

        pixels = np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.BOX))
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    return np.ascontiguousarray(pixels)


def find_pixels(observation: Any, picture: Picture) -> NDArray[Any]:
    """Return the image in an observation.

    Raises:
        ValueError: it is not there, or not of the space's shape and kind of numbers.
    """
    pixels = observation
    if picture.key is not None:
        if not isinstance(observation, Mapping) or picture.key not in observation:
            held = ", ".join(map(str, observation)) if isinstance(observation, Mapping) else kind(observation)
            raise ValueError(
                f"the observation has no entry {picture.key}, as its space says, but is {held or 'an empty dict'}"
            )
        pixels = observation[picture.key]
    if not (
        isinstance(pixels, np.ndarray)
        and pixels.shape == picture.shape
        # Of the same kind, since float64 of a float32 space, as after a division, is the same picture.
        and (pixels.dtype == picture.dtype or np.can_cast(pixels.dtype, picture.dtype, "same_kind"))
    ):
        raise ValueError(f"{what(picture)} is {kind(pixels)}, and its space says {picture}")
    return pixels


def scale(pixels: NDArray[Any], picture: Picture) -> NDArray[np.uint8]:
    """Scale an image's values from the bounds of its space to 0 to 255.

    Raises:
        ValueError: a value is out of them by more than half a grey level, or not finite.
    """
    low, span = picture.low, picture.high - picture.low
    levels = np.rint(255 * ((pixels.astype(np.float64) - low) / np.where(span > 0, span, 1.0)))
    if not (levels.min() >= 0 and levels.max() <= 255):  # false also for NaN
        finite = np.isfinite(pixels).all()
        came = f"from {pixels.min():g} to {pixels.max():g}" if finite else "that are NaN or infinite"
        raise ValueError(f"{what(picture)} has values {came}, and its space says {picture}")
    return levels.astype(np.uint8)


def what(picture: Picture) -> str:
    """Name the observation, or the entry of it that is the image, in messages."""
    return "the observation" if picture.key is None else f"the observation's entry {picture.key}"


def kind(value: Any) -> str:
    """Describe a value in messages: an array by type and shape, anything else by its class."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape}"
    return "None" if value is None else f"of the class {type(value).__name__}"


class Frames(gymnasium.ObservationWrapper[Frame, Any, Any]):
    """A wrapper whose observations are frames, `uint8 [size, size, 3]`.

    Args:
        env: the environment.
        size: side of the frames in pixels.
        key: the entry of a Dict observation, see `find_picture`.
        name: the environment's name in messages.

    Raises:
        ValueError: there is no image, see `find_picture`.
        UserCodeError: in reset or step, if the observation is not what the space says.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], size: int, key: str = "auto", name: str = "") -> None:
        super().__init__(env)
        self.picture = find_picture(env.observation_space, key)
        self.size = size
        self.name = name
        self.observation_space = Box(0, 255, (size, size, 3), np.uint8)

    def observation(self, observation: Any) -> Frame:
        """Convert an observation to a frame."""
        try:
            return make_frame(observation, self.picture, self.size)
        except ValueError as error:
            raise UserCodeError(f"{self.name}: {error}; mend the one or the other") from error


def _picture(key: str | None, space: object) -> Picture:
    """Return how the image of a space is stored, or raise `ValueError` if it holds none."""
    wanted = "an image is a Box of shape [H, W], [H, W, C] or [C, H, W], with 1 or 3 channels"
    if not isinstance(space, Space):
        came = f"{type(space).__module__}.{type(space).__name__}"
        raise ValueError(f"the observation space is a {came}; it must be one of gymnasium.spaces")
    if not isinstance(space, Box) or len(space.shape) not in (2, 3) or 0 in space.shape:
        raise ValueError(f"the observation {_shown(space)} is no image; {wanted}")
    axis = _channels(space.shape, wanted) if len(space.shape) == 3 else None
    low, high = space.low.astype(np.float64), space.high.astype(np.float64)
    if not (space.dtype == np.uint8 or space.is_bounded()) or not np.isfinite(high - low).all():
        raise ValueError(f"the observation's values are from {low.min():g} to {high.max():g}; an image's are bounded")
    if (low >= high).all():
        raise ValueError(f"the observation's values are all {low.min():g}, by the bounds of its space")
    is_plain = space.dtype == np.uint8 and bool((low == 0).all() and (high == 255).all())
    if (low == low.flat[0]).all() and (high == high.flat[0]).all():  # one number is subtracted more quickly
        return Picture(key, axis, space.shape, space.dtype, low.flat[0], high.flat[0], is_plain)
    return Picture(key, axis, space.shape, space.dtype, low, high, is_plain)


def _channels(shape: tuple[int, ...], wanted: str) -> int:
    """Return the axis of the channels, or raise `ValueError` if there is none, or either may be it."""
    axes = [axis for axis in (2, 0) if shape[axis] in (1, 3)]
    if not axes:
        hint = "; a wrapper can leave out the A of RGBA, or all but one of several frames" if 4 in shape else ""
        raise ValueError(f"the observation of shape {shape} is no image; {wanted}{hint}")
    if len(axes) == 2 and shape != (1, 1, 1):
        raise ValueError(
            f"the observation of shape {shape} has its channels first or last, which cannot be told; "
            "a wrapper can make it larger, or grey without channels"
        )
    return axes[0]


def _shown(space: Space[Any]) -> str:
    """Show a space in one line, not too long."""
    text = " ".join(str(space).split())
    return text if len(text) <= 100 else f"{text[:100]}..."
