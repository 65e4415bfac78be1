"""Measure a model on a text, in units that do not depend on the tokenizer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from llm.model import GPT
from llm.tokenizers import Tokenizer
from llm.train import held_out_loss


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How surprised a model is by a text.

    Two models with different tokenizers are compared by their bits per byte: a
    token of one is not a token of the other, a byte is a byte.
    """

    # Mean surprise, in nats per token.
    loss: float
    # Of the loss, in nats per token; nan for a text of one window.
    standard_error: float
    # Tokens predicted: all but the first.
    n_tokens: int
    # Bytes (UTF-8) that these tokens stand for.
    n_bytes: int

    @property
    def bits_per_byte(self) -> float:
        """The surprise of all tokens in bits, over the bytes they stand for."""
        return self.loss * self.n_tokens / self.n_bytes / math.log(2)

    def __str__(self) -> str:
        error = (
            ""
            if math.isnan(self.standard_error)
            else f" ± {self.standard_error:.3f}"
        )
        return (
            f"{self.loss:.3f}{error} nats per token, {self.bits_per_byte:.3f} bits "
            f"per byte ({self.n_tokens:,} tokens, {self.n_bytes:,} bytes)"
        )


def evaluate(
    model: GPT, tokenizer: Tokenizer, ids: list[int], *, batch_size: int = 32
) -> Evaluation:
    """Measure a model on an encoded text: every token but the first is predicted.

    Raises `ValueError` for fewer than two ids.
    """
    row = torch.tensor(ids, device=model.head.weight.device)
    context_length = model.config.context_length
    loss, error = held_out_loss(model, row, context_length, batch_size=batch_size)
    lengths = {i: len(token) for token, i in tokenizer.vocab.items()}
    return Evaluation(
        loss=loss,
        standard_error=error,
        n_tokens=len(ids) - 1,
        n_bytes=sum(lengths[i] for i in ids[1:]),
    )
