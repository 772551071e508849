"""The contrastive frame model, a baseline: classify which frame comes next (CPC|Action)."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from simcore.common.checks import Positive, Width, require_fields
from simcore.common.errors import UserError
from simcore.frame_models.base import FrameLoss, FrameModel, frame_models, require_frames
from simcore.networks import ResidualEncoder


@dataclass(frozen=True)
class ContrastiveConfig:
    """The contrastive model, used if --frame-model is contrastive (CPC|Action)."""

    negatives: Width = 16
    """Negative frames for each simulated state: half of them from other times of the same trajectory, if there are
    enough, the rest from other trajectories."""
    embedding_size: Width = 128
    """Size of the frame embedding."""
    hidden_size: Width = 256
    """Hidden units of the scoring net."""
    cost: Positive = 1.0
    """Weight of its loss relative to policy and value; the loss is in nats per binary choice, not per frame."""

    def __post_init__(self) -> None:
        require_fields("contrastive.", self)


@frame_models.register("contrastive")
class Contrastive(FrameModel):
    """Score whether a frame is the one predicted by a simulated state, against negatives (Guo et al., 2018).

    It has its own frame encoder, so that it needs only the simulated state of the agent, like the other models; the
    belief is trained through the state's part of the score.

    Args:
        config: the number of negatives, and sizes.
        condition_size: the length of the condition vector c, the simulated state.
        frame_size: height and width of the frames, in pixels.
        encoder_channels: channels of the frame encoder's stages.
    """

    Config = ContrastiveConfig
    draws_frames = False

    def __init__(
        self,
        config: ContrastiveConfig = ContrastiveConfig(),
        *,
        condition_size: int,
        frame_size: int,
        encoder_channels: tuple[int, ...] = (16, 32, 32),
    ) -> None:
        super().__init__()
        hidden_size, embedding_size = config.hidden_size, config.embedding_size
        self.condition_size, self.frame_size = condition_size, frame_size
        self.negatives = config.negatives
        self.encoder = ResidualEncoder(frame_size, embedding_size, encoder_channels)
        # One layer on (c, embedding), in two parts, since each state is paired with many embeddings.
        self.from_condition = nn.Linear(condition_size, hidden_size)
        self.from_embedding = nn.Linear(embedding_size, hidden_size, bias=False)
        self.score = nn.Linear(hidden_size, 1)
        self.register_buffer("weight", torch.tensor(1.0))

    def loss(
        self,
        frames: Tensor,
        condition: Tensor,
        generator: torch.Generator | None = None,
        identity: Tensor | None = None,
    ) -> FrameLoss:
        """Return the cross-entropy of positive against negative frames, also as the error; the KL is 0.

        It is in nats per binary choice: ln 2 for an uninformed scorer, whatever the frame's size.

        Args:
            frames: uint8 `[N, H, W, 3]`, each the positive of its state and a negative of others.
            condition: simulated states `[N, condition_size]`.
            generator: samples the negatives.
            identity: int64 `[N, 2]`, the frames' worlds and times. The very same frame is never a negative.
                None: each is of another world.

        Raises:
            ValueError: frames or conditions have another shape.
        """
        require_frames(frames, condition, self.frame_size, self.condition_size)
        embeddings = self.from_embedding(self.encoder(frames))
        states = self.from_condition(condition)
        if identity is None:
            identity = torch.arange(len(frames), device=frames.device)[:, None].expand(-1, 2)
        negatives, valid = draw_negatives(identity, self.negatives, generator)
        right = self._score(states, embeddings)
        wrong = self._score(states[:, None], embeddings[negatives])
        loss = contrast(right, wrong, valid)
        return FrameLoss(loss, torch.zeros_like(loss), loss)

    def sample(self, condition: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Raise an error: the model cannot generate frames.

        Raises:
            UserError: always.
        """
        raise UserError("the contrastive model tells frames apart and cannot make any, so there is nothing to sample")

    def update(self, error: Tensor) -> None:
        """Do nothing: there is no constraint."""

    @property
    def multiplier(self) -> Tensor:
        """The constant 1: there is no constraint."""
        return self.get_buffer("weight")

    def _score(self, state: Tensor, embedding: Tensor) -> Tensor:
        scores: Tensor = self.score(F.relu(state + embedding))
        return scores[..., 0].float()


def contrast(right: Tensor, wrong: Tensor, valid: Tensor) -> Tensor:
    """Return the mean binary cross-entropy `[N]` of the logits of positives `[N]` and of negatives `[N, K]`.

    Positives and negatives have equal weight, however many negatives there are: ln 2 for an uninformed scorer, 0 for a
    perfect one. Negatives count only where `valid`, bool `[N, K]`, is True.
    """
    weights = valid.to(wrong.dtype)
    negative = (weights * F.softplus(wrong)).sum(dim=-1) / weights.sum(dim=-1).clamp(min=1.0)
    return (F.softplus(-right) + negative) / 2


class Negatives(NamedTuple):
    """For each of N points, K other points with another frame."""

    points: Tensor
    """Their indices in the batch, int64 `[N, K]`."""
    valid: Tensor
    """Bool `[N, K]`; False if the batch has no further point with another frame."""


def draw_negatives(identity: Tensor, count: int, generator: torch.Generator | None = None) -> Negatives:
    """Sample `count` negatives, points with another frame, for each of N points without replacement; if fewer, all.

    Half, rounded up, are from other times of the same world, the rest from other worlds; if there are too few of one
    kind, more of the other. Other worlds differ in their looks, and from them alone a belief would learn only looks;
    another time of the same world differs in where the agent is. Frames are distinguished by world and time, not by
    their pixels: a frame that merely looks like the target may be a negative, as often as such frames occur, and only
    then do scores tend to log p(x | c) / q(x), where q is the distribution of the negatives.

    Args:
        identity: int64 `[N, 2]`, the frames' worlds and times.
        count: negatives per point.
        generator: samples them, on the identities' device.
    """
    points, (worlds, times) = len(identity), identity.T
    is_other_world = worlds[:, None] != worlds
    differs = is_other_world | (times[:, None] != times)
    is_other_time = differs & ~is_other_world
    priority = torch.rand(points, points, generator=generator, device=identity.device)
    half = priority.masked_fill(~is_other_time, -1.0).topk(min((count + 1) // 2, points), dim=1).indices
    # In order of preference: half from the same world, then other worlds, then the rest of the same world.
    priority = (priority + is_other_world).scatter_add(1, half, 2.0 * is_other_time.gather(1, half))
    negatives = priority.masked_fill(~differs, -1.0).topk(min(count, points), dim=1).indices
    return Negatives(negatives, differs.gather(1, negatives))
