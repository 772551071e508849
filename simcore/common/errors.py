"""The error for bad input, which the user can correct."""


class UserError(Exception):
    """Bad input: the message is one clear line that says what was wrong, what is allowed and what to type.

    The command line prints that line without a traceback and ends with exit code 2.
    """
