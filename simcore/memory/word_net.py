"""The nets that make words for a memory (App. C, figure 8)."""

from torch import Tensor, nn


class WordNet(nn.Module):
    """Map (b, input) to a word by one linear layer, or by two with a ReLU between them."""

    def __init__(self, input_size: int, hidden_size: int, word_size: int) -> None:
        super().__init__()
        self.first = nn.Linear(input_size, hidden_size or word_size)
        self.second = nn.Linear(hidden_size, word_size) if hidden_size else None

    @property
    def last(self) -> tuple[Tensor, Tensor] | None:
        """Weight and bias of the second layer, if there is one."""
        return None if self.second is None else (self.second.weight, self.second.bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return words `[..., D]`."""
        first = self.first(inputs)
        return first if self.second is None else self.second(first.relu())
