"""A digest of weights, which shows whether two sets are the same."""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor


def digest_of(weights: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of names and weights in their order, in hexadecimal."""
    digest = hashlib.sha256()
    for name, weight in weights.items():
        digest.update(name.encode() + weight.detach().cpu().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
