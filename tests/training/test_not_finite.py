"""What is not finite is never saved, and the error says what may keep it finite."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from simcore.common.errors import UserError
from simcore.common.tree import leaves
from simcore.config.run import Config
from simcore.learning.learner import Learner
from simcore.runs import RunFolder, checkpoints
from simcore.training.loop import train
from tinier import tinier, tinier_acting

RATE = "--learning.learning-rate"


def run(path: Path, config: Config) -> tuple[str, RunFolder]:
    """Train until it fails; return what is said of it, and the folder."""
    folder = RunFolder.create(path, config.to_dict())
    with pytest.raises(UserError) as raised:
        train(config, folder)
    return str(raised.value), folder


def tensors(state: Any) -> list[Tensor]:
    if isinstance(state, dict | list | tuple):
        return [leaf for part in (state.values() if isinstance(state, dict) else state) for leaf in tensors(part)]
    return [state] if isinstance(state, Tensor) else []


@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize(
    ("config", "remedy"),
    [
        (tinier(learning__probe_learning_rate=1e37), "--learning.probe-learning-rate"),
        (tinier(learning__learning_rate=1e37), RATE),
        (tinier(supervised=True, learning__learning_rate=1e37), RATE),
        (tinier(probes__map_convdraw=True, learning__learning_rate=1e37), RATE),
        (tinier_acting(learning__learning_rate=1e37), RATE),
        (tinier(geco__maximum=1e37, geco__rate=1e30, geco__kappa=1e-9), "--geco.rate or --geco.maximum"),
    ],
)
def test_with_huge_rates_every_checkpoint_is_finite_and_the_remedy_is_named(
    config: Config, remedy: str, every: int, tmp_path: Path
) -> None:
    config = config.changed(record={"checkpoint_every": every, "metrics_every": 3, "checkpoints": 9})
    said, folder = run(tmp_path / "run", config)
    assert remedy in said
    newest = checkpoints.latest(folder.checkpoints)
    assert (f"the last good checkpoint is {newest}; " if newest else "there is no checkpoint yet; ") in said
    for file in folder.checkpoints.glob("*"):
        learner = checkpoints.load(file).state["learner"]
        assert all(value.isfinite().all() for value in tensors([learner["system"], learner["optimizer"]])), file.name


def spoil_weight(learner: Learner) -> None:
    learner.system.probes.heading[0].weight[0, 0] = torch.nan


def spoil_buffer(learner: Learner) -> None:
    learner.system.simulation.frame_model.geco.violation.fill_(torch.inf)


def spoil_moment(learner: Learner) -> None:
    learner.optimizer.state[learner.system.agent.encoder.linear.bias]["exp_avg_sq"][0] = torch.inf


@pytest.mark.parametrize(
    ("spoil", "name", "remedy"),
    [
        (spoil_weight, "probes.heading.0.weight", "--learning.probe-learning-rate"),
        (spoil_buffer, "simulation.frame_model.geco.violation", "--geco.rate or --geco.maximum"),
        (spoil_moment, "Adam's exp_avg_sq of agent.encoder.linear.bias", RATE),
    ],
)
def test_what_an_update_leaves_that_is_not_finite_is_named_and_the_checkpoint_before_stays(
    spoil: Callable[[Learner], None], name: str, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, calls = Learner.step, []

    def spoiling(self: Learner, batch: Any) -> Any:
        calls.append(1)
        result = step(self, batch)
        if len(calls) == 4:
            with torch.no_grad():
                spoil(self)
        return result

    monkeypatch.setattr(Learner, "step", spoiling)
    said, folder = run(tmp_path / "run", tinier())
    assert f"update 4: {name} is no longer finite; " in said
    assert f"train again with a smaller {remedy}" in said
    assert checkpoints.latest(folder.checkpoints) == folder.checkpoints / "update_00000002.pt"


def test_rewards_whose_square_is_not_finite_are_not_blamed_on_the_learning_rate_alone(tmp_path: Path) -> None:
    config = tinier_acting(reinforcement__reward_scale=1e25, learning__updates=60, frame_model="none")
    said, _ = run(tmp_path / "run", config)
    assert "loss of acting is" in said
    assert "train again with a smaller --reinforcement.reward-scale if rewards are large, or a smaller" in said


def test_the_device_is_read_once_a_check(monkeypatch: pytest.MonkeyPatch) -> None:
    from simcore.training.training import Training

    training = Training(tinier(), torch.device("cpu"))
    training.update()
    reads: list[int] = []
    tolist = Tensor.tolist

    def noting(self: Tensor) -> Any:
        reads.append(self.numel())
        return tolist(self)

    monkeypatch.setattr(Tensor, "tolist", noting)
    training.check()
    assert len(reads) == 1
    assert reads[0] > len(list(leaves(training.system.state_dict())))
