"""What an answer does on its way: the calls that the text of an exercise forbids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.utils._python_dispatch import TorchDispatchMode

SOFTMAXES = (
    "softmax",
    "_softmax",
    "_safe_softmax",
    "log_softmax",
    "_log_softmax",
    "logsumexp",
)


@dataclass(eq=False)
class Rule:
    """What the text forbids: `broken(step, *inputs)` is true of such a step."""

    hint: str
    broken: Callable[..., bool]
    _register: Callable[..., Any] = field(repr=False)

    def mistake(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Register what somebody writes who breaks the rule."""
        return self._register(function, self)


@dataclass(frozen=True)
class Step:
    """One operation of PyTorch: its name inside PyTorch, and what it returned."""

    name: str
    result: Any

    @property
    def size(self) -> int:
        """How many numbers it returned."""
        return self.result.numel() if isinstance(self.result, Tensor) else 0

    @property
    def is_automatic(self) -> bool:
        """It belongs to automatic differentiation, backward or forward."""
        return (
            torch._C._current_graph_task_id() != -1
            or forward_ad._current_level >= 0
            or "backward" in self.name
        )

    @property
    def is_softmax(self) -> bool:
        """The library's softmax, under one of its names, or attention as a whole."""
        return self.name in SOFTMAXES or self.name.startswith("_scaled_dot_product")


class Watch(TorchDispatchMode):
    """Looks at every operation, and notes the rules that one breaks."""

    def __init__(self, rules: Sequence[Rule], inputs: Sequence[Any]):
        super().__init__()
        self.rules, self.inputs = rules, inputs
        self.broken: list[Rule] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        step = Step(func.overloadpacket.__name__, result)
        self.broken += [
            rule
            for rule in self.rules
            if rule not in self.broken and rule.broken(step, *self.inputs)
        ]
        return result
