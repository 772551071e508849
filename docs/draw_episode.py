"""Draw the held-out episode that a run records during training, with its newest checkpoint.

python docs/draw_episode.py runs/RandomCity-tiny-slots-0 docs/held_out_episode.png

Belief and maps are read by the probes trained alongside the run.
"""

import sys
from contextlib import closing
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

import simcore
from simcore.analysis.episode import observe_episode
from simcore.training.held_out import PURPOSE, draw_observed

run = simcore.load(sys.argv[1], device="cpu", online=True)
with closing(run.make_worlds(1)) as worlds:
    picture = draw_observed(run, observe_episode(run, worlds, PURPOSE))
Image.fromarray(picture).save(sys.argv[2], optimize=True)
