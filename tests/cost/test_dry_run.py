"""`simcore train --dry-run`: what it prints, and that it leaves nothing behind."""

from pathlib import Path

import pytest
import torch

from simcore.cli import main
from simcore.common.errors import UserError
from simcore.cost import CARDS, find_peak


@pytest.mark.parametrize("core", ["lstm", "slots"])
def test_it_prints_what_a_run_costs_and_leaves_no_folder(
    core: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    small = ["--learning.unroll-length", "8", "--learning.worlds", "2", "--simulation.overshoot", "3"]
    main(["train", "RandomCity", "--core", core, *small, "--dry-run", "--peak", "H100", "--precision", "tf32"])
    output = capsys.readouterr().out
    for text in (
        "encoder",
        "belief core",
        "frame model",
        "probes",
        "Adam's moments",
        "H100 SXM, tf32",
        "frames/s",
        "35%",
    ):
        assert text in output
    assert ("of which its memory" in output) == (core != "lstm")
    assert "\x1b" not in output
    assert list(tmp_path.iterdir()) == []


def test_without_a_peak_it_says_how_to_name_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    small = ["--learning.unroll-length", "8", "--learning.worlds", "2", "--simulation.overshoot", "3"]
    main(["train", "Food", *small, "--device", "cuda", "--dry-run"])
    output = capsys.readouterr().out
    assert "policy and value" in output
    assert "--peak h100" in output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("flags", "what"),
    [
        (["--dry-run", "--peak", "h1000"], "allowed are a100, h100, h200, rtx4090, or a number of TFLOP/s"),
        (["--dry-run", "--peak", "-3"], "-3"),
        (["--dry-run", "--peak", "inf"], "there is no --peak 'inf'"),
        (["--peak", "h100"], "--peak tells what a run would cost, and goes with --dry-run"),
        (["Nowhere", "--dry-run"], "there is no level 'Nowhere'"),
        (["No-Such-v0", "--dry-run"], "there is no environment No-Such-v0"),
    ],
)
def test_bad_input_is_one_line(
    flags: list[str], what: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["train", *flags])
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert what in line
    assert list(tmp_path.iterdir()) == []


def test_a_peak_is_a_card_or_a_number() -> None:
    card = find_peak("RTX 4090")
    assert card is CARDS["rtx4090"]
    assert card.rate(torch.float32, "fp32") == pytest.approx(82.6e12)
    assert find_peak("h100").rate(torch.float32, "tf32") == pytest.approx(494.7e12)
    assert find_peak("h100").rate(torch.float32, "bf16") == pytest.approx(494.7e12)
    assert find_peak("2.5").rate(torch.bfloat16, "bf16") == find_peak("2.5").rate(torch.float32, "fp32") == 2.5e12
    with pytest.raises(UserError):
        find_peak("nan")
