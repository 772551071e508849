"""What the world knows and the agent does not: what probes are trained to tell."""

from torch import Tensor

OLD = 10
"""Steps out of sight after which what was seen is told apart: by then only a memory can know it."""

ProbeTargets = dict[str, Tensor]
"""The probes' targets by name, `[T, B, ...]`: a class int64 `[T, B]`, a vector float32 `[T, B, D]`, a picture uint8
`[T, B, H, W, 3]`. Of our levels: `map`, `cell` (row * N + column) and `heading`, in turns, all in the frame of the
start pose. `since_seen` is with them in trajectories that are made to be measured, or to tell what asks for a memory.
Empty where the world tells nothing."""
