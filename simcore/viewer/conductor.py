"""The driver of the live page's scene: obeys commands, steps at a pace, imagines in between, and reports all."""

import time
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

from simcore.common.checks import require
from simcore.common.errors import UserError
from simcore.viewer.messages import Command
from simcore.viewer.moment import Futures, Moment
from simcore.viewer.scene import Driver, Plan, Scene

Kind = Literal["loading", "failed", "hello", "control", "history", "moment", "futures", "beat"]
"""The kinds of views."""
Tell = Callable[[Kind, Any], None]
"""Sends a view to all viewers."""

PACE = 5.0
"""Steps per second, until another pace is chosen."""
FUTURES_EVERY = 10
"""Steps between two times that futures are imagined while the agent moves."""
AFTER_THE_END = 1.5
"""Seconds for which the end of an episode is shown before the next begins by itself."""


class Controls(NamedTuple):
    """What the people at the pages have chosen."""

    driver: Driver
    is_paused: bool
    is_blind: bool
    """Whether the next steps are without frames."""
    pace: float
    """Steps a second."""
    is_sharp: bool
    """Whether moments come with what sharp eyes would see."""
    plan: Driver | int | None
    """What futures are imagined along: a driver's actions, an action held, or, if None, those of the current driver."""
    held: int | None
    """The action whose key is down."""
    looked_at: int | None
    """The number of the selected moment, if not the newest."""
    note: str
    """What could not be done, in a line."""


class Point(NamedTuple):
    """A moment on the time line, without its pictures."""

    number: int
    seed: int
    step: int
    is_blind: bool
    guess_error: float
    guess_probability: float
    map_errors: tuple[float, ...]
    cell_probabilities: tuple[float, ...]
    errors: tuple[float, ...]
    surprises: tuple[float, ...]

    @classmethod
    def of(cls, moment: Moment) -> "Point":
        """Return a moment's point."""
        place = moment.place
        return cls(
            moment.number,
            moment.seed,
            moment.step,
            moment.is_blind,
            float("nan") if place is None else place.guess_error,
            float("nan") if place is None else place.guess_probability,
            tuple(belief.map_error for belief in moment.beliefs),
            tuple(belief.cell_probability for belief in moment.beliefs),
            tuple(belief.error for belief in moment.beliefs),
            tuple(belief.surprise for belief in moment.beliefs),
        )


