"""Draw the pictures of the levels: the best moments of one episode each, seen by the agent and from above.

    python docs/draw_levels.py [level ...]

Random City is walked by its walker, every other level solved by the script that the tests solve it with.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tests" / "worlds")]

from solver import solve  # noqa: E402

from simcore.worlds import LEVELS, Walker, WorldVectorEnv, make_vector  # noqa: E402
from simcore.worlds.voxel.grid import pack_colours  # noqa: E402

PIXELS = 192  # side of each picture; a multiple of every level's size
MOMENTS = 6
GAP = 6
LOWEST_PITCH = -3  # of the moments shown: looking straight down, one sees the cell one stands on
SEEDS = {  # of episodes in which there is much to see
    "RandomCity": 55,
    "Terrain": 0,
    "Food": 15,
    "HighFood": 35,
    "Bridge": 44,
    "Cliff": 43,
    "CliffHard": 15,
    "HighFoodHard": 47,
    "Tower": 45,
}
ARROW = np.array([(0, -0.9), (0.6, 0.8), (0, 0.4), (-0.6, 0.8)])  # in cells, heading up


def play(worlds: WorldVectorEnv) -> Iterator[int]:
    """Yield the actions of one episode."""
    if worlds.level.name == "RandomCity":
        walker = Walker(worlds)
        while True:
            yield int(walker.act()[0])
    yield from solve(worlds, 0)


def plot_map(worlds: WorldVectorEnv, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Enlarge a map in the world's frame, and mark where the agent is and looks."""
    scale = PIXELS // len(picture)
    image = Image.fromarray(picture.repeat(scale, 0).repeat(scale, 1))
    x, y = worlds.episodes.motion[0, :2]
    angle = 2 * np.pi * worlds.episodes.facing[0, 0] / worlds.config.turns
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = (ARROW @ turn.T * max(1, 8 / scale) + (x, y)) * scale
    ImageDraw.Draw(image).polygon([tuple(corner) for corner in corners], fill=(230, 20, 20), outline=(255, 255, 255))
    return np.asarray(image)


def variety(frame: NDArray[np.uint8]) -> float:
    """Return the entropy of a frame's colours, in nats: small where a wall fills it."""
    counts = np.unique(pack_colours(frame), return_counts=True)[1]
    shares = counts / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def draw_level(name: str) -> Image.Image:
    """Return one moment of each sixth of an episode, that with most to see: above the agent's view, below the map."""
    worlds = make_vector(name, 1, frame_size=PIXELS, map_frame="world")
    frames, info = worlds.reset(seed=SEEDS[name])
    shown = [(frames[0], plot_map(worlds, info["map"][0]))]
    for action in play(worlds):
        frames, _, terminated, truncated, info = worlds.step(np.array([action]))
        if worlds.episodes.facing[0, 1] >= LOWEST_PITCH:
            shown.append((frames[0], plot_map(worlds, info["map"][0])))
        if terminated[0] or truncated[0]:
            break
    side = PIXELS + GAP
    sheet = np.full((2 * side - GAP, MOMENTS * side - GAP, 3), 255, np.uint8)
    for column, moments in enumerate(np.array_split(np.arange(len(shown)), MOMENTS)):
        best = max(moments, key=lambda moment: variety(shown[moment][0]))
        for row, picture in enumerate(shown[best]):
            sheet[row * side : row * side + PIXELS, column * side : column * side + PIXELS] = picture
    return Image.fromarray(sheet)


if __name__ == "__main__":
    for level in sys.argv[1:] or LEVELS:
        draw_level(level).save(HERE / "levels" / f"{level}.png", optimize=True)
