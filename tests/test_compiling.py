"""torch.compile of encoder, frame model and probes: the same numbers, the same names of weights."""

import shutil

import pytest
import torch

from simcore.compiling import require_compiler
from simcore.errors import UserError
from simcore.training import Training
from tinier import tinier

CPU = torch.device("cpu")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(shutil.which("g++") is None, reason="wants a C++ compiler")
@pytest.mark.parametrize("model", ["convdraw", "deterministic", "contrastive"])
def test_compiled_updates_are_the_plain_ones(model: str) -> None:
    plain, compiled = (Training(tinier(frame_model=model, compile=compile), CPU) for compile in (False, True))
    for _ in range(3):
        for training in (plain, compiled):
            training.update()
    told = compiled.take_metrics()
    for name, value in plain.take_metrics().items():
        if not name.startswith("seconds"):
            assert told[name] == pytest.approx(value, rel=1e-3, abs=1e-6, nan_ok=True), name
    for name, value in plain.system.state_dict().items():
        torch.testing.assert_close(compiled.system.state_dict()[name], value, rtol=1e-2, atol=1e-4, msg=name)
    compiled.system.load_state_dict(plain.system.state_dict())


def test_without_a_compiler_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(UserError, match=r"wants a C\+\+ compiler"):
        require_compiler()
