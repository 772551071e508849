"""The conductor: what people ask for is done, in time, and what cannot be done is said."""

import gc
from typing import Any

import pytest

from scenes import longer, scene_of
from serving import resident
from simcore.config.run import Config
from simcore.viewer import scene as scenes
from simcore.viewer.conductor import AFTER_THE_END, FUTURES_EVERY, Conductor
from simcore.viewer.messages import Command
from tinier import tinier, tinier_acting


class Watched:
    """A conductor at a clock that stands until it is moved, and what it has told."""

    def __init__(self, *configs: Config, pace: float = 10.0) -> None:
        self.now = 100.0
        self.told: list[tuple[str, Any]] = []
        scene = scene_of(*configs or (longer(tinier()),))
        self.conductor = Conductor(scene, lambda kind, view: self.told.append((kind, view)), pace, lambda: self.now)
        self.scene = scene

    def ask(self, do: str, value: Any = None) -> None:
        self.conductor.obey(Command(do, value))

    def wait(self, seconds: float) -> int:
        """Let time go by, and return how many steps were taken."""
        before, end = self.scene.present.number, self.now + seconds
        while (until := self.conductor.until_due()) is not None and self.now + max(until, 0) <= end + 1e-9:
            self.now += max(until, 0)
            self.conductor.step_in_time()
        self.now = end
        return self.scene.present.number - before

    def views(self, kind: str) -> list[Any]:
        return [view for each, view in self.told if each == kind]

    @property
    def note(self) -> str:
        return self.views("control")[-1].note


def test_it_begins_with_the_scene_as_it_is() -> None:
    watched = Watched()
    watched.conductor.begin()
    watched.conductor.imagine_all()
    assert [kind for kind, _ in watched.told] == ["history", "control", "moment", "futures"]
    assert watched.views("moment")[0]["moment"].number == 0
    assert watched.views("futures")[0].number == 0


def test_the_walker_steps_at_the_pace() -> None:
    watched = Watched(pace=10)
    assert watched.wait(2) == pytest.approx(20, abs=1)
    watched.ask("pace", 2)
    assert watched.wait(5) == pytest.approx(10, abs=1)


def test_steps_that_took_too_long_are_not_made_up_for() -> None:
    watched = Watched(pace=10)
    watched.wait(1)
    watched.now += 60
    assert watched.wait(1) <= 12


def test_a_key_steps_at_once_and_for_as_long_as_it_is_held() -> None:
    watched = Watched(pace=10)
    watched.ask("press", 1)
    assert watched.scene.present.number == 1
    assert watched.conductor.controls.driver == "you"
    assert watched.wait(0.5) == pytest.approx(5, abs=1)
    watched.ask("release", 1)
    assert watched.wait(5) == 0
    assert {past.moment.action for past in list(watched.scene.past)[1:]} == {1}


def test_another_keys_release_does_not_release() -> None:
    watched = Watched(pace=10)
    watched.ask("press", 1)
    watched.ask("press", 2)
    watched.ask("release", 1)
    assert watched.conductor.controls.held == 2


def test_a_pause_ends_with_the_next_key() -> None:
    watched = Watched()
    watched.ask("pause", True)
    assert watched.wait(5) == 0
    watched.ask("step")
    assert watched.scene.present.number == 1
    assert watched.wait(5) == 0
    watched.ask("press", 0)
    assert watched.scene.present.number == 2
    watched.ask("driver", "walker")
    assert watched.wait(1) > 5


def test_futures_are_imagined_anew_every_few_steps_after_the_moment_is_told() -> None:
    watched = Watched(pace=10)
    watched.wait((FUTURES_EVERY - 1) / 10 - 0.05)
    assert not watched.conductor.is_imagining
    watched.wait(0.2)
    assert watched.conductor.is_imagining
    assert not watched.views("futures")
    watched.conductor.imagine_all()
    assert watched.views("futures")[0].number == watched.scene.present.number


def test_what_is_being_imagined_is_brought_to_its_end_where_steps_are_late() -> None:
    watched = Watched(pace=10)
    for _ in range(4 * FUTURES_EVERY):
        watched.wait(0.1)
        if watched.conductor.is_imagining:
            watched.conductor.imagine_on()
    assert len(watched.views("futures")) >= 2


def test_a_step_comes_between_the_parts_of_what_is_imagined() -> None:
    watched = Watched(pace=10)
    watched.conductor.begin()
    watched.conductor.imagine_on()
    watched.conductor.imagine_on()
    watched.wait(0.1)
    watched.conductor.imagine_all()
    assert watched.views("futures")[0].number == 0


