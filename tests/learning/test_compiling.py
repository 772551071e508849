"""torch.compile of encoder, frame model and probes: the same numbers, the same names of weights."""

import copy
import shutil

import pytest
import torch

from courses import assert_alike
from simcore.build import make_system
from simcore.common.errors import UserError
from simcore.learning.compiling import require_compiler
from simcore.probes.map_model import MapModel
from simcore.training.training import Training
from tinier import tinier


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(shutil.which("g++") is None, reason="wants a C++ compiler")
@pytest.mark.parametrize("model", ["convdraw", "deterministic", "contrastive"])
def test_compiled_updates_are_the_plain_ones(model: str) -> None:
    maps = model == "convdraw"
    plain, compiled = (
        tinier(frame_model=model, compile=compile, probes__map_convdraw=maps) for compile in (False, True)
    )
    assert_alike(plain, compiled, 3, 1e-3, (1e-2, 1e-4))


@pytest.mark.filterwarnings("ignore")
def test_the_maps_model_is_compiled_and_a_copy_of_it_computes_with_its_own_weights() -> None:
    system = Training(tinier(probes__map_convdraw=True), torch.device("cpu")).system
    beliefs, maps = torch.randn(4, 16), torch.zeros(4, 7, 7, 3, dtype=torch.uint8)

    def error(model: MapModel) -> float:
        return model.loss(maps, beliefs, torch.Generator().manual_seed(0)).error.item()

    other = make_system(tinier(probes__map_convdraw=True)).map_model
    calls: list[object] = []

    def watched(graph: torch.fx.GraphModule, inputs: object) -> object:
        calls.append(graph)
        return graph.forward

    system.map_model.compile(backend=watched)
    expected = error(other)
    copied = copy.deepcopy(system.map_model)
    copied.load_state_dict(other.state_dict())
    assert error(copied) == pytest.approx(expected, rel=1e-5)
    assert error(copied) != error(system.map_model)
    assert calls


def test_without_a_compiler_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(UserError, match=r"wants a C\+\+ compiler"):
        require_compiler()
