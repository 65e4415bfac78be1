"""Attention: every position asks, every position answers, weights decide."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import islice

import torch
from torch import Tensor, nn

from llm.layers import make_dropout


def check_mask(mask: Tensor, shape: Sequence[int]) -> None:
    """Refuse a mask that is not boolean, or that fits no scores of this shape.

    mask: True = may look; (T, S) for all, or with every dimension of the scores,
    each of the same size or 1. shape: of the scores, (..., T, S).

    A mask of numbers is never added to the scores: the `torch.tril(torch.ones(T,
    T))` of many tutorials would hide nothing. Nor is a mask (B, T, S) guessed to be
    one for each head where B and H happen to be equal.

    Raises `ValueError` that says what to write instead.
    """
    kind = getattr(mask, "dtype", type(mask).__name__)
    if not isinstance(mask, Tensor):
        raise ValueError(
            f"the mask is no tensor but {kind}: write torch.tensor(mask).bool()"
        )
    if mask.dtype != torch.bool:
        added = mask.is_floating_point() and bool((mask < 0).any())
        raise ValueError(
            f"the mask holds {kind}, not torch.bool: masks are boolean, True = may "
            f"look; write mask {'== 0' if added else '!= 0'}, or "
            f"torch.ones(T, T, dtype=torch.bool).tril()"
        )
    sizes = zip(reversed(mask.shape), reversed(shape), strict=False)
    if mask.dim() not in (2, len(shape)) or any(m not in (1, n) for m, n in sizes):
        raise ValueError(
            f"the mask has shape {tuple(mask.shape)}, the scores have "
            f"{tuple(shape)}: give it the last two sizes, or all, where 1 stands "
            f"for any; one mask for each text of a batch is mask[:, None], "
            f"(B, 1, T, S)"
        )


def softmax(scores: Tensor) -> Tensor:
    """Turn each row of scores into weights that are not negative and sum to one.

    scores: (..., S). Returns the same shape. A score of −∞ becomes a weight of 0; a
    row of nothing but −∞ becomes NaN: a softmax over nothing is not a number.

    **Source:** Bridle (1990), who gave it its name.
    """
    largest = scores.amax(dim=-1, keepdim=True)  # (..., 1)
    exps = (scores - largest).exp()  # at most 1, and no weight is changed by it
    return exps / exps.sum(dim=-1, keepdim=True)


def attention_weights(q: Tensor, k: Tensor, mask: Tensor | None = None) -> Tensor:
    """How much each query takes from each key: a row of weights that sums to one.

    q: (..., T, D); k: (..., S, D); mask: boolean, True = may look, as in
    `check_mask`. Returns (..., T, S). A query that may look nowhere gets NaN: a
    softmax over nothing is not a number.

    **Source:** Vaswani et al. (2017), equation 1, without the values.
    """
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (..., T, S)
    if mask is not None:
        check_mask(mask, scores.shape)
        scores = scores.masked_fill(~mask, -math.inf)
    return softmax(scores)


def attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None
) -> Tensor:
    """For each query the average of the values, weighted by how well its key fits.

    q: (..., T, D); k: (..., S, D); v: (..., S, D); mask: as in `attention_weights`.
    Returns (..., T, D), NaN for a query that may look nowhere.

    **Source:** Vaswani et al. (2017), equation 1.
    """
    return attention_weights(q, k, mask) @ v


def causal_mask(n_positions: int, device: torch.device | None = None) -> Tensor:
    """Who may look at whom when nobody sees the future: True on and below the
    diagonal.

    Returns a boolean (T, T) for T = n_positions; row = who looks, column = at whom.

    >>> causal_mask(3).int().tolist()
    [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    """
    everyone = torch.ones(n_positions, n_positions, dtype=torch.bool, device=device)
    return everyone.tril()


class KVCache:
    """The keys and values of the positions read so far, so that none is computed
    twice.

    Slot p holds position p. A slot is always written before it can be seen: a query
    at position p sees the slots 0 … p, and each of them was filled by the token
    that stood there last. So rows of unequal length need no bookkeeping: what
    padding wrote into a slot is overwritten by the first real token at that
    position.

    k, v: (B, n_kv_heads, context_length, D).
    """

    def __init__(
        self,
        batch_size: int,
        n_kv_heads: int,
        context_length: int,
        head_dim: int,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        shape = (batch_size, n_kv_heads, context_length, head_dim)
        self.k = torch.zeros(shape, device=device, dtype=dtype)
        self.v = torch.zeros(shape, device=device, dtype=dtype)

    def update(
        self, k: Tensor, v: Tensor, positions: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Write new keys and values at their positions; return all up to the last
        of these.

        k, v: (B, n_kv_heads, T, D); positions: integers (T,) or (B, T).
        Returns two tensors (B, n_kv_heads, S, D). Raises `ValueError` without
        positions, and for one that has no slot.
        """
        if positions is None:
            raise ValueError(
                "a cache needs to be told where each token stands: give positions, "
                "after 5 others torch.arange(5, 5 + T)"
            )
        least, most = (int(p) for p in positions.aminmax())
        if least < 0 or most >= self.k.shape[2]:
            raise ValueError(
                f"position {least if least < 0 else most} has no slot: the cache "
                f"was made for context_length={self.k.shape[2]}"
            )
        for slots, new in ((self.k, k), (self.v, v)):
            if positions.dim() == 1:
                slots.index_copy_(2, positions, new.to(slots.dtype))
            else:
                where = positions[:, None, :, None].expand_as(new)
                slots.scatter_(2, where, new.to(slots.dtype))
        n_slots = most + 1
        return self.k[:, :, :n_slots], self.v[:, :, :n_slots]


def unrotated(x: Tensor, positions: Tensor | None) -> Tensor:
    """The rotary part of a model that has none: returns x as it is."""
    return x


class MultiHeadAttention(nn.Module):
    """Several attentions side by side, each on its own share of the width.

    x: (B, T, C). Returns (B, T, C), NaN where a position may look nowhere. mask: as
    in `check_mask`, for scores (B, H, T, S). positions: integers (T,) or (B, T),
    for `rotate`, such as `RotaryPositions`, and `cache`, which supplies earlier
    keys and values. n_kv_heads: heads of keys and values, each shared by n_heads /
    n_kv_heads queries. Raises `ValueError` as `check_heads` does.

    **Source:** Vaswani et al. (2017), section 3.2.2; Ainslie et al. (2023), 2.2.
    """

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        *,
        n_kv_heads: int | None = None,
        bias: bool = True,
        dropout: float = 0.0,
        rotate: Callable[[Tensor, Tensor | None], Tensor] = unrotated,
    ) -> None:
        super().__init__()
        self.n_heads, self.n_kv_heads = n_heads, n_kv_heads or n_heads
        check_heads(d_model, n_heads, self.n_kv_heads)
        kv_width = d_model // n_heads * self.n_kv_heads
        self.query = nn.Linear(d_model, d_model, bias=bias)
        self.key = nn.Linear(d_model, kv_width, bias=bias)
        self.value = nn.Linear(d_model, kv_width, bias=bias)
        self.output = nn.Linear(d_model, d_model, bias=bias)
        self.rotate = rotate
        self.weight_dropout = make_dropout(dropout)
        self.dropout = make_dropout(dropout)

    def heads(self, x: Tensor, positions: Tensor | None) -> tuple[Tensor, ...]:
        """What each head asks, is found by, and has to say."""
        B, T, _ = x.shape
        q = self.query(x).view(B, T, self.n_heads, -1).transpose(1, 2)
        k = self.key(x).view(B, T, self.n_kv_heads, -1).transpose(1, 2)
        v = self.value(x).view(B, T, self.n_kv_heads, -1).transpose(1, 2)
        return self.rotate(q, positions), self.rotate(k, positions), v

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        positions: Tensor | None = None,
        cache: KVCache | None = None,
    ) -> Tensor:
        q, k, v = self.heads(x, positions)
        if cache is not None:
            k, v = cache.update(k, v, positions)  # (B, n_kv_heads, S, D)
        out = self.mixed(q, k, v, mask)  # (B, H, T, D)
        return self.dropout(self.output(out.transpose(1, 2).flatten(2)))

    def mixed(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """What each head hears: its values, weighted."""
        n_shared = self.n_heads // self.n_kv_heads
        k, v = (part.repeat_interleave(n_shared, 1) for part in (k, v))
        return self.weight_dropout(attention_weights(q, k, mask)) @ v


def check_heads(d_model: int, n_heads: int, n_kv_heads: int) -> None:
    """Refuse head counts that do not divide what they share.

    Raises `ValueError` that names both numbers and head counts that would do.
    """
    if d_model % n_heads:
        few = range(1, min(d_model, 1024) + 1)
        fits = list(islice((h for h in few if d_model % h == 0), 8))
        raise ValueError(
            f"n_heads={n_heads} does not divide d_model={d_model}: every head gets "
            f"the same width; choose from {', '.join(map(str, fits))}, …"
        )
    if n_heads % n_kv_heads:
        raise ValueError(
            f"n_kv_heads={n_kv_heads} does not divide n_heads={n_heads}: every "
            f"head of keys and values is shared by the same number of queries"
        )
