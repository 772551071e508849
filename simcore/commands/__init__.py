"""The commands of the command line, one a file: a dataclass of flags with a method `execute`.

They import what they need when executed, so that --help and bad flags need not wait for PyTorch and the compiler.
"""

from simcore.commands.evaluate import Evaluate
from simcore.commands.export import Export
from simcore.commands.figure import Figure
from simcore.commands.live import Demo, Live
from simcore.commands.probe import Probe
from simcore.commands.rollout import Rollout
from simcore.commands.sweep import Sweep
from simcore.commands.train import Train, default_train

__all__ = ["Demo", "Evaluate", "Export", "Figure", "Live", "Probe", "Rollout", "Sweep", "Train", "default_train"]
