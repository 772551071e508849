"""Scores: which runs have which, and that no world serves both to choose and to tell."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from simcore.analysis import evaluation
from simcore.analysis.loaded_run import LoadedRun
from simcore.analysis.loading import load_run
from simcore.analysis.measuring import GUESS_WORLDS, measure
from simcore.commands.probe import nulls
from simcore.common.errors import UserError
from simcore.sweeps.scores import DOING, KNOWING, METRICS, Scores, available, take_scores
from tinier import tinier, tinier_acting
from trained import trained_run


def trained(config: Any, path: Path) -> LoadedRun:
    return load_run(trained_run(path, config), "cpu")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> LoadedRun:
    return trained(tinier(learning__updates=1), tmp_path_factory.mktemp("runs") / "run")


def test_sets_of_worlds_have_none_in_common(run: LoadedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, set[bytes]] = {}
    live = LoadedRun.collect

    def spy(self: LoadedRun, purpose: str, worlds: int, rows: int) -> Any:
        trajectory = live(self, purpose, worlds, rows)
        kind = purpose.rpartition("/")[0]
        maps = {trajectory.targets["map"][0, world].numpy().tobytes() for world in range(worlds)}
        assert len(maps) == worlds
        assert not maps & set().union(*seen.values()), f"a world of {purpose} was seen before"
        seen.setdefault(kind, set()).update(maps)
        return trajectory

    monkeypatch.setattr(LoadedRun, "collect", spy)
    scores = take_scores(run, 40)
    measure(run, 40)
    found = {kind: len(maps) for kind, maps in seen.items()}
    assert found == {
        f"{purpose}{kind}": worlds
        for purpose in ("validation/", "test/", "")
        for kind, worlds in (("constant", GUESS_WORLDS), ("held-out", 40))
    }
    assert scores.validation != scores.test


def test_scores_are_those_of_the_probes_and_repeat(run: LoadedRun) -> None:
    scores = take_scores(run, 5)
    assert scores == take_scores(run, 5)
    assert set(scores.test) == set(scores.validation) == set(scores.baseline) == set(KNOWING)
    measured = measure(run, 5, purpose="test/")
    assert scores.test == nulls(measured["belief"].overall())
    assert scores.baseline == nulls(measured["constant"].overall())
    assert (scores.update, scores.worlds) == (1, 5)


def test_an_agent_that_acts_has_returns_too(tmp_path: Path) -> None:
    config = tinier_acting(learning__updates=1)
    assert set(available(config)) == set(METRICS)
    scores = take_scores(trained(config, tmp_path / "run"), 3)
    assert set(scores.test) == set(METRICS)
    assert all(isinstance(scores.test[name], float) for name in DOING)


def test_an_agent_plays_other_episodes_to_choose_by_than_to_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Agent and random policy in the same worlds of each set; world i of a set has its seed + i."""
    play, seeds = evaluation.play, []

    def watched(*arguments: Any) -> Any:
        seeds.append(arguments[4])
        return play(*arguments)

    monkeypatch.setattr(evaluation, "play", watched)
    take_scores(trained(tinier_acting(learning__updates=1, learning__probe_times=0), tmp_path / "run"), 3)
    assert len(seeds) == 4
    assert seeds[0] == seeds[1] != seeds[2] == seeds[3]
    assert abs(seeds[0] - seeds[2]) >= 3


def test_a_run_has_the_scores_that_it_is_said_to_have() -> None:
    assert available(tinier()) == tuple(KNOWING)
    assert available(replace(tinier_acting(learning__probe_times=0), frame_model="none")) == tuple(DOING)
    assert torch.is_grad_enabled()


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", "\x00", "[" * 100_000),
        '{"update": "1", "worlds": 1, "validation": {}, "test": {}, "baseline": {}}',
        '{"update": 1, "worlds": 1, "validation": [], "test": {}, "baseline": {}}',
        '{"update": 1, "worlds": 1, "validation": {"food": "all"}, "test": {}, "baseline": {}}',
        '{"update": 1, "worlds": 1, "validation": {"food": true}, "test": {}, "baseline": {}}',
    ],
)
def test_a_file_that_holds_no_scores_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "scores.json"
    file.write_text(text)
    with pytest.raises(UserError, match=r"scores\.json is damaged .* the run is measured again"):
        Scores.read(file)
