"""A finished run that is read by other fresh probes than its own."""

import json
from pathlib import Path
from typing import Any

import pytest

import simcore
from simcore.analysis.loading import load
from simcore.cli import main
from simcore.common.errors import UserError
from tinier import tinier
from trained import trained_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained_run(tmp_path_factory.mktemp("runs") / "run", tinier(learning__updates=1)).path


def test_other_probes_are_trained_and_kept_apart(run: Path) -> None:
    own = load(run, "cpu")
    larger = own.with_probes(hidden_size=24, epochs=2)
    read = [sum(weight.numel() for weight in each.probes.parameters()) for each in (own, larger)]
    assert read[0] < read[1]
    again = load(run, "cpu")
    assert again.fresh.kept() is not None
    assert again.with_probes(hidden_size=24, epochs=2).fresh.kept() is not None
    assert again.with_probes(hidden_size=24).fresh.kept() is None
    assert again.with_probes() is again
    assert own.in_worlds(world={"episode_length": 5}).with_probes(layers=0).probes.targets == own.probes.targets


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"depth": 3}, "fresh probes have no depth; they have hidden_size, layers, "),
        ({"map_kappa": 0.1}, "fresh probes have no map_kappa"),
        ({"epochs": 0}, "probes.epochs must be"),
    ],
)
def test_what_no_fresh_probe_has_is_refused(values: dict[str, Any], told: str, run: Path) -> None:
    with pytest.raises(UserError, match=told):
        load(run, "cpu").with_probes(**values)


def test_functions_take_other_probes(run: Path) -> None:
    usual, linear = (simcore.probe(run, 4, controls=False, probes=probes) for probes in (None, {"layers": 0}))
    assert usual["belief"].overall() != linear["belief"].overall()
    assert usual["online"].overall() == linear["online"].overall()
    with pytest.raises(UserError, match="probes= is of fresh probes"):
        simcore.probe(run, 4, online=True, probes={"layers": 0})
    comparison = simcore.compare([run], 4, controls=False, probes={"layers": 0})
    (known,) = comparison.rows[0].known.values()
    assert known.scores["cell_accuracy"] == linear["belief"].overall()["cell_accuracy"]


def test_commands_take_other_probes(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["probe", str(run), "--worlds", "4", "--no-controls", "--probes.layers", "0", "--device", "cpu"])
    assert "fresh probes (layers=0) of b_t" in " ".join(capsys.readouterr().out.split())
    assert json.loads((run / "probe-other-probes.json").read_text())["recipe"] == {"layers": 0}
    out = tmp_path / "comparison"
    main(["compare", str(run), "--worlds", "4", "--no-controls", "--probes.layers", "0", "--out", str(out)])
    assert "with probes.layers=0" in out.with_suffix(".md").read_text()
    assert json.loads(out.with_suffix(".json").read_text())["probes"] == {"layers": 0}


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--online", "--probes.epochs", "7"], "--online reads by the run's own probes, for which --probes.epochs"),
        (["--probes.map-kappa", "0.5"], "fresh probes have no map_kappa"),
        (["--probes.epochs", "0"], "probes.epochs must be"),
    ],
)
def test_flags_without_an_effect_are_refused(
    flags: list[str], told: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["probe", str(run), *flags])
    assert ended.value.code == 2
    assert told in capsys.readouterr().err
