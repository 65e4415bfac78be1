"""Other ways to say where a token stands: waves, biases, and other rotations.

`LearnedPositions` and `RotaryPositions`, which the presets are made of, stand in
`llm.layers`. A model with a part from here is put together by `llm.model.assemble`;
its `GPTConfig` does not describe it, so it is kept by
`safetensors.torch.save_model`, not as a checkpoint of a run.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from llm.attention import KVCache, MultiHeadAttention, check_mask, softmax
from llm.layers import RotaryPositions, rotary_speeds


class SinusoidalPositions(nn.Module):
    """A vector for each position that is computed: waves, from short ones to long.

    Components 2i and 2i + 1 are sine and cosine of the angle p · base^(−2i/C).

    positions: integers (T,) or (B, T), as large as they like. Returns vectors
    (T, C) or (B, T, C), to be added to those of the tokens. scale: the height of
    the waves; choose it of the size of the vectors they are added to. Nothing is
    learned. Raises `ValueError` for an odd C.

    **Source:** Vaswani et al. (2017), section 3.5.
    """

    def __init__(
        self, d_model: int, base: float = 10_000.0, *, scale: float = 1.0
    ) -> None:
        super().__init__()
        if d_model % 2:
            raise ValueError(
                f"each wave takes a sine and a cosine, so d_model must be even, "
                f"not {d_model}"
            )
        self.base, self.scale = base, scale
        self.register_buffer(
            "speeds", rotary_speeds(d_model, base), persistent=False
        )

    def forward(self, positions: Tensor) -> Tensor:
        angles = positions[..., None] * self.speeds  # (..., T, C/2)
        waves = torch.stack((angles.sin(), angles.cos()), dim=-1)
        return self.scale * waves.flatten(-2)


def alibi_slopes(n_heads: int) -> Tensor:
    """By how much each head lowers a score per step of distance: (H,).

    Head h of H, counted from 1, has 2^(−8h/H): the first looks at what is near, the
    last hardly minds how far away something is.

    **Source:** Press, Smith and Lewis (2022), section 3.

    >>> alibi_slopes(4).tolist()
    [0.25, 0.0625, 0.015625, 0.00390625]
    """
    return 2.0 ** (-8 * torch.arange(1, n_heads + 1) / n_heads)


class ALiBiAttention(MultiHeadAttention):
    """Multi-head attention whose scores fall with the distance, head by head, along
    a straight line.

    From each score should go slope · (position of the query − position of the key).
    All scores of a query share the first term of that, which the softmax forgets;
    so it is enough to add slope · (position of the key).

    Called like `MultiHeadAttention`, with a mask that hides the future. Nothing is
    learned besides. Raises `ValueError` for positions that are not in a row: keys
    are taken to stand side by side, as they do in a text and in a `KVCache`.

    **Source:** Press, Smith and Lewis (2022), section 3.
    """

    def __init__(self, d_model: int, n_heads: int, **settings) -> None:
        super().__init__(d_model, n_heads, **settings)
        self.register_buffer("slopes", alibi_slopes(n_heads), persistent=False)

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        positions: Tensor | None = None,
        cache: KVCache | None = None,
    ) -> Tensor:
        if positions is not None and cache is None:
            check_in_a_row(positions)
        return super().forward(x, mask, positions, cache)

    def mixed(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        n_shared = self.n_heads // self.n_kv_heads
        k, v = (part.repeat_interleave(n_shared, 1) for part in (k, v))
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (B, H, T, S)
        keys = torch.arange(k.shape[-2], device=k.device)
        scores = scores + self.slopes[:, None, None] * keys  # (B, H, T, S)
        if mask is not None:
            check_mask(mask, scores.shape)
            scores = scores.masked_fill(~mask, -math.inf)
        return self.weight_dropout(softmax(scores)) @ v


def check_in_a_row(positions: Tensor) -> None:
    """Refuse positions between which some are missing.

    Raises `ValueError` that names the first two.
    """
    gaps = (positions.diff() != 1).nonzero()
    if len(gaps):
        *row, at = gaps[0].tolist()
        one, other = (int(positions[(*row, i)]) for i in (at, at + 1))
        raise ValueError(
            f"position {one} is followed by {other}: the distances of ALiBi are "
            f"counted in tokens that are there, so positions must be in a row"
        )


class InterleavedRotaryPositions(RotaryPositions):
    """`RotaryPositions` in the other layout: the two coordinates of a point are
    neighbours, components 2i and 2i + 1 of a head.

    **Source:** Su et al. (2021), equation 34.
    """

    def forward(self, x: Tensor, positions: Tensor | None) -> Tensor:
        halves = torch.cat((x[..., 0::2], x[..., 1::2]), dim=-1)
        turned = super().forward(halves, positions).chunk(2, dim=-1)
        return torch.stack(turned, dim=-1).flatten(-2)


def interleaved_to_halves(rows: Tensor, n_heads: int) -> Tensor:
    """The matrix of a query or key projection for `RotaryPositions`, from one for
    `InterleavedRotaryPositions`.

    rows: the weight (H·D, C) of an `nn.Linear`, or its bias (H·D,); n_heads: how
    many heads it makes, for shared keys n_kv_heads. Returns the same rows in
    another order.

    >>> interleaved_to_halves(torch.arange(8), n_heads=2).tolist()
    [0, 2, 1, 3, 4, 6, 5, 7]
    """
    pairs = rows.unflatten(0, (n_heads, -1, 2))
    return pairs.transpose(1, 2).flatten(0, 2)


class InterpolatedRotaryPositions(RotaryPositions):
    """`RotaryPositions` that turn as if every position were divided by `factor`.

    A text `factor` times as long as those of the training then goes less than one
    position beyond the angles that they reached. base, context_length: as in
    `RotaryPositions`; the latter is the new one, in tokens. Raises `ValueError` for
    a factor below 1.

    **Source:** Chen et al. (2023), section 2.3.
    """

    def __init__(
        self,
        head_dim: int,
        context_length: int,
        base: float = 10_000.0,
        *,
        factor: float,
    ) -> None:
        super().__init__(head_dim, context_length, base)
        if factor < 1:
            raise ValueError(
                f"factor={factor} would push the positions apart: it says how many "
                f"times longer the text may be, and is at least 1"
            )
        self.factor = factor
        places = torch.arange(context_length) / factor
        angles = places[:, None] * rotary_speeds(head_dim, base)  # (..., D/2)
        self.cos.copy_(angles.cos())
        self.sin.copy_(angles.sin())
