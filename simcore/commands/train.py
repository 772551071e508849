"""The command `simcore train`."""

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from simcore.commands.console import say
from simcore.common.checks import require
from simcore.common.errors import UserError
from simcore.common.literals import as_arguments
from simcore.common.signals import INTERRUPTED
from simcore.common.terminal import shell_word
from simcore.config.checks import given_values
from simcore.config.differences import CHANGEABLE, differences, listed, require_changeable
from simcore.config.flags import as_flags
from simcore.config.presets import preset
from simcore.config.run import Config

if TYPE_CHECKING:
    from simcore.runs import RunFolder


@dataclass(frozen=True)
class Train:
    """Train in a world, or resume a run by the same command or by --resume RUN.

    Exit code 130: it was interrupted, by Ctrl-C, SIGTERM, SIGHUP or SIGUSR1, and has written a checkpoint.
    """

    config: Annotated[Config, tyro.conf.arg(name="")] = field(default_factory=lambda: preset("tiny"))
    run: Path | None = None
    """The run's folder; by default runs/<level>-<preset>-<seed>, with a memory, a model other than ConvDRAW, or
    "supervised" before the seed: runs/Food-tiny-model-none-0."""
    resume: Path | None = None
    """Resume the run in this folder, with its configuration. Other flags may change its length (learning.updates),
    what is recorded, and where it is computed."""
    dry_run: bool = False
    """Only print what an update costs: parameters, arithmetic, memory; with --peak, time."""
    peak: str | None = None
    """With --dry-run: a100, h100, h200 or rtx4090, or a card's peak in TFLOP/s."""

    def execute(self) -> None:
        """Train, and print where the results are and what to type next."""
        values = given_values(self.config)
        if values:
            say(f"Read as values: {as_arguments(values)}")
        require(
            self.resume is not None or not self.config.supervised or self.config.frame_model in ("convdraw", "none"),
            f"--supervised learns from the truth alone: leave out --frame-model {self.config.frame_model}",
        )
        if self.dry_run:
            from simcore.commands.dry_run import dry_run

            return dry_run(self.config, self.peak)
        if self.peak is not None:
            raise UserError("--peak tells what a run would cost, and goes with --dry-run")
        from simcore.common.devices import choose_device
        from simcore.common.distributed import joined_ranks
        from simcore.runs import checkpoints
        from simcore.training.loop import check, train

        config = self.config
        check(config)  # raises before a folder is made
        with joined_ranks(choose_device(config.device)) as ranks:
            folder = ranks.first_before_others(self.folder)
            complete = train(config, folder, owns_process=True)
        if not complete and checkpoints.latest(folder.checkpoints) is None:
            if ranks.is_first:
                say("Stopped before the first update. Next:", f"simcore train --resume {shell_word(folder.path)}")
            sys.exit(INTERRUPTED)
        state = "Done" if complete else "Stopped, with a checkpoint"
        verbs = ["evaluate"] if config.policy == "agent" else []
        verbs += ["probe"] if config.has_probes else []
        verbs += ["rollout"] if config.draws_frames else []
        run = shell_word(folder.path)
        following = [f"simcore {verb} {run}" for verb in verbs]
        if not complete:
            following.insert(0, f"simcore train --resume {run}")
        if ranks.is_first:
            say(f"{state}. Metrics, checkpoints and TensorBoard's files are in {folder.path}", "Next:", *following)
        if not complete:
            sys.exit(INTERRUPTED)

    def folder(self) -> "RunFolder":
        """Open the folder of the run to resume, or make that of a new one.

        Raises:
            UserError: the configurations differ in a field that may not change.
        """
        from simcore.runs import RunFolder

        if self.resume is not None:
            if self.run is not None:
                raise UserError("--run names the folder of a new run, and --resume that of an old one; leave one out")
            folder = RunFolder.open(self.resume)
            require_changeable(Config.from_dict(folder.config), self.config, self.resume)
            return folder
        path = self.run or Path("runs") / self.config.run_name
        if not RunFolder.is_at(path):
            return RunFolder.create(path, self.config.to_dict())
        folder = RunFolder.open(path)
        require_same(self.config, Config.from_dict(folder.config), path)
        return folder


def require_same(asked: Config, recorded: Config, path: Path) -> None:
    """Raise `UserError` unless a run has the requested configuration."""
    found = differences(recorded, asked)
    if not found:
        return
    changes = all(change.field in CHANGEABLE for change in found)
    flags = as_flags({change.field: change.new for change in found}) if changes else ()
    command = " ".join(("simcore train --resume", shell_word(path), *flags))
    raise UserError(
        f"{path} holds a run with {listed(found)}; go on with it by: {command}; or name a new folder by --run"
    )


def default_train(arguments: Sequence[str]) -> Train:
    """Return the defaults of the flags of `train`.

    With --resume they are the configuration of that run; else the preset that the arguments name, for their level.

    Raises:
        UserError: there is no such run, preset or level.
    """
    if not arguments or arguments[0] != "train":
        return Train()
    parser = ArgumentParser(add_help=False, allow_abbrev=False)
    # A flag without its value is left to tyro, which reports it in one line.
    parser.add_argument("--preset", nargs="?", default="tiny", const="tiny")
    parser.add_argument("--resume", nargs="?")
    flags, rest = parser.parse_known_args(arguments[1:])
    if flags.resume is not None:
        from simcore.runs import RunFolder

        return Train(Config.from_dict(RunFolder.open(flags.resume).config), resume=Path(flags.resume))
    level = rest[0] if rest and not rest[0].startswith("-") else "RandomCity"
    return Train(preset(flags.preset, level))
