"""`simcore train`."""

from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated

import tyro

from simcore.commands.console import say
from simcore.common.errors import UserError
from simcore.config.presets import preset
from simcore.config.run import Config


@dataclass(frozen=True)
class Train:
    """Train in a world, or go on where a run stopped: the same command again, or --resume RUN, resumes it."""

    config: Annotated[Config, tyro.conf.arg(name="")] = field(default_factory=lambda: preset("tiny"))
    run: Path | None = None
    """The run's folder; by default runs/<level>-<preset>-<seed>, or -<core>-<seed> with a memory."""
    resume: Path | None = None
    """Go on with the run in this folder, with the configuration it has; takes no other flag."""
    dry_run: bool = False
    """Train nothing and write nothing; say what an update costs: parameters, arithmetic, memory; with --peak, time."""
    peak: str | None = None
    """With --dry-run: a100, h100, h200 or rtx4090, or how many TFLOP/s a card does at most."""

    def execute(self) -> None:
        """Train, and say where the results are and what to type next."""
        if self.dry_run:
            from simcore.commands.dry_run import dry_run

            return dry_run(self.config, self.peak)
        if self.peak is not None:
            raise UserError("--peak tells what a run would cost, and goes with --dry-run")
        from simcore.runs import RunFolder
        from simcore.training.loop import check, train

        if self.resume is not None:
            folder = RunFolder.open(self.resume)
            config = Config.from_dict(folder.config)
        else:
            config = self.config
            check(config)  # complains before a folder is made
            path = self.run or Path("runs") / config.run_name
            if (path / "config.json").exists():
                folder = RunFolder.open(path)
                require_same(config, Config.from_dict(folder.config), path)
            else:
                folder = RunFolder.create(path, config.to_dict())
        complete = train(config, folder)
        state = "Done" if complete else "Stopped, with a checkpoint"
        verbs = ["evaluate"] if config.policy == "agent" else []
        verbs += ["probe"] if config.has_probes else []
        verbs += ["rollout"] if config.draws_frames else []
        following = [f"simcore {verb} {folder.path}" for verb in verbs]
        if not complete:
            following.insert(0, f"simcore train --resume {folder.path}")
        say(f"{state}. Metrics, checkpoints and TensorBoard's files are in {folder.path}", "Next:", *following)


def require_same(asked: Config, recorded: Config, path: Path) -> None:
    """Raise `UserError` unless a run has the configuration that is asked for."""
    if asked == recorded:
        return
    differing = [f.name for f in fields(Config) if getattr(asked, f.name) != getattr(recorded, f.name)]
    raise UserError(
        f"{path} holds a run with another {', '.join(differing)}; "
        f"go on with it by --resume {path}, or name a new folder by --run"
    )


def default_train(arguments: Sequence[str]) -> Train:
    """Return what `train` does unless flags say otherwise: the preset that the arguments name, for their level."""
    if not arguments or arguments[0] != "train":
        return Train()
    parser = ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--resume")
    known, others = parser.parse_known_args(arguments[1:])
    if known.resume is not None and others:
        raise UserError(f"--resume takes the run's own configuration, so no {' '.join(others)}")
    level = others[0] if others and not others[0].startswith("-") else "RandomCity"
    return Train(preset(known.preset, level))
