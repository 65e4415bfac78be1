"""GPT: blocks in a row, composed of parts that are handed to it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from numbers import Integral
from typing import Literal

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from llm.attention import (
    KVCache,
    MultiHeadAttention,
    causal_mask,
    check_heads,
    unrotated,
)
from llm.fast import speed_up
from llm.layers import (
    GELUS,
    Embedding,
    FeedForward,
    LayerNorm,
    LearnedPositions,
    NormedRotaryPositions,
    RMSNorm,
    RotaryPositions,
    SwiGLU,
    check_ids,
    check_range,
    normed,
)
from llm.memory import check_memory, total_memory


@dataclass(frozen=True, kw_only=True)
class GPTConfig:
    """The sizes of a model. Contradictions raise `ValueError` with both numbers."""

    # The parts it is made of: GPT-2's or Llama's.
    architecture: Literal["gpt2", "llama"] = "gpt2"
    # V: entries of the tokenizer's vocabulary, from 2; GPT-2 has 50,257.
    vocab_size: int
    # Longest sequence in tokens, the largest T; GPT-2 has 1,024.
    context_length: int = 256
    # C: width of the residual stream, in numbers per position; GPT-2 has 768.
    d_model: int = 128
    # L: number of blocks; GPT-2 has 12.
    n_layers: int = 4
    # H: heads per block; must divide d_model.
    n_heads: int = 4
    # Heads for keys and values, shared by the queries; None = as many as n_heads.
    n_kv_heads: int | None = None
    # F: feed-forward width; None = 4 d_model for gpt2, about 8/3 d_model for llama.
    d_ff: int | None = None
    # Share of activations set to zero in training, from 0 up to 1; usual: 0 to 0.2.
    dropout: float = 0.0
    # What keeps the norms from dividing by zero; usual: 1e-6 to 1e-5.
    norm_eps: float = 1e-5
    # Base of the angles of rotary positions, for llama; later models have 500,000.
    rope_base: float = 10_000.0
    # Scale queries and keys to one length? GPT-2 and Llama do not, later models do.
    qk_norm: bool = False
    # Form of the GELU, for gpt2: tanh = the approximation that GPT-2 has.
    gelu: Literal["tanh", "exact"] = "tanh"
    # One matrix for embedding and head? None = for gpt2 yes, for llama no.
    tie_embeddings: bool | None = None
    # Biases in linear layers and LayerNorm? None = for gpt2 yes, for llama no.
    bias: bool | None = None

    def __post_init__(self) -> None:
        check_config(self)

    @property
    def head_dim(self) -> int:
        """D: the width of one head."""
        return self.d_model // self.n_heads

    @property
    def tied(self) -> bool:
        """Do embedding and head share one matrix?"""
        given = self.tie_embeddings
        return self.architecture == "gpt2" if given is None else given

    @property
    def biased(self) -> bool:
        """Have linear layers and LayerNorm a bias?"""
        return self.architecture == "gpt2" if self.bias is None else self.bias


def check_config(config: GPTConfig) -> None:
    """Raises `ValueError` for sizes that are none, or contradict each other."""
    c = config
    if c.architecture not in PRESETS:
        raise ValueError(
            f"architecture={c.architecture!r} is not one of {', '.join(PRESETS)}"
        )
    check_sizes(c)
    limits = {
        "dropout": (0 <= c.dropout < 1, "at least 0 and below 1"),
        "norm_eps": (0 < c.norm_eps < 1, "above 0 and below 1"),
        "rope_base": (1 < c.rope_base < math.inf, "above 1"),
        "gelu": (c.gelu in GELUS, f"one of {', '.join(GELUS)}"),
    }
    for name, (fine, wanted) in limits.items():
        if not fine:
            raise ValueError(f"{name}={getattr(c, name)} must be {wanted}")
    refuse_idle_settings(c)
    check_heads(c.d_model, c.n_heads, c.n_kv_heads or c.n_heads)
    if c.architecture == "llama" and c.head_dim % 2:
        raise ValueError(
            f"d_model={c.d_model} over n_heads={c.n_heads} gives heads "
            f"of odd width {c.head_dim}, but rotary positions turn pairs"
        )


def check_sizes(config: GPTConfig) -> None:
    """Raises `ValueError` for a size that is no whole number from 1."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if "int" in str(field.type) and value is not None:
            if not isinstance(value, Integral):
                raise ValueError(f"{field.name}={value!r} is no whole number")
            if value < 1:
                raise ValueError(f"{field.name}={value} must be at least 1")


