"""Predict what a configuration costs: parameters, operations, bytes."""

from __future__ import annotations

from typing import Literal

from llm.layers import swiglu_width
from llm.model import GPTConfig

Shape = tuple[int, int]


def feed_forward_width(config: GPTConfig) -> int:
    """F: the feed-forward width, as given or as the architecture has it."""
    if config.d_ff:
        return config.d_ff
    llama = config.architecture == "llama"
    return swiglu_width(config.d_model) if llama else 4 * config.d_model


def matrices(config: GPTConfig) -> dict[str, list[Shape]]:
    """The matrices of one block: the widths of what goes in and what comes out."""
    c, d_ff = config, feed_forward_width(config)
    kv_width = c.head_dim * (c.n_kv_heads or c.n_heads)
    query_and_output = 2 * [(c.d_model, c.d_model)]
    key_and_value = 2 * [(c.d_model, kv_width)]
    up = [(c.d_model, d_ff)]  # Llama has two of these: the gate is the other one
    return {
        "attention": query_and_output + key_and_value,
        "feed-forward": (1 + (c.architecture == "llama")) * up
        + [(d_ff, c.d_model)],
    }


def parameters_by_part(config: GPTConfig) -> dict[str, int]:
    """How many numbers each kind of part learns; a matrix that embedding and head
    share is counted with the tokens."""
    c, gpt2 = config, config.architecture == "gpt2"
    in_blocks = {
        part: c.n_layers * sum((n_in + c.biased) * n_out for n_in, n_out in shapes)
        for part, shapes in matrices(c).items()
    }
    norm = (1 + (gpt2 and c.biased)) * c.d_model
    return {
        "tokens": c.vocab_size * c.d_model,
        "positions": gpt2 * c.context_length * c.d_model,
        **in_blocks,
        "norms": (2 * c.n_layers + 1) * norm,
        "head": (not c.tied) * c.vocab_size * c.d_model,
    }


def parameters(config: GPTConfig) -> int:
    """How many numbers a model of this configuration learns; a shared matrix
    once."""
    return sum(parameters_by_part(config).values())


def flops_by_part(
    config: GPTConfig, n_tokens: int, n_cached: int = 0, *, square: bool = False
) -> dict[str, int]:
    """Floating-point operations to read `n_tokens` of one sequence, those of
    `n_cached` earlier ones being done: matrix products only, a multiplication and
    an addition as two operations.

    The scores are counted for the pairs that a causal model needs; square: True =
    for all pairs, as where the future is computed and then hidden.

    **Source:** Kaplan et al. (2020), section 2.1.
    """
    c, T = config, n_tokens
    pairs = T * n_cached + (T * T if square else T * (T + 1) // 2)
    in_blocks = {
        part: 2 * T * c.n_layers * sum(n_in * n_out for n_in, n_out in shapes)
        for part, shapes in matrices(c).items()
    }
    return {
        **in_blocks,
        "scores": 4 * c.n_layers * pairs * c.d_model,  # q · k, then weight · v
        "head": 2 * T * c.d_model * c.vocab_size,
    }


def forward_flops(
    config: GPTConfig, n_tokens: int, n_cached: int = 0, *, square: bool = False
) -> int:
    """All operations of `flops_by_part`."""
    return sum(flops_by_part(config, n_tokens, n_cached, square=square).values())


def training_flops(
    config: GPTConfig, n_tokens: int, *, square: bool = False
) -> int:
    """Operations to learn from one sequence: forward, and backward two products for
    each of the forward's, one for either factor."""
    return 3 * forward_flops(config, n_tokens, square=square)


def optimizer_numbers(
    config: GPTConfig,
    optimizer: Literal["sgd", "momentum", "adamw", "muon"] = "adamw",
) -> int:
    """How many numbers an optimizer remembers: none, one or two for each parameter;
    Muon one for those in the matrices of the blocks, two for the others."""
    if optimizer == "muon":
        shapes = [shape for part in matrices(config).values() for shape in part]
        hidden = config.n_layers * sum(n_in * n_out for n_in, n_out in shapes)
        return 2 * parameters(config) - hidden
    return {"sgd": 0, "momentum": 1, "adamw": 2}[optimizer] * parameters(config)


def activation_numbers(config: GPTConfig, batch_size: int, n_tokens: int) -> int:
    """How many numbers the forward pass of a model from `build`, and its loss, keep
    for the backward pass: what each part read, and what it cannot cheaply compute
    again.

    Raises `ValueError` for a model with dropout, which keeps more.
    """
    c, d_ff, gpt2 = (
        config,
        feed_forward_width(config),
        config.architecture == "gpt2",
    )
    if c.dropout:
        raise ValueError(
            f"dropout={c.dropout} keeps more than is counted; set it to 0"
        )
    norm = 2 * c.d_model + 2 if gpt2 else 3 * c.d_model + 1
    kv_width = c.head_dim * (c.n_kv_heads or c.n_heads)
    attention = 2 * c.d_model + 2 * kv_width + c.n_heads  # queries, output; a sum
    if c.qk_norm:  # queries and keys before it, and the size of each
        attention += c.d_model + kv_width + c.n_heads + (c.n_kv_heads or c.n_heads)
    feed_forward = (2 if gpt2 else 4) * d_ff
    block = 2 * norm + attention + feed_forward
    for_each_token = c.n_layers * block + norm + c.vocab_size
    angles = 0 if gpt2 else 4 * n_tokens * c.head_dim
    once = c.n_layers * (n_tokens**2 + angles)  # the mask, again in each block
    return batch_size * n_tokens * for_each_token + once


def cache_numbers(config: GPTConfig, batch_size: int, n_tokens: int) -> int:
    """How many numbers the keys and values of `n_tokens` are, in all blocks."""
    n_kv_heads = config.n_kv_heads or config.n_heads
    return (
        2 * batch_size * config.n_layers * n_kv_heads * n_tokens * config.head_dim
    )


def training_bytes(
    config: GPTConfig, batch_size: int, n_tokens: int, optimizer: str = "adamw"
) -> dict[str, int]:
    """What a training step holds in memory, in float32: four bytes a number."""
    numbers = {
        "parameters": parameters(config),
        "gradients": parameters(config),
        "optimizer": optimizer_numbers(config, optimizer),
        "activations": activation_numbers(config, batch_size, n_tokens),
    }
    return {name: 4 * n for name, n in numbers.items()}


def writing_bytes(
    config: GPTConfig, batch_size: int, n_tokens: int, bytes_per_number: int = 4
) -> dict[str, int]:
    """What writing holds in memory: parameters, and the keys and values so far.

    bytes_per_number: 4 for float32, 2 for bfloat16.
    """
    numbers = {
        "parameters": parameters(config),
        "cache": cache_numbers(config, batch_size, n_tokens),
    }
    return {name: bytes_per_number * n for name, n in numbers.items()}
