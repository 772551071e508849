"""The probes' targets: facts of the world that the agent does not receive."""

from torch import Tensor

TargetValues = dict[str, Tensor]
"""The probes' targets by name, `[T, B, ...]`: a class int64 `[T, B]`, a vector float32 `[T, B, D]`, a picture uint8
`[T, B, H, W, 3]`. SimCore's levels have `map`, `cell` (row * N + column) and `heading`, in turns, all in the frame of
the start pose. Trajectories for measurements, or for metrics of what only a memory can know, also hold `since_seen`.
Empty if the world has no targets."""
