"""What an answer does on its way: the calls that the text of an exercise forbids."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import CodeType
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
    """What the text forbids: `broken(step, *inputs)` is true of such a step.

    calls: is it about calls of functions, such as `bytes.decode`, which Python itself
    brings? Else it is about operations of PyTorch.
    """

    hint: str
    broken: Callable[..., bool]
    _register: Callable[..., Any] = field(repr=False)
    calls: bool = False

    def mistake(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Register what somebody writes who breaks the rule."""
        return self._register(function, self)


@dataclass(frozen=True)
class Step:
    """One operation of PyTorch, or call of a function: its name, and what it returned.

    Of a function that is written in Python, `code` says what names and constants it has:
    the interpreter reports no call of a type, such as `str(data, "utf-8")`.
    """

    name: str
    result: Any = None
    code: CodeType | None = None

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
        self.look_at(Step(func.overloadpacket.__name__, result), calls=False)
        return result

    def look_at(self, step: Step, calls: bool) -> None:
        """Note the rules of this kind that the step breaks."""
        self.broken += [
            rule
            for rule in self.rules
            if rule.calls == calls and rule not in self.broken
            if rule.broken(step, *self.inputs)
        ]

    def __enter__(self) -> Watch:
        self.before = sys.getprofile()
        if any(rule.calls for rule in self.rules):
            sys.setprofile(self.hear)
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        sys.setprofile(self.before)
        super().__exit__(*error)

    def hear(self, frame: Any, event: str, called: Any) -> None:
        """What the interpreter reports: a function is about to be called."""
        if event == "c_call":
            self.look_at(Step(getattr(called, "__name__", "")), calls=True)
        elif event == "call":
            self.look_at(Step(frame.f_code.co_name, code=frame.f_code), calls=True)
