"""The command `simcore export`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional

from simcore.commands.console import advancing, say
from simcore.common.checks import Range, require, require_fields
from simcore.common.terminal import shell_word

Several = Annotated[int, Range(2, 2**20)]
"""Worlds or episodes: a single one gives no interval."""


@dataclass(frozen=True)
class Export:
    """Write a run's newest weights, configuration and card into one small file, for everything but training.

    The file can be used in place of the run's folder by probe, rollout, evaluate and figure. Its card says where the
    run comes from and, measured now, how well it does in held-out worlds: simcore pretrained FILE.
    """

    run: Positional[Path]
    """The run's folder."""
    out: Positional[Path | None] = None
    """The file, NAME.safetensors; by default in the run's folder, with the run's name."""
    half: bool = True
    """Write matrices and kernels as float16: half as large, and results change a little."""
    limit: float = 16.0
    """The largest size that the file may have, in MiB."""
    title: str | None = None
    """The card's title; by default level, core and seed."""
    licence: str | None = None
    """The licence of the weights, for the card, such as Apache-2.0."""
    measure: bool = True
    """Measure the scores of the card: seconds for tiny, minutes for paper. The belief is read by the probes trained
    alongside it; the controls are included if simcore probe has left their probes in the run's folder."""
    worlds: Several = 256
    """Held-out worlds in which the belief is measured, one episode each."""
    episodes: Several = 100
    """Episodes to play, if the agent acts, by the agent and by a random policy."""
    device: str = "auto"
    """Where it is measured: cpu, cuda, ...; auto takes a GPU if there is one."""

    def execute(self) -> None:
        """Measure, and write the file."""
        from simcore.analysis.exporting import export
        from simcore.analysis.loaded_run import age_of
        from simcore.config.run import Config
        from simcore.pretrained.metadata import mebibytes

        require_fields("--", self)
        require(self.limit > 0, f"--limit is {self.limit:g}; it must be positive")
        options = {name: value for name, value in vars(self).items() if name not in ("run", "out")}
        with advancing() as advance:
            exported = export(self.run, self.out, **options, advance=advance)
        belief = None if exported.card is None else exported.card.belief
        if belief is not None and len(belief.read_by) == 1:
            say("The card has no controls: simcore probe, before, leaves their probes in the run's folder")
        age = age_of(exported.update, Config.from_dict(exported.config).learning.updates)
        say(f"Written: {exported.file}, {mebibytes(exported.file.stat().st_size)}, {age}", "Next:")
        say(*(f"simcore {verb} {shell_word(exported.file)}" for verb in ("pretrained", "probe")))
