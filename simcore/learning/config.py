"""The configuration of the learner: batch, optimiser and length of a run."""

from dataclasses import dataclass

from simcore.common.checks import Capacity, Count, CountOrZero, Decay, Positive, require_fields


@dataclass(frozen=True)
class LearningConfig:
    """Batch, optimiser and length of the run."""

    updates: Count = 100_000
    """Updates of the weights in the whole run."""
    worlds: Capacity = 16
    """B, worlds in a batch."""
    unroll_length: Capacity = 100
    """Lu, steps of each trajectory (table 2: 24 to 100)."""
    learning_rate: Positive = 1e-4
    """Adam's learning rate for agent and simulation (table 2: 1e-4 to 2e-4)."""
    belief_warmup: CountOrZero = 0
    """Updates over which the learning rate of the agent (encoder, core, and policy if it has one) rises to its full
    value, so that the frame model first learns what all frames have in common; at a high rate the belief saturates on
    that and ignores the frames."""
    probe_learning_rate: Positive = 1e-3
    """Adam's learning rate for the probes."""
    probe_times: CountOrZero | None = None
    """Times, sampled for each trajectory, at which the probes are trained and scored; none: all of them, 0: there are
    no probes."""
    beta1: Decay = 0.9
    """Decay of Adam's first moment (table 2: 0 to 0.95)."""
    beta2: Decay = 0.999
    """Decay of Adam's second moment (table 2: 0.99 to 0.999)."""
    gradient_clip: Positive = 500_000.0
    """Largest norm of the gradient of agent and simulation, to clip only outliers. In nats per frame it grows with
    frames and λ: about 250,000 with the paper's frames. If policy and value are learned as well: 40."""

    def __post_init__(self) -> None:
        require_fields("learning.", self)

    @property
    def frames_per_update(self) -> int:
        """Frames that the agent sees in one update."""
        return self.worlds * self.unroll_length
