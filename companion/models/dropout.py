"""Dropout whose mask a run carries with it.

torch's own dropout draws from one generator for the whole process, so a run in a stack would see
other masks than the same run alone. Here the mask is a function of (seed, layer, step), as every
random number of the book (see `companion.streams`).

Source: N. Srivastava et al., *Dropout: A Simple Way to Prevent Neural Networks from
Overfitting*, JMLR 15, 2014.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from companion import kinds, streams
from companion.models import checks


class Dropout(nn.Module):
    """While training, zero each value with probability p and multiply the others by 1 / (1 - p).

    number: which dropout layer of its model this is; layers of one run must differ. Buffers
    ``seed`` and ``step`` (int64 scalars) say which run this is and how many masks it has drawn;
    `seed_dropout` sets them. In eval mode, or with p = 0, values pass and no step is counted.
    The uniform numbers are float32 whatever the dtype of the values, so the mask is the same in
    every precision.

    >>> layer = Dropout(0.5, number=1)
    >>> sorted(set(layer(torch.ones(100)).tolist()))
    [0.0, 2.0]
    """

    def __init__(self, p: float, number: int) -> None:
        super().__init__()
        checks.dropout_probability(p)
        self.p, self.number = p, number
        self.register_buffer("seed", torch.zeros((), dtype=torch.int64))
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))

    def forward(self, values: Tensor) -> Tensor:
        """Values of any shape, masked."""
        if not self.training or self.p == 0:
            return values
        purpose = f"dropout:{self.number}"
        u = streams.uniform(self.seed, purpose, self.step, values.numel(), values.device)
        self.step.add_(1)
        return values * (u >= self.p).reshape(values.shape) / (1 - self.p)

    def extra_repr(self) -> str:
        """Its settings, for print(model)."""
        return f"p={self.p}, number={self.number}"


def seed_dropout(model: nn.Module, seed: int) -> nn.Module:
    """Make every dropout layer of ``model`` draw the masks of run ``seed`` from its first step.

    ValueError for a seed that is no whole number of 64 bits.
    """
    seed = kinds.whole("a seed", seed)
    for module in model.modules():
        if isinstance(module, Dropout):
            module.seed.fill_(seed)
            module.step.zero_()
    return model
