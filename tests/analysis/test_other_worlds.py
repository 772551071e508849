"""A run is looked at in its own worlds, but for what is changed; what is not finished is called so."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import simcore
from counting import Counting
from simcore.acting import RandomPolicy
from simcore.analysis import collecting
from simcore.analysis.collecting import collect_in
from simcore.analysis.evaluation import LONGEST, Evaluation, evaluate, limited, play
from simcore.analysis.loaded_run import LoadedRun
from simcore.analysis.loading import load, load_run
from simcore.analysis.worlds import in_worlds, kept, world_in
from simcore.cli import main
from simcore.commands.console import advancing
from simcore.common.errors import UserError
from simcore.config.presets import preset
from simcore.config.run import Config
from simcore.figures.paper import unfinished
from simcore.worlds.gym import GymConfig
from tinier import changed, tinier, tinier_acting
from trained import trained_run

COUNTING = "counting:Counting-v0"


def make_run(path: Path, config: Config) -> LoadedRun:
    return load_run(trained_run(path, config), "cpu")


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> LoadedRun:
    """A run in another's environment, with most fields of its world changed."""
    world = GymConfig(frame_size=16, repeat=5, episode_length=2, targets=("parity=class:2",))
    config = replace(tinier_acting(learning__updates=1, learning__worlds=4), level=COUNTING, world=world)
    return make_run(tmp_path_factory.mktemp("runs") / "run", config)


@pytest.fixture(scope="module")
def food(tmp_path_factory: pytest.TempPathFactory) -> LoadedRun:
    return make_run(tmp_path_factory.mktemp("runs") / "run", tinier_acting(learning__updates=2))


def returns(evaluation: Evaluation) -> set[float]:
    return {episode.reward for episode in (*evaluation.agent, *evaluation.random)}


def test_another_level_keeps_what_the_run_changed_of_its_world(counting: LoadedRun) -> None:
    assert returns(evaluate(counting, 9)) == {10.0}
    other = evaluate(counting, 9, "counting:Longer-v0")
    assert other.world == counting.config.world
    assert {episode.length for episode in other.agent} == {2}
    assert returns(other) == {10.0}


def test_fields_of_the_world_can_be_changed_one_by_one(counting: LoadedRun) -> None:
    assert returns(evaluate(counting, 3, world={"repeat": 1})) == {2.0}
    assert returns(evaluate(counting, 3, world={"repeat": 1, "episode_length": 0})) == {10.0}
    assert returns(evaluate(counting, 3, world={"make_kwargs": ("lasts=3",)})) == {3.0}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"nothing": 1}, "has no world.nothing; there are: frame_size"),
        ({"repeat": 0}, "world.repeat is 0; allowed are 1 to 10000"),
        ({"frame_size": 8}, "world.frame_size must be 16"),
    ],
)
def test_what_cannot_be_changed_is_refused(changes: dict[str, Any], told: str, counting: LoadedRun) -> None:
    with pytest.raises(UserError, match=told):
        counting.in_worlds(world=changes)


def test_sessions_rollouts_and_probes_take_such_worlds_too(counting: LoadedRun) -> None:
    changes = {"repeat": 1, "episode_length": 6}
    other = counting.in_worlds(world=changes)
    env = other.make_env()
    env.reset(seed=0)
    assert env.step(0)[1] == 1.0
    env.close()
    assert simcore.roll_out(counting, 2, world=changes).lengths == [7, 7]
    scores = simcore.probe(counting, 6, world=changes, controls=False)
    assert scores["belief"].accuracies["parity_accuracy"].shape == (7, 6)
    assert other.fresh.kept() is not None
    assert counting.fresh.kept() is None, "probes of other worlds are kept apart"
    with pytest.raises(UserError, match=r"the run's probes read parity \(2,\); these worlds tell nothing"):
        _ = counting.in_worlds(world={"targets": ()}).probes


def test_online_probes_do_not_read_maps_in_another_frame(tmp_path: Path) -> None:
    run = load(trained_run(tmp_path / "run", tinier(learning__updates=1)).path, "cpu")
    other = run.in_worlds(world={"map_frame": "ego"})
    assert set(simcore.probe(run, 2, controls=False)) == {"belief", "online", "constant"}
    assert set(simcore.probe(other, 2, controls=False)) == {"belief", "constant"}
    with pytest.raises(
        UserError, match=r"maps in the frame start; these worlds tell .*, in the frame ego: simcore pro"
    ):
        _ = other.online_probes
    assert other.session().read_by == "fresh"
    assert other.in_worlds(world={"map_frame": "start"}).online_fits
    with pytest.raises(UserError, match="in the frame world"):
        run.in_worlds(world={"map_frame": "world"}).session()