def refuse_idle_settings(config: GPTConfig) -> None:
    """Raises `ValueError` for what this architecture has no place for."""
    idle, why = "rope_base", "its positions are learned"
    if config.architecture == "llama":
        idle, why = "gelu", "its feed-forward layer is a SwiGLU"
    default = {f.name: f.default for f in dataclasses.fields(config)}[idle]
    if getattr(config, idle) != default:
        raise ValueError(
            f"{idle}={getattr(config, idle)} means nothing to architecture="
            f"{config.architecture!r}: {why}; leave it out"
        )


class TransformerBlock(nn.Module):
    """Attention gathers from other positions, feed-forward works on what was
    gathered; each reads a normalised copy of the stream and adds its result to it.

    x: (B, T, C). Returns (B, T, C). mask, positions, cache: as in
    `MultiHeadAttention`.

    attention, feed_forward, norm: what makes the parts, called with
    (d_model, n_heads), (d_model) and (d_model).

    **Source:** Vaswani et al. (2017), section 3.1; the norm before each part as in
    Radford et al. (2019), argued in Xiong et al. (2020).
    """

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        *,
        attention: Callable[..., nn.Module] = MultiHeadAttention,
        feed_forward: Callable[..., nn.Module] = FeedForward,
        norm: Callable[..., nn.Module] = LayerNorm,
    ) -> None:
        super().__init__()
        self.norm1 = norm(d_model)
        self.attention = attention(d_model, n_heads)
        self.norm2 = norm(d_model)
        self.feed_forward = feed_forward(d_model)

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        positions: Tensor | None = None,
        cache: KVCache | None = None,
    ) -> Tensor:
        x = x + self.attention(self.norm1(x), mask, positions, cache)  # (B, T, C)
        return x + self.feed_forward(self.norm2(x))


class GPT(nn.Module):
    """A language model: for each position, logits for the token that comes next.

    ids: integers (B, T) below `vocab_size`. Returns logits (B, T, V). positions:
    integers (T,) or (B, T) that rise; 0 … T − 1 unless told. caches: one `KVCache`
    per block from `new_caches`; then ids holds only the tokens that are new, and
    positions must say where they stand.

    Raises `ValueError` for ids or positions that are none, and for more tokens than
    `context_length`. Targets belong to the loss: `cross_entropy(model(ids), y)`.
    """

    def __init__(
        self,
        config: GPTConfig,
        *,
        embedding: Embedding,
        blocks: Iterable[TransformerBlock],
        norm: nn.Module,
        head: nn.Linear,
    ) -> None:
        super().__init__()
        self.config = config
        self.embedding = embedding
        self.blocks = nn.ModuleList(blocks)
        self.norm = norm
        self.head = head
        initialise(self, n_residuals=2 * len(self.blocks))

    def forward(
        self,
        ids: Tensor,
        positions: Tensor | None = None,
        caches: list[KVCache] | None = None,
    ) -> Tensor:
        check_input(self.config, ids, positions, caches)
        if positions is None:
            positions = torch.arange(ids.shape[1], device=ids.device)
        mask = visible(positions, caches)
        x = self.embedding(ids, positions)  # (B, T, C)
        for block, cache in zip(
            self.blocks, caches or [None] * len(self.blocks), strict=True
        ):
            x = block(x, mask, positions, cache)  # (B, T, C)
        return self.head(self.norm(x))

    @property
    def context_length(self) -> int:
        """The largest T."""
        return self.config.context_length

    @property
    def device(self) -> torch.device:
        """Where the parameters live."""
        return self.head.weight.device

    def new_caches(self, batch_size: int) -> list[KVCache]:
        """One empty `KVCache` for each block, where the parameters live."""
        return new_caches(self, batch_size)


