"""One Ray for all tests that want it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simcore.acting.on_ray import connect


@pytest.fixture(scope="session")
def ray() -> Iterator[Any]:
    """Ray, started with room for more actors than there are cores; its processes find the tests' own modules."""
    module = pytest.importorskip("ray")
    here = Path(__file__).parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(here), str(here.parent)]), prepend=os.pathsep)
        connect(module, None, actors=8)
        yield module
        module.shutdown()
