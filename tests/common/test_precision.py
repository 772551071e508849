"""Training in bfloat16, on the CPU by the code that a GPU runs."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from courses import CPU, course
from simcore.common.precision import lowered, set_precision
from simcore.common.tree import leaves
from simcore.config.run import Config
from simcore.data.times import Times
from simcore.memory import RecurrentCore
from simcore.training.training import Training
from test_on_a_device import CASES, name_of
from tinier import tinier

TERMS = ("frame_model/loss", "frame_model/kl", "frame_model/error", "probes/loss", "probes/map_mse")


@pytest.mark.parametrize("core", ["lstm", "slots", "kanerva"])
def test_the_losses_of_fifty_updates_in_bfloat16_are_within_one_percent(core: str) -> None:
    exact, rounded = (course(tinier(core=core, precision=precision), 50) for precision in ("fp32", "bf16"))
    for term in TERMS:
        assert not torch.equal(exact[term], rounded[term]), f"{term} knows nothing of bfloat16"
        within = (
            0.03 if term == "frame_model/kl" else 0.01
        )  # the divergence, a small part of the loss, is where rounding shows
        assert rounded[term].nanmean().item() == pytest.approx(exact[term].nanmean().item(), rel=within), term


@pytest.mark.parametrize("updates", [300, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("core", ["lstm", "slots", "kanerva"])
def test_hundreds_of_updates_in_bfloat16_are_finite_and_learn(core: str, updates: int) -> None:
    metrics = course(tinier(core=core, precision="bf16", learning__worlds=2, learning__learning_rate=3e-3), updates)
    counted = metrics["frame_model/weight"] > 0  # else there is no frame to tell of
    for term in TERMS:
        assert metrics[term][counted].isfinite().all()
    assert metrics["frame_model/error"][-100:].nanmean() < 0.5 * metrics["frame_model/error"][:20].nanmean()


@pytest.mark.parametrize("config", CASES, ids=name_of)
def test_weights_gradients_and_what_is_carried_over_stay_float32(config: Config) -> None:
    training = Training(replace(config, precision="bf16"), CPU)
    training.update()
    training.check()
    values = [*(p.grad for p in training.system.parameters()), *training.system.state_dict().values()]
    values += [state for carried in training.core_states.values() for state in carried[:2]]
    assert all(value is None or value.dtype in (torch.float32, torch.int64) for value in values)


def test_encoder_and_frame_model_multiply_in_bfloat16_and_cores_and_probes_do_not() -> None:
    system = (training := Training(tinier(precision="bf16"), CPU)).system
    half = ("agent.encoder.linear", "simulation.frame_model.embed_condition")
    whole = ("agent.core.lstm", "simulation.core.lstm", "probes.cell.0")
    kinds: dict[str, torch.dtype] = {}
    for name in (*half, *whole):
        system.get_submodule(name).register_forward_hook(
            lambda _, __, made, name=name: kinds.update({name: (made[0] if isinstance(made, tuple) else made).dtype})
        )
    training.update()
    assert kinds == dict.fromkeys(half, torch.bfloat16) | dict.fromkeys(whole, torch.float32)


@pytest.mark.parametrize("times", [[1, 4], Times(None, torch.tensor([1, 4]))], ids=["cut", "masked"])
def test_an_lstm_computes_as_without_autocast(times: list[int] | Times) -> None:
    """Autocast has cuDNN's LSTM compute in float16, in which small gradients vanish."""
    core, inputs = RecurrentCore(3, 8), torch.randn(6, 2, 3)
    is_first = torch.zeros(6, 2, dtype=torch.bool)
    is_first[3, 1] = True
    exact = core(inputs, core.initial_state(2), is_first, times)
    with lowered("bf16", CPU):
        lower = core(inputs.bfloat16().float(), core.initial_state(2), is_first, times)
        again = core(inputs, core.initial_state(2), is_first, times)
    for one, other, rounded in zip(leaves(exact), leaves(again), leaves(lower), strict=True):
        assert torch.equal(one, other)
        assert not torch.equal(one, rounded)
        assert rounded.dtype == torch.float32


def test_a_kanerva_memory_is_in_float64_and_never_multiplies_in_tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    training, told = Training(tinier(core="kanerva", precision="bf16"), CPU), []
    for home, solver in ((torch.linalg, "cholesky_ex"), (torch, "cholesky_solve")):
        solve = getattr(home, solver)

        def spy(*arguments: Tensor, solve: Callable[..., Any] = solve) -> Any:
            told.append((torch.backends.cuda.matmul.fp32_precision, arguments[0].dtype))
            return solve(*arguments)

        monkeypatch.setattr(home, solver, spy)
    training.update()
    assert len(told) > 20
    assert set(told) == {("ieee", torch.float64)}
    assert torch.backends.cuda.matmul.fp32_precision == "tf32", "elsewhere it is as it was"


def test_products_of_float32_are_exact_unless_tf32_is_asked_for() -> None:
    for precision, inside in (("tf32", "tf32"), ("bf16", "tf32"), ("fp32", "ieee")):
        set_precision(precision)
        assert torch.backends.cuda.matmul.fp32_precision == inside
        assert torch.backends.cudnn.conv.fp32_precision == inside
