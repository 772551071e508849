"""What all tests share."""

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Tests run side by side, one to a core; small tensors gain nothing from more threads."""
    torch.set_num_threads(1)
