"""Observations as their spaces say they are, and as they say they are not."""

import itertools
import logging
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete

from simcore.build import check_worlds
from simcore.common.user_code import UserCodeError
from simcore.config.presets import preset
from simcore.worlds.gym import GymConfig, GymVectorEnv
from simcore.worlds.gym.frames import find_picture, make_frame

SHOWING = "ShowingTest-v0"
SHAPE = (8, 8, 3)
PLAIN = Box(0, 255, SHAPE, np.uint8)
UNIT = Box(0, 1, SHAPE, np.float32)
Show = Callable[["Showing"], Any]


class Showing(gymnasium.Env[Any, Any]):
    """Shows what the test says; it has 40 steps."""

    action_space = Discrete(3)

    def __init__(self, space: Any, show: Show) -> None:
        self.observation_space = space
        self.show = show

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.time = 0
        return self.show(self), {}

    def step(self, action: Any) -> Any:
        self.time += 1
        return self.show(self), 0.0, self.time == 40, False, {}

    def noise(self, below: int = 256, shape: tuple[int, ...] = SHAPE, dtype: Any = np.uint8) -> Any:
        return self.np_random.integers(0, below, shape).astype(dtype)


@pytest.fixture
def showing() -> Iterator[Callable[..., GymVectorEnv]]:
    """Make two environments of a space and a function that shows."""

    def make(space: Any, show: Show, **config: Any) -> GymVectorEnv:
        gymnasium.registry.pop(SHOWING, None)
        gymnasium.register(SHOWING, entry_point=lambda: Showing(space, show))
        return GymVectorEnv(SHOWING, 2, config=GymConfig(frame_size=8, **config))

    yield make
    gymnasium.registry.pop(SHOWING, None)


PLAIN_SQUARE = Box(0, 255, (2, 2), np.uint8)
UNSIGNED, SIGNED = (np.uint8, np.uint16), (np.int8, np.int32, np.int64, np.float16, np.float32, np.float64)


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [
        *itertools.product((*UNSIGNED, *SIGNED), (0,), (1, 15)),
        *itertools.product((*UNSIGNED, *SIGNED), (3,), (100,)),
        *itertools.product(SIGNED, (-1,), (1,)),
    ],
)
def test_any_type_is_scaled_by_its_bounds(dtype: Any, low: int, high: int) -> None:
    picture = find_picture(Box(low, high, (4, 4), dtype))
    values = np.linspace(low, high, 16).reshape(4, 4).astype(dtype)
    expected = np.rint(255 * (values.astype(np.float64) - low) / (high - low))
    np.testing.assert_array_equal(make_frame(values, picture, 4)[..., 0], expected)
    assert {expected.min(), expected.max()} == {0, 255}


def test_types_are_scaled_that_have_bounds_of_their_own() -> None:
    picture = find_picture(Box(0, 65535, (2, 2), np.uint16))
    assert make_frame(np.array([[0, 65535], [257, 32896]], np.uint16), picture, 2)[..., 0].tolist() == [
        [0, 255],
        [1, 128],
    ]
    picture = find_picture(Box(0, 1, (2, 2), np.bool_))
    assert make_frame(np.array([[True, False], [False, True]]), picture, 2)[..., 0].tolist() == [[255, 0], [0, 255]]


@pytest.mark.parametrize(("space", "given"), [(Box(0, 1, (2, 2), np.float32), np.float64), (PLAIN_SQUARE, np.uint16)])
def test_a_larger_type_of_the_same_kind_is_the_same_picture(space: Box, given: Any) -> None:
    values = np.array([[0, 51], [102, 255]]) * space.high.max() / 255
    assert make_frame(values.astype(given), find_picture(space), 2)[..., 0].tolist() == [[0, 51], [102, 255]]
    with pytest.raises(ValueError, match="has values from 0 to"):
        make_frame((values + space.high.max()).astype(given) * (values > 0), find_picture(space), 2)


def test_each_element_is_scaled_by_its_own_bounds() -> None:
    """As hue, saturation and value of OpenCV; an element without a range is black."""
    high = np.broadcast_to(np.uint8([180, 255, 0]), (2, 2, 3)).copy()
    picture = find_picture(Box(np.zeros_like(high), high, dtype=np.uint8))
    frame = make_frame(np.broadcast_to(np.uint8([90, 51, 0]), (2, 2, 3)), picture, 2)
    assert frame[0, 0].tolist() == [128, 51, 0]
    turned = find_picture(Box(np.zeros_like(high.T), high.T.copy(), dtype=np.uint8))
    np.testing.assert_array_equal(make_frame(np.broadcast_to(np.uint8([90, 51, 0]), (2, 2, 3)).T, turned, 2), frame)


