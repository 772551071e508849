"""The command `simcore export`."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from simcore.commands.console import say
from simcore.common.errors import UserError
from simcore.common.terminal import shell_word
from simcore.config.run import Config


@dataclass(frozen=True)
class Export:
    """Write a run's newest weights and its configuration into one small file, without what only training needs.

    The file can be used in place of the run's folder by probe, rollout, evaluate and figure.
    """

    run: Positional[Path]
    """The run's folder."""
    out: Path | None = None
    """The file, NAME.safetensors; by default in the run's folder, with the run's name."""
    half: bool = False
    """Write matrices and kernels as float16: half as large, and results change a little."""
    limit: float = 16.0
    """The largest size that the file may have, in MiB."""

    def execute(self) -> None:
        """Write the file."""
        import torch

        from simcore.analysis.loading import age_of, newest_weights
        from simcore.runs import RunFolder
        from simcore.runs.exported import SUFFIX, mebibytes, save_export

        if self.limit <= 0:
            raise UserError(f"--limit is {self.limit:g}; it must be positive")
        folder = RunFolder.open(self.run)
        _, weights, update = newest_weights(folder, torch.device("cpu"))
        file = self.out or folder.path / f"{folder.name}{SUFFIX}"
        size = save_export(file, weights, folder.config, update, self.half, int(self.limit * 2**20))
        total = Config.from_dict(folder.config).learning.updates
        say(f"Written: {file}, {mebibytes(size)}, {age_of(update, total)}", f"Next: simcore probe {shell_word(file)}")
