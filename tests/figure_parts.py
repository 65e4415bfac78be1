"""Small models in which every number counts, and what stands on the page of a figure."""

from __future__ import annotations

import json
import re
from typing import Any, TypeVar

import torch
from torch import nn

from book.bundle import Bundle
from llm.model import GPT, GPTConfig, build
from llm.tokenizers import Tokenizer

Model = TypeVar("Model", bound=nn.Module)


def randomised(model: Model, std: float = 0.4) -> Model:
    """The model with weights of some size everywhere, biases and norms included."""
    generator = torch.Generator().manual_seed(5)
    for parameter in model.parameters():
        parameter.requires_grad_(False).normal_(std=std, generator=generator)
    return model.eval()


def small_gpt(tokenizer: Tokenizer, std: float = 0.4, **sizes: Any) -> GPT:
    """A model for a tokenizer that knows nothing and has no small number in it."""
    usual = dict(architecture="llama", context_length=512, d_model=16, n_heads=2)
    usual |= dict(n_layers=2, vocab_size=tokenizer.vocab_size)
    return randomised(build(GPTConfig(**{**usual, **sizes})), std)


def state_of(bundle: Bundle) -> dict[str, Any]:
    """What the page of a figure is told."""
    stored = re.search(
        r'<script type="application/json">(.*?)</script>', bundle.data["text/html"]
    )
    return json.loads(stored[1])
