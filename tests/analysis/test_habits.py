"""What an agent does at each of its checkpoints."""

from pathlib import Path

import pytest

from benchmarks.habits import at_checkpoints, main, observe
from simcore.common.errors import UserError
from tinier import tinier, tinier_acting
from trained import trained_run


def test_habits_at_each_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trained_run(tmp_path / "run", tinier_acting(learning__updates=3, record__checkpoint_every=1))
    seen = dict(at_checkpoints(tmp_path / "run", 2))
    assert list(seen) == [2, 3]
    done = observe(seen[3], 3)
    assert sum(done.actions.values()) == pytest.approx(1.0)
    assert done == observe(seen[3], 3)
    assert -90 <= done.pitch <= 90
    assert done.most(0.0)[0][0] == max(done.actions, key=lambda name: done.actions[name])
    monkeypatch.setattr("sys.argv", ["habits", str(tmp_path / "run"), "--worlds", "2"])
    main()
    lines = capsys.readouterr().out.splitlines()
    assert [number for line in lines if (number := line[1:9].strip()).isdigit()] == ["1", "2", "3"]


def test_what_has_no_habits(tmp_path: Path) -> None:
    trained_run(tmp_path / "acts", tinier_acting(learning__updates=1))
    with pytest.raises(UserError, match="has no checkpoint since update 9; it has update_00000001"):
        next(at_checkpoints(tmp_path / "acts", 9))
    trained_run(tmp_path / "walks", tinier(learning__updates=1))
    with pytest.raises(UserError, match="has no agent that acts"):
        next(at_checkpoints(tmp_path / "walks", 0))
