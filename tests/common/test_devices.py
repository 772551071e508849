"""Which device a process gets, alone and beside others that `torchrun` has started; GPUs are only said to be there."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.distributed as dist

from simcore.common import devices
from simcore.common.devices import choose_device
from simcore.common.distributed import Ranks, join_ranks
from simcore.common.errors import UserError


def launch(monkeypatch: pytest.MonkeyPatch, **variables: object) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))


def gpus(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    if count:
        monkeypatch.setattr(devices.torch, "ones", lambda *_, **__: torch.tensor(1.0))


def torchrun(rank: int, size: int, **changes: object) -> dict[str, object]:
    return {"RANK": rank, "WORLD_SIZE": size, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": size, **changes}


@pytest.mark.parametrize("name", ["auto", "cuda"])
def test_each_process_gets_the_gpu_of_its_local_rank(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 2)
    assert choose_device(name) == torch.device("cuda"), "alone, PyTorch's own choice"
    launch(monkeypatch, **torchrun(0, 2))
    assert choose_device(name) == torch.device("cuda:0")
    launch(monkeypatch, **torchrun(3, 4, LOCAL_RANK=1, LOCAL_WORLD_SIZE=2))
    assert choose_device(name) == torch.device("cuda:1")
    assert choose_device("cpu") == torch.device("cpu")


def test_without_gpus_each_is_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 0)
    launch(monkeypatch, **torchrun(1, 2))
    assert choose_device("auto") == torch.device("cpu")


def test_more_processes_than_gpus_are_told_both_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 2)
    launch(monkeypatch, **torchrun(2, 3))
    with pytest.raises(UserError, match=r"started 3 processes on this machine, which has 2 GPUs; .*--nproc-per-node 2"):
        choose_device("auto")


def test_one_gpu_for_several_processes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 4)
    launch(monkeypatch, **torchrun(0, 2))
    with pytest.raises(UserError, match="2 processes on this machine, and --device cuda:1 is one GPU; --device cuda"):
        choose_device("cuda:1")
    launch(monkeypatch, **torchrun(1, 2, LOCAL_RANK=0, LOCAL_WORLD_SIZE=1))
    assert choose_device("cuda:1") == torch.device("cuda:1"), "one process a machine may choose"


def test_processes_that_see_one_gpu_each_take_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `torchrun --virtual-local-rank`."""
    gpus(monkeypatch, 1)
    launch(monkeypatch, **torchrun(2, 3, LOCAL_RANK=0))
    assert choose_device("auto") == torch.device("cuda:0")


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE is 'two', which is no whole number; torchrun sets it"),
        ({"WORLD_SIZE": ""}, "WORLD_SIZE is ''"),
        ({"WORLD_SIZE": "0"}, "WORLD_SIZE is 0, not 1 or more"),
        ({"WORLD_SIZE": "2"}, "WORLD_SIZE is set and RANK is not"),
        (torchrun(2, 2), "RANK is 2, not 0 to 1"),
        (torchrun(0, 2, RANK="--1"), "RANK is '--1'"),
        (torchrun(0, 2, LOCAL_RANK=-1), "LOCAL_RANK is -1, not 0 to 1"),
        (torchrun(0, 2, LOCAL_WORLD_SIZE=3), "LOCAL_WORLD_SIZE is 3, not 1 to 2"),
        (torchrun(0, 2, LOCAL_RANK="0.5"), "LOCAL_RANK is '0.5'"),
    ],
)
def test_a_place_that_cannot_be_is_refused(
    variables: dict[str, object], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch(monkeypatch, **variables)
    with pytest.raises(UserError, match=message) as caught:
        join_ranks(torch.device("cpu"))
    assert "\n" not in str(caught.value)


def test_others_that_cannot_be_found_are_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    launch(monkeypatch, **torchrun(0, 2))
    with pytest.raises(
        UserError, match=r"cannot join the other processes, which torchrun starts: .*MASTER_ADDR"
    ) as caught:
        join_ranks(torch.device("cpu"))
    assert "\n" not in str(caught.value)


def test_on_gpus_the_group_is_joined_on_the_own_one(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[Any, ...]] = []
    launch(monkeypatch, **torchrun(1, 2))
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: done.append(("set_device", device)))
    monkeypatch.setattr(torch.cuda, "current_device", lambda: done[-1][1].index)
    group = SimpleNamespace(
        is_initialized=lambda: False,
        init_process_group=lambda backend, device_id, timeout: done.append((backend, device_id)),
        get_rank=lambda: 1,
        get_world_size=lambda: 2,
    )
    for name, stand_in in vars(group).items():
        monkeypatch.setattr(dist, name, stand_in)
    own = torch.device("cuda:1")
    assert join_ranks(own) == Ranks(1, 2, owns_group=True)
    assert done == [("set_device", own), ("nccl", own)]
