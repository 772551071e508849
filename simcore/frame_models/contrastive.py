"""What the generative model is compared with: telling the frame that comes from others (CPC|Action)."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from simcore.common.checks import require_positive
from simcore.common.errors import UserError
from simcore.frame_models.base import FrameLoss, FrameModel, frame_models
from simcore.networks import ResidualEncoder


@dataclass(frozen=True)
class ContrastiveConfig:
    """The frame told from others, where --frame-model is contrastive (CPC|Action)."""

    negatives: int = 16
    """Frames that each simulated state is shown beside the right one: half of them of other times of the same
    trajectory, as far as there are so many, the rest of other trajectories."""
    embedding_size: int = 128
    """Size of the frames' embedding."""
    hidden_size: int = 256
    """Hidden units of the net that scores."""
    cost: float = 1.0
    """Weight of its loss beside those of policy and value: nats of a choice between two, not of a frame."""

    def __post_init__(self) -> None:
        require_positive("contrastive", self, "negatives", "embedding_size", "hidden_size", "cost")


@frame_models.register("contrastive")
class Contrastive(FrameModel):
    """Scores whether a frame is the one that a simulated state foresees, against others (Guo et al., 2018).

    It embeds frames by an encoder of its own, so that it needs nothing of the agent but the simulated state, as the
    other models; what trains the belief is the state's part in the score.

    Args:
        config: negatives, and sizes.
        condition_size: the length of the condition vector c, the simulated state.
        frame_size: height and width of the frames, in pixels.
        encoder_channels: of the frames' encoder's stages.
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
        self.negatives = config.negatives
        self.encoder = ResidualEncoder(frame_size, embedding_size, encoder_channels)
        # One layer on (c, embedding), in two parts, since each state meets many embeddings.
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
        """Return the cross-entropy of right against wrong frames; it stands for the error, too, and the KL is 0.

        It is in nats of a binary choice, a scale of its own: a blind scorer has ln 2 whatever the frame's size.

        Args:
            frames: uint8 `[N, H, W, 3]`, each the right one for its state and a wrong one for others.
            condition: simulated states `[N, condition_size]`.
            generator: draws the negatives.
            identity: int64 `[N, 2]`, the frames' worlds and times. What shows the very same frame is no negative.
                None: each is of another world.
        """
        own = self.from_embedding(self.encoder(frames))
        asked = self.from_condition(condition)
        if identity is None:
            identity = torch.arange(len(frames), device=frames.device)[:, None].expand(-1, 2)
        others, valid = draw_negatives(identity, self.negatives, generator)
        right = self._score(asked, own)
        wrong = self._score(asked[:, None], own[others])
        loss = contrast(right, wrong, valid)
        return FrameLoss(loss, torch.zeros_like(loss), loss)

    def sample(self, condition: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Complain.

        Raises:
            UserError: always: it tells frames apart and cannot make any.
        """
        raise UserError("the contrastive model tells frames apart and cannot make any, so there is nothing to sample")

    def update(self, error: Tensor) -> None:
        """Do nothing: there is no constraint."""

    @property
    def multiplier(self) -> Tensor:
        """1: there is no constraint."""
        return self.get_buffer("weight")

    def _score(self, asked: Tensor, shown: Tensor) -> Tensor:
        scores: Tensor = self.score(F.relu(asked + shown))
        return scores[..., 0].float()


def contrast(right: Tensor, wrong: Tensor, valid: Tensor) -> Tensor:
    """Return the mean binary cross-entropy of right frames' logits `[N]` and wrong ones' `[N, K]`, `[N]`.

    Right and wrong weigh alike, however many wrong ones there are: ln 2 for a blind scorer, 0 for a perfect one. Where
    `valid`, bool `[N, K]`, is False a wrong one does not count.
    """
    weights = valid.to(wrong.dtype)
    rejected = (weights * F.softplus(wrong)).sum(dim=-1) / weights.sum(dim=-1).clamp(min=1.0)
    return (F.softplus(-right) + rejected) / 2


class Negatives(NamedTuple):
    """For each of N points, K others that show another frame than it does."""

    points: Tensor
    """Their places in the batch, int64 `[N, K]`."""
    valid: Tensor
    """Bool `[N, K]`; False where the batch has no further point with another frame."""


def draw_negatives(identity: Tensor, count: int, generator: torch.Generator | None = None) -> Negatives:
    """Draw, for each of N points, `count` others that show another frame, none twice; where they are fewer, all.

    Half, rounded up, are of other times of the same world, the rest of other worlds; where one kind is short, all of it
    and more of the other. Other worlds are told from this one by what it looks like, and that alone a belief would
    learn from them; another time of the same world by where the agent is. Frames are told apart by when and in which
    world they were seen, not by their pixels: one that merely looks like the target is among the negatives as often as
    such looks are common, and only so do scores tend to log p(x | c) / q(x), where q draws as the negatives are drawn.

    Args:
        identity: int64 `[N, 2]`, the frames' worlds and times.
        count: the negatives of a point.
        generator: draws them, on the identities' device.
    """
    points, (worlds, times) = len(identity), identity.T
    is_other_world = worlds[:, None] != worlds
    differs = is_other_world | (times[:, None] != times)
    is_other_time = differs & ~is_other_world
    lots = torch.rand(points, points, generator=generator, device=identity.device)
    half = lots.masked_fill(~is_other_time, -1.0).topk(min((count + 1) // 2, points), dim=1).indices
    # All of a kind before all of the next: half from the same world, then other worlds, then what the same has left.
    lots = (lots + is_other_world).scatter_add(1, half, 2.0 * is_other_time.gather(1, half))
    drawn = lots.masked_fill(~differs, -1.0).topk(min(count, points), dim=1).indices
    return Negatives(drawn, differs.gather(1, drawn))