def test_the_end_of_an_episode_is_shown_for_a_while() -> None:
    watched = Watched(tinier(), pace=10)  # 8 steps
    watched.wait(0.75)
    assert watched.scene.present.is_over
    assert watched.wait(AFTER_THE_END / 2) == 0
    watched.wait(AFTER_THE_END)
    assert watched.scene.present.seed == 1


def test_looking_back_stops_time_and_driving_branches() -> None:
    watched = Watched(pace=10)
    watched.wait(1)
    watched.ask("look", 4)
    assert watched.conductor.controls.looked_at == 4
    assert watched.views("moment")[-1]["moment"].number == 4
    assert watched.wait(5) == 0
    watched.ask("press", 2)
    assert watched.conductor.controls.looked_at is None
    assert watched.scene.present.number == 5
    assert [point.number for point in watched.views("history")[-1]["points"]] == [0, 1, 2, 3, 4, 5]


def test_back_to_now() -> None:
    watched = Watched(pace=10)
    watched.wait(1)
    now = watched.scene.present.number
    watched.ask("look", 4)
    watched.ask("look", None)
    assert watched.views("moment")[-1]["moment"].number == now
    assert watched.wait(1) > 5


@pytest.mark.parametrize("ask", [("branch", None), ("pause", False), ("blindfold", True)])
def test_an_earlier_moment_becomes_the_present(ask: tuple[str, Any]) -> None:
    watched = Watched(pace=10)
    watched.wait(1)
    watched.ask("look", 4)
    watched.ask(*ask)
    assert watched.scene.present.number == 4
    assert watched.scene.is_blind == (ask[0] == "blindfold")


def test_the_blindfold() -> None:
    watched = Watched(pace=10)
    watched.ask("blindfold", True)
    watched.wait(0.5)
    assert watched.scene.present.is_blind
    watched.ask("reset", 7)
    assert not watched.conductor.controls.is_blind
    assert watched.scene.present.seed == 7


def test_without_sharp_eyes_nothing_is_drawn_for_them() -> None:
    watched = Watched()
    watched.ask("sharp", False)
    assert watched.views("moment")[-1]["sharp"] is None
    watched.ask("sharp", True)
    assert watched.views("moment")[-1]["sharp"].shape == (256, 256, 3)


def test_a_plan_of_ones_own() -> None:
    watched = Watched()
    watched.ask("plan", 2)
    watched.conductor.imagine_all()
    assert set(watched.views("futures")[-1].actions) == {2}
    watched.ask("plan", "walker")
    watched.conductor.imagine_all()
    assert watched.conductor.controls.plan == "walker"
    watched.ask("plan", "you")
    assert watched.conductor.controls.plan is None


@pytest.mark.parametrize(
    ("ask", "note"),
    [
        (("press", 5), "allowed are 0 to 4"),
        (("plan", 5), "allowed are 0 to 4"),
        (("driver", "agent"), "agent cannot drive here; allowed are you, walker"),
        (("plan", "agent"), "allowed are you, walker"),
        (("look", 3), "there are 0 to 0"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(ask: tuple[str, Any], note: str) -> None:
    watched = Watched()
    before = watched.conductor.controls
    watched.ask(*ask)
    assert note in watched.note
    assert watched.conductor.controls._replace(note="") == before
    watched.ask("pause", True)
    assert watched.note == ""


def test_a_note_stays_until_somebody_does_something() -> None:
    """A key that goes up, and a page that connects, ask for themselves."""
    watched = Watched()
    watched.ask("press", 77)
    note = watched.note
    assert note
    watched.ask("release", 77)
    watched.ask("history")
    assert watched.note == note
    watched.ask("pause", True)
    assert watched.note == ""


def test_no_blindfold_without_a_model_that_makes_frames() -> None:
    watched = Watched(longer(tinier_acting(frame_model="none")))
    watched.ask("blindfold", True)
    assert "model that makes frames" in watched.note
    watched.wait(1)
    assert not watched.views("futures")


def test_memory_stays_flat_once_the_time_line_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes, "LONGEST", 150)
    watched = Watched(longer(tinier(), 100), pace=20)
    sizes = []
    for _ in range(5):
        watched.wait(10)
        watched.conductor.imagine_all()
        watched.told.clear()
        gc.collect()
        sizes.append(resident())
    assert len(watched.scene.past) == 150
    assert max(sizes[2:]) - sizes[1] < 4 * 2**20