def test_bounds_that_were_taken_for_0_to_255_show_the_same_picture(showing: Callable[..., GymVectorEnv]) -> None:
    unit = showing(Box(0, 1, SHAPE, np.uint8), lambda env: env.noise(2)).reset(seed=0)[0]
    plain = showing(PLAIN, lambda env: 255 * env.noise(2)).reset(seed=0)[0]
    np.testing.assert_array_equal(unit, plain)


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 1), (2, 2, 3), (3, 2, 2), (900, 700, 3)])
def test_tiny_and_huge_images_are_resized(shape: tuple[int, ...]) -> None:
    frame = make_frame(np.full(shape, 7, np.uint8), find_picture(Box(0, 255, shape, np.uint8)), 8)
    assert (frame == 7).all()


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (
            Box(0, 255, (8, 8, 4), np.uint8),
            r"shape \(8, 8, 4\) is no image.*1 or 3 channels; .* leave out the A of RGBA",
        ),
        (Box(0, 255, (4, 8, 8), np.uint8), r"all but one of several frames"),
        (Box(0, 255, (3, 64, 3), np.uint8), r"shape \(3, 64, 3\) has its channels first or last, which cannot be told"),
        (Box(0, 255, (1, 8, 3), np.uint8), "which cannot be told"),
        (Box(0, 255, (0, 8, 3), np.uint8), "is no image"),
        (Box(0, 0, SHAPE, np.uint8), "values are all 0, by the bounds of its space"),
        (Box(0, np.inf, SHAPE, np.float32), "from 0 to inf; an image's are bounded"),
        (Box(-np.inf, np.inf, SHAPE, np.int32), "an image's are bounded"),
        ("pixels", "the observation space is a builtins.str; it must be one of gymnasium.spaces"),
    ],
)
def test_spaces_without_a_clear_image_are_refused(space: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find_picture(space)


FAULTS = [
    (
        PLAIN,
        lambda env: env.noise() / 255,
        r"is float64 \(8, 8, 3\), and its space says uint8 \(8, 8, 3\) from 0 to 255",
    ),
    (PLAIN, lambda env: env.noise(dtype=np.int64), r"is int64 \(8, 8, 3\), and its space says uint8"),
    (PLAIN, lambda env: env.noise(shape=(3, 8, 8)), r"is uint8 \(3, 8, 8\), and its space says uint8 \(8, 8, 3\)"),
    (PLAIN, lambda env: env.noise(shape=(8, 8)), r"is uint8 \(8, 8\), and its space says"),
    (PLAIN, lambda env: env.noise().tolist(), "is of the class list, and its space says"),
    (PLAIN, lambda env: None, "is None, and its space says"),
    (PLAIN, lambda env: {"image": env.noise()}, "is of the class dict, and its space says"),
    (UNIT, lambda env: np.full(SHAPE, np.nan, np.float32), "has values that are NaN or infinite"),
    (UNIT, lambda env: np.full(SHAPE, -np.inf, np.float32), "has values that are NaN or infinite"),
    (UNIT, lambda env: np.float32(env.noise()), "has values from 0 to 255, and its space says float32 .* from 0 to 1"),
    (Box(0, 15, SHAPE, np.uint8), lambda env: env.noise(17), "has values from 0 to 16, and its space says"),
    (Dict(image=PLAIN), lambda env: env.noise(), r"has no entry image, as its space says, but is uint8 \(8, 8, 3\)"),
    (Dict(image=PLAIN), lambda env: {"picture": 3}, "has no entry image, as its space says, but is picture"),
    (Dict(image=PLAIN), lambda env: {"image": None}, "entry image is None, and its space says uint8"),
]


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize(("space", "show", "message"), FAULTS)
def test_an_observation_that_is_not_in_its_space_is_refused_at_any_step(
    space: Any, show: Show, message: str, later: bool, showing: Callable[..., GymVectorEnv]
) -> None:
    def sound(env: Showing) -> Any:
        return {name: part.sample() for name, part in space.items()} if isinstance(space, Dict) else space.sample()

    worlds = showing(space, lambda env: show(env) if env.time == (3 if later else 0) else sound(env))

    def look() -> None:
        worlds.reset(seed=0)
        for _ in range(3):
            worlds.step(np.zeros(2, np.int64))

    with pytest.raises(UserCodeError, match=f"^{SHOWING}: the observation.* ?{message}") as caught:
        look()
    assert "\n" not in str(caught.value)


def test_what_rounds_to_the_bounds_is_within_them() -> None:
    picture = find_picture(UNIT)
    frame = make_frame(np.full(SHAPE, 1.0000001, np.float32), picture, 8)
    assert (frame == 255).all()
    assert (make_frame(np.full(SHAPE, -1e-7, np.float32), picture, 8) == 0).all()


def test_an_observation_is_held_to_the_space_of_its_last_wrapper(showing: Callable[..., GymVectorEnv]) -> None:
    grey = ("gymnasium.wrappers:GrayscaleObservation",)
    assert showing(PLAIN, Showing.noise, wrappers=grey).reset(seed=0)[0].shape == (2, 8, 8, 3)
    with pytest.raises(UserCodeError, match=r"is uint8 \(8, 8\), and its space says uint8 \(8, 8, 3\)"):
        showing(PLAIN, Showing.noise, wrappers=(f"{__name__}:Flattened",)).reset()


class Flattened(gymnasium.ObservationWrapper[Any, Any, Any]):
    """Changes the observation, and forgets the space."""

    def observation(self, observation: Any) -> Any:
        return observation[..., 0]


@pytest.mark.parametrize(
    ("show", "said"),
    [
        (lambda env: np.zeros(SHAPE, np.uint8), "all are black"),
        (lambda env: env.noise(2), "all are black"),
        (lambda env: env.noise(11), "all are black"),
        (lambda env: np.full(SHAPE, 200, np.uint8), "they have values from 200 to 200"),
        (lambda env: np.arange(192, dtype=np.uint8).reshape(SHAPE), "they have values from 0 to 191"),
        (Showing.noise, None),
        (lambda env: np.full(SHAPE, 16 * (env.time > 20), np.uint8), None),
    ],
)
def test_frames_that_hardly_vary_are_warned_of(
    show: Show, said: str | None, showing: Callable[..., GymVectorEnv], caplog: pytest.LogCaptureFixture
) -> None:
    showing(PLAIN, show).close()
    config = preset("tiny", SHOWING).changed(world={"frame_size": 16})
    with caplog.at_level(logging.WARNING, "simcore"):
        check_worlds(config)
    messages = [record.getMessage() for record in caplog.records if record.name.startswith("simcore")]
    assert len(messages) == (said is not None)
    if said is not None:
        assert messages[0].startswith(f"{SHOWING}: its first 33 frames hardly vary")
        assert said in messages[0]
        assert "--world.observation" in messages[0]
