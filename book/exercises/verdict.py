"""What a checker says, and the questions that every checker asks."""

from __future__ import annotations

import math
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
    verdict.is_checker = True
    return verdict


def answer_of(function: Callable[..., Any], *inputs: Any) -> Any:
    """Call the reader's function on copies of the inputs; raise `Wrong` if it fails."""
    copies = [x.clone() if isinstance(x, Tensor) else x for x in inputs]
    name = _name(function)
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
    """The answer, a tensor of numbers of the expected shape; `hints` explain others."""
    result = _shaped(function, inputs, shape, hints or {})
    if not result.is_floating_point():
        name = _name(function)
        raise Wrong(
            f"{name} returns {result.dtype}, expected floating-point numbers"
        )
    return result.detach()


def mask_of(
    function: Callable[..., Any],
    *inputs: Any,
    shape: Sequence[int],
    hints: dict[tuple[int, ...], str] | None = None,
) -> Tensor:
    """The answer, a boolean mask of the expected shape; `hints` explain others."""
    result = _shaped(function, inputs, shape, hints or {})
    if result.dtype != torch.bool:
        raise Wrong(
            f"{_name(function)} returns {result.dtype}; a mask is boolean, True = may "
            f"look. Adding or multiplying comes later, if at all"
        )
    return result


def _shaped(
    function: Callable[..., Any],
    inputs: Sequence[Any],
    shape: Sequence[int],
    hints: dict[tuple[int, ...], str],
) -> Tensor:
    """The answer, if it is a tensor of this shape."""
    result = answer_of(function, *inputs)
    if not isinstance(result, Tensor):
        kind = type(result).__name__
        raise Wrong(f"{_name(function)} returns a {kind}, not a tensor")
    found, expected = tuple(result.shape), tuple(shape)
    if found != expected:
        message = (
            f"{_name(function)} returns the shape {found}, expected {expected}"
        )
        raise Wrong(
            ": ".join([message, *([hints[found]] if found in hints else [])])
        )
    return result


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", "your function")


def same(a: Tensor, b: Tensor, tolerance: float = 1e-6) -> bool:
    """Equal up to rounding, and nowhere infinite or not a number."""
    return bool(torch.isfinite(a).all()) and torch.allclose(
        a.double(), b.double(), rtol=tolerance, atol=tolerance
    )


def compare(
    result: Tensor,
    expected: Tensor,
    mistakes: dict[str, Tensor],
    what: str = "your answer",
) -> None:
    """Raise `Wrong` unless the result is as expected.

    mistakes: for each hint, what somebody who makes that mistake gets. The first that
    fits the result is the hint; where none fits, the first difference is shown, under
    the name `what`.
    """
    if same(result, expected):
        return
    for hint, typical in mistakes.items():
        if typical.shape == result.shape and same(result, typical):
            raise Wrong(hint)
    apart = (result.double() - expected.double()).abs()
    at = tuple((~(apart <= 1e-6)).nonzero()[0].tolist())
    raise Wrong(
        f"at position {', '.join(map(str, at))} {what} is {result[at]:.4f}, "
        f"expected {expected[at]:.4f}"
    )


def number_of(found: Any, what: str) -> float:
    """One number, if it is one."""
    try:
        number = float(found)
    except (TypeError, ValueError, RuntimeError) as error:
        kind = type(found).__name__
        raise Wrong(f"{what} is a {kind}, expected one number") from error
    if not math.isfinite(number):
        raise Wrong(f"{what} is {number}, expected a number")
    return number


def close(a: float, b: float, tolerance: float = 1e-5) -> bool:
    return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)


def compare_numbers(
    what: str,
    found: float,
    expected: float,
    mistakes: dict[str, float],
    tolerance: float = 1e-5,
) -> None:
    """Raise `Wrong` with the hint that fits, or with both numbers.

    tolerance: of the hints; for many of them, small, so that none fits by chance.
    """
    if close(found, expected):
        return
    for hint, typical in mistakes.items():
        if close(found, typical, tolerance):
            raise Wrong(hint)
    raise Wrong(f"{what} is {found:.4f}, expected {expected:.4f}")
