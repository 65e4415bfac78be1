"""The parts of a Transformer that look at one position at a time."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

NORM_EPS = 1e-5  # keeps a norm from dividing by zero


class LayerNorm(nn.Module):
    """Shift and scale each vector to mean 0 and variance 1, then rescale it.

    x: (..., C). Returns the same shape. `weight` and `bias`, both (C,), are
    learned; bias: False = without the second.

    **Source:** Ba, Kiros and Hinton (2016), equation 4.
    """

    def __init__(
        self, d_model: int, eps: float = 1e-5, *, bias: bool = True
    ) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(d_model))
        self.bias = nn.Parameter(torch.zeros(d_model)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(-1, keepdim=True)
        variance = x.var(-1, correction=0, keepdim=True)
        x = (x - mean) / (variance + self.eps).sqrt() * self.weight
        return x if self.bias is None else x + self.bias


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
        mean_square = x.square().mean(-1, keepdim=True)
        return x / (mean_square + self.eps).sqrt() * self.weight


def make_dropout(share: float) -> nn.Module:
    """Set that share of the numbers to zero while training; for 0 nothing at all.

    **Source:** Srivastava et al. (2014), section 4, with the scaling in training.
    """
    return nn.Dropout(share) if share else nn.Identity()


def gelu_exact(x: Tensor) -> Tensor:
    """x times the probability that a standard normal number is below x.

    Returns the shape of x.

    **Source:** Hendrycks and Gimpel (2016), section 2.
    """
    return x * (1 + torch.erf(x / math.sqrt(2))) / 2


def gelu_tanh(x: Tensor) -> Tensor:
    """`gelu_exact` to three digits, by a tanh, which once was quicker.

    Returns the shape of x.

    **Source:** Hendrycks and Gimpel (2016), section 2.
    """
    return x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2


def silu(x: Tensor) -> Tensor:
    """x times its own sigmoid: a gate that a number opens for itself.

    Returns the shape of x.

    **Source:** Hendrycks and Gimpel (2016), section 2; named swish by Ramachandran,
    Zoph and Le (2017).
    """
    return x / (1 + torch.exp(-x))


GELUS = {"tanh": gelu_tanh, "exact": gelu_exact}


class FeedForward(nn.Module):
    """Two linear layers with a GELU between: each position thinks by itself.

    x: (..., C). Returns the same shape. The hidden width is `d_ff`, 4 C unless
    told. gelu: "tanh", the approximation that GPT-2 has, or "exact".

    **Source:** Vaswani et al. (2017), equation 2; both forms of GELU from Hendrycks
    and Gimpel (2016), section 2.
    """

    def __init__(
        self,
        d_model: int,
        d_ff: int | None = None,
        dropout: float = 0.0,
        *,
        gelu: str = "tanh",
        bias: bool = True,
    ) -> None:
        super().__init__()
        d_ff = d_ff or 4 * d_model
        self.up = nn.Linear(d_model, d_ff, bias=bias)
        self.down = nn.Linear(d_ff, d_model, bias=bias)
        self.activation = GELUS[gelu]
        self.dropout = make_dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.activation(self.up(x))  # (..., F)
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
        self,
        d_model: int,
        d_ff: int | None = None,
        dropout: float = 0.0,
        *,
        bias: bool = False,
    ) -> None:
        super().__init__()
        d_ff = d_ff or swiglu_width(d_model)
        self.gate = nn.Linear(d_model, d_ff, bias=bias)
        self.up = nn.Linear(d_model, d_ff, bias=bias)
        self.down = nn.Linear(d_ff, d_model, bias=bias)
        self.dropout = make_dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        hidden = silu(self.gate(x)) * self.up(x)  # (..., F)
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
        return self.weight[positions]


def rotary_speeds(head_dim: int, base: float) -> Tensor:
    """How far each pair of components turns from a position to the next: (D/2,), in
    radians.

    **Source:** Su et al. (2021), section 3.2.2.
    """
    # not base ** -e, which rounds otherwise: at position 40,000 it shows
    return 1 / base ** (torch.arange(0, head_dim, 2) / head_dim)


class RotaryPositions(nn.Module):
    """Turn queries and keys by angles that grow with the position, so that their
    dot product depends on how far apart they are and on nothing else about where
    they are.

    Component i of the first half of a head and component i of the second half are
    the two coordinates of a point; at position p it is turned by p · base^(−2i/D)
    radians.

    x: (B, H, T, D); positions: integers (T,) or (B, T), below `context_length`.
    Returns the shape of x. base: 10,000 in most models; longer contexts take more.
    Raises `ValueError` for an odd D, and for positions that fit no x.

    **Source:** Su et al. (2021), equation 34, with the pairs in two
    halves, as in the Llama files of the `transformers` library.
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
        self.context_length, self.base = context_length, base
        speeds = rotary_speeds(head_dim, base)
        angles = torch.arange(context_length)[:, None] * speeds  # (..., D/2)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, x: Tensor, positions: Tensor | None) -> Tensor:
        check_rotation(x, positions, self.context_length)
        cos, sin = self.cos[positions], self.sin[positions]  # (..., T, D/2)
        if positions.dim() == 2:
            cos, sin = cos.unsqueeze(1), sin.unsqueeze(1)  # (B, 1, T, D/2)
        first, second = x.chunk(2, dim=-1)
        turned = first * cos - second * sin, second * cos + first * sin
        return torch.cat(turned, dim=-1).type_as(x)


