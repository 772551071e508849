"""TensorBoard's files: frames as steps, pictures, hyper-parameters; and runs that were begun by updates."""

from pathlib import Path

import numpy as np
import pytest
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from torch.utils.tensorboard import SummaryWriter

from event_files import events_in, pictures, scalars
from simcore.runs import MetricsWriter, RunFolder, Step

PICTURE = np.random.default_rng(0).integers(0, 256, (12, 20, 3), np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", {})


@pytest.fixture(autouse=True)
def files_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorBoard reads files in the order of the seconds in their names."""
    seconds = iter(range(4 * 10**9, 5 * 10**9))
    monkeypatch.setattr("tensorboard.summary.writer.event_file_writer.time.time", lambda: float(next(seconds)))


def test_pictures_arrive_as_they_were_at_their_frames(folder: RunFolder) -> None:
    with MetricsWriter(folder) as writer:
        assert writer.takes_pictures()
        writer.scalars(Step(1, 16), {"loss": 1.0})
        writer.pictures(Step(1, 16), {"held_out/episode": PICTURE})
        ((step, picture),) = pictures(folder.tensorboard, "held_out/episode").items()
        assert step == 16
        assert np.array_equal(picture, PICTURE)


def test_pictures_of_updates_that_are_done_again_are_hidden(folder: RunFolder) -> None:
    with MetricsWriter(folder) as writer:
        for update in (1, 2, 3):
            writer.pictures(Step(update, 16 * update), {"episode": PICTURE // update})
    with MetricsWriter(folder, Step(1, 16)) as writer:
        writer.pictures(Step(2, 32), {"episode": 255 - PICTURE})
    found = pictures(folder.tensorboard, "episode")
    assert list(found) == [16, 32]
    assert np.array_equal(found[32], 255 - PICTURE)


def test_hyperparameters_are_of_the_run_itself(folder: RunFolder) -> None:
    values = {"core": "lstm", "agent.hidden_size": 16, "learning.rate": 0.5, "graph": False, "agent.channels": [4, 8]}
    for resume_at in (Step(), Step(1, 16)):
        with MetricsWriter(folder, resume_at, values) as writer:
            writer.scalars(Step(resume_at.update + 1, resume_at.frames + 16), {"loss": 1.0})
    metadata = events_in(folder.tensorboard).summary_metadata["_hparams_/session_start_info"]
    told = HParamsPluginData.FromString(metadata.plugin_data.content).session_start_info.hparams
    assert {name: value.WhichOneof("kind") for name, value in told.items()} == {
        "core": "string_value",
        "agent.hidden_size": "number_value",
        "learning.rate": "number_value",
        "graph": "string_value",
        "agent.channels": "string_value",
    }
    assert told["agent.channels"].string_value == "[4, 8]"
    assert not [path for path in folder.tensorboard.iterdir() if path.is_dir()], "it would be another run"


def test_a_run_that_was_begun_by_updates_goes_on_by_updates(folder: RunFolder) -> None:
    with SummaryWriter(str(folder.tensorboard), purge_step=1) as early:
        for update in (1, 2, 3, 4):
            early.add_scalar("loss", 1 / update, update)
    for resume_at in (2, 3):
        with MetricsWriter(folder, Step(resume_at, 16 * resume_at)) as writer:
            for update in (resume_at + 1, resume_at + 2):
                writer.scalars(Step(update, 16 * update), {"loss": float(resume_at)})
    assert scalars(folder.tensorboard, "loss") == [(1, 1.0), (2, 0.5), (3, 2.0), (4, 3.0), (5, 3.0)]


def test_nothing_takes_pictures_where_tensorboard_is_missing(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    with MetricsWriter(folder) as writer:
        writer.scalars(Step(1, 16), {"loss": 1.0})
        assert not writer.takes_pictures()
    assert not folder.tensorboard.exists()
