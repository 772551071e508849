"""The command line: `simcore train`, `probe`, `rollout`, `evaluate`, `figure`, `sweep`, `export`."""

import io
import itertools
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import redirect_stderr
from typing import Annotated, Any, NoReturn

import tyro
from tyro.conf import subcommand

from simcore.commands import Evaluate, Export, Figure, Probe, Rollout, Sweep, Train, default_train
from simcore.common.errors import UserError
from simcore.common.user_code import UserCodeError, as_user_code_error

TRACEBACK = "--traceback"
Command = Train | Probe | Rollout | Evaluate | Figure | Sweep | Export


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. Bad input and a user's failing code give one line on standard error and exit code 2.

    With --traceback among the arguments, all that is known of the error is printed before that line.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    arguments = [argument for argument in given if argument != TRACEBACK]
    try:
        default = default_train(arguments)
        commands = (
            Annotated[Train, subcommand("train", default=default)]
            | Annotated[Probe, subcommand("probe")]
            | Annotated[Rollout, subcommand("rollout")]
            | Annotated[Evaluate, subcommand("evaluate")]
            | Annotated[Figure, subcommand("figure")]
            | Annotated[Sweep, subcommand("sweep")]
            | Annotated[Export, subcommand("export")]
        )
        parse(commands, arguments).execute()
    except UserError as error:
        refuse(error, whole=TRACEBACK in given)
    except BrokenPipeError:
        # The reader has closed the pipe, as `head` does. What is still buffered is discarded without an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        told = as_user_code_error(error)
        if told is None:  # a fault of SimCore's own, which is not hidden
            raise
        refuse(told, whole=TRACEBACK in given)


def refuse(error: UserError, whole: bool) -> NoReturn:
    """Print an error in one line, and end with exit code 2; `whole`: print the traceback before it."""
    hint = ""
    if whole:
        traceback.print_exception(error)
    elif isinstance(error, UserCodeError) and error.__cause__ is not None:
        hint = f"; {TRACEBACK} shows all of it"
    print(f"simcore: {error}{hint}", file=sys.stderr)
    sys.exit(2)


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
                description="Belief states shaped by generative models of the environment. "
                f"{TRACEBACK} with any command: where an error came from.",
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
    return f"{text.replace('Error parsing __tyro-dummy-inner__.config.', '')}; see simcore --help"


def is_rule(line: str) -> bool:
    """Return whether a line is empty or a horizontal rule."""
    return not line.strip("─-")


if __name__ == "__main__":
    main()
