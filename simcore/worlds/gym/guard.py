"""One-line errors for environments that raise an exception, or break Gymnasium's API."""

import inspect
from typing import Any, NoReturn

import gymnasium

from simcore.common.errors import UserError
from simcore.common.user_code import UserCodeError, failure

Env = gymnasium.Env[Any, Any]

OLD = (
    "this is the API of Gym before 0.26; Gymnasium's reset takes seed and options and returns (observation, info), "
    "and step returns (observation, reward, terminated, truncated, info): change it so, or wrap it by shimmy's "
    "GymV21CompatibilityV0, see docs/gym.md"
)


class Guard(gymnasium.Wrapper[Any, Any, Any, Any]):
    """A wrapper that reports an environment's failures in one line; the original exception is the cause.

    Args:
        env: the environment, perhaps in wrappers of the user's.
        name: its name in messages.

    Raises:
        UserCodeError: here or in any method, if it raises, or if it is made for another API than Gymnasium's.
    """

    def __init__(self, env: Env, name: str) -> None:
        super().__init__(env)
        self.name = name
        try:
            inspect.signature(env.reset).bind(seed=None, options=None)
        except ValueError:  # it has no signature that could be read
            return
        except TypeError as error:
            raise UserCodeError(f"{name}: its reset cannot be called with seed and options; {OLD}") from error

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode."""
        try:
            result: Any = self.env.reset(seed=seed, options=options)
        except UserError:
            raise
        except (Exception, SystemExit) as error:
            raise failure(f"{self.name}: its reset", error) from error
        if isinstance(result, (tuple, list)) and len(result) == 2 and isinstance(result[1], dict):
            return result[0], result[1]
        self._refuse("reset", result)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Take an action."""
        try:
            result: Any = self.env.step(action)
        except UserError:
            raise
        except (Exception, SystemExit) as error:
            raise failure(f"{self.name}: its step", error) from error
        if isinstance(result, (tuple, list)) and len(result) == 5 and isinstance(result[4], dict):
            return result[0], result[1], result[2], result[3], result[4]
        self._refuse("step", result)

    def close(self) -> None:
        """Close the environment."""
        try:
            self.env.close()
        except UserError:
            raise
        except (Exception, SystemExit) as error:
            raise failure(f"{self.name}: its close", error) from error

    def _refuse(self, method: str, result: Any) -> NoReturn:
        """Say what is wrong with what `reset` or `step` returned."""
        values = len(result) if isinstance(result, (tuple, list)) else None
        expected = 2 if method == "reset" else 5
        if values == expected:
            wrong = f"the info that its {method} returned is {type(result[-1]).__name__}, not a dict"
        elif values is None or (method, values) == ("step", 4):
            came = type(result).__name__ if values is None else f"{values} values"
            wrong = f"its {method} returned {came}, not {expected} values; {OLD}"
        else:
            wrong = f"its {method} returned {values} values; Gymnasium's return {expected}"
        raise UserCodeError(f"{self.name}: {wrong}")


def guarded(env: Env, name: str) -> Env:
    """Put a `Guard` around the environment itself, inside all its wrappers, which would unpack what it returns."""
    if not isinstance(env, gymnasium.Wrapper):
        return Guard(env, name)
    innermost = env
    while isinstance(innermost.env, gymnasium.Wrapper):
        innermost = innermost.env
    innermost.env = Guard(innermost.env, name)
    return env
