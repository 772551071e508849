"""The command line: `simcore train`, `probe`, `rollout`, `evaluate`, `figure`, `sweep`, `export`."""

import contextlib
import io
import itertools
import os
import re
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr
from pathlib import Path
from typing import Annotated, Any, TextIO

import tyro
from tyro.conf import subcommand

from simcore.commands import Evaluate, Export, Figure, Probe, Rollout, Sweep, Train, default_train
from simcore.commands.worlds import named_run
from simcore.common.caches import settle_libraries
from simcore.common.errors import UserError
from simcore.common.signals import INTERRUPTED, interruptible

Command = Train | Probe | Rollout | Evaluate | Figure | Sweep | Export


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line.

    Bad input gives one line on standard error and exit code 2; Ctrl-C, SIGTERM or SIGHUP one line and exit code 130; a
    reader of standard output that has gone, exit code 1.
    """
    open_closed_streams()
    try:
        with interruptible():
            try:
                run(sys.argv[1:] if arguments is None else list(arguments))
            finally:
                sys.stdout.flush()
    except KeyboardInterrupt:
        discard_unwritable()
        complain("interrupted")
        sys.exit(INTERRUPTED)
    except OSError as error:
        if error.filename is not None or not discard_unwritable(probe="\n"):
            raise
        if not isinstance(error, BrokenPipeError):  # which is how `head` ends what it has read enough of
            complain(f"cannot write to standard output: {error.strerror}")
        sys.exit(1)


def run(arguments: Sequence[str]) -> None:
    """Run the command that the arguments name."""
    try:
        settle_libraries()
        looking = default_looking(arguments)
        commands = (
            Annotated[Train, subcommand("train", default=default_train(arguments))]
            | Annotated[Probe, subcommand("probe", **looking.get("probe", {}))]
            | Annotated[Rollout, subcommand("rollout", **looking.get("rollout", {}))]
            | Annotated[Evaluate, subcommand("evaluate", **looking.get("evaluate", {}))]
            | Annotated[Figure, subcommand("figure", **looking.get("figure", {}))]
            | Annotated[Sweep, subcommand("sweep")]
            | Annotated[Export, subcommand("export")]
        )
        parse(commands, arguments).execute()
    except UserError as error:
        discard_unwritable()
        complain(str(error))
        sys.exit(2)


def open_closed_streams() -> None:
    """Open standard output and error on nothing if they were closed (`>&-`), lest a run's files take their numbers."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115 (open to the end)
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115


def complain(line: str) -> None:
    """Print a line on standard error, if that can be written."""
    with contextlib.suppress(OSError):
        print(f"simcore: {line}", file=sys.stderr)
    discard_unwritable(sys.stderr)


def discard_unwritable(stream: TextIO | None = None, probe: str = "") -> bool:
    """Send to nowhere what a stream still holds and cannot write, which would fail again at the end of the process.

    Args:
        stream: None: standard output.
        probe: what is written to see whether it can be.

    Returns:
        Whether it cannot be written: its pipe or terminal is closed, or its disk is full.
    """
    stream = stream or sys.stdout
    try:
        stream.write(probe)
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return True
    return False


def default_looking(arguments: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the `default` of a command that looks at a run, by its name: that run, in worlds as its own.

    Raises:
        UserError: the run is damaged, or there is no such level.
    """
    looking = {"probe": Probe, "rollout": Rollout, "evaluate": Evaluate}
    name = arguments[0] if arguments else ""
    if name not in (*looking, "figure"):
        return {}
    named = named_run(arguments[1:])
    if named is None:
        return {}
    run, world = named
    default = Figure("curves", world=world) if name == "figure" else looking[name](run, world=world)
    return {name: {"default": default}}


def parse(commands: Any, arguments: Sequence[str]) -> Command:
    """Parse the arguments.

    Raises:
        UserError: a flag is unknown or its value wrong.
    """
    complaint = io.StringIO()
    try:
        with redirect_stderr(complaint):
            command: Command = tyro.cli(
                commands,
                prog="simcore",
                description="Belief states shaped by generative models of the environment.",
                args=arguments,
            )
    except SystemExit as stop:
        if stop.code == 0:  # --help
            raise
        raise UserError(unboxed(complaint.getvalue())) from None
    return command


def unboxed(complaint: str) -> str:
    """Return the text of tyro's error box, with or without ruled lines, below its title, as one line."""
    lines = [line.strip(" │╭╮╰╯") for line in complaint.splitlines()][1:]
    body = itertools.dropwhile(is_rule, lines)
    text = " ".join(itertools.takewhile(lambda line: not is_rule(line), body))
    return f"{re.sub(r'Error parsing __tyro-dummy-inner__[.](config[.])?', '', text)}; see simcore --help"


def is_rule(line: str) -> bool:
    """Return whether a line is empty or a horizontal rule."""
    return not line.strip("─-")


if __name__ == "__main__":
    main()
