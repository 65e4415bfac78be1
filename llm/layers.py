"""The parts of a Transformer that look at one position at a time."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llm.linear import Linear


class LayerNorm(nn.Module):
    """Shift and scale each vector to mean 0 and variance 1, then rescale it.

    x: (..., C). Returns the same shape. `weight` and `bias`, both (C,), are
    learned.

    **Source:** Ba, Kiros and Hinton (2016), equation 4.
    """

    def __init__(self, d_model: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(d_model))
        self.bias = nn.Parameter(torch.zeros(d_model))

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)


class RMSNorm(nn.Module):
    """Scale each vector to a root mean square of 1, then rescale it.

    x: (..., C). Returns the same shape. `weight`, (C,), is learned.

    **Source:** Zhang and Sennrich (2019), equation 4.
    """

    def __init__(self, d_model: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(d_model))

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.weight.shape, self.weight, self.eps)


def make_dropout(share: float) -> nn.Module:
    """Set that share of the numbers to zero while training; for 0 nothing at all.

    **Source:** Srivastava et al. (2014), section 4, with the scaling in training.
    """
    return nn.Dropout(share) if share else nn.Identity()


class FeedForward(nn.Module):
    """Two linear layers with a GELU between: each position thinks by itself.

    x: (..., C). Returns the same shape. The hidden width is `d_ff`, 4 C unless
    told.

    **Source:** Vaswani et al. (2017), equation 2; GELU in its tanh form from
    Hendrycks and Gimpel (2016), as in GPT-2.
    """

    def __init__(
        self, d_model: int, d_ff: int | None = None, dropout: float = 0.0
    ) -> None:
        super().__init__()
        d_ff = d_ff or 4 * d_model
        self.up = Linear(d_model, d_ff)
        self.down = Linear(d_ff, d_model)
        self.dropout = make_dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        hidden = F.gelu(self.up(x), approximate="tanh")  # (..., F)
        return self.dropout(self.down(hidden))


def swiglu_width(d_model: int) -> int:
    """The usual width of a SwiGLU: 8/3 C, rounded up to a multiple of 32.

    Its three matrices are then about as large as the two of a `FeedForward`.

    **Source:** Touvron et al. (2023), section 2.2.

    >>> swiglu_width(128)
    352
    """
    return -(-8 * d_model // 96) * 32


class SwiGLU(nn.Module):
    """A feed-forward layer with a gate: one projection decides how much of the
    other goes through.

    x: (..., C). Returns the same shape. The hidden width is `d_ff`; unless told,
    8/3 C rounded up to a multiple of 32, which makes three matrices about as large
    as the two of `FeedForward`.

    **Source:** Shazeer (2020), equation 6, without biases as in Touvron et al.
    (2023).
    """

    def __init__(
        self, d_model: int, d_ff: int | None = None, dropout: float = 0.0
    ) -> None:
        super().__init__()
        d_ff = d_ff or swiglu_width(d_model)
        self.gate = Linear(d_model, d_ff, bias=False)
        self.up = Linear(d_model, d_ff, bias=False)
        self.down = Linear(d_ff, d_model, bias=False)
        self.dropout = make_dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        hidden = F.silu(self.gate(x)) * self.up(x)  # (..., F)
        return self.dropout(self.down(hidden))


class LearnedPositions(nn.Module):
    """One learned vector for each position.

    positions: integers (T,) or (B, T). Returns vectors (T, C) or (B, T, C), to be
    added to those of the tokens.

    **Source:** Radford et al. (2019); Vaswani et al. (2017), section 3.5.
    """

    def __init__(self, context_length: int, d_model: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(context_length, d_model))

    def forward(self, positions: Tensor) -> Tensor:
        return F.embedding(positions, self.weight)


class RotaryPositions(nn.Module):
    """Turn queries and keys by angles that grow with the position, so that their
    dot product depends on how far apart they are and on nothing else about where
    they are.

    Component i of the first half of a head and component i of the second half are
    the two coordinates of a point; at position p it is turned by p · base^(−2i/D)
    radians.

    x: (B, H, T, D); positions: integers (T,) or (B, T). Returns the shape of x.
    Raises `ValueError` for an odd D.

    **Source:** Su et al. (2021), equation 34, in the two-halves layout that
    Llama checkpoints use.
    """

    def __init__(
        self, head_dim: int, context_length: int, base: float = 10_000.0
    ) -> None:
        super().__init__()
        if head_dim % 2:
            raise ValueError(
                f"rotary positions turn pairs of components, so the head width "
                f"must be even, not {head_dim}; choose another d_model or n_heads"
            )
        exponents = torch.arange(0, head_dim, 2).float() / head_dim
        angles = torch.arange(context_length)[:, None] * base**-exponents
        cos, sin = angles.cos(), angles.sin()  # (context_length, D/2)
        table = torch.cat((cos, cos, -sin, sin), dim=-1)  # (context_length, 2 D)
        self.register_buffer("table", table, persistent=False)

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        at = F.embedding(positions, self.table).unsqueeze(-3)  # (..., 1, T, 2 D)
        cos, sin = at.chunk(2, dim=-1)  # (..., 1, T, D)
        other = x.roll(x.shape[-1] // 2, dims=-1)  # (B, ..., T, D)
        return (x * cos + other * sin).type_as(x)


class Embedding(nn.Module):
    """Look up the vector of each token, and add that of its position if there is
    one.

    ids, positions: integers (B, T) and (T,) or (B, T). Returns (B, T, C).

    positions_part: a module such as `LearnedPositions`, or None where the positions
    enter elsewhere.
    """

    def __init__(
        self,
        vocab_size: int,
        d_model: int,
        positions_part: nn.Module | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocab_size, d_model)
        self.positions_part = positions_part
        self.dropout = make_dropout(dropout)

    def forward(self, ids: Tensor, positions: Tensor) -> Tensor:
        x = self.tokens(ids)  # (B, T, C)
        if self.positions_part is not None:
            x = x + self.positions_part(positions)  # (B, T, C)
        return self.dropout(x)
