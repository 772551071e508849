"""Everything that runs on a GPU, with tensors that only pretend to be on one: no GPU is needed."""

from collections.abc import Callable
from contextlib import closing

import pytest
import torch
from torch._subclasses.fake_tensor import DynamicOutputShapeException

from fake_gpu import GPU, fake_gpu
from simcore.analysis import evaluation
from simcore.analysis.fresh_probes import FreshProbes
from simcore.analysis.loaded_run import LoadedRun
from simcore.analysis.maps import decode_maps
from simcore.analysis.measuring import measure
from simcore.analysis.rollout import roll_out
from simcore.build import make_learner, make_system
from simcore.config.run import Config
from simcore.data.trajectory import Trajectory
from simcore.training.training import Training
from tinier import tinier, tinier_acting

CPU = torch.device("cpu")
CORES = ("lstm", "slots", "kanerva")
FRAME_MODELS = ("convdraw", "deterministic", "contrastive")


def take(config: Config) -> Trajectory:
    """Return a trajectory as the actors hand it over, on the CPU."""
    with closing(Training(config, CPU).executor) as executor:
        return executor.take(1).parts[0].trajectory


KINDS = (tinier, tinier_acting)
CASES = [
    *(make(core=core, frame_model=model) for core in CORES for model in FRAME_MODELS for make in KINDS),
    tinier_acting(frame_model="none"),
    tinier(supervised=True),
    tinier_acting(supervised=True),
    tinier(probes__map_convdraw=True),
    *(tinier(core=core, memory__plain=True) for core in CORES),
]


def name_of(config: Config) -> str:
    unusual = {"map": config.probes.map_convdraw, "plain": config.memory.plain}
    return "-".join([config.run_name, config.policy, *(name for name, holds in unusual.items() if holds)])


@pytest.mark.parametrize("config", CASES, ids=name_of)
def test_an_update_is_all_on_the_device_and_asks_it_for_nothing(config: Config) -> None:
    trajectory = take(config)
    with fake_gpu() as device:
        system = make_system(config).to(GPU)
        learner = make_learner(config, system, seed=0)
        for _ in range(2):
            state = trajectory.initial_state or system.agent.initial_state(config.learning.worlds)
            learned = learner.step(learner.prepare(trajectory._replace(initial_state=state)))
        assert not device.reads
        for value in (*learned.metrics.values(), *system.state_dict().values()):
            assert value.device == GPU


@pytest.mark.parametrize("core", CORES)
def test_a_run_asks_the_device_once_for_each_line_of_metrics(core: str) -> None:
    with fake_gpu(readable=True) as device:
        training = Training(tinier(core=core), GPU)
        for asked in (1, 2):
            for _ in range(2):
                training.update()
            assert device.reads.total() == asked - 1
            training.take_metrics()
            assert device.reads.total() == asked
        training.check()  # before a checkpoint
        assert device.reads.total() == 3


def test_what_asks_the_device_is_found() -> None:
    with fake_gpu() as device:
        values = torch.arange(3.0).to(GPU)
        for ask in (
            lambda: values.sum().item(),
            lambda: values.tolist(),
            lambda: values.cpu(),
            lambda: values[values > 1],
            lambda: values.nonzero(),
            lambda: bool(values.any()),
            lambda: torch.zeros(3).copy_(values),
        ):
            with pytest.raises((RuntimeError, DynamicOutputShapeException)):
                ask()
        assert device.reads.total() >= 6
        with pytest.raises(RuntimeError, match="on the CPU beside others on the device"):
            values + torch.ones(3)
        assert (values + torch.tensor(1.0)).device == GPU


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("make", KINDS)
def test_what_looks_into_a_run_is_all_on_the_device(
    core: str, make: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measuring with fresh probes, the map along episodes, roll-outs and evaluation; here the host may ask."""
    monkeypatch.setattr(evaluation, "CHECK_EVERY", 8)
    config = make(core=core, probes__map_convdraw=True, world__episode_length=8)
    with fake_gpu(readable=True):
        system = make_system(config).to(GPU).eval().requires_grad_(False)
        run = LoadedRun(config, system, GPU, 1, FreshProbes(config, system, 1, None))
        scores = measure(run, worlds=3)
        assert {"belief", "untrained", "frame", "constant"} <= set(scores)
        assert decode_maps(run, times=2, samples=2).samples is not None
        assert roll_out(run, worlds=2, context=3, steps=3).samples.device == CPU
        if config.policy == "agent":
            assert evaluation.evaluate(run, episodes=2).agent
