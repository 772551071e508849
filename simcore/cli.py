"""The command line: `simcore train`, `probe`, `rollout`, `evaluate`, `figure`, `sweep`, `export`."""

import io
import itertools
import os
import re
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr
from typing import Annotated, Any

import tyro
from tyro.conf import subcommand

from simcore.commands import Evaluate, Export, Figure, Probe, Rollout, Sweep, Train, default_train
from simcore.commands.worlds import named_run
from simcore.common.caches import settle_libraries
from simcore.common.errors import UserError

Command = Train | Probe | Rollout | Evaluate | Figure | Sweep | Export


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. Bad input gives one line on standard error and exit code 2."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
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
        print(f"simcore: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        # The reader has closed the pipe, as `head` does. What is still buffered is discarded without an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


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
