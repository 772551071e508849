"""Standard output and error: letters that they cannot encode, messages in one line, closed streams."""

import codecs
import contextlib
import io
import os
import shlex
import sys
import unicodedata
from pathlib import Path
from typing import TextIO

PLAIN = {
    **{"λ": "lambda", "κ": "kappa", "γ": "gamma", "ρ": "rho", "σ": "sigma", "θ": "theta", "µ": "mu", "π": "pi"},
    **{"·": ".", "±": "+-", "×": "x", "²": "2", "°": " degrees", "…": "...", "‥": "..", "•": "*"},
    **{"–": "-", "—": "-", "−": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "ˉ": "", "\u0304": "", "█": "#"},
}
"""ASCII for letters that SimCore prints, where a stream cannot encode them."""
_ERRORS = "simcore.plain"


def show_every_letter() -> None:
    """Let standard output and error show what their encoding lacks in another form, instead of raising an error.

    Otherwise a table with κ, a help text or an error that names a file would end the program in a log whose encoding is
    ASCII.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # not what a caller put in its place, or None
            stream.reconfigure(errors=_ERRORS)


def open_closed_streams() -> None:
    """Open standard output and error on nothing if they were closed (`>&-`), lest a run's files take their numbers."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115 (open to the end)
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115


def complain(line: str) -> None:
    """Print a message in one line on standard error, if that can be written."""
    with contextlib.suppress(OSError):
        print(f"simcore: {in_one_line(line)}", file=sys.stderr)
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


def in_one_line(text: str) -> str:
    """Return a text with its line breaks and control characters escaped, so that it is one line of a terminal."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape", "surrogatepass").decode("ascii")
        for letter in text
    )


def shell_word(path: str | Path) -> str:
    """Return a path as it is typed in a shell, so that a suggested command can be copied."""
    text = str(path)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    """Return ASCII for letters that cannot be encoded, as an error handler of codecs does."""
    assert isinstance(error, UnicodeEncodeError)
    return "".join(map(_plain_letter, error.object[error.start : error.end])), error.end


def _plain_letter(letter: str) -> str:
    if letter in PLAIN:
        return PLAIN[letter]
    name = unicodedata.name(letter, "")
    if not name.startswith("BOX DRAWINGS"):
        return letter.encode("ascii", "backslashreplace").decode("ascii")
    return {"HORIZONTAL": "-", "VERTICAL": "|"}.get(name.rpartition(" ")[2], "+") if " AND " not in name else "+"


codecs.register_error(_ERRORS, _plain)
