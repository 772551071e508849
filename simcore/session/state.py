"""A snapshot of a session."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from simcore.common.checks import require
from simcore.common.tree import leaves
from simcore.data.state import CoreState


class SessionState(NamedTuple):
    """A snapshot of a session, from which it, or a fork of it, can continue; safe to keep."""

    core: CoreState
    """The belief core's state after the last frame, `[N, ...]`."""
    belief: Tensor | None
    """b_t, `[N, belief_size]`; None before the first frame."""
    simulated: CoreState | None
    """The simulation core's state after steps without frames; None if there were none since the last frame."""
    action: NDArray[np.int64] | None
    """The chosen actions whose frames were not observed yet, `[N]`; None if there are none."""
    is_over: NDArray[np.bool_]
    """Where an episode has ended, so that the next frame is the first of another, `[N]`."""
    policy_generator: Tensor
    """The state of the generator that samples actions."""
    frame_generator: Tensor
    """The state of the generator that samples frames and maps."""

    def require_like(self, other: CoreState) -> None:
        """Raise `UserError` unless its nets and number of worlds could be those of another core state."""
        own, given = (list(leaves(core)) for core in (other, self.core))
        worlds, width = given[0].shape
        require(
            (worlds, width) == tuple(own[0].shape),
            f"the state is of a session with {worlds} worlds and agent.hidden_size {width}; this one has "
            f"{own[0].shape[0]} and {own[0].shape[1]}",
        )
        # A slot memory's state grows along the slots, the last dimension but one of its words.
        sizes = [[(leaf.dim(), leaf.shape[-1] if leaf.dim() > 2 else 0) for leaf in each] for each in (own, given)]
        require(sizes[0] == sizes[1], "the state is of a session with another memory: see core and its sizes")
