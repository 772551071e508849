"""One held-out episode as a run's belief follows it: frames, those expected one step ahead, and maps."""

from dataclasses import dataclass

import torch
from torch import Tensor

from simcore.analysis.collecting import collect_in, episode_frames
from simcore.analysis.first_episode import episode_lengths
from simcore.analysis.loaded_run import LoadedRun
from simcore.analysis.map_view import MapView
from simcore.analysis.maps import has_maps, map_views
from simcore.analysis.worlds import map_frame
from simcore.common.seeding import derive_seed
from simcore.common.tree import to_device, tree_map
from simcore.worlds.api import Worlds

LONGEST = 120
"""The most frames of the episode that the belief follows."""
SHOWN = 8
"""The most steps that are shown."""


@dataclass(frozen=True)
class ObservedEpisode:
    """An episode at K of its steps; all on the CPU."""

    steps: list[int]
    """Their numbers, from 0; ascending, K of them."""
    frames: Tensor
    """What the agent saw, uint8 `[K, H, W, 3]`."""
    expected: Tensor | None
    """Sampled one step ahead, from the belief before, in the same form. None: no frame model makes frames, or there is
    only one frame."""
    true: MapView | None
    """True maps and places, `[K]`; None if the world has no maps, or the run no probes."""
    believed: MapView | None
    """Decoded maps and the most likely places, `[K]`; None in the same cases."""
    heat: Tensor | None
    """Probabilities of the cells, float `[K, N, N]`; None in the same cases, and if places are not marked in the
    maps."""
    headings: Tensor | None
    """Probabilities of the headings, float `[K, headings]`; None in the same cases."""


@torch.no_grad()
def observe_episode(run: LoadedRun, worlds: Worlds, purpose: str) -> ObservedEpisode:
    """Let a run's policy act in a world, and its belief observe that, for one episode or its first 120 frames.

    Args:
        run: the run; its probes read the belief, the online ones if it is loaded with `online`.
        worlds: one of the run's worlds; it is reset.
        purpose: seeds world, policy and sampled frames: the same one gives the same world.
    """
    seed, rows = derive_seed(run.config.seed, purpose), min(episode_frames(run.config), LONGEST)
    trajectory = to_device(collect_in(worlds, run.config, run.agent, seed, rows), run.device)
    trajectory = trajectory._replace(initial_state=run.agent.initial_state(1))
    last = episode_lengths(trajectory.is_first)[0] - 1
    steps = sorted(set(torch.linspace(min(1, last), last, SHOWN).round().int().tolist()))
    expects = run.config.draws_frames and last > 0
    unrolled = run.agent.unroll(trajectory, snapshots_at=[step - 1 for step in steps] if expects else ())
    expected = None
    if expects:
        states = run.simulation.simulate(unrolled.snapshots, trajectory.actions[steps][None])[0]  # type: ignore[arg-type]
        generator = torch.Generator(run.device).manual_seed(derive_seed(run.config.seed, f"{purpose}/frames"))
        expected = run.simulation.sample_frames(states, generator)[:, 0].cpu()
    true = believed = heat = headings = None
    if has_maps(run.config) and run.config.has_probes:
        read = run.probes(unrolled.outputs[steps, 0])
        truth = tree_map(lambda part: part[steps, 0], trajectory.targets)
        true, believed = map_views(run, truth, read)
        if map_frame(run.config) == "start":
            heat = read["cell"].softmax(dim=-1).view(believed.since_seen.shape).cpu()
            headings = read["heading"].softmax(dim=-1).cpu()
    return ObservedEpisode(steps, trajectory.frames[steps, 0].cpu(), expected, true, believed, heat, headings)
