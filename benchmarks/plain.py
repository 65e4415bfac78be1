"""GPT-2 and Llama in plain PyTorch, as a good tutorial writes them: PyTorch's layers
and its fused attention, one projection for queries, keys and values, nothing of ours."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PlainBlock(nn.Module):
    """x: (B, T, C) to (B, T, C)."""

    def __init__(self, width: int, n_heads: int, hidden: int, llama: bool) -> None:
        super().__init__()
        norm, bias = (nn.RMSNorm, False) if llama else (nn.LayerNorm, True)
        self.n_heads, self.llama = n_heads, llama
        self.norm1, self.norm2 = norm(width), norm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=bias)
        self.output = nn.Linear(width, width, bias=bias)
        self.up = nn.Linear(width, (1 + llama) * hidden, bias=bias)
        self.down = nn.Linear(hidden, width, bias=bias)

    def forward(self, x: Tensor, turn: Tensor | None) -> Tensor:
        B, T, C = x.shape
        parts = self.qkv(self.norm1(x)).split(C, -1)
        q, k, v = (p.view(B, T, self.n_heads, -1).transpose(1, 2) for p in parts)
        if turn is not None:
            q, k = rotated(q, turn), rotated(k, turn)
        heard = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.output(heard.transpose(1, 2).reshape(B, T, C))
        hidden = self.up(self.norm2(x))
        if self.llama:
            gate, hidden = hidden.chunk(2, -1)
            return x + self.down(F.silu(gate) * hidden)
        return x + self.down(F.gelu(hidden, approximate="tanh"))


def rotated(x: Tensor, turn: Tensor) -> Tensor:
    """x: (B, H, T, D); turn: cosines and sines, (2, T, D/2)."""
    (cos, sin), (first, second) = turn, x.chunk(2, -1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), -1)


class PlainGPT(nn.Module):
    """ids (B, T) to logits (B, T, V). hidden: width of the feed-forward layers."""

    def __init__(
        self,
        vocab_size: int,
        context: int,
        *,
        width: int,
        n_blocks: int,
        n_heads: int,
        hidden: int,
        llama: bool = False,
    ) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocab_size, width)
        self.positions = None if llama else nn.Embedding(context, width)
        self.blocks = nn.ModuleList(
            PlainBlock(width, n_heads, hidden, llama) for _ in range(n_blocks)
        )
        self.norm = nn.RMSNorm(width) if llama else nn.LayerNorm(width)
        self.head = nn.Linear(width, vocab_size, bias=False)
        size = width // n_heads
        speeds = 10_000.0 ** -(torch.arange(0, size, 2) / size)
        angles = torch.arange(context)[:, None] * speeds
        self.register_buffer("turn", torch.stack((angles.cos(), angles.sin())))
        self.draw(2 * n_blocks)
        if not llama:
            self.head.weight = self.tokens.weight

    def draw(self, n_writers: int) -> None:
        """The first weights, as GPT-2 has them."""
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif parameter.dim() > 1:
                writes = name.endswith(("output.weight", "down.weight"))
                std = 0.02 / n_writers**0.5 if writes else 0.02
                nn.init.normal_(parameter, std=std)

    def forward(self, ids: Tensor) -> Tensor:
        T = ids.shape[1]
        x, turn = self.tokens(ids), self.turn[:, :T]
        if self.positions is not None:
            x, turn = x + self.positions.weight[:T], None
        for block in self.blocks:
            x = block(x, turn)
        return self.head(self.norm(x))
