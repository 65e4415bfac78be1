"""Attention: every position asks, every position answers, weights decide."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llm.layers import make_dropout
from llm.linear import Linear


def attention_weights(q: Tensor, k: Tensor, mask: Tensor | None = None) -> Tensor:
    """How much each query takes from each key: a row of weights that sums to one.

    q: (..., T, D); k: (..., S, D); mask: boolean, broadcast to (..., T, S),
    True = may look. Returns (..., T, S).

    **Source:** Vaswani et al. (2017), equation 1, without the values.
    """
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (..., T, S)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return scores.softmax(dim=-1)


def attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None
) -> Tensor:
    """For each query the average of the values, weighted by how well its key fits.

    q: (..., T, D); k: (..., S, D); v: (..., S, D); mask: as in `attention_weights`.
    Returns (..., T, D).

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
        self, k: Tensor, v: Tensor, positions: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Write new keys and values at their positions; return all up to the last of
        these.

        k, v: (B, n_kv_heads, T, D); positions: integers (T,) or (B, T).
        Returns two tensors (B, n_kv_heads, S, D).
        """
        for slots, new in ((self.k, k), (self.v, v)):
            if positions.dim() == 1:
                slots.index_copy_(2, positions, new.to(slots.dtype))
            else:
                where = positions[:, None, :, None].expand_as(new)
                slots.scatter_(2, where, new.to(slots.dtype))
        n_slots = int(positions.max()) + 1
        return self.k[:, :, :n_slots], self.v[:, :, :n_slots]


def unrotated(x: Tensor, positions: Tensor | None) -> Tensor:
    """The rotary part of a model that has none: returns x as it is."""
    return x


class MultiHeadAttention(nn.Module):
    """Several attentions side by side, each on its own share of the width.

    x: (B, T, C). Returns (B, T, C). mask: boolean, broadcast to (B, H, T, S), True
    = may look; None = look everywhere. positions: integers (T,) or (B, T), for
    `rotary` and `cache`. cache: a `KVCache` that supplies the keys and values of
    earlier calls, S in all.

    n_kv_heads: fewer heads for keys and values than for queries; each is shared by
    n_heads / n_kv_heads of them. rotary: turns queries and keys, see
    `RotaryPositions`. Raises `ValueError` where the heads do not divide the width.

    **Source:** Vaswani et al. (2017), section 3.2.2; shared heads from Ainslie et
    al. (2023), section 2.2.
    """

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        *,
        n_kv_heads: int | None = None,
        bias: bool = True,
        dropout: float = 0.0,
        rotary: Callable[[Tensor, Tensor | None], Tensor] = unrotated,
    ) -> None:
        super().__init__()
        n_kv_heads = n_kv_heads or n_heads
        check_heads(d_model, n_heads, n_kv_heads)
        self.head_dim = d_model // n_heads
        self.n_heads_each = [n_heads, n_kv_heads]
        self.n_rotated = [n_heads + n_kv_heads, n_kv_heads]
        width = sum(self.n_rotated) * self.head_dim
        self.qkv = Linear(d_model, width, bias=bias)
        self.project = Linear(d_model, d_model, bias=bias)
        self.weight_dropout = dropout
        self.dropout = make_dropout(dropout)
        self.rotary = rotary

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        positions: Tensor | None = None,
        cache: KVCache | None = None,
    ) -> Tensor:
        heads = self.qkv(x).view(*x.shape[:2], -1, self.head_dim).transpose(1, 2)
        qk, v = heads.split(self.n_rotated, dim=1)  # (B, ..., T, D)
        q, k = self.rotary(qk, positions).split(self.n_heads_each, dim=1)
        if cache is not None:
            k, v = cache.update(k, v, positions)  # (B, n_kv_heads, S, D)
        out = fused_attention(
            q, k, v, mask, self.weight_dropout if self.training else 0.0
        )
        return self.dropout(self.project(out.transpose(1, 2).flatten(2)))


def fused_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None = None,
    dropout: float = 0.0,
) -> Tensor:
    """What `attention` computes, by PyTorch's kernel, which never stores the
    weights.

    q: (B, H, T, D); k, v: (B, n_kv_heads, S, D), each shared by H / n_kv_heads
    queries; mask: as in `attention_weights`; dropout: share of the weights set to
    zero. Returns (B, H, T, D).

    **Source:** Dao et al. (2022), algorithm 1, in `scaled_dot_product_attention`.
    """
    shared = q.shape[1] != k.shape[1]
    return F.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, dropout_p=dropout, enable_gqa=shared
    )


def check_heads(d_model: int, n_heads: int, n_kv_heads: int) -> None:
    """Refuse head counts that do not divide what they share.

    Raises `ValueError` that names both numbers and head counts that would do.
    """
    if d_model % n_heads:
        fits = [h for h in range(1, d_model + 1) if d_model % h == 0][:8]
        raise ValueError(
            f"n_heads={n_heads} does not divide d_model={d_model}: every head gets "
            f"the same width; choose from {', '.join(map(str, fits))}, …"
        )
    if n_heads % n_kv_heads:
        raise ValueError(
            f"n_kv_heads={n_kv_heads} does not divide n_heads={n_heads}: every "
            f"head of keys and values is shared by the same number of queries"
        )
