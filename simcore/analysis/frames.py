"""Statistics of the frames that an agent sees."""

from simcore.analysis.fresh_probes import episode_frames, together
from simcore.analysis.loading import LoadedRun
from simcore.analysis.maps import in_first_episode
from simcore.networks import frames_to_float

WORLDS = 256
"""The most held-out worlds whose frames are looked at."""


def frame_variance(run: LoadedRun) -> float:
    """Return the variance of frames in held-out episodes: the mean over image dimensions, with colours in [0, 1].

    It is the squared error per dimension of whoever guesses the mean frame, and the unit in which GECO's κ can be
    compared between worlds and sizes of frames: the paper's 1e-3 is about 2 % of it.
    """
    length = episode_frames(run.config)
    trajectory = run.collect("frames' variance", min(WORLDS, together(run.config, length)), length)
    frames = frames_to_float(trajectory.frames[in_first_episode(trajectory.is_first)])
    return float(frames.double().var(dim=0, correction=0).mean())
