"""Food that an agent leaves, and whether its belief knew: episodes in held-out worlds, with pictures of the worst.

    python -m benchmarks.failures RUN... [--out failures.png]

Of the food that is left when an episode ends, the table shows how much no frame had shown, and how much had been out of
sight for ten steps or more. Whether the belief holds such pieces, and all pieces at any time of an episode, is judged
by the map decoded from it: how often it is nearer to food's colour there than in a cell without food that was out of
sight as long, 50 % by chance; compared with an untrained agent's belief along the same paths. Beliefs are read by fresh
probes, trained first if the run has none yet, which takes minutes.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from simcore.analysis.collecting import episode_frames
from simcore.analysis.first_episode import episode_lengths, in_first_episode
from simcore.analysis.loaded_run import LoadedRun
from simcore.analysis.loading import load
from simcore.analysis.maps import Maps, map_views, require_maps
from simcore.common.checks import require
from simcore.common.intervals import Interval
from simcore.figures import figure_file, maps_figure
from simcore.worlds.api import LONGEST_EPISODE, OUT_OF_SIGHT_STEPS
from simcore.worlds.voxel.grid import FOOD, TOP, shaded_colours
from simcore.worlds.voxel.topdown import MAP_FRAMES

COLOUR = torch.from_numpy(shaded_colours()[FOOD, TOP].copy())
"""Of food on the map."""
SPANS = {
    "all pieces in sight": (0, 0),
    f"out of sight for 1 to {OUT_OF_SIGHT_STEPS - 1}": (1, OUT_OF_SIGHT_STEPS - 1),
    f"out of sight for {OUT_OF_SIGHT_STEPS}+": (OUT_OF_SIGHT_STEPS,),
}
"""Steps since a piece was in sight, the first and, if there is one, the last."""


class Episodes(NamedTuple):
    """An agent's episodes, T steps in W worlds."""

    food: Tensor
    """The cells with food, bool `[T, W, N, N]`."""
    since_seen: Tensor
    """Steps since a frame last showed each cell, int32 `[T, W, N, N]`; -1: none has, or the episode is over."""
    likeness: dict[str, Tensor]
    """How near the decoded map is to food's colour, by whose belief it is, float `[T, W, N, N]`."""
    pieces: list[int]
    """The food that is left at the end of each episode, W numbers; some may lie off the map."""
    maps: Maps
    """The frames, and the true and the decoded maps."""

    @property
    def ends(self) -> tuple[Tensor, Tensor]:
        """The index of each episode's last step."""
        return torch.tensor(self.maps.lengths) - 1, torch.arange(len(self.maps.lengths))

    def told(self, whose: str, first: int, last: int = LONGEST_EPISODE, at: Any = ...) -> float:
        """Return how often a cell with food looks more like food than one without; NaN if there are none.

        Args:
            whose: by which belief.
            first: of cells last seen at least this many steps ago, 0: in sight,
            last: and at most this many.
            at: at these steps.
        """
        food, since, likeness = self.food[at], self.since_seen[at], self.likeness[whose][at]
        are_meant = (since >= first) & (since <= last)
        some, other = likeness[are_meant & food], likeness[are_meant & ~food].sort().values
        below = torch.searchsorted(other, some) + torch.searchsorted(other, some, right=True)
        return float(below.double().mean() / (2 * len(other))) if len(some) and len(other) else float("nan")


def percent(part: int, of: int) -> str:
    """Return a share in percent; "-" of nothing."""
    return f"{part / of:.0%}" if of else "-"


