"""The command line: `simcore train`, `probe`, `rollout`, `evaluate`, `figure`, `sweep`, `export`."""

import io
import itertools
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr
from typing import Annotated, Any, NoReturn

import tyro
from tyro.conf import subcommand

from simcore.commands import Evaluate, Export, Figure, Probe, Rollout, Sweep, Train, default_train
from simcore.common.errors import UserError
from simcore.common.terminal import in_one_line, show_every_letter

Command = Train | Probe | Rollout | Evaluate | Figure | Sweep | Export


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. Bad input gives one line on standard error and exit code 2."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    show_every_letter()
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
        _refuse(str(error))
    except UnicodeEncodeError as error:
        # A name of a file; what is printed is shown in some form.
        _refuse(f"{error.object!r} cannot be the name of a file here, in {error.encoding}; set PYTHONUTF8=1")
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        reason = next(iter(str(error).strip().splitlines()), "none is left")
        _refuse(f"there is too little memory ({reason}); simcore train --dry-run tells what is needed")
    except BrokenPipeError:
        # The reader has closed the pipe, as `head` does. What is still buffered is discarded without an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _refuse(why: str) -> NoReturn:
    """Print why something cannot be done, in one line, and end with exit code 2."""
    print(f"simcore: {in_one_line(why)}", file=sys.stderr)
    sys.exit(2)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether NumPy, PyTorch or its CUDA allocator did not get the memory that it asked for."""
    kinds = ("can't allocate memory", "out of memory")  # PyTorch has a class of its own on GPUs alone
    return isinstance(error, MemoryError) or any(kind in str(error) for kind in kinds)


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
    return f"{text.replace('Error parsing __tyro-dummy-inner__.config.', '')}; see simcore --help"


def is_rule(line: str) -> bool:
    """Return whether a line is empty or a horizontal rule."""
    return not line.strip("─-")


if __name__ == "__main__":
    main()
