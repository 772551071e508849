"""The runs that are shipped: that they are what their cards tell, and are found by their names."""

import math
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import simcore
from simcore.analysis.cards import score_acting, score_belief
from simcore.analysis.loaded_run import LoadedRun
from simcore.analysis.loading import load
from simcore.cli import main
from simcore.common.errors import UserError
from simcore.common.intervals import Interval
from simcore.config.run import Config
from simcore.pretrained import Card, Means, read_metadata, shipped
from simcore.runs import ExportedRun, open_run

WORLDS, EPISODES = 128, 48
WHOLE = 25 * 2**20
"""The most bytes of all of them together."""


def card_of(name: str) -> Card:
    card = read_metadata(shipped()[name]).card
    assert card is not None
    return card


def measured(run: LoadedRun) -> Iterator[tuple[str, Means]]:
    """Measure in a few worlds other than the card's, and yield the kinds of scores, as fields of a card's parts."""
    belief = score_belief(run, WORLDS, purpose="again/")
    if belief is not None:
        yield "left", belief.left
        yield "accuracy", belief.accuracy
    acting = score_acting(run, EPISODES, seed=1)
    if acting is not None:
        yield "measures", acting.measures


def is_same(told: Interval, found: Interval) -> bool:
    """Return whether two independent measurements can be of one and the same run.

    The difference of two means has the sum of their variances. Twice what reaches over 90 % of a normal distribution
    reaches over 99.9 %, so that a test of some dozens of scores holds. Where nearly all answers are right a few wrong
    ones make the interval, and they may be missing here: half a percent more is allowed.
    """
    reach = math.hypot(told.high - told.mean, found.high - found.mean)
    return abs(told.mean - found.mean) <= 2 * reach + 0.005


def differing(name: str, run: LoadedRun) -> list[str]:
    """Return the scores of a run that are not as the card of a shipped one tells them."""
    card = card_of(name)
    told = {
        kind: means for part in (card.belief, card.acting) if part is not None for kind, means in vars(part).items()
    }
    return [
        f"{score} of the {whose}: {of} here, {told[kind][score][whose]} in the card"
        for kind, means in measured(run)
        for score, by in means.items()
        for whose, of in by.items()
        if not is_same(told[kind][score][whose], of)
    ]


@pytest.mark.parametrize("name", shipped())
def test_the_scores_are_those_of_the_card(name: str) -> None:
    assert not differing(name, load(name, "cpu"))


@pytest.mark.parametrize("name", shipped())
@torch.no_grad()
def test_a_belief_with_noise_has_other_scores(name: str) -> None:
    """So that the test above fails for weights, a world or a reading that is not the card's."""
    run = load(name, "cpu")
    generator = torch.Generator().manual_seed(0)
    for weight in run.agent.core.parameters():
        weight.add_(weight.std(correction=0) * torch.randn(weight.shape, generator=generator))
    assert differing(name, run)


@pytest.mark.parametrize("name", shipped())
def test_the_card_tells_of_the_file(name: str) -> None:
    run = open_run(name)
    assert isinstance(run, ExportedRun)
    card, config = run.card, Config.from_dict(run.config)
    assert card is not None
    assert (card.level, card.core, card.preset, card.seed) == (config.level, config.core, config.preset, config.seed)
    assert (card.updates, card.planned) == (run.update, config.learning.updates)
    assert card.frames == run.update * config.learning.frames_per_update
    assert card.commit is not None
    assert re.fullmatch("[0-9a-f]{40}", card.commit)
    assert card.licence == "Apache-2.0"
    assert card.command is not None
    assert (card.acting is not None) == (config.policy == "agent")


def test_the_kinds_that_are_shipped() -> None:
    assert {"random-city", "random-city-slots"} <= set(shipped())
    assert sum(file.stat().st_size for file in shipped().values()) < WHOLE


def test_a_shipped_run_is_loaded_by_its_name() -> None:
    run = simcore.load("random-city", "cpu")
    session = run.session()
    belief = session.observe(*run.make_env().reset(seed=0))
    assert session.read_by == "online"
    assert belief.map is not None
    assert belief.map.shape == (7, 7, 3)


def test_results_of_a_shipped_run_go_into_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    before = {name: file.stat().st_mtime_ns for name, file in shipped().items()}
    main(["rollout", "random-city", "--worlds", "1", "--world.episode-length", "30", "--context", "4", "--steps", "2"])
    assert {path.name for path in (tmp_path / "runs" / "random-city-results").iterdir()} == {
        "rollout.png",
        "rollout.gif",
    }
    assert "Written: runs/random-city-results/rollout.png" in capsys.readouterr().out
    assert {name: file.stat().st_mtime_ns for name, file in shipped().items()} == before
    assert sorted(shipped()["random-city"].parent.glob("*-results")) == []


def test_a_path_that_exists_has_precedence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "random-city").mkdir()
    with pytest.raises(UserError, match="random-city is no run"):
        load("random-city")


def test_an_unknown_name_is_told_the_shipped_ones() -> None:
    with pytest.raises(
        UserError, match=r"there is no run folder random-cities; .* shipped run: .*random-city, random-"
    ):
        load("random-cities")
