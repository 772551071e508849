"""Threads that soon sleep when they wait for each other, unless the user has chosen."""

import os
import subprocess
import sys

import pytest

from simcore.common.spinning import CHOICES, SPINS, spin_briefly


def test_nothing_was_chosen() -> None:
    environment = {"HOME": "/"}
    spin_briefly(environment)
    assert environment == {"HOME": "/", "GOMP_SPINCOUNT": str(SPINS)}


@pytest.mark.parametrize("chosen", [{"GOMP_SPINCOUNT": "infinity"}, {"OMP_WAIT_POLICY": "active"}])
def test_a_choice_is_kept(chosen: dict[str, str]) -> None:
    environment = dict(chosen)
    spin_briefly(environment)
    assert environment == chosen


def test_the_command_asks_for_it_before_pytorch_is_there() -> None:
    program = (
        "import os, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'torch':\n"
        "            print(os.environ.get('GOMP_SPINCOUNT')); sys.exit(0)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "from simcore.__main__ import main\n"
        "main(['probe', 'random-city'])\n"
    )
    environment = {name: value for name, value in os.environ.items() if name not in CHOICES}
    done = subprocess.run((sys.executable, "-c", program), env=environment, capture_output=True, text=True)
    assert done.stdout == f"{SPINS}\n", done.stderr