def test_no_more_copies_are_made_than_an_actor_had(counting: LoadedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(evaluate(counting, 9).agent) == 9
    assert {episode.world for episode in evaluate(counting, 9, copies=2).agent} == {0, 1}
    assert counting.collect("held-out", 7, 3).frames.shape[:2] == (3, 7)
    with pytest.raises(UserError, match="--copies is 0; it must be at least 1"):
        evaluate(counting, 9, copies=0)
    assert Counting.alive == 0
    monkeypatch.setattr(Counting, "alive", 0)  # those made before the one that cannot be made are left to the collector
    with pytest.raises(UserError, match="there are licences for 5 of these"):
        evaluate(counting, 9, copies=6)


def test_worlds_that_are_made_part_by_part_have_seeds_of_their_own(
    counting: LoadedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """World i of a part is reset with the part's seed + i; there are 4 in each here."""
    seeds: list[int] = []
    monkeypatch.setattr(collecting, "collect_in", lambda *given: seeds.append(given[3]) or collect_in(*given))
    counting.collect("held-out", 7, 3)
    assert [seed - seeds[0] for seed in seeds] == [0, 4]


def test_episodes_without_an_end_are_stopped_and_told(counting: LoadedRun) -> None:
    endless = {"make_kwargs": ("lasts=0",), "episode_length": 0, "repeat": 1}
    evaluation = evaluate(counting, 3, world=endless, max_steps=70)
    assert evaluation.stopped == {"agent": 3, "random": 3}
    assert returns(evaluation) == {70.0}
    ending = evaluate(counting, 3, world=endless | {"make_kwargs": ("lasts=70",)}, max_steps=70)
    assert ending.stopped == {"agent": 0, "random": 0}, "these end by themselves in that very step"
    assert limited(in_worlds(counting.config, None, endless), None)[1] == LONGEST
    assert limited(counting.config, None) == (counting.config, None)
    assert limited(counting.config, 5) == (counting.config, None), "its own limit is shorter"


def test_a_level_of_simcores_goes_to_another_with_what_the_run_changed(food: LoadedRun) -> None:
    assert kept(food.config, "HighFood") == {
        "frame_size": 8, "size": 7, "episode_length": 20, "amount": 2, "landmarks": 1,
    }  # fmt: skip
    usual = replace(food.config, world=replace(preset("tiny", "Cliff").world, frame_size=8), level="Cliff")
    assert world_in(usual, "CliffHard") == replace(preset("tiny", "CliffHard").world, frame_size=8)


def test_the_commands_world_is_the_runs_own_but_for_its_flags(
    food: LoadedRun, capsys: pytest.CaptureFixture[str]
) -> None:
    assert food.fresh.folder is not None
    path = food.fresh.folder.parent
    flags = ["--world.episode-length", "30", "--max-steps", "10", "--copies", "1", "--world.amount", "3"]
    main(["evaluate", *flags, str(path), "--episodes", "2"])
    output = capsys.readouterr().out
    assert "Changed for this evaluation: episode_length=30, amount=3" in output
    assert "Stopped after 10 steps before they had ended:" in output
    report = json.loads((path / "evaluation-Food.json").read_text())
    assert report["world"]["size"] == 7
    assert report["max_steps"] == 10
    with pytest.raises(SystemExit):
        main(["evaluate", str(path), "--world.size", "2"])
    assert capsys.readouterr().err.startswith("simcore: world: size is 2; allowed are 5 to 255 cells")


def test_what_is_not_finished_is_called_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path / "run", tinier_acting(learning__updates=2))
    longer = changed(run.config, learning__updates=4000)
    (tmp_path / "run" / "config.json").write_text(json.dumps(longer.to_dict()))
    for command, told in (
        (["evaluate", "--episodes", "1"], "run after 2 of 4,000 updates, 1 episodes of Food"),
        (["export"], "after 2 of 4,000 updates"),
        (["figure", "curves", "--metric", "entropy", "--out", str(tmp_path / "curves")], "(seed 0, after 2 of 4,000"),
    ):
        main([*command, str(tmp_path / "run")])
        assert told in " ".join(capsys.readouterr().out.split())
    assert unfinished([run]) == ""
    assert unfinished([run, replace(run, config=longer)]) == ", after 2 of 4,000 updates"


def test_progress_is_told_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("simcore.commands.console.SECONDS", 0.0)
    told: list[float] = []
    play(tinier_acting(), RandomPolicy(5, 2, seed=0), 2, 40, seed=1, advance=told.append)
    assert len(told) > 2
    assert (told[0], told[-1]) == (0.0, 1.0)
    with advancing() as advance:
        advance("episodes of the agent", 0.25)
    captured = capsys.readouterr()
    assert captured.err.startswith("episodes of the agent: 25.0%, elapsed ")
    assert captured.out == ""
