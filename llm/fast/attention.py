"""Multi-head attention by a kernel that never stores the weights."""

from __future__ import annotations

from torch import Tensor

from llm.attention import MultiHeadAttention
from llm.fast.functions import attention


class FastAttention(MultiHeadAttention):
    """`MultiHeadAttention` whose heads all go through one kernel."""

    plain = MultiHeadAttention

    def mixed(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        share = getattr(self.weight_dropout, "p", 0.0) if self.training else 0.0
        return attention(q, k, v, mask, share)
