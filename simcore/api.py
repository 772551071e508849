"""Functions on whole runs, one call each: `load`, `train`, `probe`, `compare`, `evaluate`, `roll_out`.

A run is what `load` returns, or the path of a run's folder or exported file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from simcore.analysis import comparing, evaluation, measuring, rollout
from simcore.analysis.comparing import Comparison
from simcore.analysis.evaluation import Evaluation
from simcore.analysis.loaded_run import LoadedRun
from simcore.analysis.loading import load
from simcore.analysis.rollout import LongRollout
from simcore.analysis.scores import Scores
from simcore.analysis.subjects import Of
from simcore.common.checks import require
from simcore.common.devices import choose_device
from simcore.common.distributed import joined_ranks
from simcore.common.progress import Advance, silent
from simcore.common.threads import kept_threads
from simcore.config.differences import require_changeable
from simcore.config.run import Config
from simcore.runs import RunFolder
from simcore.training.loop import check
from simcore.training.loop import train as train_in

Run = LoadedRun | str | Path
"""A loaded run, or the path of one."""


def train(config: Config, run: str | Path | None = None, *, quiet: bool = False) -> LoadedRun:
    """Train a run to its last update, from its newest checkpoint if its folder has one.

    Args:
        config: what to train; if the folder holds a run, its configuration, which may differ in length, recording and
            device.
        run: the run's folder; None: `runs/` and the configuration's `run_name`.
        quiet: show no progress; metrics are written all the same.

    Returns:
        The run, loaded on the device of `config`.

    Raises:
        UserError: the folder holds a run of another configuration, or is in use; or training failed.
        KeyboardInterrupt: it was interrupted; there is a checkpoint, from which the same call continues.
    """
    check(config)
    path = Path("runs") / config.run_name if run is None else Path(run)
    with joined_ranks(choose_device(config.device)) as ranks, torch.random.fork_rng(devices=[]), kept_threads():
        folder = ranks.first_before_others(lambda: _open_or_create(path, config))
        complete = train_in(config, folder, shows=not quiet)
    if not complete:
        raise KeyboardInterrupt(f"stopped with a checkpoint; the same call goes on in {path}")
    return load(path, config.device)


def probe(
    run: Run,
    worlds: int = 256,
    *,
    oracle: Run | None = None,
    online: bool | None = None,
    of: Of = "hidden",
    controls: bool = True,
    world: Mapping[str, Any] | None = None,
    probes: Mapping[str, Any] | None = None,
    advance: Advance = silent,
    device: str = "auto",
) -> dict[str, Scores]:
    """Measure what a run's belief knows of held-out worlds, and score the controls beside it.

    Fresh probes are trained on the frozen belief first, unless the run's folder holds them.

    Args:
        run: the run.
        worlds: how many held-out worlds, one episode each.
        oracle: a supervised run in the same worlds, measured on the same frames.
        online: read the belief by the probes trained alongside it; None: as the run was loaded.
        of: what the probes read: b_t ("hidden"), or the core's whole state ("state"), with the LSTM's cell and the
            memory.
        controls: measure an untrained agent and the present frame too.
        world: new values of fields of the runs' world, by name.
        probes: new values of fields of their `ProbesConfig`, by name, such as `{"epochs": 10}`, for fresh probes.
        advance: called with what is done, and the fraction of it, 0 to 1.
        device: where to load the run, if it is a path.

    Returns:
        Scores `[T, worlds]` by name: see `simcore.analysis.measuring.measure`.

    Raises:
        UserError: the run has no probes, `probes` are given for online ones, or the oracle is not supervised or was
            trained in other worlds.
    """
    loaded = _for_reading(run, device, world, probes)
    if online is not None:
        loaded = replace(loaded, online=online)
    require(not (loaded.online and probes), "probes= is of fresh probes, and the run's own online ones are to read it")
    beside = None if oracle is None else _for_reading(oracle, device, world, probes)
    wanted = measuring.CONTROLS if controls else ()
    return measuring.measure(loaded, worlds, oracle=beside, controls=wanted, of=of, advance=advance)


def compare(
    runs: Sequence[Run] | Run,
    worlds: int = 256,
    *,
    old: Sequence[int] = (10,),
    of: Of = "hidden",
    controls: bool = True,
    world: Mapping[str, Any] | None = None,
    probes: Mapping[str, Any] | None = None,
    advance: Advance = silent,
    device: str = "auto",
) -> Comparison:
    """Compare what runs' beliefs know, setting by setting, as means over seeds with 90 % intervals.

    Fresh probes are trained first for each run whose folder holds none. Runs that differ only in the seed have one
    setting.

    Args:
        runs: the runs, or a single one; differences are relative to the first run's setting.
        worlds: the held-out worlds of each seed, one episode each.
        old: steps n, each of which gives a score of cells that were seen, and then out of sight for n or more.
        of: what the probes read, as for `probe`.
        controls: measure untrained agents and the present frame too.
        world: new values of fields of the runs' worlds, by name, such as `{"map_frame": "ego"}`.
        probes: new values of fields of their `ProbesConfig`, as for `probe`.
        advance: called with what is done, and the fraction of it, 0 to 1.
        device: where to load runs that are paths.

    Raises:
        UserError: there are no runs, two have the same setting and seed, those of a setting are not equally long, their
            worlds have different probe targets, or one has no probes.
    """
    named = {
        f"run {number}" if isinstance(run, LoadedRun) else str(run): _for_reading(run, device, world, probes)
        for number, run in enumerate([runs] if isinstance(runs, str | Path | LoadedRun) else runs, start=1)
    }
    return comparing.compare(named, worlds, old, measuring.CONTROLS if controls else (), advance, of)


def evaluate(
    run: Run,
    episodes: int = 100,
    *,
    level: str | None = None,
    world: Mapping[str, Any] | None = None,
    copies: int | None = None,
    max_steps: int | None = None,
    greedy: bool = False,
    seed: int = 0,
    advance: Advance = silent,
    device: str = "auto",
) -> Evaluation:
    """Evaluate a run's agent, and a random policy, in whole episodes of new worlds.

    Args:
        run: the run.
        episodes: how many.
        level: another level than the run's; the run's changes to its own preset carry over; None: the run's level.
        world: new values of fields of its world, by name, such as `{"repeat": 2}`.
        copies: worlds stepped side by side; None: as many as each of the run's actors had.
        max_steps: the most steps of an episode; None: the world's own limit, or 10,000 if it has none.
        greedy: take the most likely action instead of sampling.
        seed: of the worlds and of sampling.
        advance: called with what is done, and the fraction of it, 0 to 1.
        device: where to load the run, if it is a path.

    Raises:
        UserError: the run's agent does not act, or the level has other actions than its own, or a number is not
            positive, or the world has no such field or value.
    """
    return evaluation.evaluate(
        loaded_run(run, device),
        episodes,
        level,
        greedy,
        seed,
        world=world,
        copies=copies,
        max_steps=max_steps,
        advance=advance,
    )


def roll_out(
    run: Run,
    worlds: int = 4,
    *,
    context: int | None = None,
    steps: int | None = None,
    world: Mapping[str, Any] | None = None,
    seed: int = 0,
    device: str = "auto",
) -> LongRollout:
    """Show a run's belief the first frames of held-out episodes, then simulate along their actions (App. J).

    Args:
        run: the run.
        worlds: how many.
        context: frames that the belief observes; None: half an episode, 50 at most.
        steps: frames that are then simulated; None: 16, or as many as the episode has.
        world: new values of fields of the run's world, by name.
        seed: of the worlds and of sampling.
        device: where to load the run, if it is a path.

    Raises:
        UserError: the run has no frame model, or the numbers do not fit into an episode.
    """
    return rollout.roll_out(loaded_run(run, device).in_worlds(world=world), worlds, context, steps, seed)


def loaded_run(run: Run, device: str = "auto") -> LoadedRun:
    """Return a run, loaded if it is a path.

    Raises:
        UserError: there is no such run, it has no checkpoint, or it is damaged.
    """
    return run if isinstance(run, LoadedRun) else load(run, device)


def _for_reading(run: Run, device: str, world: Mapping[str, Any] | None, probes: Mapping[str, Any] | None) -> LoadedRun:
    """Return a run in worlds with changed fields, read by fresh probes with changed fields."""
    return loaded_run(run, device).in_worlds(world=world).with_probes(**(probes or {}))


def _open_or_create(path: Path, config: Config) -> RunFolder:
    """Return the run's folder, made if it is missing."""
    if not RunFolder.is_at(path):
        return RunFolder.create(path, config.to_dict())
    folder = RunFolder.open(path)
    require_changeable(Config.from_dict(folder.config), config, path)
    return folder
