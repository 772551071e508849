"""A sweep's folder and its command: what is refused before anything is made, and that nothing else is touched."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sweep_file import write_sweep

from simcore.cli import main
from simcore.common.errors import UserError
from simcore.config.presets import preset
from simcore.runs import RunFolder
from simcore.sweeps import SweepFolder, plan_sweep
from simcore.sweeps.folder import RunFiles
from simcore.sweeps.processes import Processes
from simcore.sweeps.running import what_failed
from simcore.sweeps.scores import Scores
from simcore.sweeps.sweep import make_executor


def prepare(spec: Path, out: Path) -> SweepFolder:
    plan, data = plan_sweep(spec)
    return SweepFolder.prepare(out, data, plan)


def test_a_sweep_prepared_twice_is_the_same(tmp_path: Path) -> None:
    spec = write_sweep(tmp_path / "spec.toml")
    first = prepare(spec, tmp_path / "out")
    files = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    spec.write_text("# A comment changes nothing.\n" + spec.read_text())
    second = prepare(spec, tmp_path / "out")
    assert first.plan == second.plan
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == files
    assert {path.name for path in (tmp_path / "out" / "runs").iterdir()} == {f"tiny-setting0-seed{s}" for s in range(3)}
    assert RunFolder.open(tmp_path / "out/runs/tiny-setting0-seed2").config["seed"] == 2


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    spec = write_sweep(tmp_path / "spec.toml")
    prepare(spec, tmp_path / "out")
    write_sweep(spec, updates=7)
    with pytest.raises(UserError, match=r"out holds a sweep with another fixed; name a new folder by --out"):
        prepare(spec, tmp_path / "out")
    write_sweep(spec, top="seeds = [0, 1, 2, 3]")
    with pytest.raises(UserError, match=r"out holds a sweep with another seeds"):
        prepare(spec, tmp_path / "out")


def test_changed_presets_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = write_sweep(tmp_path / "spec.toml")
    prepare(spec, tmp_path / "out")
    monkeypatch.setattr("simcore.sweeps.plan.preset", lambda name, level: preset("small", level))
    with pytest.raises(UserError, match="another version of SimCore, whose presets differ"):
        prepare(spec, tmp_path / "out")


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    spec = write_sweep(tmp_path / "spec.toml")
    out = tmp_path / "out"
    out.mkdir()
    (out / "letter.txt").write_text("dear")
    with pytest.raises(UserError, match="is not empty and holds no sweep"):
        prepare(spec, out)
    assert [path.name for path in out.iterdir()] == ["letter.txt"]
    with pytest.raises(UserError, match="cannot make the sweep"):
        prepare(spec, out / "letter.txt")


def test_a_folder_that_was_left_half_made_is_made_whole(tmp_path: Path) -> None:
    spec = write_sweep(tmp_path / "spec.toml")
    out = tmp_path / "out"
    out.mkdir()
    for name in ("spec.toml", "lock", "plan.json.tmp"):
        (out / name).write_text("")
    prepare(spec, out)
    assert (out / "spec.toml").read_bytes() == spec.read_bytes()


def test_why_a_process_ended(tmp_path: Path) -> None:
    files = RunFiles(tmp_path)
    assert what_failed(files, 3) == "ended with exit code 3"
    files.log.write_text("update 1\nTraceback ...\nValueError: a bug\n\n")
    assert what_failed(files, 1) == "ValueError: a bug"
    files.log.write_text("update 1\nsimcore: the disk is full\n")
    assert what_failed(files, 2) == "the disk is full"
    assert what_failed(files, -11) == "killed by SIGSEGV"
    assert what_failed(files, -9) == "killed by SIGKILL, perhaps for want of memory"
    files.write_failure("killed by SIGSEGV", -11)
    assert files.read_failure() == "killed by SIGSEGV"
    files.failure.write_text("[]")
    with pytest.raises(UserError, match="is damaged; delete it"):
        files.read_failure()


def test_what_the_runs_want_is_asked_for_first(tmp_path: Path) -> None:
    plan, _ = plan_sweep(write_sweep(tmp_path / "spec.toml", '[[model]]\nname = "far"\ndevice = "cuda:99"'))
    with pytest.raises(UserError, match="there is no device 'cuda:99' here"):
        make_executor(plan, "processes", None, 1)
    plan, _ = plan_sweep(write_sweep(tmp_path / "spec.toml"))
    with pytest.raises(UserError, match="--jobs is 0; it must be at least 1"):
        make_executor(plan, "processes", None, 0)
    assert isinstance(make_executor(plan, "processes", None, None), Processes)


def test_ray_that_is_not_installed_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, _ = plan_sweep(write_sweep(tmp_path / "spec.toml"))
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"Ray is not installed: pip install 'simcore\[ray\]'"):
        make_executor(plan, "ray", None, 1)


@pytest.mark.parametrize(
    ("text", "flags", "what"),
    [
        ("a = = 1", [], "is no TOML"),
        ("seeds = [1]", [], "3 seeds at least, not 1"),
        (
            "[fixed]\nlearning.updates = -1",
            [],
            "learning.updates must be a whole number from 1 to 1000000000000, not -1",
        ),
        ("", ["--jobs", "0"], "--jobs must be a whole number from 1"),
        ("", ["--executor", "dask"], "dask"),
        ("", ["--executor", "ray", "--ray-address", "127.0.0.1:1"], "cannot reach a Ray cluster at 127.0.0.1:1"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_made(
    text: str,
    flags: list[str],
    what: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if "ray" in flags:
        pytest.importorskip("ray")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec.toml").write_text(text)
    with pytest.raises(SystemExit) as stop:
        main(["sweep", "spec.toml", *flags])
    assert stop.value.code == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert what in lines[0]
    assert [path.name for path in tmp_path.iterdir()] == ["spec.toml"]


def test_a_dry_run_names_the_runs_and_makes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_sweep(tmp_path / "spec.toml", updates=10)
    main(["sweep", "spec.toml", "--dry-run"])
    lines = capsys.readouterr().out.splitlines()
    assert lines == [*(f"tiny-setting0-seed{seed}" for seed in range(3)), "3 runs, 30 updates in all"]
    assert [path.name for path in tmp_path.iterdir()] == ["spec.toml"]


def test_help_draws_no_figures() -> None:
    code = "import sys, simcore.cli as cli\ntry: cli.main(['sweep', '--help'])\n"
    code += "finally: print('matplotlib' in sys.modules)"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip().endswith("False")


def test_a_finished_sweep_of_somebody_else_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, out = write_sweep(tmp_path / "spec.toml"), tmp_path / "out"
    plan, data = plan_sweep(spec)
    folder = SweepFolder.prepare(out, data, plan)
    for run in plan.runs:
        lines = [json.dumps({"update": update, "frames": 21 * update, "probes/map_mse": 0.5}) for update in (2, 4)]
        (folder.files(run).path / "metrics.jsonl").write_text("\n".join(lines) + "\n")
        values: dict[str, float | None] = {"map_mse": 0.25}
        Scores(6, 4, values, values, values).write(folder.files(run).scores)

    def refuse(*arguments: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(SweepFolder, "lock", refuse)
    monkeypatch.setattr("simcore.commands.results.write_atomically", refuse)
    for is_finished in (True, False):
        with pytest.raises(SystemExit) as stop:
            main(["sweep", str(spec), "--out", str(out)])
        assert stop.value.code == 2
        output, complaint = capsys.readouterr()
        assert ("0.25000" in output) == is_finished
        what = "write the results in" if is_finished else "make the sweep"
        assert complaint.startswith(
            f"simcore: cannot {what} {out}: Read-only file system; name another folder by --out"
        )
        folder.files(plan.runs[0]).scores.unlink(missing_ok=True)
