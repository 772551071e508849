"""Cards: what an export tells of its run, and how it is shown."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

import simcore
from simcore.analysis.loading import load_run
from simcore.analysis.scores import left
from simcore.cli import main
from simcore.common.errors import UserError
from simcore.common.version import __version__, commit
from simcore.pretrained import Card, read_metadata, shipped
from simcore.runs import RunFolder
from simcore.runs.exported import save_export
from tinier import tinier, tinier_acting
from trained import trained_run

Refused = Callable[[list[str]], str]


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Refused:
    def refused(arguments: list[str]) -> str:
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        return line

    return refused


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return trained_run(tmp_path_factory.mktemp("runs") / "city", tinier(learning__updates=2))


def exported(run: RunFolder, *flags: str) -> Card:
    file = run.path / "out.safetensors"
    main(["export", str(run.path), str(file), "--worlds", "4", *flags])
    card = read_metadata(file).card
    assert card is not None
    return card


def test_a_card_tells_where_a_run_comes_from(city: RunFolder) -> None:
    card = exported(city, "--no-measure", "--title", "A city", "--licence", "MIT")
    assert card == Card(
        **{"title": "A city", "level": "RandomCity", "core": "lstm", "frame_model": "convdraw", "preset": "tiny"},
        **{"seed": 0, "updates": 2, "planned": 2, "frames": 2 * 3 * 7, "licence": "MIT"},
        **{"version": __version__, "commit": commit()},
    )
    assert exported(city, "--no-measure").title == "RandomCity, lstm, seed 0"


def test_a_run_of_an_early_version_has_a_card_too(city: RunFolder, tmp_path: Path) -> None:
    origin = (city.path / "origin.json").read_bytes()
    (city.path / "origin.json").unlink()
    card = exported(city, "--no-measure")
    (city.path / "origin.json").write_bytes(origin)
    assert (card.version, card.commit) == (None, None)
    assert card.training["SimCore"] == "not recorded"


def test_an_export_measures_the_belief_beside_the_controls_that_are_at_hand(
    city: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = exported(city).belief
    assert "no controls" in capsys.readouterr().out
    load_run(city, "cpu").fresh.get(["untrained", "frame"])
    beside = exported(city, "--no-half").belief
    assert alone is not None
    assert beside is not None
    assert set(alone.read_by) == {"belief"}
    assert set(beside.read_by) == {"belief", "untrained", "frame"}
    assert alone.worlds == 4
    assert set(alone.accuracy["cell_accuracy"]) == {"belief", "constant"}
    scores = simcore.probe(str(city.path), 4, online=True)
    parts = left(scores["belief"], scores["constant"])
    assert {name: of["belief"].mean for name, of in beside.left.items()} == pytest.approx(
        {name: part for name, part in parts.items() if not math.isnan(part)}
    )
    for name, of in beside.accuracy.items():
        assert of["belief"].mean == pytest.approx(scores["belief"].overall()[name])
        assert of["constant"].mean == pytest.approx(scores["constant"].overall()[name])
    assert beside.constant["map_mse"] == pytest.approx(scores["constant"].overall()["map_mse"])


def test_an_export_measures_an_agent_that_acts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = trained_run(tmp_path / "food", tinier_acting(learning__updates=1))
    acting = exported(run, "--episodes", "3", "--no-half").acting
    intervals = simcore.evaluate(str(run.path), 3, device="cpu").intervals()
    assert acting is not None
    assert acting.episodes == 3
    assert {name: {who: intervals[who][name] for who in intervals} for name in intervals["agent"]} == acting.measures
    capsys.readouterr()
    main(["pretrained", str(run.path / "out.safetensors")])
    shown = capsys.readouterr().out
    for text in ("random policy", "food eaten", "map error left", "3 episodes, with 90 % intervals"):
        assert text in shown


def test_a_card_is_the_same_when_it_is_read() -> None:
    for file in shipped().values():
        card = read_metadata(file).card
        assert card is not None
        assert Card.from_json(card.to_json()) == card


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", 3),
        ("title", "\x1b[2J"),
        ("frames", "many"),
        ("frames", None),
        ("seed", True),
        ("belief", []),
        ("belief", {"worlds": 3}),
        ("acting", {"episodes": 2, "measures": {"return": {"agent": {"mean": "1", "low": 0, "high": 2}}}}),
    ],
)
def test_a_card_that_is_none_is_refused(field: str, value: object) -> None:
    card = Card("a", "b", "c", "d", "e", 0, 1, 1, 1)
    told = json.loads(card.to_json())
    assert Card.from_json(json.dumps(told | {"of a later version": 3})) == card
    with pytest.raises((ValueError, UserError)):
        Card.from_json(json.dumps(told | {field: value}))


def test_a_card_is_checked_before_it_is_measured(city: RunFolder, refused: Refused) -> None:
    out = str(city.path / "x.safetensors")
    assert "--title must be a text of 1 to 1000" in refused(["export", str(city.path), out, "--title", ""])
    assert "--worlds must be a whole number from 2" in refused(["export", str(city.path), out, "--worlds", "1"])


def test_the_list_and_a_card(capsys: pytest.CaptureFixture[str], refused: Refused, city: RunFolder) -> None:
    main(["pretrained"])
    listed = capsys.readouterr().out
    for name in shipped():
        assert name in listed
    for text in ("out of sight 10+", "untrained", "MiB", "M frames"):
        assert text in listed
    main(["pretrained", "random-city"])
    shown = capsys.readouterr().out
    card = read_metadata(shipped()["random-city"]).card
    assert card is not None
    for text in (card.title, "30,080,000 frames, 47,000 updates, seed 0", str(card.commit), "simcore train RandomCity"):
        assert text in shown
    assert "no exported run; make one of a run by: simcore export" in refused(["pretrained", str(city.path)])
    assert "there is no run folder nothing" in refused(["pretrained", "nothing"])


def test_a_file_without_a_card_is_shown_as_such(city: RunFolder, refused: Refused, tmp_path: Path) -> None:
    save_export(tmp_path / "x.safetensors", {}, city.config, 2, half=True, limit=2**20)
    assert "has no card" in refused(["pretrained", str(tmp_path / "x.safetensors")])