class Conductor:
    """Leads a scene as people at the pages ask for; everything is synchronous.

    A moment is sent before futures are imagined, and these come in parts, so that they delay neither steps nor commands
    by much: call `step_in_time` whenever `until_due` is 0 or less, and `imagine_on` in between while `is_imagining`.

    Args:
        scene: the scene.
        tell: sends views to all viewers.
        pace: steps a second at first.
        clock: returns the time in seconds.
    """

    def __init__(
        self, scene: Scene, tell: Tell, pace: float = PACE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.scene = scene
        self._tell = tell
        self._clock = clock
        self._pace = pace
        self._is_paused = False
        self._is_sharp = True
        self._chosen_plan: Driver | int | None = None
        self._held: int | None = None
        self._note = ""
        self._due = clock()
        self._imagining: Iterator[Futures | None] | None = None
        self._last_imagined = scene.present.number

    def begin(self) -> None:
        """Tell of the scene as it is."""
        self._tell_history()
        self._tell_control()
        self._tell_moment()
        self._begin_imagining()

    @property
    def is_imagining(self) -> bool:
        """Whether there is something left to imagine."""
        return self._imagining is not None

    @property
    def controls(self) -> Controls:
        """What has been chosen."""
        scene = self.scene
        return Controls(
            scene.driver,
            self._is_paused,
            scene.is_blind,
            self._pace,
            self._is_sharp,
            self._chosen_plan,
            self._held,
            scene.shown.moment.number if scene.is_looking_back else None,
            self._note,
        )

    def obey(self, command: Command) -> None:
        """Execute a command; a failure becomes a note among the controls."""
        if command.do not in ("release", "history"):  # which come by themselves: a key goes up, a page connects
            self._note = ""
        try:
            getattr(self, f"_on_{command.do}")(command.value)
        except UserError as error:
            self._note = str(error)
        self._tell_control()

    def until_due(self) -> float | None:
        """Return the seconds until the next step; None if there is none to come."""
        waits_for_a_key = self.scene.driver == "you" and self._held is None
        if self._is_paused or self.scene.is_looking_back or waits_for_a_key:
            return None
        return self._due - self._clock()

    def step_in_time(self) -> None:
        """Take a step that is due, and set the time of the next."""
        now = self._clock()
        self._step(self._held if self.scene.driver == "you" else None)
        # From when it was due, so that the pace holds on average; what is late is not made up for.
        self._due = max(self._due + 1 / self._pace, now)
        if self.scene.present.is_over:
            self._due = now + AFTER_THE_END

    def imagine_on(self) -> None:
        """Do the next part of what is being imagined."""
        assert self._imagining is not None, "called while something is"
        try:
            futures = next(self._imagining)
        except StopIteration:
            self._imagining = None
            return
        except UserError as error:
            self._imagining = None
            self._stop_at(error)
            return
        if futures is not None:
            self._tell("futures", futures)

    def imagine_all(self) -> None:
        """Finish what is being imagined."""
        while self._imagining is not None:
            self.imagine_on()

    def _step(self, action: int | None) -> None:
        was_earlier, was_blind = self.scene.is_looking_back, self.scene.is_blind
        try:
            moment = self.scene.step(action)
        except UserError as error:
            self._stop_at(error)
            return
        if was_earlier or was_blind != self.scene.is_blind:
            self._tell_control()
        if was_earlier:
            self._tell_history()
        self._tell_moment()
        is_late = moment.number - self._last_imagined >= FUTURES_EVERY and not self.is_imagining
        if is_late or moment.step == 0 or was_earlier:
            self._begin_imagining()

    def _stop_at(self, error: UserError) -> None:
        """Pause, and say why."""
        self._note, self._is_paused = str(error), True
        self._tell_control()

    def _set_due(self) -> None:
        """Let the next step come a whole step later."""
        self._due = self._clock() + 1 / self._pace

    def _branch(self) -> None:
        if self.scene.is_looking_back:
            self.scene.branch()
            self._tell_history()
            self._tell_moment()

    def _require_action(self, action: int) -> None:
        most = len(self.scene.world.action_names) - 1
        require(action <= most, f"the action is {action}; allowed are 0 to {most}")

    def _require_driver(self, driver: Driver) -> None:
        drivers = self.scene.drivers
        require(driver in drivers, f"{driver} cannot drive here; allowed are {', '.join(drivers)}")

    def _plan(self) -> Plan:
        chosen = self._chosen_plan
        if isinstance(chosen, int):
            return Plan("you", chosen)
        last = self.scene.shown.moment.action
        return Plan(chosen or self.scene.driver, (self._held if self._held is not None else last) or 0)

    def _begin_imagining(self) -> None:
        """Imagine anew; what was begun before is of an earlier moment or plan, and left."""
        self._last_imagined = self.scene.shown.moment.number
        self._imagining = self.scene.imagine(self._plan())

    def _on_press(self, action: int) -> None:
        self._require_action(action)
        self.scene.driver = "you"
        self._held, self._is_paused = action, False
        self._step(action)
        self._set_due()
        self._begin_imagining()

    def _on_release(self, action: int) -> None:
        if self._held == action:
            self._held = None

    def _on_driver(self, driver: Driver) -> None:
        self._require_driver(driver)
        self.scene.driver = driver
        self._held, self._due = None, self._clock()

    def _on_pause(self, is_on: bool) -> None:
        self._is_paused, self._held, self._due = is_on, None, self._clock()
        if is_on:
            self._begin_imagining()
        else:
            self._branch()

    def _on_step(self, _: None) -> None:
        self._is_paused = True
        self._step(self._plan().action if self.scene.driver == "you" else None)
        self._begin_imagining()

    def _on_reset(self, seed: int | None) -> None:
        self.scene.reset(seed)
        self._set_due()
        self._tell_moment()
        self._begin_imagining()

    def _on_blindfold(self, is_on: bool) -> None:
        self._branch()
        self.scene.blindfold(is_on)

    def _on_plan(self, plan: Driver | int) -> None:
        if isinstance(plan, int):
            self._require_action(plan)
        else:
            self._require_driver(plan)
        self._chosen_plan = None if plan == "you" else plan
        self._begin_imagining()

    def _on_look(self, number: int | None) -> None:
        self.scene.look(number)
        self._set_due()
        self._tell_moment()
        self._begin_imagining()

    def _on_branch(self, _: None) -> None:
        self._branch()

    def _on_pace(self, pace: float) -> None:
        self._pace, self._due = float(pace), self._clock()

    def _on_sharp(self, is_on: bool) -> None:
        self._is_sharp = is_on
        self._tell_moment()

    def _on_history(self, _: None) -> None:
        self._tell_history()

    def _tell_moment(self) -> None:
        past = self.scene.shown
        sharp = self.scene.draw() if self._is_sharp else None
        first = self.scene.past[0].moment.number
        self._tell("moment", {"moment": past.moment, "point": Point.of(past.moment), "first": first, "sharp": sharp})

    def _tell_history(self) -> None:
        self._tell("history", {"points": [Point.of(past.moment) for past in self.scene.past]})

    def _tell_control(self) -> None:
        self._tell("control", self.controls)
