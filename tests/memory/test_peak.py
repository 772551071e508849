"""The memories' unrolls at the paper's sizes keep to their room; allocations are counted, so no timing is involved."""

import pytest
import torch

from benchmarks.cores import Case, make_cases
from benchmarks.peak import peak_bytes

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    return make_cases(0, CPU)


# Slots that start full hold 1.095 times the memory already: the ring.
@pytest.mark.parametrize(("name", "most"), [("slots, empty at first", 1.3), ("slots, full", 0.2), ("kanerva", 0.18)])
def test_an_unroll_takes_little_more_than_an_lstm_and_its_memory(
    cases: dict[str, Case], name: str, most: float
) -> None:
    case = cases[name]
    allowance = cases[case.allowance]
    for one in (case, allowance):
        one.run()  # so that each has its gradients already
    assert peak_bytes(case.run, CPU) - peak_bytes(allowance.run, CPU) <= most * case.unit
