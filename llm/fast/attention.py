"""Multi-head attention by a kernel that never stores the weights."""

from __future__ import annotations

from torch import Tensor

from llm.attention import KVCache, MultiHeadAttention
from llm.fast.functions import attention


class FastAttention(MultiHeadAttention):
    """`MultiHeadAttention` whose heads all go through one kernel."""

    plain = MultiHeadAttention

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
        share = getattr(self.weight_dropout, "p", 0.0) if self.training else 0.0
        out = attention(q, k, v, mask, share)  # (B, H, T, D)
        return self.dropout(self.output(out.transpose(1, 2).flatten(2)))