def new_caches(model: GPT, batch_size: int) -> list[KVCache]:
    """An empty `KVCache` for each block of a model, where its parameters live.

    Raises `ValueError` for more than the memory of this machine.
    """
    c, weight = model.config, model.head.weight
    n_kv_heads = c.n_kv_heads or c.n_heads
    sizes = (batch_size, n_kv_heads, c.context_length, c.head_dim)
    n_bytes = 2 * len(model.blocks) * math.prod(sizes) * weight.element_size()
    if weight.is_cpu:
        check_memory(n_bytes, f"keys and values of batch_size={batch_size}")
    return [KVCache(*sizes, weight.device, weight.dtype) for _ in model.blocks]


def visible(
    positions: Tensor, caches: list[KVCache] | None = None
) -> Tensor | None:
    """Who may look at whom: every position at itself and at what came before.

    positions: integers (T,) or (B, T) that rise. Without caches the keys stand at
    the same positions; with them, at 0, 1, … up to the last one in use.
    Returns a boolean (T, S), or (B, 1, T, S) to be shared by the heads; None where
    one new token of every text sees all there is.
    """
    if caches is None:
        return causal_mask(positions.shape[-1], positions.device)
    if positions.shape == (1,):
        return None
    slots = torch.arange(int(positions.max()) + 1, device=positions.device)
    mask = slots <= positions.unsqueeze(-1)  # (..., T, S)
    return mask if positions.dim() == 1 else mask.unsqueeze(1)


def check_input(
    config: GPTConfig,
    ids: Tensor,
    positions: Tensor | None,
    caches: list[KVCache] | None,
) -> None:
    """Refuse what a `GPT` of this configuration cannot read, or would misread.

    Raises `ValueError` that names the value and says what to write.
    """
    check_ids(ids, config.vocab_size)
    n, limit = ids.shape[1], config.context_length
    if n > limit:
        raise ValueError(
            f"{n} tokens are more than context_length={limit}; keep the last ones, "
            f"or train a model with a longer context"
        )
    if positions is not None:
        check_positions(positions, ids, limit)
        if caches is None:
            check_no_targets(positions, ids)
    elif caches is not None:
        raise ValueError(
            "caches need positions: say where the new tokens stand, after 5 others "
            "positions=torch.arange(5, 5 + T)"
        )


NO_TARGETS = "targets are no argument: write cross_entropy(model(ids), y)"


def check_no_targets(positions: Tensor, ids: Tensor) -> None:
    """Refuse targets that happen to rise, as those of ids in a row do.

    Raises `ValueError` for (B, T) that are the ids moved by one.
    """
    if torch.compiler.is_compiling() or positions.dim() != 2 or ids.shape[1] == 1:
        return
    begins_late = bool(positions[:, 0].any())
    if begins_late and torch.equal(positions[:, :-1], ids[:, 1:]):
        raise ValueError(
            f"the positions are the ids, moved by one like targets; {NO_TARGETS}"
        )


def check_positions(positions: Tensor, ids: Tensor, context_length: int) -> None:
    """Refuse positions with which a token would see what comes after it.

    Raises `ValueError` unless they are integers (T,) or (B, T) that rise, below
    `context_length`.
    """
    elsewhere = f"; {NO_TARGETS}"
    if positions.is_floating_point() or positions.dtype == torch.bool:
        raise ValueError(
            f"positions are integers, not {positions.dtype}{elsewhere}"
        )
    if positions.shape not in (ids.shape, ids.shape[1:]):
        raise ValueError(
            f"positions have shape {tuple(positions.shape)} and ids "
            f"{tuple(ids.shape)}; positions are (T,) or (B, T){elsewhere}"
        )
    if torch.compiler.is_compiling():
        return
    falls = (positions.diff() < 1).nonzero()
    if len(falls):
        *row, at = falls[0].tolist()
        one, other = (int(positions[(*row, i)]) for i in (at, at + 1))
        raise ValueError(
            f"positions must rise from token to token, but {one} is followed by "
            f"{other}{elsewhere}"
        )
    check_range(positions, context_length, "position", "context_length")


