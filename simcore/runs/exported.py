"""Exported runs: the newest weights and the configuration in one small file, for analysis, not training."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Self

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from simcore.common.atomic import write_atomically
from simcore.common.digest import digest_of
from simcore.common.errors import UserError
from simcore.common.parsing import parse_json
from simcore.common.reading import open_regular

SUFFIX = ".safetensors"
"""Suffix of an exported run's file name."""
_FORMAT = "simcore-export"
_VERSION = 1
_SEAL = "sha256 of the rest"


@dataclass(frozen=True)
class ExportedRun:
    """An exported run on disk, which is read-only.

    Make one with `ExportedRun.open`.
    """

    file: Path
    """The safetensors file."""
    config: dict[str, Any]
    """The contents of the run's `config.json`, of JSON's types only."""
    update: int
    """How many updates the weights have had."""
    digest: str
    """SHA-256 of names and weights, in hexadecimal."""

    @classmethod
    def open(cls, file: str | Path) -> Self:
        """Open an exported run and read its metadata.

        Raises:
            UserError: the file is missing, unreadable, damaged, not an exported run, or of a newer version.
        """
        file = Path(file)
        metadata, weights = _read(file)
        if metadata.get("format") != _FORMAT:
            _refuse(file)
        try:
            version = int(metadata["version"])
            if version > _VERSION:
                raise UserError(f"{file} is of a newer SimCore (format {version}, not {_VERSION}); update SimCore")
            config, update, digest = parse_json(metadata["config"]), int(metadata["update"]), metadata["sha256"]
        except (KeyError, ValueError) as error:
            raise _unusable(file) from error
        if version < 1 or update < 0 or not isinstance(config, dict):
            _refuse(file)
        if metadata.get(_SEAL, _seal(metadata, weights)) != _seal(
            metadata, weights
        ):  # those of early versions have none
            _refuse(file)
        return cls(file, config, update, digest)

    def weights(self) -> dict[str, Tensor]:
        """Read the state dict of the run's nets, on the CPU; matrices may be float16.

        Raises:
            UserError: the file is unreadable or damaged.
        """
        weights = _read(self.file)[1]
        if digest_of(dict(sorted(weights.items()))) != self.digest:
            _refuse(self.file)
        return weights

    @property
    def name(self) -> str:
        """The run's name."""
        return self.file.stem

    @property
    def path(self) -> Path:
        """The folder beside the file for results of analysis; it need not exist."""
        return self.file.with_name(f"{self.name}-results")


def save_export(
    file: Path, weights: Mapping[str, Tensor], config: dict[str, Any], update: int, half: bool, limit: int
) -> int:
    """Write an exported run.

    Args:
        file: the file to write; its name ends in `.safetensors`.
        weights: the state dict of the run's nets.
        config: the contents of the run's `config.json`.
        update: how many updates the weights have had.
        half: write matrices and kernels as float16, which halves the file.
        limit: the most bytes that the file may have.

    Returns:
        The size of the file in bytes.

    Raises:
        UserError: it would be larger than `limit`, its name has another ending, or it cannot be written. An
            older file there stays.
    """
    if file.suffix != SUFFIX:
        raise UserError(f"{file} does not end in {SUFFIX}; name such a file by --out")
    kept = {name: _stored(weight, half) for name, weight in sorted(weights.items())}
    metadata = {
        "format": _FORMAT,
        "version": str(_VERSION),
        "update": str(update),
        "sha256": digest_of(kept),
        "config": json.dumps(config),
    }
    data = safetensors.torch.save(kept, metadata | {_SEAL: _seal(metadata, kept)})
    if len(data) > limit:
        remedy = "raise --limit" if half else "try --half, or raise --limit"
        raise UserError(f"{file} would have {mebibytes(len(data))}, more than the {mebibytes(limit)} allowed; {remedy}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, data)
    except OSError as error:
        raise UserError(f"cannot write {file}: {error.strerror}; name another file by --out") from error
    return len(data)


def mebibytes(count: int) -> str:
    """Format a number of bytes in MiB."""
    return f"{count / 2**20:.1f} MiB"


def _seal(metadata: Mapping[str, str], weights: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of all that a file tells of its weights, in hexadecimal; the weights have a digest."""
    kinds = {name: [str(weight.dtype), list(weight.shape)] for name, weight in weights.items()}
    told = {key: value for key, value in metadata.items() if key != _SEAL}
    return hashlib.sha256(json.dumps([told, kinds], sort_keys=True).encode()).hexdigest()


def _stored(weight: Tensor, half: bool) -> Tensor:
    """Return a weight as it is written: a copy, since safetensors refuses tensors that share memory."""
    weight = weight.detach().to("cpu", copy=True).contiguous()
    # Vectors and scalars are few, and some, such as λ and the probes' scales, are outside the range of float16.
    if half and weight.dtype == torch.float32 and weight.dim() > 1:
        smaller = weight.half()
        if smaller.isfinite().all():
            return smaller
    return weight


def _read(file: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Read a safetensors file: its metadata, and its tensors."""
    try:
        open_regular(file).close()  # safetensors itself would wait for a pipe
        with safetensors.safe_open(file, framework="pt") as opened:
            return dict(opened.metadata() or {}), {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise UserError(f"there is no file {file}; name a file that simcore export has made") from error
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror or error}") from error
    except Exception as error:  # reading arbitrary bytes may raise anything
        raise _unusable(file) from error


def _unusable(file: Path) -> UserError:
    return UserError(f"{file} is damaged or not an exported run of SimCore; export the run again: simcore export RUN")


def _refuse(file: Path) -> NoReturn:
    raise _unusable(file)
