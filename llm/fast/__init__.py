"""The same sums in fewer and quicker calls.

What the chapters build is plain: formulas, `nn.Linear`, one operation after the
other. Here each part that has a quicker way has it in a class of its own, with the
same parameters under the same names. `speed_up` puts these classes into a model that
is there; `tests/test_fast.py` demands equality for every part.
"""

from __future__ import annotations

from typing import TypeVar

from torch import nn

from llm.attention import MultiHeadAttention
from llm.fast.attention import FastAttention
from llm.fast.layers import (
    FastFeedForward,
    FastLayerNorm,
    FastLearnedPositions,
    FastNormedRotaryPositions,
    FastRMSNorm,
    FastRotaryPositions,
    FastSwiGLU,
)
from llm.fast.linear import FastLinear
from llm.layers import (
    FeedForward,
    LayerNorm,
    LearnedPositions,
    NormedRotaryPositions,
    RMSNorm,
    RotaryPositions,
    SwiGLU,
)

Model = TypeVar("Model", bound=nn.Module)
FAST: dict[type[nn.Module], type[nn.Module]] = {
    nn.Linear: FastLinear,
    LayerNorm: FastLayerNorm,
    RMSNorm: FastRMSNorm,
    FeedForward: FastFeedForward,
    SwiGLU: FastSwiGLU,
    LearnedPositions: FastLearnedPositions,
    RotaryPositions: FastRotaryPositions,
    NormedRotaryPositions: FastNormedRotaryPositions,
    MultiHeadAttention: FastAttention,
}


def speed_up(model: Model) -> Model:
    """Let every part of a model that has a quicker way take it; returns the model.

    Parameters, their names, hooks and modes stay. A part of a kind that is not known
    here, a subclass for instance, keeps its own `forward`.
    """
    return with_classes(model, FAST)


def slow_down(model: Model) -> Model:
    """The opposite of `speed_up`: let every part say its formula again."""
    return with_classes(model, {fast: plain for plain, fast in FAST.items()})


def with_classes(
    model: Model, classes: dict[type[nn.Module], type[nn.Module]]
) -> Model:
    """Give the parts of a model other classes, each for its own."""
    for part in model.modules():
        part.__class__ = classes.get(type(part), type(part))
    return model
