"""The functions that stand written out elsewhere, as PyTorch's kernels have them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llm.attention import check_mask


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None = None,
    dropout: float = 0.0,
) -> Tensor:
    """`llm.attention.attention` by a kernel that never stores the weights.

    q: (B, H, T, D); k, v: (B, n_kv_heads, S, D), each shared by H / n_kv_heads
    queries; mask: as in `check_mask`; dropout: share of the weights set to zero.
    Returns (B, H, T, D), NaN for a query that may look nowhere.

    **Source:** Dao et al. (2022), algorithm 1, in `scaled_dot_product_attention`.
    """
    shared = q.shape[-3] != k.shape[-3]
    hidden = None
    if mask is not None:
        check_mask(mask, (*q.shape[:-1], k.shape[-2]))
        hidden = added_mask(mask, q.dtype)
    return F.scaled_dot_product_attention(
        q, k, v, attn_mask=hidden, dropout_p=dropout, enable_gqa=shared
    )


def added_mask(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """A boolean mask as numbers to be added to the scores: 0 where one may look,
    −∞ where not.

    A row that may look nowhere becomes NaN, as a softmax over nothing is; the kernel
    would return zeros for it. Returns the shape of the mask.
    """
    numbers = torch.zeros(mask.shape, dtype=dtype, device=mask.device)
    numbers = numbers.masked_fill_(~mask, -math.inf)
    return numbers.masked_fill_(~mask.any(-1, keepdim=True), math.nan)


def gelu_tanh(x: Tensor) -> Tensor:
    """`llm.layers.gelu_tanh` in one call."""
    return F.gelu(x, approximate="tanh")


def gelu_exact(x: Tensor) -> Tensor:
    """`llm.layers.gelu_exact` in one call."""
    return F.gelu(x)


def silu(x: Tensor) -> Tensor:
    """`llm.layers.silu` in one call."""
    return F.silu(x)


def cross_entropy(
    logits: Tensor,
    targets: Tensor,
    ignore_index: int = -100,
    reduction: Literal["mean", "sum", "none"] = "mean",
) -> Tensor:
    """`llm.model.cross_entropy` in one call, which never stores the probabilities."""
    return F.cross_entropy(
        logits.flatten(0, -2).float(),
        targets.flatten(),
        ignore_index=ignore_index,
        reduction=reduction,
    )


def clip_gradients(parameters: Iterable[nn.Parameter], max_norm: float) -> Tensor:
    """`llm.optim.clip_gradients` for all parameters in one call."""
    return nn.utils.clip_grad_norm_(parameters, max_norm)
