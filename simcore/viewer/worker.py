"""The worker of the live page: the one thread that owns the scene, steps it at a pace, and tells of every moment."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from simcore.common.errors import UserError
from simcore.viewer.messages import Command, encode_view
from simcore.viewer.moment import Futures, Moment
from simcore.viewer.scene import Driver, Plan, Scene

Kind = Literal["hello", "loading", "moment", "futures", "control", "history", "failed"]
Publish = Callable[[Kind, bytes], None]
"""Takes an encoded view to all pages; called in the worker's thread."""

PACE = 5.0
"""Steps a second, until somebody chooses others."""
FUTURES_EVERY = 10
"""Steps between two times that futures are imagined while the agent moves."""
AFTER_THE_END = 1.5
"""Seconds for which the end of an episode is shown before the next begins by itself."""
WAITING = 256
"""The most commands that wait; later ones are refused."""


@dataclass
class Controls:
    """What the people at the pages have chosen."""

    driver: Driver
    is_paused: bool = False
    is_blind: bool = False
    pace: float = PACE
    is_sharp: bool = True
    plan: Driver | int | None = None
    """What futures are imagined along: a driver's actions, an action held, or, if None, what whoever drives does."""
    held: int | None = None
    """The action whose key is down."""
    looked_at: int | None = None
    """The number of the moment that is looked at, if not the newest."""
    note: str = ""
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


