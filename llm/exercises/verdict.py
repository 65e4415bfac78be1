"""What a checker says, and the questions that every checker asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Verdict:
    """Passed or not, and why, in a sentence; true in an `if` when it passed."""

    passed: bool
    message: str

    def __bool__(self) -> bool:
        return self.passed

    def __repr__(self) -> str:
        return f"{'✓' if self.passed else '✗'} {self.message}"


class Wrong(Exception):
    """Raised inside a checker: the answer is wrong, and the text says how."""


def checker(check: Callable[..., str]) -> Callable[..., Verdict]:
    """Let a function that raises `Wrong`, or returns praise, give a `Verdict`."""

    def verdict(*answer: Any) -> Verdict:
        try:
            return Verdict(True, check(*answer))
        except Wrong as wrong:
            return Verdict(False, str(wrong))

    verdict.__name__, verdict.__doc__ = check.__name__, check.__doc__
    return verdict


def answer_of(function: Callable[..., Any], *inputs: Any) -> Any:
    """Call the reader's function on copies of the inputs; raise `Wrong` if it fails."""
    copies = [x.clone() if isinstance(x, Tensor) else x for x in inputs]
    name = getattr(function, "__name__", "your function")
    try:
        result = function(*copies)
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise Wrong(f"{name} stopped with {what}") from error
    if result is None or result is ...:
        raise Wrong(
            f"not yet: {name} returns nothing; write its body, then run again"
        )
    return result


def tensor_of(
    function: Callable[..., Any],
    *inputs: Any,
    shape: Sequence[int],
    hints: dict[tuple[int, ...], str] | None = None,
) -> Tensor:
    """The answer as a tensor of the expected shape; `hints` explain other shapes."""
    name = getattr(function, "__name__", "your function")
    result = answer_of(function, *inputs)
    if not isinstance(result, Tensor):
        raise Wrong(f"{name} returns a {type(result).__name__}, not a tensor")
    if tuple(result.shape) != tuple(shape):
        hint = (hints or {}).get(tuple(result.shape), "")
        raise Wrong(
            f"{name} returns the shape {tuple(result.shape)}, expected {tuple(shape)}"
            + (f": {hint}" if hint else "")
        )
    if not result.is_floating_point():
        raise Wrong(
            f"{name} returns {result.dtype}, expected floating-point numbers"
        )
    return result.detach()


def same(a: Tensor, b: Tensor, tolerance: float = 1e-6) -> bool:
    """Equal up to rounding, and nowhere infinite or not a number."""
    return bool(torch.isfinite(a).all()) and torch.allclose(
        a.double(), b.double(), rtol=tolerance, atol=tolerance
    )


def compare(result: Tensor, expected: Tensor, mistakes: dict[str, Tensor]) -> None:
    """Raise `Wrong` unless the result is as expected.

    mistakes: for each hint, what somebody who makes that mistake gets. The first that
    fits the result is the hint; where none fits, the first difference is shown.
    """
    if same(result, expected):
        return
    for hint, typical in mistakes.items():
        if typical.shape == result.shape and same(result, typical):
            raise Wrong(hint)
    apart = (result.double() - expected.double()).abs()
    at = tuple((~(apart <= 1e-6)).nonzero()[0].tolist())
    raise Wrong(
        f"at position {', '.join(map(str, at))} your answer is {result[at]:.4f}, "
        f"expected {expected[at]:.4f}"
    )
