"""The command `simcore`: its version, or its command line, which needs the extra `cli`."""

import sys
from collections.abc import Sequence

from simcore.common.extras import missing_extra
from simcore.common.signals import INTERRUPTED
from simcore.common.spinning import spin_briefly
from simcore.common.version import __version__


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; a missing library gives one line on standard error and exit code 2."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if arguments == ["--version"]:
        print(f"simcore {__version__}")
        return
    spin_briefly()  # before PyTorch is imported
    try:
        from simcore import cli

        cli.main(arguments)
    except KeyboardInterrupt:  # while the command line is imported
        sys.exit(INTERRUPTED)
    except ModuleNotFoundError as error:
        missing = missing_extra(error)
        if missing is None:
            raise
        print(f"simcore: {missing}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
