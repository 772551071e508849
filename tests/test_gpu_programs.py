"""The programs for a GPU: that a comparison finds what differs, and that training takes the fastest way."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from benchmarks.gpu.agree import CPU, FLOAT32, Case, DrawnOnHost, apart, compare, difference, make_cases, run_updates
from benchmarks.gpu.common import guarded, make_trajectory, sized
from benchmarks.gpu.throughput import cells
from benchmarks.gpu.train import executor_flags, fastest


def test_random_numbers_are_drawn_on_the_cpu_by_the_given_seed() -> None:
    generator, other = torch.Generator().manual_seed(5), torch.Generator().manual_seed(5)
    with DrawnOnHost():
        drawn = [torch.randn(3, generator=generator, device="meta"), torch.randn(3, generator=generator)]
        permuted = torch.randperm(9, generator=generator)
        plain = torch.zeros(3, device="meta")
    assert (drawn[0].device.type, plain.device.type) == ("meta", "meta")
    torch.randn(3, generator=other)
    assert torch.equal(drawn[1], torch.randn(3, generator=other)), "the second draw goes on where the first stopped"
    assert torch.equal(permuted, torch.randperm(9, generator=other))


@pytest.mark.parametrize("level", ["RandomCity", "Food"])
def test_a_comparison_agrees_with_itself_and_with_nothing_else(level: str) -> None:
    config = sized("tiny", level, rehearse=True)
    case = Case("a test", config, FLOAT32)
    same = compare(case, CPU)
    assert (same.loss, same.norm, same.gradient) == (0, 0, 0)
    assert same.within(case)
    trajectory = make_trajectory(config)
    ours = run_updates(config, trajectory, 1, CPU)
    for other in (
        replace(config, geco=replace(config.geco, initial=6.0)),
        replace(config, simulation=replace(config.simulation, cost=config.simulation.cost * 1.01)),
    ):
        assert not difference(ours, run_updates(other, trajectory, 1, CPU)).within(case)
    broken = run_updates(config, trajectory, 1, CPU)
    broken.losses["frame_model/loss"] = float("nan")
    assert not difference(ours, broken).within(case)
    name = "agent.core.lstm.weight_ih_l0"
    broken.losses["frame_model/loss"] = ours.losses["frame_model/loss"]
    broken.gradients[name] = broken.gradients[name].flip(0)  # the same norm
    found = difference(ours, broken)
    assert found.norm == pytest.approx(0, abs=1e-12)
    assert not found.within(case)
    with pytest.raises(ValueError, match="other losses or weights"):
        difference(ours, run_updates(replace(config, frame_model="none", policy="agent"), trajectory, 1, CPU))


def test_a_relative_difference() -> None:
    assert apart(2.0, 1.0, 0.0) == 0.5
    assert apart(1e-9, -1e-9, 1e-5) == pytest.approx(2e-4)
    assert apart(float("nan"), float("nan"), 1.0) == 0
    assert apart(float("nan"), 1.0, 1.0) != apart(float("nan"), 1.0, 1.0)


def test_every_core_meets_every_frame_model_and_actor() -> None:
    names = {case.name for case in make_cases(torch.device("cuda"), rehearse=False)}
    for who in ("walker", "agent"):
        for core in ("lstm", "slots", "kanerva"):
            assert {f"{who}, {core}, {model}" for model in ("convdraw", "deterministic", "contrastive")} <= names
    assert {"walker, lstm, deterministic, graph", "walker, lstm, convdraw, bf16"} <= names


def test_each_mode_has_each_case_once() -> None:
    for mode, cores in (("eager", 3), ("graph", 1), ("compile", 3)):
        listed = cells(mode)
        assert len(set(listed)) == len(listed) == 2 * 3 * 3 * cores
        assert {cell.mode for cell in listed} == {mode}


def test_a_case_that_breaks_is_a_line_and_no_end() -> None:
    def out_of_memory() -> dict[str, Any]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    assert guarded(out_of_memory, CPU) == {"error": "out of memory"}
    assert guarded(lambda: {"ms": 1 / 0}, CPU) == {"error": "ZeroDivisionError: division by zero"}
    assert guarded(lambda: {"ms": 3.0}, CPU) == {"ms": 3.0}


def test_training_takes_the_fastest_way_that_worked() -> None:
    def row(rate: float, **changes: Any) -> dict[str, Any]:
        usual = {"kind": "update", "preset": "tiny", "core": "slots", "worlds": 256, "precision": "fp32"}
        return usual | {"mode": "eager", "frames_per_second": rate, "loss": 1.0} | changes

    rows = [
        row(10.0),
        row(20.0, precision="bf16"),
        row(30.0, precision="tf32", loss=float("nan")),
        row(40.0, mode="compile"),
        row(50.0, core="lstm", mode="graph"),
        row(60.0, worlds=16),
        {"kind": "update", "preset": "tiny", "core": "slots", "worlds": 256, "mode": "graph", "error": "out of memory"},
        {"kind": "convdraw", "preset": "tiny", "worlds": 256},
    ]
    assert fastest(rows, "tiny", "slots", 256) == ["--precision", "bf16"]
    assert fastest(rows, "tiny", "lstm", 256) == ["--precision", "fp32", "--graph"]
    assert fastest(rows, "paper", "lstm", 256) == []
    assert executor_flags(5)[-1] == "5"