def initialise(model: nn.Module, n_residuals: int, std: float = 0.02) -> None:
    """Draw every matrix from a normal distribution, set every bias to zero.

    The matrices that write into the residual stream get std / √n_residuals, so that
    the stream does not grow with the number of writers. Norms keep their ones.

    **Source:** Radford et al. (2019), section 2.3.
    """
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
        elif name.endswith(("output.weight", "down.weight")):
            nn.init.normal_(parameter, std=std / n_residuals**0.5)
        elif parameter.dim() > 1:
            nn.init.normal_(parameter, std=std)


def gpt2(config: GPTConfig) -> GPT:
    """GPT-2: LayerNorm, GELU, learned positions, biases, one matrix for the
    embedding and the head. With `qk_norm`, queries and keys have a norm.

    **Source:** Radford et al. (2019); the shared matrix from Press and Wolf (2017).
    """
    c = config
    positions = LearnedPositions(c.context_length, c.d_model)
    norm = partial(LayerNorm, eps=c.norm_eps, bias=c.biased)
    attention = partial(
        MultiHeadAttention,
        n_kv_heads=c.n_kv_heads,
        bias=c.biased,
        dropout=c.dropout,
        rotate=normed if c.qk_norm else unrotated,
    )
    feed_forward = partial(
        FeedForward, d_ff=c.d_ff, dropout=c.dropout, gelu=c.gelu, bias=c.biased
    )
    return assemble(c, positions, attention, feed_forward, norm)


def llama(config: GPTConfig) -> GPT:
    """Llama: RMSNorm, SwiGLU, rotary positions, shared keys and values, no biases.

    **Source:** Touvron et al. (2023), section 2.2; shared heads from Ainslie et
    al. (2023). With `qk_norm`, queries and keys have a norm, as in later models.
    """
    c = config
    norm = partial(RMSNorm, eps=c.norm_eps)
    rotary = NormedRotaryPositions if c.qk_norm else RotaryPositions
    attention = partial(
        MultiHeadAttention,
        n_kv_heads=c.n_kv_heads,
        bias=c.biased,
        dropout=c.dropout,
        rotate=rotary(c.head_dim, c.context_length, c.rope_base),
    )
    feed_forward = partial(SwiGLU, d_ff=c.d_ff, dropout=c.dropout, bias=c.biased)
    return assemble(c, None, attention, feed_forward, norm)


def assemble(
    config: GPTConfig,
    positions_part: nn.Module | None,
    attention: Callable[..., nn.Module],
    feed_forward: Callable[..., nn.Module],
    norm: Callable[..., nn.Module],
) -> GPT:
    """A model of these parts, in the sizes of the configuration.

    positions_part: see `Embedding`; the others: see `TransformerBlock`.
    """
    c = config
    embedding = Embedding(c.vocab_size, c.d_model, positions_part, c.dropout)
    block = partial(
        TransformerBlock, attention=attention, feed_forward=feed_forward, norm=norm
    )
    blocks = [block(c.d_model, c.n_heads) for _ in range(c.n_layers)]
    head = nn.Linear(c.d_model, c.vocab_size, bias=False)
    if c.tied:
        head.weight = embedding.tokens.weight
    return GPT(
        c, embedding=embedding, blocks=blocks, norm=norm(c.d_model), head=head
    )


PRESETS: dict[str, Callable[[GPTConfig], GPT]] = {"gpt2": gpt2, "llama": llama}


def build(config: GPTConfig) -> GPT:
    """The model of `config.architecture`, with fresh random weights, sped up.

    Raises `ValueError` for one that is larger than the memory of this machine.
    """
    if (
        torch.get_default_device().type == "cpu"
        and at_most(config) > total_memory()
    ):
        check_memory(n_bytes(config), f"a model of {sizes(config)}")
    return speed_up(PRESETS[config.architecture](config))


def at_most(config: GPTConfig) -> int:
    """More bytes than a model can have: enough to let most pass unmeasured."""
    c = config
    widths = c.d_model + (c.d_ff or 4 * c.d_model)
    ends = 2 * (c.vocab_size + c.context_length) * c.d_model
    return 8 * (c.n_layers * (4 * widths**2 + 16 * widths) + ends)


