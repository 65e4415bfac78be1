"""The decode step: one more token of one text, in as few calls as it takes.

`GPT.forward` reads any number of tokens of any number of texts. A model that writes
reads them one by one, and the sums of a small model are then over before the calls
around them are. So each part says here, as a function with its tensors at hand, what
it does at a single position. The sums are those of `forward`, but for rounding, and
a model with a part that is unknown here goes through its `forward`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llm.attention import KVCache, MultiHeadAttention, fused_attention, unrotated
from llm.layers import (
    Embedding,
    FeedForward,
    LayerNorm,
    LearnedPositions,
    RMSNorm,
    RotaryPositions,
    SwiGLU,
)
from llm.linear import Linear, by_columns, for_one_row
from llm.model import GPT, TransformerBlock

Step = Callable[[Tensor], Tensor]  # from one row to one row
Product = Callable[[nn.Linear], Step]  # how the matrices multiply
PATIENCE = 20  # tokens that pay for a copy of the matrices by columns


class DecodeStep:
    """What `model(ids, positions, caches)` computes for one more token of one text.

    model: one that `can_step`, read without gradients. It is taken as it is now:
    weights, parts and hooks must not change while this lives. caches: from
    `model.new_caches(1)`.
    """

    def __init__(self, model: GPT, caches: list[KVCache]) -> None:
        self.model, self.caches = model, caches
        self.now = Now(model.blocks[0].attention.rotary)
        self.n_read = 0
        self.multiply(for_one_row)

    def multiply(self, product: Product) -> None:
        """Make the steps of all parts, with that way to multiply."""
        self.blocks = [
            block_step(block, product, cache, self.now)
            for block, cache in zip(self.model.blocks, self.caches, strict=True)
        ]
        self.norm = step_of(self.model.norm, product)
        self.head = step_of(self.model.head, product)

    def __call__(self, token: int, position: int) -> Tensor:
        """Read the token that stands at a position. Returns logits (1, V)."""
        n = self.model.config.vocab_size
        if not 0 <= token < n:
            raise ValueError(
                f"id {token} is out of range: vocab_size={n} goes from 0 to {n - 1}"
            )
        self.n_read += 1
        if self.n_read == PATIENCE:
            self.multiply(by_columns)
        self.now.move(position)
        ids = torch.tensor([[token]])
        (x,) = self.model.embedding(ids, self.now.position)  # (1, C)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


class Now:
    """Where the new token stands.

    rotary: that of all blocks. position: (1,). n_visible: S, with itself. cos, sin:
    what rotates a head there, (D,) each, if anything does.
    """

    def __init__(self, rotary: Callable[..., Tensor]) -> None:
        self.table = None if rotary is unrotated else rotary.table

    def move(self, position: int) -> None:
        self.position = torch.tensor([position])
        self.n_visible = position + 1
        if self.table is not None:
            self.cos, self.sin = self.table[position].chunk(2)


def can_step(model: nn.Module) -> bool:
    """Is it a `GPT` of known parts, in use, in float32 on the processor?

    A part with hooks or with a `forward` of its own may do anything, and so may a
    subclass: none of them is known.
    """
    if type(model) is not GPT or model.training:
        return False
    if not all(type(part) in KNOWN and is_plain(part) for part in model.modules()):
        return False
    single = all(p.is_cpu and p.dtype == torch.float32 for p in model.parameters())
    return single and len({block.attention.rotary for block in model.blocks}) == 1


def is_plain(part: nn.Module) -> bool:
    """Does a call of it run the `forward` of its class, and nothing else?"""
    hooks = part._forward_hooks or part._forward_pre_hooks
    return not hooks and "forward" not in vars(part)


# --- The parts, at one position ---------------------------------------------------


def step_of(part: nn.Module, product: Product) -> Step:
    """What a part does that looks at one position only; one left out is itself."""
    return STEPS[type(part)](part, product)


def same_step(part: nn.Module, product: Product) -> Step:
    return part


def linear_step(part: Linear, product: Product) -> Step:
    return product(part)


def layer_norm_step(part: LayerNorm, product: Product) -> Step:
    weight, bias, eps = part.weight, part.bias, part.eps
    shape = weight.shape
    return lambda x: torch.layer_norm(x, shape, weight, bias, eps)


def rms_norm_step(part: RMSNorm, product: Product) -> Step:
    weight, eps = part.weight, part.eps

    def step(x: Tensor) -> Tensor:
        mean_square = torch.linalg.vector_norm(x).item() ** 2 / len(weight)
        return x * weight * (mean_square + eps) ** -0.5

    return step


def feed_forward_step(part: FeedForward, product: Product) -> Step:
    up, down = step_of(part.up, product), step_of(part.down, product)
    activation = part.activation
    return lambda x: down(activation(up(x)))


def swiglu_step(part: SwiGLU, product: Product) -> Step:
    gate, up, down = (step_of(p, product) for p in (part.gate, part.up, part.down))
    return lambda x: down(F.silu(gate(x)) * up(x))


def attention_step(
    part: MultiHeadAttention, product: Product, cache: KVCache, now: Now
) -> Step:
    qkv, project = step_of(part.qkv, product), step_of(part.project, product)
    rotated, half = now.table is not None, part.head_dim // 2

    def step(x: Tensor) -> Tensor:
        heads = qkv(x).view(1, -1, 1, part.head_dim)  # (1, H + 2 n_kv_heads, 1, D)
        qk, v = heads.split_with_sizes(part.n_rotated, dim=1)
        if rotated:
            qk = torch.addcmul(qk * now.cos, qk.roll(half, -1), now.sin)
        q, k = qk.split_with_sizes(part.n_heads_each, dim=1)
        cache.k.index_copy_(2, now.position, k)
        cache.v.index_copy_(2, now.position, v)
        k = cache.k.narrow(2, 0, now.n_visible)  # (1, n_kv_heads, S, D)
        v = cache.v.narrow(2, 0, now.n_visible)
        return project(fused_attention(q, k, v).view(1, -1))

    return step


def block_step(
    block: TransformerBlock, product: Product, cache: KVCache, now: Now
) -> Step:
    norm1, norm2 = step_of(block.norm1, product), step_of(block.norm2, product)
    attention = attention_step(block.attention, product, cache, now)
    feed_forward = step_of(block.feed_forward, product)

    def step(x: Tensor) -> Tensor:
        x = x + attention(norm1(x))
        return x + feed_forward(norm2(x))

    return step


STEPS: dict[type[nn.Module], Callable[..., Step]] = {
    Linear: linear_step,
    LayerNorm: layer_norm_step,
    RMSNorm: rms_norm_step,
    FeedForward: feed_forward_step,
    SwiGLU: swiglu_step,
    nn.Identity: same_step,  # where a part is left out, to see what it is good for
    nn.Dropout: same_step,
}
KNOWN = {
    *STEPS,
    *(GPT, TransformerBlock, MultiHeadAttention),
    *(Embedding, LearnedPositions, RotaryPositions),
    *(nn.Embedding, nn.ModuleList),
}
