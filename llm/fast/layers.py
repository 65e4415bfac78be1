"""Norms, feed-forward layers and positions in fewer calls."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from llm import layers
from llm.fast import functions
from llm.layers import (
    FeedForward,
    LayerNorm,
    LearnedPositions,
    NormedRotaryPositions,
    RMSNorm,
    RotaryPositions,
    SwiGLU,
    check_rotation,
    normed,
)

ACTIVATIONS = {
    layers.gelu_tanh: functions.gelu_tanh,
    layers.gelu_exact: functions.gelu_exact,
    layers.silu: functions.silu,
}


class FastLayerNorm(LayerNorm):
    """`LayerNorm` in one call."""

    plain = LayerNorm

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)


class FastRMSNorm(RMSNorm):
    """`RMSNorm` in one call."""

    plain = RMSNorm

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.weight.shape, self.weight, self.eps)


class FastFeedForward(FeedForward):
    """`FeedForward` with its activation in one call, if it is one of ours."""

    plain = FeedForward

    def forward(self, x: Tensor) -> Tensor:
        activation = ACTIVATIONS.get(self.activation, self.activation)
        return self.dropout(self.down(activation(self.up(x))))


class FastSwiGLU(SwiGLU):
    """`SwiGLU` with its gate in one call."""

    plain = SwiGLU

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.down(F.silu(self.gate(x)) * self.up(x)))


class FastLearnedPositions(LearnedPositions):
    """`LearnedPositions` as an embedding, whose gradient is found more quickly."""

    plain = LearnedPositions

    def forward(self, positions: Tensor) -> Tensor:
        return F.embedding(positions, self.weight)


class FastRotaryPositions(RotaryPositions):
    """`RotaryPositions` on whole heads: x · cos + (its halves swapped) · sin."""

    plain = RotaryPositions

    def forward(self, x: Tensor, positions: Tensor | None) -> Tensor:
        check_rotation(x, positions, self.context_length)
        cos, sin = wide_tables(self, positions)  # (..., T, D)
        if positions.dim() == 2:
            cos, sin = cos.unsqueeze(1), sin.unsqueeze(1)  # (B, 1, T, D)
        swapped = x.roll(x.shape[-1] // 2, dims=-1)  # (..., T, D)
        return (x * cos + swapped * sin).type_as(x)


class FastNormedRotaryPositions(NormedRotaryPositions):
    """`NormedRotaryPositions`, norm and turn in few calls."""

    plain = NormedRotaryPositions

    def forward(self, x: Tensor, positions: Tensor | None) -> Tensor:
        # PyTorch's `rms_norm` would put the heads into another order in memory
        return FastRotaryPositions.forward(self, normed(x), positions)


def wide_tables(part: RotaryPositions, positions: Tensor) -> tuple[Tensor, Tensor]:
    """cos and sin for both halves of a head; the first half is turned with −sin.

    positions: (T,) or (B, T). Returns two tensors (..., T, D).
    """
    cos, sin = part.cos[positions], part.sin[positions]
    return torch.cat((cos, cos), -1), torch.cat((-sin, sin), -1)