def n_bytes(config: GPTConfig) -> int:
    """How much memory the tensors of a model take, without building it."""
    totals = []
    for n_layers in (1, 2):  # what these two differ by is a block
        try:
            model = outline(dataclasses.replace(config, n_layers=n_layers))
        except (RuntimeError, TypeError):  # more than a 64-bit number can count
            return 1 << 63
        tensors = [*model.parameters(), *model.buffers()]
        totals.append(sum(t.numel() * t.element_size() for t in tensors))
    return totals[0] + (config.n_layers - 1) * (totals[1] - totals[0])


def outline(config: GPTConfig) -> GPT:
    """The model of a configuration with tensors that have a shape and no content."""
    with torch.device("meta"), NothingDrawn():
        return PRESETS[config.architecture](config)


class NothingDrawn(TorchFunctionMode):
    """Leaves out the drawing of initial weights, where tensors have no content."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func.__name__ == "normal_":
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return func(*args, **kwargs)


def sizes(config: GPTConfig) -> str:
    """The sizes that make a model large, as they are written in a call."""
    names = ("vocab_size", "context_length", "d_model", "n_layers", "d_ff")
    said = {name: getattr(config, name) for name in names}
    return ", ".join(f"{name}={n}" for name, n in said.items() if n is not None)


def check_described(model: GPT) -> None:
    """Refuse a model that its configuration would not build again.

    Compared with the model of `build` are the kinds of all parts, their numbers and
    functions (an eps, the base of an angle), and the shapes of their tensors.

    Raises `ValueError` that names the first difference.
    """
    there, here = (parts_of(m) for m in (outline(model.config), model))
    for name in sorted(there.keys() | here.keys()):
        wanted, found = there.get(name, "nothing"), here.get(name, "nothing")
        if wanted != found:
            raise ValueError(
                f"the model is not what its GPTConfig describes: {name} is {found}, "
                f"and build(model.config) has {wanted}. What GPTConfig can say "
                f"(norm_eps, rope_base, gelu, tie_embeddings, bias and the sizes), "
                f"say there; keep any other model by safetensors.torch.save_model"
            )


def parts_of(model: nn.Module) -> dict[str, object]:
    """All that makes a model compute what it does but its weights, by name."""
    found: dict[str, object] = {}
    for name, part in model.named_modules():
        if "_orig_mod" in part._modules:  # what torch.compile puts around a part
            continue
        name = name.replace("._orig_mod", "") or "model"
        kind = type(part)
        found[name] = getattr(kind, "plain", kind).__name__
        for key, value in vars(part).items():
            said = not key.startswith("_") and key not in ("training", "config")
            if said and not isinstance(value, Tensor):
                found[f"{name}.{key}"] = value
        for key, buffer in part.named_buffers(recurse=False):
            found[f"{name}.{key}"] = tuple(buffer.shape)
    for name, parameter in model.named_parameters():
        found[name.replace("_orig_mod.", "")] = tuple(parameter.shape)
    return found


def cross_entropy(
    logits: Tensor,
    targets: Tensor,
    ignore_index: int = -100,
    reduction: Literal["mean", "sum", "none"] = "mean",
) -> Tensor:
    """How surprised the model is by the tokens that came: −ln of their probability.

    logits: (..., T, V); targets: integers (..., T); those equal to `ignore_index`
    do not count. Returns nats per token: their mean or sum, or for reduction="none"
    one number each, in a flat row.

    **Source:** Shannon (1948), section 6, between the text and the model.
    """
    logits, targets = logits.flatten(0, -2).float(), targets.flatten()
    counts = targets != ignore_index
    log_probs = logits - logits.logsumexp(-1, keepdim=True)
    surprise = -log_probs.gather(-1, targets.where(counts, 0)[:, None])[:, 0]
    surprise = surprise.where(counts, 0.0)
    if reduction == "none":
        return surprise
    total = surprise.sum()
    return total if reduction == "sum" else total / counts.sum()
