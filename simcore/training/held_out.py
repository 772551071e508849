"""The picture of one held-out episode, drawn during training with the current nets."""

import copy
import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np
import torch
from torch import Tensor

from simcore.analysis.episode import ObservedEpisode, observe_episode
from simcore.analysis.fresh_probes import FreshProbes
from simcore.analysis.loaded_run import LoadedRun
from simcore.analysis.map_view import MapView
from simcore.build import make_worlds
from simcore.common.watchdog import Watch
from simcore.pictures import BELIEVED, TRUE, Episode, MapPanel, Picture, Pose, draw_episode
from simcore.training.training import Training
from simcore.worlds.api import Worlds

PURPOSE = "held-out/episode"
"""The seed of the world, which training never sees."""


class HeldOutEpisode:
    """Draws a held-out episode, in the same world each time, without any effect on the training.

    It uses a copy of the nets, with its own generators. The world is made at the first picture, and kept:
    closing it may harm a user's other environments in the same process. Close it at the end.
    """

    def __init__(self, training: Training) -> None:
        self._training = training
        self._worlds: Worlds | None = None

    def draw(self) -> Picture:
        """Draw the episode with the current nets, uint8 `[H, W, 3]`."""
        training = self._training
        config, device = training.config, training.device
        with global_generators_kept(device):
            if self._worlds is None:
                with Watch(lambda: "the world of the held-out episode has been in the making", config.acting.patience):
                    self._worlds = make_worlds(config, 1, copy=False)
            system = copy.deepcopy(training.system).eval().requires_grad_(False)
            fresh = FreshProbes(config, system, training.updates, None)
            run = LoadedRun(config, system, device, training.updates, fresh, online=True)
            return draw_observed(run, observe_episode(run, self._worlds, PURPOSE))

    def close(self) -> None:
        """Close the world."""
        if self._worlds is not None:
            with suppress(Exception):  # of a user's world: the run is done
                self._worlds.close()


def draw_observed(run: LoadedRun, episode: ObservedEpisode) -> Picture:
    """Draw an episode that a run's belief has observed, uint8 `[H, W, 3]`."""
    true: list[MapPanel] = []
    believed: list[MapPanel] = []
    if episode.true is not None and episode.believed is not None:
        true = map_panels(episode.true, TRUE)
        believed = map_panels(episode.believed, BELIEVED, episode.heat, episode.headings)
    expected = None if episode.expected is None else episode.expected.numpy()
    drawn = Episode(episode.steps, episode.frames.numpy(), expected, true, believed)
    return draw_episode(drawn, f"{run.config.level}: one held-out episode, {run.age}")


def map_panels(
    views: MapView, colour: str, heat: Tensor | None = None, headings: Tensor | None = None
) -> list[MapPanel]:
    """Return the panels of K maps.

    Args:
        views: the maps, `[K]`.
        colour: of the arrows.
        heat: the probabilities of the cells, `[K, N, N]`.
        headings: the probabilities of the headings, `[K, headings]`.
    """
    panels = []
    for k in range(len(views.pictures)):
        view, poses = views.at(k), []
        seen = view.since_seen.numpy() >= 0
        if view.cells >= 0:
            rose = None if headings is None else headings[k].numpy()
            cell = divmod(int(view.cells), len(seen))
            poses = [Pose(cell, float(view.headings), float(view.certainty), colour, rose)]
        panels.append(MapPanel(view.pictures.numpy(), seen, poses, None if heat is None else heat[k].numpy()))
    return panels


@contextmanager
def global_generators_kept(device: torch.device) -> Iterator[None]:
    """Restore the generators of Python, NumPy and PyTorch after the `with` block: a user's own world may use them."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