class Worker:
    """Makes the scene, and steps it until it is stopped.

    A moment is told before futures are imagined, and these in parts, so that they delay neither steps nor commands.

    Args:
        make_scene: makes the scene, in the worker's thread; it may take long.
        publish: takes views to the pages.
        describe: returns what pages are told of the scene at first.
        pace: steps a second at first.
    """

    def __init__(
        self,
        make_scene: Callable[[], Scene],
        publish: Publish,
        describe: Callable[[Scene], dict[str, Any]],
        pace: float = PACE,
    ) -> None:
        self._make_scene = make_scene
        self._publish = publish
        self._describe = describe
        self._pace = pace
        self._commands: deque[Command] = deque()
        self._changed = threading.Condition()
        self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name="live", daemon=True)
        self.failure: BaseException | None = None
        """What ended the worker, if anything did."""
        self.steps = 0
        """The steps so far."""

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def ask(self, command: Command) -> bool:
        """Pass on a command, from any thread; return whether it was taken."""
        with self._changed:
            if len(self._commands) >= WAITING:
                return False
            self._commands.append(command)
            self._changed.notify()
        return True

    def stop(self, patience: float = 10.0) -> None:
        """End the thread, and wait for it."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(patience)

    def _run(self) -> None:
        try:
            self._scene = self._make_scene()
            try:
                self._drive()
            finally:
                self._scene.close()
        except BaseException as error:
            self.failure = error
            self._publish("failed", encode_view("failed", {"text": str(error) or type(error).__name__}))

    def _drive(self) -> None:
        self._controls = Controls(self._scene.driver, pace=self._pace)
        self._due = time.monotonic()
        self._imagining: Iterator[Futures | None] | None = None
        self._last_imagined = -FUTURES_EVERY
        self._tell("hello", self._describe(self._scene))
        self._tell_history()
        self._tell_control()
        self._tell_moment()
        while True:
            with self._changed:
                if self._imagining is None and not self._commands and not self._is_stopped:
                    self._changed.wait(self._until_due())
                if self._is_stopped:
                    return
                commands = list(self._commands)
                self._commands.clear()
            for command in commands:
                self._obey(command)
            until = self._until_due()
            if until is not None and until <= 0:
                self._step_in_time()
            elif self._imagining is not None:
                self._imagine_on()

    def _until_due(self) -> float | None:
        """Return the seconds until the next step; None if there is none to come."""
        controls = self._controls
        if controls.is_paused or self._scene.is_looking_back:
            return None
        if controls.driver == "you" and controls.held is None:
            return None
        return self._due - time.monotonic()

    def _step_in_time(self) -> None:
        """Take a step that is due, and set the time of the next."""
        controls, now = self._controls, time.monotonic()
        held = controls.held if controls.driver == "you" else None
        moment = self._step(held)
        # From when it was due, so that the pace holds on average; what is late is not made up for.
        self._due = max(self._due + 1 / controls.pace, now)
        if moment is not None and moment.is_over:
            self._due = now + AFTER_THE_END

    def _step(self, action: int | None) -> Moment | None:
        was_earlier = self._scene.is_looking_back
        try:
            moment = self._scene.step(action)
        except UserError as error:
            self._note(str(error))
            return None
        self.steps += 1
        if was_earlier or self._controls.is_blind != self._scene.is_blind:
            self._controls.is_blind = self._scene.is_blind
            self._controls.looked_at = None
            self._tell_control()
        if was_earlier:
            self._tell_history()
        self._tell_moment()
        if moment.number - self._last_imagined >= FUTURES_EVERY or moment.step == 0 or was_earlier:
            self._begin_imagining()
        return moment

    def _obey(self, command: Command) -> None:
        self._controls.note = ""
        try:
            getattr(self, f"_on_{command.do}")(command.value)
        except UserError as error:
            self._controls.note = str(error)
        self._tell_control()

    def _on_press(self, action: int) -> None:
        self._require_action(action)
        self._controls.driver = self._scene.driver = "you"
        self._controls.held, self._controls.is_paused = action, False
        self._step(action)
        self._due = time.monotonic() + 1 / self._controls.pace
        self._begin_imagining()

    def _on_release(self, action: int) -> None:
        if self._controls.held == action:
            self._controls.held = None

    def _on_driver(self, driver: Driver) -> None:
        if driver not in self._scene.drivers:
            raise UserError(f"here {' and '.join(self._scene.drivers)} can drive, not {driver}")
        self._controls.driver = self._scene.driver = driver
        self._controls.held, self._due = None, time.monotonic()

    def _on_pause(self, is_on: bool) -> None:
        self._controls.is_paused = is_on
        self._controls.held, self._due = None, time.monotonic()
        if is_on:
            self._begin_imagining()
        elif self._scene.is_looking_back:
            self._branch()

    def _on_step(self, _: None) -> None:
        self._controls.is_paused = True
        action = self._plan().action if self._scene.driver == "you" else None
        self._step(action)
        self._begin_imagining()

    def _on_reset(self, seed: int | None) -> None:
        self._scene.reset(seed)
        self._controls.is_blind, self._controls.looked_at = False, None
        self._due = time.monotonic() + 1 / self._controls.pace
        self._tell_moment()
        self._begin_imagining()

    def _on_blindfold(self, is_on: bool) -> None:
        self._branch()
        self._scene.blindfold(is_on)
        self._controls.is_blind = is_on

    def _on_plan(self, plan: Driver | int) -> None:
        if isinstance(plan, int):
            self._require_action(plan)
        elif plan not in self._scene.drivers:
            raise UserError(f"here {' and '.join(self._scene.drivers)} can plan, not {plan}")
        self._controls.plan = None if plan == "you" else plan
        self._begin_imagining()

    def _on_look(self, number: int | None) -> None:
        self._scene.look(number)
        self._controls.looked_at = self._scene.shown.moment.number if self._scene.is_looking_back else None
        self._due = time.monotonic() + 1 / self._controls.pace
        self._tell_moment()
        self._begin_imagining()

    def _on_branch(self, _: None) -> None:
        self._branch()

    def _on_pace(self, pace: float) -> None:
        self._controls.pace, self._due = float(pace), time.monotonic()

    def _on_sharp(self, is_on: bool) -> None:
        self._controls.is_sharp = is_on
        self._tell_moment()

    def _on_history(self, _: None) -> None:
        self._tell_history()

    def _branch(self) -> None:
        if self._scene.is_looking_back:
            self._scene.branch()
            self._controls.looked_at, self._controls.is_blind = None, self._scene.is_blind
            self._tell_history()
            self._tell_moment()

    def _require_action(self, action: int) -> None:
        names = self._scene.world.action_names
        if action >= len(names):
            raise UserError(f"the action is {action}; allowed are 0 to {len(names) - 1}")

    def _plan(self) -> Plan:
        chosen = self._controls.plan
        if isinstance(chosen, int):
            return Plan("you", chosen)
        driver = chosen or self._scene.driver
        if driver != "you":
            return Plan(driver)
        last = self._scene.shown.moment.action
        held = self._controls.held if self._controls.held is not None else last
        return Plan("you", held or 0)

    def _begin_imagining(self) -> None:
        """Imagine anew; what was begun before is of an earlier moment or plan, and left."""
        self._last_imagined = self._scene.shown.moment.number
        self._imagining = self._scene.imagine(self._plan())

    def _imagine_on(self) -> None:
        """Do the next part of what is being imagined."""
        assert self._imagining is not None
        try:
            futures = next(self._imagining)
        except StopIteration:
            self._imagining = None
            return
        except UserError as error:
            self._imagining = None
            self._note(str(error))
            return
        if futures is not None:
            self._tell("futures", futures)

    def _note(self, text: str) -> None:
        self._controls.note, self._controls.is_paused = text, True
        self._tell_control()

    def _tell(self, kind: Kind, view: Any) -> None:
        self._publish(kind, encode_view(kind, view))

    def _tell_moment(self) -> None:
        past = self._scene.shown
        sharp = self._scene.draw() if self._controls.is_sharp else None
        self._tell("moment", {"moment": past.moment, "point": Point.of(past.moment), "sharp": sharp})

    def _tell_history(self) -> None:
        self._tell("history", {"points": [Point.of(past.moment) for past in self._scene.past]})

    def _tell_control(self) -> None:
        self._tell("control", self._controls)
