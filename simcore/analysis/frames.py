"""Statistics of the frames that an agent sees."""

import torch

from simcore.analysis.collecting import episode_frames
from simcore.analysis.first_episode import in_first_episode
from simcore.analysis.loaded_run import LoadedRun
from simcore.networks import frames_to_float


def frame_variance(run: LoadedRun, worlds: int = 256) -> float:
    """Return the variance of frames in held-out episodes: the mean over image dimensions, with colours in [0, 1].

    It is the squared error per dimension of whoever guesses the mean frame, and the unit in which GECO's κ can be
    compared between worlds and sizes of frames: the paper's 1e-3 is about 2 % of it.

    Args:
        run: the run.
        worlds: the number of held-out worlds, one episode each.
    """
    count, total, squares = 0, torch.zeros(()), torch.zeros(())
    for trajectory in run.collect_each("frames' variance", worlds, episode_frames(run.config)):
        frames = frames_to_float(trajectory.frames[in_first_episode(trajectory.is_first)]).double().cpu()
        count, total, squares = count + len(frames), total + frames.sum(0), squares + frames.square().sum(0)
    return float((squares / count - (total / count).square()).mean())
