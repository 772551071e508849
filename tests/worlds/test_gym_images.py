"""What in an observation is an image, and the frame that is made of it."""

import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete

from simcore.worlds.gym.frames import find_picture, make_frame


def test_frame_is_the_mean_over_each_pixels_area():
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[:2, :4] = [[10, 20, 30], [30, 40, 50]] * 2
    frame = make_frame(pixels, find_picture(Box(0, 255, pixels.shape, np.uint8)), 2)
    np.testing.assert_array_equal(frame[0, 0], [20, 30, 40])
    assert not frame[0, 1].any()
    assert not frame[1].any()


@pytest.mark.parametrize(
    ("pixels", "space", "expected"),
    [
        (np.full((6, 5, 3), 7), Box(0, 255, (6, 5, 3), np.uint8), 7),
        (np.full((3, 6, 5), 7), Box(0, 255, (3, 6, 5), np.uint8), 7),
        (np.full((1, 6, 5), 7), Box(0, 255, (1, 6, 5), np.uint8), 7),
        (np.full((6, 5, 1), 7), Box(0, 255, (6, 5, 1), np.uint8), 7),
        (np.full((6, 5), 7), Box(0, 255, (6, 5), np.uint8), 7),
        (np.full((6, 5), 0.5), Box(0, 1, (6, 5), np.float32), 128),
        (np.full((6, 5, 3), -1.0), Box(-1, 1, (6, 5, 3), np.float32), 0),
        (np.full((6, 5, 3), 1.001), Box(-1, 1, (6, 5, 3), np.float32), 255),
        (np.full((6, 5, 3), 9), Box(0, 255, (6, 5, 3), np.int64), 9),
    ],
)
def test_kinds_of_images(pixels, space, expected):
    frame = make_frame(pixels.astype(space.dtype), find_picture(space), 4)
    assert frame.shape == (4, 4, 3)
    assert frame.dtype == np.uint8
    assert (frame == expected).all()


def test_colours_stay_where_they_are():
    pixels = np.random.default_rng(0).integers(0, 256, (4, 4, 3)).astype(np.uint8)
    np.testing.assert_array_equal(make_frame(pixels, find_picture(Box(0, 255, (4, 4, 3), np.uint8)), 4), pixels)
    turned = np.ascontiguousarray(pixels.transpose(2, 0, 1))
    np.testing.assert_array_equal(make_frame(turned, find_picture(Box(0, 255, (3, 4, 4), np.uint8)), 4), pixels)


IMAGE = Box(0, 255, (8, 8, 3), np.uint8)


@pytest.mark.parametrize(
    ("space", "key", "message"),
    [
        (Box(-np.inf, np.inf, (8, 8, 3)), "auto", "from -inf to inf; an image's are bounded"),
        (Box(0, 255, (8, 8, 4), np.uint8), "auto", r"shape \(8, 8, 4\) is no image"),
        (Box(0, 1, (4,)), "auto", "no image; an image is a Box of shape"),
        (Discrete(3), "auto", r"Discrete\(3\) is no image"),
        (IMAGE, "screen", "observation is 'screen'; the observation is no Dict"),
        (Dict(a=IMAGE, b=Discrete(2)), "screen", "observation is 'screen'; allowed are a, b"),
        (Dict(a=IMAGE, b=Discrete(2)), "b", r"Discrete\(2\) is no image"),
        (Dict(a=IMAGE, b=IMAGE), "auto", r"which of the images is the observation: a, b\?"),
        (Dict(b=Discrete(2)), "auto", "none of the observations b is an image"),
    ],
)
def test_what_is_no_image(space, key, message):
    with pytest.raises(ValueError, match=message):
        find_picture(space, key)


def test_likely_image_is_taken():
    assert find_picture(Dict(automap=IMAGE, screen=IMAGE)).key == "screen"
