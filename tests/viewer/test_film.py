"""Films: one picture for each moment, whole or not there at all."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
import pytest
from PIL import Image

from scenes import longer, scene_of
from simcore.common.errors import UserError
from simcore.config.run import Config
from simcore.pictures import MapPanel, Pose, draw_map, fitted
from simcore.viewer import film as film_module
from simcore.viewer.description import describe
from simcore.viewer.drawing import HEIGHT, LARGE, MAP, MAPS, MARGIN, SMALL, TOP, WIDTH, draw_moment
from simcore.viewer.film import Film, record
from simcore.viewer.messages import decode_view, encode_view
from simcore.worlds.gym import GymConfig
from tinier import tinier, tinier_acting

FOREIGN = replace(tinier_acting(), level="MiniGrid-Empty-5x5-v0", world=GymConfig(frame_size=8))


def recorded(file: Path, *configs: Config, steps: int = 3, **options: Any) -> Film:
    scene = scene_of(*configs)
    names = [f"run {number}" for number in range(len(scene.runs))]
    with Film(file, 5.0) as film:
        record(scene, describe(scene, names), film, steps, **options)
    return film


def test_a_film_has_a_picture_for_each_moment(tmp_path: Path) -> None:
    film = recorded(tmp_path / "new" / "film.mp4", longer(tinier()), steps=6, blindfold_from=3)
    frames = imageio.imread(film.file, plugin="pyav")
    assert frames.shape == (7, HEIGHT, WIDTH, 3)
    assert film.pictures == 7
    assert [path.name for path in film.file.parent.iterdir()] == ["film.mp4"]


def test_an_animation_too(tmp_path: Path) -> None:
    film = recorded(tmp_path / "film.gif")
    with Image.open(film.file) as animation:
        assert (animation.n_frames, animation.size) == (4, (WIDTH, HEIGHT))
        assert animation.info["duration"] == 200


@pytest.mark.parametrize(("rate", "duration"), [(5.0, 200), (7.0, 140), (60.0, 20)])
def test_an_animation_is_as_fast_as_browsers_show_it(rate: float, duration: int, tmp_path: Path) -> None:
    """Whole hundredths of a second, and two at least: fewer are shown as ten."""
    pictures = np.random.default_rng(0).integers(0, 256, (11, 6, 8, 3), dtype=np.uint8)
    writer = film_module._Animation(tmp_path / "film.gif", rate)
    for picture in pictures:
        writer.write(picture)
    writer.close()
    with Image.open(tmp_path / "film.gif") as animation:
        assert (animation.n_frames, animation.info["duration"]) == (11, duration)


def test_what_cannot_become_a_film_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(UserError, match="it is a folder"):
        Film(tmp_path / "folder.mp4", 5.0)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ModuleNotFoundError):
        Film(tmp_path / "film.mp4", 5.0)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.mp4"]


def told(*configs: Config, steps: int = 2) -> dict[str, Any]:
    """Return what a page knows after some steps."""
    scene = scene_of(*configs)
    names = [f"run {number}" for number in range(len(scene.runs))]
    views = {"hello": describe(scene, names)}
    for _ in range(steps):
        moment = scene.step()
    views["moment"] = {"moment": moment, "sharp": scene.draw()}
    return {kind: decode_view(encode_view(kind, view))[1] for kind, view in views.items()}


def test_pictures_show_what_was_told() -> None:
    known = told(longer(tinier()))
    moment = known["moment"]["moment"]
    page = draw_moment(known, [])
    below = TOP + LARGE + 52
    np.testing.assert_array_equal(page[below : below + SMALL, MARGIN : MARGIN + SMALL], fitted(moment["frame"], SMALL))
    place = moment["place"]
    pose = Pose(divmod(place["cell"], 7), place["heading"] * 22.5)
    true = draw_map(MapPanel(place["map"], place["since_seen"] >= 0, [pose]), MAP)
    np.testing.assert_array_equal(page[TOP + 20 :, MAPS:][: len(true), : len(true)], true)


@pytest.mark.parametrize(
    "configs",
    [
        (longer(tinier()), longer(tinier(core="slots"))),
        (longer(tinier(probes__map_convdraw=True)),),
        (longer(tinier_acting(frame_model="none")),),
        (longer(tinier_acting(frame_model="contrastive")),),
        (FOREIGN,),
    ],
    ids=["two", "certainty", "model-free", "contrastive", "foreign"],
)
def test_every_kind_of_run_can_be_filmed(configs: tuple[Config, ...], tmp_path: Path) -> None:
    assert recorded(tmp_path / "film.gif", *configs, steps=2).pictures == 3


def test_what_fails_leaves_neither_half_a_film_nor_takes_the_one_before(tmp_path: Path) -> None:
    file = tmp_path / "film.gif"
    file.write_bytes(b"before")
    with pytest.raises(UserError, match="model that makes frames"):
        recorded(file, tinier_acting(frame_model="none"), blindfold_from=0)
    assert [path.name for path in tmp_path.iterdir()] == ["film.gif"]
    assert file.read_bytes() == b"before"


def test_an_interrupted_film_has_what_was_recorded(tmp_path: Path) -> None:
    file = tmp_path / "film.gif"

    def interrupt(part: float) -> None:
        if part > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recorded(file, steps=4, advance=interrupt)
    with Image.open(file) as animation:
        assert animation.n_frames == 4


@pytest.mark.parametrize("name", ["film.avi", "film", "film.MP4x"])
def test_other_endings_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"must end in \.mp4 or \.gif"):
        Film(tmp_path / name, 5.0)


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot write .*; name another file by --record"):
        Film(tmp_path / "file" / "film.mp4", 5.0)


def test_nobody_drives_a_world_without_walker_and_policy(tmp_path: Path) -> None:
    scene = scene_of(longer(tinier()))
    scene.driver = "you"
    with Film(tmp_path / "film.gif", 5.0) as film, pytest.raises(UserError, match="nobody can drive"):
        record(scene, describe(scene, ["one"]), film, 1)
    assert not list(tmp_path.iterdir())
