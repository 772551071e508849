"""The regularised matrix by which a Kanerva memory's addresses are solved (App. C)."""

import torch
from torch import Tensor

ADDRESS_VARIANCE = 1.0
"""The variance of an address's prior."""

RELATIVE_RIDGE = 1e-5
"""ρ is raised by this times the trace of M Mᵀ, so that the condition number never exceeds 1 + 1e5, whatever has been
written and however small the noise."""


def regularised(gram: Tensor, ridge: Tensor) -> Tensor:
    """Return M Mᵀ + ρ I `[..., K, K]` for the Gram matrix M Mᵀ and the ridge `[...]`, raised by `RELATIVE_RIDGE`."""
    return gram + torch.diag_embed(raised(gram, ridge)[..., None].expand(gram.shape[:-1]))


def raised(gram: Tensor, ridge: Tensor) -> Tensor:
    """Return ρ `[...]`, the ridge raised by `RELATIVE_RIDGE`."""
    return ridge + RELATIVE_RIDGE * gram.diagonal(dim1=-2, dim2=-1).sum(-1)
