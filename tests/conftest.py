"""What all tests share."""

import signal

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Tests run side by side, one to a core; small tensors gain nothing from more threads."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def heard_interrupts() -> None:
    """A shell starts background jobs deaf to Ctrl-C, and so would be the processes that tests send one to."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
