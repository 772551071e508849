"""A sweep's file so small that tests can run it in seconds."""

from pathlib import Path

SIZES = """
[fixed]
threads = 1
core = "lstm"
device = "cpu"
world = { size = 7, frame_size = 8, episode_length = 8, heights = [1, 3], buildings = [1, 2] }
agent = { hidden_size = 16, embedding_size = 8, encoder_channels = [4] }
simulation = { overshoot = 3, starts = 2 }
convdraw = { steps = 2, latent_channels = 2, state_channels = 4, encoder_channels = [4], decoder_channels = [4] }
probes = { hidden_size = 8, layers = 1, channels = 2, worlds = 6, validation_worlds = 2, times = 2, epochs = 1 }
learning.updates = UPDATES
learning.worlds = 3
learning.unroll_length = 7
learning.belief_warmup = 0
record = { metrics_every = 2, checkpoint_every = EVERY }
"""
TOP = """
worlds = 4
beyond_the_paper = true
"""


def write_sweep(path: Path, rest: str = "", top: str = "", updates: int = 6, every: int = 2) -> Path:
    """Write a sweep's file of three seeds, and return its path."""
    sizes = SIZES.replace("UPDATES", str(updates)).replace("EVERY", str(every))
    path.write_text(TOP + top + sizes + rest)
    return path