def play(run: LoadedRun, worlds: int) -> Episodes:
    """Let a run's agent, or the walker that acted in its training, play held-out episodes, and read its belief.

    Raises:
        UserError: there is no food in its worlds, or they have no maps.
    """
    require_maps(run.config)
    amount = getattr(run.config.world, "amount", 0)
    require(amount > 0, f"there is no food in {run.config.level}")
    length = episode_frames(run.config)
    trajectory = run.collect("held-out/failures", worlds, length)
    probes, views, likeness = run.fresh.get(["belief", "untrained"]), {}, {}
    for whose in probes:
        read = probes[whose](run.fresh.subject(whose).features(trajectory))
        views[whose] = true, believed = map_views(run, trajectory.targets, read)
        likeness[whose] = -(believed.pictures.float() - COLOUR).square().sum(dim=-1)
    true, believed = views["belief"]
    food = (true.pictures == COLOUR).all(dim=-1)
    times = torch.linspace(0, length - 1, 8).round().long().tolist()
    maps = Maps(trajectory.frames.cpu(), episode_lengths(trajectory.is_first), true, believed, times, None)
    goes_on = in_first_episode(trajectory.is_first).cpu()
    eaten = (trajectory.rewards.cpu() * goes_on).sum(dim=0) / run.config.reinforcement.reward_scale
    pieces = [amount - round(part) for part in eaten.tolist()]
    since_seen = true.since_seen.masked_fill(~goes_on[..., None, None], -1)
    return Episodes(food, since_seen, likeness, pieces, maps)


def worst(episodes: Episodes, count: int) -> Maps:
    """Return the episodes with most food left."""
    chosen = sorted(range(len(episodes.pieces)), key=lambda world: -episodes.pieces[world])[:count]
    maps = episodes.maps
    true, believed = (view.at(slice(None), chosen) for view in (maps.true, maps.believed))
    return Maps(maps.frames[:, chosen], [maps.lengths[world] for world in chosen], true, believed, maps.times, None)


def measures(episodes: Episodes) -> dict[str, str]:
    """Return the table's entries for a run, by its name."""
    ends, total, mean = episodes.ends, sum(episodes.pieces), Interval.of(episodes.pieces)
    failed = torch.tensor(episodes.pieces) > 0
    since, left, steps = episodes.since_seen[ends], episodes.food[ends], OUT_OF_SIGHT_STEPS
    seen = (since >= 0).double().mean(dim=(1, 2))
    assert mean is not None
    return {
        "pieces left in an episode": f"{mean.mean:.2f} ± {mean.high - mean.mean:.2f}",
        "episodes with some left": percent(int(failed.sum()), len(failed)),
        "of the map seen, where all is eaten": share(seen[~failed].mean()),
        "of the map seen, where some is left": share(seen[failed].mean()),
        "of the pieces left: off the map": percent(total - int(left.sum()), total),
        "of the pieces left: never in sight": percent(int((left & (since < 0)).sum()), total),
        f"of the pieces left: out of sight for {steps}+": percent(int((left & (since >= steps)).sum()), total),
        **{f"  told apart, {whose}": share(episodes.told(whose, steps, at=ends)) for whose in episodes.likeness},
        **{
            f"{name}, {whose}": share(episodes.told(whose, *span))
            for name, span in SPANS.items()
            for whose in episodes.likeness
        },
    }


def share(part: float | Tensor) -> str:
    """Return a part in percent; "-" for NaN, of nothing."""
    return "-" if part != part else f"{float(part):.0%}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Play, print a table, and draw the worst episodes of the first run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--worlds", type=int, default=256, help="episodes of each run")
    parser.add_argument("--map-frame", choices=MAP_FRAMES, default="ego", help="of the maps that are read")
    parser.add_argument("--out", type=Path, help="a picture of the three worst episodes of the first run")
    options = parser.parse_args(arguments)
    columns: dict[str, dict[str, str]] = {}
    for path in options.runs:
        run = load(path).in_worlds(world={"map_frame": options.map_frame})
        episodes = play(run, options.worlds)
        columns[path.name] = measures(episodes)
        if options.out is not None and path == options.runs[0]:
            title = f"The episodes with most food left, {path.name}, {run.config.level} {run.age}"
            options.out.write_bytes(figure_file(maps_figure(worst(episodes, 3), title)))
    table = Table("", title=f"What is left of the food after {options.worlds} held-out episodes")
    for name in columns:
        table.add_column(name, justify="right")
    for measure in next(iter(columns.values())):
        table.add_row(measure, *(column[measure] for column in columns.values()))
    Console().print(table)


if __name__ == "__main__":
    with torch.no_grad():
        main()
