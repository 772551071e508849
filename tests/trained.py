"""Runs that tests train before they look at them."""

from pathlib import Path

from simcore.config.run import Config
from simcore.runs import RunFolder
from simcore.training.loop import train


def trained_run(path: Path, config: Config) -> RunFolder:
    """Train a new run in a folder to its end."""
    folder = RunFolder.create(path, config.to_dict())
    assert train(config, folder)
    return folder
