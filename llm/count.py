"""Predict what a configuration costs: parameters, multiplications, bytes."""

from __future__ import annotations

from llm.layers import swiglu_width
from llm.model import GPTConfig


def parameters(config: GPTConfig) -> int:
    """How many numbers a model of this configuration learns; a shared matrix
    once."""
    c, d_ff = config, _d_ff(config)
    kv_width = c.head_dim * (c.n_kv_heads or c.n_heads)
    norm = (1 + (c.architecture == "gpt2" and c.biased)) * c.d_model
    attention = c.d_model * (2 * c.d_model + 2 * kv_width)
    feed_forward = (3 if c.architecture == "llama" else 2) * c.d_model * d_ff
    if c.biased:
        attention += 2 * c.d_model + 2 * kv_width
        feed_forward += (2 if c.architecture == "llama" else 1) * d_ff + c.d_model
    positions = c.context_length if c.architecture == "gpt2" else 0
    rows = (1 if c.tied else 2) * c.vocab_size + positions
    blocks = c.n_layers * (attention + feed_forward + 2 * norm)
    return blocks + rows * c.d_model + norm


def forward_flops(config: GPTConfig, n_tokens: int) -> int:
    """Floating-point operations to read one sequence of `n_tokens`, without a
    cache.

    Matrix products only, a multiplication and an addition as two operations; the
    scores are counted for the triangle that a causal model needs. Training costs
    three times as much: the backward pass is two products for each of the
    forward's.

    **Source:** Kaplan et al. (2020), section 2.1.
    """
    c = config
    kv_width = c.head_dim * (c.n_kv_heads or c.n_heads)
    matrices = 3 if c.architecture == "llama" else 2
    weights = c.d_model * (2 * c.d_model + 2 * kv_width)
    weights += matrices * c.d_model * _d_ff(c)
    pairs = n_tokens * (n_tokens + 1) // 2
    blocks = c.n_layers * (2 * n_tokens * weights + 4 * pairs * c.d_model)
    return blocks + 2 * n_tokens * c.d_model * c.vocab_size


def _d_ff(config: GPTConfig) -> int:
    """F: the feed-forward width, as given or as the architecture has it."""
    if config.d_ff:
        return config.d_ff
    llama = config.architecture == "llama"
    return swiglu_width(config.d_model) if llama else 4 * config.d_model
