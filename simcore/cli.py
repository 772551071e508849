"""The command line: `simcore train`, `probe`, `rollout`, `live` and others, each with its --help."""

import io
import sys
import traceback
from collections import Counter
from collections.abc import Sequence
from contextlib import redirect_stderr
from functools import reduce
from typing import Annotated, Any, NoReturn, Protocol

import tyro
from tyro.conf import subcommand

from simcore.commands.usage import complaint_of, let_help_flow
from simcore.common.caches import settle_libraries
from simcore.common.errors import UserError
from simcore.common.signals import INTERRUPTED, interruptible
from simcore.common.terminal import complain, discard_unwritable, open_closed_streams, show_every_letter
from simcore.common.user_code import UserCodeError, as_user_code_error

TRACEBACK = "--traceback"


class Command(Protocol):
    """A command with its flags."""

    def execute(self) -> None:
        """Execute the command, and print its results."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line.

    Bad input and a user's failing code give one line on standard error and exit code 2; Ctrl-C, SIGTERM, SIGHUP or
    SIGUSR1 one line and exit code 130; a reader of standard output that has gone, exit code 1. With --traceback among
    the arguments, an error's whole traceback is printed before its line.
    """
    open_closed_streams()
    show_every_letter()
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        with interruptible():
            try:
                run([argument for argument in given if argument != TRACEBACK], whole=TRACEBACK in given)
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


def run(arguments: Sequence[str], whole: bool) -> None:
    """Run the command that the arguments name; `whole`: print the whole traceback of what fails."""
    try:
        settle_libraries()
        named(arguments).execute()
    except UserError as error:
        refuse(error, whole)
    except UnicodeEncodeError as error:
        # A file's name; what is printed is shown in some form.
        why = f"{error.object!r} cannot be the name of a file here, in {error.encoding}; set PYTHONUTF8=1"
        refuse(UserError(why), whole)
    except Exception as error:
        told: UserError | None = as_user_code_error(error)
        if told is None and is_out_of_memory(error):
            reason = next(iter(str(error).strip().splitlines()), "none is left")
            told = UserError(f"there is too little memory ({reason}); simcore train --dry-run tells what is needed")
        if told is None:  # a bug in SimCore itself, which is not hidden
            raise
        refuse(told, whole)


def refuse(error: UserError, whole: bool) -> NoReturn:
    """Print an error in one line, and end with exit code 2; `whole`: print the traceback before it."""
    discard_unwritable()
    hint = ""
    if whole:
        traceback.print_exception(error)
    elif isinstance(error, UserCodeError) and error.__cause__ is not None:
        hint = f"; {TRACEBACK} shows all of it"
    complain(f"{error}{hint}")
    sys.exit(2)


def named(arguments: Sequence[str]) -> Command:
    """Return the command that the arguments name, with its flags.

    Raises:
        UserError: there is none, or a flag is wrong.
    """
    from simcore.commands import Pretrained

    if list(arguments[:1]) == ["pretrained"]:  # handled apart, since the flags of others need PyTorch
        return parse(Pretrained, arguments[1:], "simcore pretrained")
    from simcore.commands import (
        Compare,
        Demo,
        Evaluate,
        Export,
        Figure,
        Live,
        Probe,
        Rollout,
        Sweep,
        Train,
        default_train,
    )

    looking = default_looking(arguments)
    commands = (
        Annotated[Train, subcommand("train", default=default_train(arguments))]
        | Annotated[Probe, subcommand("probe", **looking.get("probe", {}))]
        | Annotated[Rollout, subcommand("rollout", **looking.get("rollout", {}))]
        | Annotated[Evaluate, subcommand("evaluate", **looking.get("evaluate", {}))]
        | Annotated[Figure, subcommand("figure", **looking.get("figure", {}))]
        | Annotated[Sweep, subcommand("sweep")]
        | Annotated[Compare, subcommand("compare", **looking.get("compare", {}))]
        | Annotated[Export, subcommand("export")]
        | Annotated[Pretrained, subcommand("pretrained")]
        | Annotated[Live, subcommand("live", **looking.get("live", {}))]
        | Annotated[Demo, subcommand("demo")]
    )
    about = "Belief states shaped by generative models of the environment. "
    return parse(commands, arguments, "simcore", f"{about}{TRACEBACK} with any command: where an error came from.")


def default_looking(arguments: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the `default` of a command that reads a run, by its name: that run, in worlds like its own.

    Raises:
        UserError: the run is damaged, or there is no such level.
    """
    from simcore.commands import Compare, Evaluate, Figure, Live, Probe, Rollout
    from simcore.commands.worlds import named_run

    looking = {"rollout": Rollout, "evaluate": Evaluate, "live": Live}
    name = arguments[0] if arguments else ""
    if name not in (*looking, "figure", "compare", "probe"):
        return {}
    named = named_run(arguments[1:])
    if named is None:
        return {}
    run, world, probes = named
    match name:
        case "figure":
            default: Command = Figure("curves", world=world)
        case "compare":
            default = Compare(world=world, probes=probes)
        case "probe":
            default = Probe(run, world=world, probes=probes)
        case _:
            default = looking[name](run, world=world)
    return {name: {"default": default}}


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether NumPy, PyTorch or its CUDA allocator ran out of memory."""
    kinds = ("can't allocate memory", "out of memory")  # PyTorch has an error class for this on GPUs only
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(kind in str(error) for kind in kinds)
    )


def parse(commands: Any, arguments: Sequence[str], prog: str, about: str | None = None) -> Command:
    """Parse the arguments of a command, or of any; `prog` and `about` are what help says of the program.

    Raises:
        UserError: a flag is unknown, its value wrong, or a flag that takes several values is given twice.
    """

    def parsed(words: Sequence[str]) -> Command:
        return tyro.cli(commands, prog=prog, description=about, args=words)

    complaint = io.StringIO()
    if not {"-h", "--help"}.isdisjoint(arguments):
        let_help_flow(commands)
    try:
        with redirect_stderr(complaint):
            command = parsed(arguments)
    except SystemExit as stop:
        if stop.code == 0:  # --help
            raise
        told = complaint_of(complaint.getvalue(), prog, arguments, lambda command: parsed([*command, "--help"]))
        raise UserError(told) from None
    require_lists_once(command, arguments)
    return command


def require_lists_once(command: Command, arguments: Sequence[str]) -> None:
    """Raise `UserError` if a flag that takes several values is given twice: argparse would keep only the last ones."""
    given = Counter(argument.partition("=")[0] for argument in arguments if argument.startswith("--"))
    for flag in (flag for flag, times in given.items() if times > 1):
        path = flag.removeprefix("--").replace("-", "_").split(".")
        for owner in (command, getattr(command, "config", None)):
            if isinstance(reduce(lambda part, name: getattr(part, name, None), path, owner), tuple):
                raise UserError(f"{flag} is given twice; it takes all its values at once: {flag} A B")


if __name__ == "__main__":
    main()
