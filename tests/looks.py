"""What the heads of a model look at, for tests to compare with."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from llm.attention import MultiHeadAttention
from llm.model import GPT


def spy(attention: MultiHeadAttention, seen: list[Tensor]) -> Callable[..., Tensor]:
    """Its `mixed`, which leaves its weights in a list: with the identity for values, it
    gives the weights themselves."""
    mixed = type(attention).mixed

    def mixed_and_seen(q, k, v, mask):
        same = torch.eye(k.shape[2]).expand(1, k.shape[1], -1, -1)
        seen.append(mixed(attention, q, k, same, mask)[0])
        return mixed(attention, q, k, v, mask)

    return mixed_and_seen


@torch.no_grad()
def attention_of(model: GPT, ids: list[int]) -> list[Tensor]:
    """The weights (H, T, T) of each block, as it reads a row of ids."""
    seen = []
    for block in model.blocks:
        block.attention.mixed = spy(block.attention, seen)
    try:
        model(torch.tensor([ids]))
    finally:
        for block in model.blocks:
            del block.attention.mixed
    return seen
