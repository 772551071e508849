"""A run, written with its card into one small file."""

from dataclasses import replace
from pathlib import Path

import torch

from simcore.analysis.cards import make_card, score_acting, score_belief
from simcore.analysis.loading import NewestWeights, load_weights, newest_weights
from simcore.common.checks import require
from simcore.common.devices import choose_device
from simcore.common.errors import UserError
from simcore.common.progress import Advance, silent
from simcore.config.run import Config
from simcore.pretrained import SUFFIX, Card
from simcore.runs import ExportedRun, RunFolder, open_run
from simcore.runs.exported import as_stored, require_fits, save_export


def export(
    run: str | Path,
    out: str | Path | None = None,
    *,
    half: bool = True,
    limit: float = 16.0,
    title: str | None = None,
    licence: str | None = None,
    measure: bool = True,
    worlds: int = 256,
    episodes: int = 100,
    advance: Advance = silent,
    device: str = "auto",
) -> ExportedRun:
    """Write a run's newest weights, configuration and card into one file, and return what it holds.

    Args:
        run: the run's folder.
        out: the file, NAME.safetensors; None: in the run's folder, with the run's name.
        half: write matrices and kernels as float16.
        limit: the largest size of the file, in MiB.
        title: the card's title; None: level, core and seed.
        licence: of the weights, for the card.
        measure: measure the scores of the card, of the weights as they are in the file.
        worlds: held-out worlds in which the belief is measured.
        episodes: that are played, if the agent acts.
        advance: called with what is done, and the fraction of it, 0 to 1.
        device: where it is measured.

    Raises:
        UserError: there is no such run, it is exported already, or has no checkpoint; the file would be too large or
            cannot be written; or the run's worlds cannot be made on this machine.
    """
    require(limit > 0, f"limit is {limit:g}; it must be positive")
    folder = open_run(run)
    if isinstance(folder, ExportedRun):
        raise UserError(f"{run} is exported already; copy its file: {folder.file}")
    config, newest = Config.from_dict(folder.config), newest_weights(folder, torch.device("cpu"))
    file, most = Path(out or folder.path / f"{folder.name}{SUFFIX}"), int(limit * 2**20)
    kept = as_stored(newest.state, half)
    require_fits(file, kept, half, most)  # before it is measured
    card = make_card(config, newest.update, newest.frames, folder.origin, title, licence)
    if measure:
        card = _measured(card, folder, newest._replace(state=kept), worlds, episodes, advance, device)
    save_export(file, kept, folder.config, newest.update, half, most, card)
    return ExportedRun.open(file)


def _measured(
    card: Card, run: RunFolder, weights: NewestWeights, worlds: int, episodes: int, advance: Advance, device: str
) -> Card:
    """Return a card with the scores of the weights."""
    loaded = load_weights(run, weights, choose_device(device))
    try:
        belief = score_belief(loaded, worlds, advance=advance)
        acting = score_acting(loaded, episodes, advance=advance)
    except UserError as error:
        raise UserError(f"{error}; --no-measure (measure=False) leaves the scores out") from error
    return replace(card, belief=belief, acting=acting)
