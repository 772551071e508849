"""torch.compile of encoder, frame model and probes: the same numbers, the same names of weights."""

import shutil

import pytest

from courses import assert_alike
from simcore.common.errors import UserError
from simcore.learning.compiling import require_compiler
from tinier import tinier


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(shutil.which("g++") is None, reason="wants a C++ compiler")
@pytest.mark.parametrize("model", ["convdraw", "deterministic", "contrastive"])
def test_compiled_updates_are_the_plain_ones(model: str) -> None:
    plain, compiled = (tinier(frame_model=model, compile=compile) for compile in (False, True))
    assert_alike(plain, compiled, 3, 1e-3, (1e-2, 1e-4))


def test_without_a_compiler_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(UserError, match=r"wants a C\+\+ compiler"):
        require_compiler()
