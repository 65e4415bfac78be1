"""The decode step: one more token of one text, in as few calls as it takes.

`GPT.forward` reads any number of tokens of any number of texts. A model that writes
reads them one by one, and the sums of a small model are then over before the calls
around them are. So each part says here, as a function with its tensors at hand, what
it does at a single position. The sums are those of `forward`, but for rounding, and
a model with a part that is unknown here goes through its `forward`.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llm.attention import KVCache, MultiHeadAttention, unrotated
from llm.fast import FAST
from llm.fast.functions import attention
from llm.fast.layers import ACTIVATIONS, wide_tables
from llm.fast.linear import by_columns, for_one_row
from llm.layers import (
    Embedding,
    FeedForward,
    LayerNorm,
    LearnedPositions,
    NormedRotaryPositions,
    RMSNorm,
    RotaryPositions,
    SwiGLU,
    normed,
)
from llm.model import GPT, TransformerBlock

Step = Callable[[Tensor], Tensor]  # from one row to one row
Product = Callable[[nn.Linear], Step]  # how the matrices multiply
TOKENS_THAT_PAY = 20  # for a copy of the matrices by columns


class DecodeStep:
    """What `model(ids, positions, caches)` computes for one more token of one text.

    model: one that `can_step`, read without gradients. It is taken as it is now:
    weights, parts and hooks must not change while this lives. caches: from
    `model.new_caches(1)`.
    """

    def __init__(self, model: GPT, caches: list[KVCache]) -> None:
        self.model, self.caches = model, caches
        self.place = Place(model.blocks[0].attention.rotate)
        self.n_read = 0
        self.multiply(for_one_row)

    def multiply(self, product: Product) -> None:
        """Make the steps of all parts, with that way to multiply."""
        self.blocks = [
            block_step(block, product, cache, self.place)
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
        if self.n_read == TOKENS_THAT_PAY:
            self.multiply(by_columns)
        self.place.move(position)
        ids = torch.tensor([[token]])
        (x,) = self.model.embedding(ids, self.place.position)  # (1, C)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


class Place:
    """Where the new token stands.

    rotate: that of all blocks. position: (1,). n_visible: S, with itself. cos, sin:
    what rotates a head there, (1, D) each, if anything does. normed: is a head scaled
    before?
    """

    def __init__(self, rotate: Callable[..., Tensor]) -> None:
        self.rotated = rotate not in (unrotated, normed)
        self.normed = rotate is normed or isinstance(rotate, NormedRotaryPositions)
        if self.rotated:
            everywhere = torch.arange(rotate.context_length)
            self.tables = wide_tables(rotate, everywhere)  # (context_length, D)

    def move(self, position: int) -> None:
        self.position = torch.tensor([position])
        self.n_visible = position + 1
        if self.rotated:
            self.cos, self.sin = (table[position] for table in self.tables)


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
    return single and len({block.attention.rotate for block in model.blocks}) == 1


def is_plain(part: nn.Module) -> bool:
    """Does a call of it run the `forward` of its class, and nothing else?"""
    hooks = part._forward_hooks or part._forward_pre_hooks
    return not hooks and "forward" not in vars(part)


# --- The parts, at one position ---------------------------------------------------


def step_of(part: nn.Module, product: Product) -> Step:
    """What a part does that looks at one position only; one left out is itself."""
    kind = type(part)
    return STEPS[getattr(kind, "plain", kind)](part, product)


def same_step(part: nn.Module, product: Product) -> Step:
    return part


def linear_step(part: nn.Linear, product: Product) -> Step:
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
    activation = ACTIVATIONS.get(part.activation, part.activation)
    return lambda x: down(activation(up(x)))


def swiglu_step(part: SwiGLU, product: Product) -> Step:
    gate, up, down = (step_of(p, product) for p in (part.gate, part.up, part.down))
    return lambda x: down(F.silu(gate(x)) * up(x))


def attention_step(
    part: MultiHeadAttention, product: Product, cache: KVCache, place: Place
) -> Step:
    qkv, output = joined_step(part, product), step_of(part.output, product)
    n_heads, n_kv_heads = part.n_heads, part.n_kv_heads
    turned = [n_heads + n_kv_heads, n_kv_heads]
    half = cache.k.shape[-1] // 2

    def step(x: Tensor) -> Tensor:
        heads = qkv(x).view(1, n_heads + 2 * n_kv_heads, 1, -1)
        qk, v = heads.split_with_sizes(turned, dim=1)
        if place.normed:
            qk = normed(qk)
        if place.rotated:
            qk = torch.addcmul(qk * place.cos, qk.roll(half, -1), place.sin)
        q, k = qk.split_with_sizes((n_heads, n_kv_heads), dim=1)
        cache.k.index_copy_(2, place.position, k)
        cache.v.index_copy_(2, place.position, v)
        k = cache.k.narrow(2, 0, place.n_visible)  # (1, n_kv_heads, S, D)
        v = cache.v.narrow(2, 0, place.n_visible)
        return output(attention(q, k, v).view(1, -1))

    return step


def joined_step(part: MultiHeadAttention, product: Product) -> Step:
    """Queries, keys and values side by side: one product, where all three are."""
    parts = (part.query, part.key, part.value)
    if not all(isinstance(p, nn.Linear) for p in parts):
        steps = [step_of(p, product) for p in parts]
        return lambda x: torch.cat([step(x) for step in steps], -1)
    weight = torch.cat([p.weight.detach() for p in parts])
    bias = None
    if part.query.bias is not None:
        bias = torch.cat([p.bias.detach() for p in parts])
    return product(SimpleNamespace(weight=weight, bias=bias))


def block_step(
    block: TransformerBlock, product: Product, cache: KVCache, place: Place
) -> Step:
    norm1, norm2 = step_of(block.norm1, product), step_of(block.norm2, product)
    attention = attention_step(block.attention, product, cache, place)
    feed_forward = step_of(block.feed_forward, product)

    def step(x: Tensor) -> Tensor:
        x = x + attention(norm1(x))
        return x + feed_forward(norm2(x))

    return step


STEPS: dict[type[nn.Module], Callable[..., Step]] = {
    nn.Linear: linear_step,
    LayerNorm: layer_norm_step,
    RMSNorm: rms_norm_step,
    FeedForward: feed_forward_step,
    SwiGLU: swiglu_step,
    nn.Identity: same_step,  # where a part is left out, to see what it is good for
    nn.Dropout: same_step,
}
COMPOSED = {GPT, TransformerBlock, MultiHeadAttention, Embedding, nn.ModuleList}
TABLES = {LearnedPositions, RotaryPositions, NormedRotaryPositions, nn.Embedding}
PLAIN = {*STEPS, *COMPOSED, *TABLES}
KNOWN = PLAIN | {fast for plain, fast in FAST.items() if plain in PLAIN}
