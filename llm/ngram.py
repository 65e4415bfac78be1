"""Models that see only the last few tokens: by counting, and by a small network."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llm.layers import check_ids


class BigramTable(nn.Module):
    """For every token, how often each other came next: a model that counts.

    ids: integers (B, T). Returns logits (B, T, V): ln of (count + alpha) over the
    sum of its row, a share that is never zero. alpha: what is added to every count,
    above 0.

    **Source:** Shannon (1948), section 3; alpha from Lidstone (1920).
    """

    def __init__(self, vocab_size: int, alpha: float = 0.01) -> None:
        super().__init__()
        if not alpha > 0:
            raise ValueError(
                f"alpha={alpha} must be above 0, or a pair that was never seen "
                f"would be infinitely surprising"
            )
        self.alpha = alpha
        self.register_buffer("counts", torch.zeros(vocab_size, vocab_size))

    def count(self, x: Tensor, y: Tensor) -> None:
        """Take in pairs: y came after x. Negative targets do not count.

        x, y: integers of the same shape.
        """
        real = y >= 0
        ones = torch.ones(int(real.sum()))
        self.counts.index_put_((x[real], y[real]), ones, accumulate=True)

    def forward(self, ids: Tensor) -> Tensor:
        rows = self.counts[ids] + self.alpha  # (B, T, V)
        return (rows / rows.sum(-1, keepdim=True)).log()


class WindowModel(nn.Module):
    """A small network that looks at the last few tokens, each in its own place.

    ids: integers (B, T). Returns logits (B, T, V). Where fewer than `n_tokens` have
    come, the missing ones count as token 0.

    n_tokens: how many it sees, the present one included; d_model: width of a token's
    vector; d_ff: width of the hidden layer.

    **Source:** Bengio et al. (2003), section 2, without the direct connections.
    """

    def __init__(
        self, vocab_size: int, n_tokens: int = 4, d_model: int = 32, d_ff: int = 128
    ) -> None:
        super().__init__()
        self.n_tokens = n_tokens
        self.tokens = nn.Embedding(vocab_size, d_model)
        self.up = nn.Linear(n_tokens * d_model, d_ff)
        self.head = nn.Linear(d_ff, vocab_size)

    def forward(self, ids: Tensor) -> Tensor:
        check_ids(ids, self.tokens.num_embeddings)
        windows = F.pad(ids, (self.n_tokens - 1, 0)).unfold(1, self.n_tokens, 1)
        seen = self.tokens(windows).flatten(2)  # (B, T, ...)
        return self.head(self.up(seen).tanh())  # (B, T, V)