def normed(x: Tensor, positions: Tensor | None = None) -> Tensor:
    """Scale each query or key to a root mean square of 1, wherever it stands.

    A score, the product of two over √D, is then at most √D, however large the
    weights become; training bears higher learning rates. Nothing about it is
    learned.

    x: (..., D). Returns the same shape.

    **Source:** Henry et al. (2020), section 2.2, with the norm of Zhang and
    Sennrich (2019) and without a gain.
    """
    mean_square = x.square().mean(-1, keepdim=True)
    return x * (mean_square + NORM_EPS).rsqrt()


class NormedRotaryPositions(RotaryPositions):
    """`RotaryPositions` of queries and keys that are first `normed`."""

    def forward(self, x: Tensor, positions: Tensor | None) -> Tensor:
        return super().forward(normed(x), positions)


def check_rotation(x: Tensor, positions: Tensor | None, n: int) -> None:
    """Refuse positions that fit no x, or that no table of length n has.

    Raises `ValueError` with both shapes, or the position.
    """
    if positions is None:
        raise ValueError(
            "rotary positions need to be told where each token stands: give "
            "positions, such as torch.arange(T)"
        )
    one_row = x.dim() > 1 and positions.shape == x.shape[-2:-1]
    per_text = x.dim() == 4 and positions.shape == (x.shape[0], x.shape[2])
    if not (one_row or per_text):
        raise ValueError(
            f"x has shape {tuple(x.shape)} and positions {tuple(positions.shape)}: "
            f"x is wanted as (B, H, T, D), positions as (T,) or (B, T)"
        )
    check_range(positions, n, "position", "context_length")


def check_ids(ids: Tensor, vocab_size: int) -> None:
    """Refuse what is no batch of ids below `vocab_size`.

    Raises `ValueError` with the shape, the kind of number, or the id.
    """
    if ids.is_floating_point() or ids.dtype == torch.bool:
        raise ValueError(f"ids are integers, not {ids.dtype}: write ids.long()")
    if ids.dim() != 2:
        raise ValueError(
            f"ids have shape {tuple(ids.shape)}; a model reads a batch (B, T): "
            f"write ids[None] for a single text"
        )
    if not ids.numel():
        raise ValueError(
            f"ids have shape {tuple(ids.shape)}: there is nothing to read; give at "
            f"least one text of at least one token"
        )
    check_range(ids, vocab_size, "id", "vocab_size")


def check_range(numbers: Tensor, n: int, what: str, limit: str) -> None:
    """Raises `ValueError` for a number below 0, or not below n.

    On a GPU, which would have to be waited for, the table itself complains.
    """
    if not numbers.is_cpu or not numbers.numel() or torch.compiler.is_compiling():
        return
    least, most = (int(x) for x in numbers.aminmax())
    if least < 0 or most >= n:
        raise ValueError(
            f"{what} {least if least < 0 else most} is out of range: {limit}={n} "
            f"goes from 0 to {n - 1}"
        )


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
