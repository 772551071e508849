"""Checks of a user's choices, which raise `UserError`."""

from simcore.common.errors import UserError


def require(condition: bool, message: str) -> None:
    """Raise `UserError(message)` unless the condition holds."""
    if not condition:
        raise UserError(message)


def require_positive(section: str, values: object, *names: str) -> None:
    """Raise `UserError` unless the named fields of `values`, numbers or tuples of numbers, are positive."""
    for name in names:
        value = getattr(values, name)
        numbers = value if isinstance(value, tuple) else (value,)
        require(
            len(numbers) > 0 and all(number > 0 for number in numbers),
            f"{section}.{name} must be positive, not {value}",
        )
