"""Exported runs: the newest weights and the configuration in one small file, for analysis, not training."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import safetensors.torch
import torch
from torch import Tensor

from simcore.common.atomic import write_atomically
from simcore.common.checks import require
from simcore.common.digest import digest_of
from simcore.common.errors import UserError
from simcore.pretrained import SUFFIX, Card, Export, beside
from simcore.pretrained.metadata import FORMAT, VERSION, mebibytes, opened, parse_metadata, unusable

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
    card: Card | None
    """What the file says about the run; None in those of early versions."""
    name: str
    """The run's name."""
    path: Path
    """The folder for results of analysis; it need not exist."""

    @classmethod
    def open(cls, export: Export | str | Path) -> Self:
        """Open an exported run, by its file's path or as it was found, and read its metadata.

        Raises:
            UserError: the file is missing, unreadable, damaged, not an exported run, or of a newer version.
        """
        file, name, results, _ = export if isinstance(export, Export) else beside(Path(export))
        told, weights = _read(file)
        metadata = parse_metadata(file, told)
        seal = _seal(told, weights)
        if told.get(_SEAL, seal) != seal:  # those of early versions have none
            raise unusable(file)
        return cls(file, *metadata, name, results)

    def weights(self) -> dict[str, Tensor]:
        """Read the state dict of the run's nets, on the CPU; matrices may be float16.

        Raises:
            UserError: the file is unreadable or damaged.
        """
        weights = _read(self.file)[1]
        if digest_of(dict(sorted(weights.items()))) != self.digest:
            raise unusable(self.file)
        return weights


def save_export(
    file: Path,
    weights: Mapping[str, Tensor],
    config: dict[str, Any],
    update: int,
    half: bool,
    limit: int,
    card: Card | None = None,
) -> int:
    """Write an exported run.

    Args:
        file: the file to write; its name ends in `.safetensors`.
        weights: the state dict of the run's nets.
        config: the contents of the run's `config.json`.
        update: how many updates the weights have had.
        half: write matrices and kernels as float16, which halves the file.
        limit: the most bytes that the weights may have.
        card: what the file says about the run.

    Returns:
        The size of the file in bytes.

    Raises:
        UserError: it would be larger than `limit`, its name has another ending, or it cannot be written. An
            older file there stays.
    """
    kept = as_stored(weights, half)
    require_fits(file, kept, half, limit)
    metadata = {
        "format": FORMAT,
        "version": str(VERSION),
        "update": str(update),
        "sha256": digest_of(kept),
        "config": json.dumps(config),
    }
    if card is not None:
        metadata["card"] = card.to_json()
    data = safetensors.torch.save(kept, metadata | {_SEAL: _seal(metadata, kept)})
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, data)
    except OSError as error:
        raise UserError(f"cannot write {file}: {error.strerror}; name another file") from error
    return len(data)


def as_stored(weights: Mapping[str, Tensor], half: bool) -> dict[str, Tensor]:
    """Return weights by name as a file holds them: on the CPU, and with `half` matrices and kernels as float16."""
    return {name: _stored(weight, half) for name, weight in sorted(weights.items())}


def require_fits(file: Path, kept: Mapping[str, Tensor], half: bool, limit: int) -> None:
    """Raise `UserError` unless a file's name has the suffix, and weights as they are stored are within a limit."""
    require(file.suffix == SUFFIX, f"{file} does not end in {SUFFIX}; name such a file")
    size, remedy = sum(weight.nbytes for weight in kept.values()), "raise --limit"
    if not half:
        remedy = f"leave out --no-half, or {remedy}"
    require(size <= limit, f"{file} would have {mebibytes(size)}, more than the {mebibytes(limit)} allowed; {remedy}")


def _seal(metadata: Mapping[str, str], weights: Mapping[str, Tensor]) -> str:
    """Return the SHA-256, in hexadecimal, of what a file says about its weights; these have a digest."""
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
    with opened(file, "pt") as content:
        return dict(content.metadata() or {}), {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118
