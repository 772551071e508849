"""Benchmark of the worlds: frames per second on one core, stepped and rendered, resets included.

    python -m benchmarks.worlds                     # every level at its own size
    python -m benchmarks.worlds --level RandomCity --size 24 --frame-size 64 --batch 16

Prints for each level median, minimum and maximum of several repeats with random actions, and the food that they find;
for Random City the same with its walker, and the fraction of the city that it has seen at an episode's end.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from simcore.worlds import LEVELS, Walker, WorldVectorEnv, make_vector


def frames_per_second(
    worlds: WorldVectorEnv, choose: Callable[[], NDArray[np.int64]], frames: int, repeats: int
) -> list[float]:
    steps = max(1, frames // worlds.num_envs)
    rates = []
    for _ in range(repeats):
        begin = time.perf_counter()
        for _ in range(steps):
            worlds.step(choose())
        rates.append(steps * worlds.num_envs / (time.perf_counter() - begin))
    return rates


def report(name: str, rates: list[float]) -> None:
    median, least, most = statistics.median(rates), min(rates), max(rates)
    print(f"{name:<24} {median:>9,.0f} frames/s (median of {len(rates)}; {least:,.0f} to {most:,.0f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--level", choices=sorted(LEVELS), help="one level instead of all")
    parser.add_argument("--size", type=int, help="cells on a side, instead of the level's own")
    parser.add_argument("--frame-size", type=int, default=64, help="pixels on a side")
    parser.add_argument("--batch", type=int, default=16, help="environments stepped in one call")
    parser.add_argument("--frames", type=int, default=16_000, help="frames a repeat")
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    for level in [options.level] if options.level else LEVELS:
        measure(level, options)


def measure(level: str, options: argparse.Namespace) -> None:
    size = LEVELS[level].config().size if options.size is None else options.size
    worlds = make_vector(level, options.batch, size=size, frame_size=options.frame_size)
    worlds.reset(seed=0)  # compiles on the first run
    actions = np.random.default_rng(0).integers(0, len(worlds.action_names), (997, options.batch))
    turn = iter(range(10**9))
    rates = frames_per_second(worlds, lambda: actions[next(turn) % len(actions)], options.frames, options.repeats)
    report(f"{level}, {size} x {size}", rates)
    if level == "RandomCity":
        walker = Walker(worlds, seed=0)
        walker.act()
        report("  walker", frames_per_second(worlds, walker.act, options.frames, options.repeats))
        print(f"{'  seen at the end':<24} {seen_at_the_end(level, size):>9.3f} of the map, mean of 50 cities")
    else:
        food = food_by_chance(level, size)
        print(f"{'  food by chance':<24} {food:>9.3f} pieces an episode, mean of 200 episodes")


def seen_at_the_end(level: str, size: int) -> float:
    worlds = make_vector(level, 50, size=size)
    _, info = worlds.reset(seed=0)
    walker = Walker(worlds, seed=0)
    for _ in range(worlds.config.episode_length):
        info = worlds.step(walker.act())[-1]
    return float(info["seen"].mean())


def food_by_chance(level: str, size: int) -> float:
    worlds = make_vector(level, 200, size=size, frame_size=4)
    worlds.reset(seed=0)
    rng = np.random.default_rng(0)
    eaten, going_on = 0.0, np.ones(200, np.bool_)
    for _ in range(worlds.config.episode_length):
        _, rewards, terminated, truncated, _ = worlds.step(rng.integers(0, len(worlds.action_names), 200))
        eaten += rewards[going_on].sum()
        going_on &= ~(terminated | truncated)
    return float(eaten / 200)


if __name__ == "__main__":
    main()
