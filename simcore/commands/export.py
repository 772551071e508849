"""The command `simcore export`."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional

from simcore.commands.console import advancing, say
from simcore.common.checks import Range, require_fields
from simcore.common.errors import UserError
from simcore.common.terminal import shell_word

if TYPE_CHECKING:
    from simcore.analysis.loading import NewestWeights
    from simcore.pretrained import Card
    from simcore.runs import RunFolder

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
        import torch

        from simcore.analysis.cards import make_card
        from simcore.analysis.loaded_run import age_of
        from simcore.analysis.loading import newest_weights
        from simcore.config.run import Config
        from simcore.pretrained import SUFFIX
        from simcore.pretrained.metadata import mebibytes
        from simcore.runs import ExportedRun, open_run
        from simcore.runs.exported import as_stored, require_fits, save_export

        require_fields("--", self)
        if self.limit <= 0:
            raise UserError(f"--limit is {self.limit:g}; it must be positive")
        run = open_run(self.run)
        if isinstance(run, ExportedRun):
            raise UserError(f"{self.run} is exported already; copy its file: {run.file}")
        config, newest = Config.from_dict(run.config), newest_weights(run, torch.device("cpu"))
        file, limit = self.out or run.path / f"{run.name}{SUFFIX}", int(self.limit * 2**20)
        kept = as_stored(newest.state, self.half)
        require_fits(file, kept, self.half, limit)  # before it is measured
        card = make_card(config, newest.update, newest.frames, run.origin, self.title, self.licence)
        if self.measure:
            card = self.measured(card, run, newest._replace(state=kept))
        size = save_export(file, kept, run.config, newest.update, self.half, limit, card)
        say(f"Written: {file}, {mebibytes(size)}, {age_of(newest.update, config.learning.updates)}", "Next:")
        say(*(f"simcore {verb} {shell_word(file)}" for verb in ("pretrained", "probe")))

    def measured(self, card: "Card", run: "RunFolder", weights: "NewestWeights") -> "Card":
        """Return a card with the scores of the weights as they are in the file.

        Raises:
            UserError: the weights do not fit, or the run's worlds cannot be made on this machine.
        """
        from simcore.analysis.cards import score_acting, score_belief
        from simcore.analysis.loading import load_weights
        from simcore.common.devices import choose_device

        loaded = load_weights(run, weights, choose_device(self.device))
        try:
            with advancing() as advance:
                belief = score_belief(loaded, self.worlds, advance=advance)
                acting = score_acting(loaded, self.episodes, advance=advance)
        except UserError as error:
            raise UserError(f"{error}; --no-measure leaves the scores out") from error
        if belief is not None and len(belief.read_by) == 1:
            say("The card has no controls: simcore probe, before, leaves their probes in the run's folder")
        return replace(card, belief=belief, acting=acting)
