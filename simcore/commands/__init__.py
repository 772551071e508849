"""The commands of the command line, one a file: a dataclass of flags with a method `execute`.

They import what they need when executed, so that --help and bad flags need not wait for PyTorch and the compiler; and
they are imported themselves when the command line wants them, since the flags of some come from PyTorch modules.
"""

from typing import TYPE_CHECKING

from simcore.common.lazy import lazily

if TYPE_CHECKING:
    from simcore.commands.compare import Compare
    from simcore.commands.evaluate import Evaluate
    from simcore.commands.export import Export
    from simcore.commands.figure import Figure
    from simcore.commands.live import Demo, Live
    from simcore.commands.pretrained import Pretrained
    from simcore.commands.probe import Probe
    from simcore.commands.rollout import Rollout
    from simcore.commands.sweep import Sweep
    from simcore.commands.train import Train, default_train

_MODULES = {
    "Compare": "simcore.commands.compare",
    "Demo": "simcore.commands.live",
    "Evaluate": "simcore.commands.evaluate",
    "Export": "simcore.commands.export",
    "Figure": "simcore.commands.figure",
    "Live": "simcore.commands.live",
    "Pretrained": "simcore.commands.pretrained",
    "Probe": "simcore.commands.probe",
    "Rollout": "simcore.commands.rollout",
    "Sweep": "simcore.commands.sweep",
    "Train": "simcore.commands.train",
    "default_train": "simcore.commands.train",
}
if not TYPE_CHECKING:  # for which any name would exist
    __getattr__, __dir__ = lazily(__name__, _MODULES)

__all__ = [
    "Compare",
    "Demo",
    "Evaluate",
    "Export",
    "Figure",
    "Live",
    "Pretrained",
    "Probe",
    "Rollout",
    "Sweep",
    "Train",
    "default_train",
]
