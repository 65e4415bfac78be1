"""How an answer is read and compared: numbers, masks, rows of ids, pairs of positions.

A tensor, an array, a list and, where one number is asked for, a plain number are all
the same to a reader of answers. Each kind reads an answer into parts, says whether two
parts are the same, and names the first difference of two answers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from book.exercises.verdict import Wrong

NEAR = {"rtol": 1e-5, "atol": 1e-6}  # what float32 can promise
NUMBER = {2: "two", 3: "three", 4: "four"}


class Kind(Protocol):
    """A kind of answer."""

    def read(self, found: Any, *inputs: Any) -> tuple[Any, ...]:
        """The parts of an answer; raise `Wrong`, without a subject, if it has none."""

    def same(self, a: Any, b: Any) -> bool:
        """Whether two parts are the same, up to rounding."""

    def is_finite(self, part: Any) -> bool:
        """Whether the part holds numbers only."""

    def difference(
        self, name: str, found: Sequence[Any], expected: Sequence[Any]
    ) -> str:
        """The first difference of an answer from the expected one."""


def tensor_of(found: Any) -> Tensor:
    """A tensor of what may be a tensor, an array or a list; raise `Wrong` if none."""
    if isinstance(found, (list, tuple)) and any(
        isinstance(x, (Tensor, np.ndarray)) for x in found
    ):
        found = _stacked([tensor_of(x) for x in found])
    try:
        if isinstance(found, (str, bytes, dict, set)):
            raise TypeError
        if not isinstance(found, Tensor):
            found = torch.as_tensor(np.asarray(found))
    except (TypeError, ValueError) as error:
        raise Wrong(
            f"returns a {type(found).__name__}, expected a tensor, an array or a list "
            f"of numbers"
        ) from error
    if found.is_complex():
        raise Wrong(f"returns {found.dtype}, expected real numbers")
    found = found.detach()
    return found if found.layout == torch.strided else found.to_dense()


def _stacked(rows: list[Tensor]) -> Tensor:
    shapes = {tuple(row.shape) for row in rows}
    if len(shapes) > 1:
        raise Wrong(f"returns rows of different shapes: {sorted(shapes)}")
    return torch.stack(rows)


def distinct(a: float, b: float) -> tuple[str, str]:
    """Two numbers, with as many digits as it takes to tell them apart."""
    for digits in range(4, 18):
        ours, theirs = f"{a:.{digits}g}", f"{b:.{digits}g}"
        if ours != theirs or a == b:
            break
    return ours, theirs


def _about_shape(name: str, found: Tensor, expected: Tensor) -> str:
    return (
        f"{name} returns the shape {tuple(found.shape)}, expected "
        f"{tuple(expected.shape)}"
    )


def _coarse(numbers: Tensor) -> str:
    """What is coarse about the type of the numbers, if anything is."""
    if not numbers.is_floating_point():
        return "whole numbers"
    return "numbers of few digits" if numbers.dtype.itemsize < 4 else ""


class Numbers:
    """A tensor of numbers.

    what: what the numbers are called in a message.
    """

    def __init__(self, what: str = "your answer"):
        self.what = what

    def read(self, found: Any, *inputs: Any) -> tuple[Tensor]:
        return (tensor_of(found),)

    def same(self, a: Tensor, b: Tensor) -> bool:
        return a.shape == b.shape and bool(self._near(a, b).all())

    def _near(self, a: Tensor, b: Tensor) -> Tensor:
        """Where two tensors of one shape have the same number."""
        return torch.isclose(a.double(), b.double(), equal_nan=True, **NEAR)

    def is_finite(self, part: Tensor) -> bool:
        return bool(part.isfinite().all())

    def difference(
        self, name: str, found: Sequence[Tensor], expected: Sequence[Tensor]
    ) -> str:
        ours, theirs = found[0], expected[0]
        if ours.shape != theirs.shape:
            return _about_shape(name, ours, theirs)
        at = tuple((~self._near(ours, theirs)).nonzero()[0].tolist())
        a, b = distinct(float(ours[at]), float(theirs[at]))
        where = f"at position {', '.join(map(str, at))} " if at else ""
        kind = _coarse(ours) if theirs.is_floating_point() else ""
        coarse = f"; {name} returns {kind} ({ours.dtype})" if kind else ""
        return f"{where}{self.what} is {a}, expected {b}{coarse}"


class Exactly(Numbers):
    """Numbers to the last bit; of an answer in float32, to the last it has."""

    def _near(self, a: Tensor, b: Tensor) -> Tensor:
        return a == b.to(a.dtype)


class Weights(Numbers):
    """Weights in which a zero is exact: what is hidden has no weight, however small."""

    def same(self, a: Tensor, b: Tensor) -> bool:
        return super().same(a, b) and torch.equal(a == 0, b == 0)

    def difference(
        self, name: str, found: Sequence[Tensor], expected: Sequence[Tensor]
    ) -> str:
        ours, theirs = found[0], expected[0]
        if not super().same(ours, theirs):
            return super().difference(name, found, expected)
        at = tuple(((ours == 0) != (theirs == 0)).nonzero()[0].tolist())
        where = ", ".join(map(str, at))
        if theirs[at] == 0:
            weight = f"{float(ours[at]):.2g}"
            return f"at position {where} the weight is {weight}, expected 0 exactly"
        return (
            f"at position {where} the weight is 0, expected {float(theirs[at]):.2g}"
        )


class Weighed(Numbers):
    """Scores, compared by the weights that a softmax makes of them.

    What is constant along a row vanishes in the softmax.
    """

    def __init__(self):
        super().__init__("the softmax of your scores")

    def read(self, found: Any, *inputs: Any) -> tuple[Tensor]:
        (scores,) = super().read(found)
        return (scores.double().softmax(-1) if scores.dim() else scores,)


class Values:
    """One plain number, or several, each with a name."""

    def __init__(self, *names: str):
        self.names = names

    def read(self, found: Any, *inputs: Any) -> tuple[float, ...]:
        if len(self.names) == 1:
            return (self._number(found),)
        if not has_parts(found, len(self.names)):
            n, listed = NUMBER[len(self.names)], "; ".join(self.names)
            raise Wrong(f"returns {briefly(found)}: return {n} numbers: {listed}")
        return tuple(map(self._number, found))

    def _number(self, found: Any) -> float:
        one = "one number" if len(self.names) == 1 else "one number for each part"
        try:
            if isinstance(found, str):
                raise TypeError
            found = found.detach() if isinstance(found, Tensor) else found
            return float(np.asarray(found).item())
        except (TypeError, ValueError, RuntimeError) as error:
            raise Wrong(f"returns {briefly(found)}, expected {one}") from error

    def same(self, a: float, b: float) -> bool:
        near = math.isclose(a, b, rel_tol=1e-5, abs_tol=1e-5)
        return near or (math.isnan(a) and math.isnan(b))

    def is_finite(self, part: float) -> bool:
        return math.isfinite(part)

    def difference(
        self, name: str, found: Sequence[float], expected: Sequence[float]
    ) -> str:
        for what, ours, theirs in zip(self.names, found, expected, strict=True):
            if not self.same(ours, theirs):
                a, b = distinct(ours, theirs)
                return f"{what} is {a}, expected {b}"
        raise AssertionError("no difference")


class Texts:
    """A text, exactly."""

    def read(self, found: Any, *inputs: Any) -> tuple[str]:
        if isinstance(found, str):
            return (found,)
        joined = isinstance(found, (list, tuple)) and all(
            isinstance(x, str) for x in found
        )
        hint = ': put it together with "".join(…)' if joined and found else ""
        raise Wrong(f"returns {briefly(found)}, expected a text{hint}")

    def same(self, a: str, b: str) -> bool:
        return a == b

    def is_finite(self, part: str) -> bool:
        return True

    def difference(
        self, name: str, found: Sequence[str], expected: Sequence[str]
    ) -> str:
        ours, theirs = found[0], expected[0]
        return f"{name} returns {ours!a}, expected {theirs!a}"


def has_parts(found: Any, n: int) -> bool:
    """A tuple, list, tensor or array of n things."""
    sized = isinstance(found, (tuple, list)) or (
        isinstance(found, (Tensor, np.ndarray)) and found.ndim > 0
    )
    return sized and len(found) == n


def briefly(found: Any) -> str:
    kind = type(found).__name__
    sized = isinstance(found, (tuple, list)) or getattr(found, "ndim", 0) > 0
    return f"a {kind} of {len(found)}" if sized else f"a {kind}"


class Mask(Numbers):
    """A boolean mask (…, T, T), True = may look."""

    def same(self, a: Tensor, b: Tensor) -> bool:
        return a.dtype == b.dtype and torch.equal(a, b)

    def difference(
        self, name: str, found: Sequence[Tensor], expected: Sequence[Tensor]
    ) -> str:
        ours, theirs = found[0], expected[0]
        if ours.shape != theirs.shape:
            return _about_shape(name, ours, theirs)
        if ours.dtype != torch.bool:
            return (
                f"{name} returns {ours.dtype}; a mask is boolean, True = may look. "
                f"Adding or multiplying comes later, if at all"
            )
        *batch, look, at = (ours != theirs).nonzero()[0].tolist()
        row = f"in row {batch[0]} of the batch, " if batch else ""
        may, should = (
            ("can", "must not") if ours[*batch, look, at] else ("cannot", "must")
        )
        return f"{row}position {look} {may} see position {at}, and {should}"


class Rows:
    """Two rows of ids, x and y: lists, or tensors (T,) or (1, T) of integers."""

    def read(self, found: Any, *inputs: Any) -> tuple[tuple[list[int], list[int]]]:
        if not has_parts(found, 2):
            raise Wrong(f"returns {briefly(found)}: return two things, x and y")
        x, y = (self._ids(n, row) for n, row in zip("xy", found, strict=True))
        return ((x, y),)

    def _ids(self, name: str, row: Any) -> list[int]:
        if has_parts(row, 1) and (
            isinstance(row[0], list) or getattr(row[0], "ndim", 0) == 1
        ):
            row = row[0]  # a batch of one
        if isinstance(row, (Tensor, np.ndarray)):
            row = (
                [] if row.shape == (0,) else row.tolist()
            )  # an empty one is of floats
        if not isinstance(row, (list, tuple)) or not all(map(_is_id, row)):
            raise Wrong(
                f"returns no ids in {name}: it must be a list of ids, or a tensor of "
                f"integers, (T,) or (1, T)"
            )
        return [int(i) for i in row]

    def same(self, a: Any, b: Any) -> bool:
        return a == b

    def is_finite(self, part: Any) -> bool:
        return True

    def difference(
        self, name: str, found: Sequence[Any], expected: Sequence[Any]
    ) -> str:
        ((x, y),), ((right, left),) = found, expected
        if len(x) != len(y):
            return (
                f"x has {len(x)} ids and y {len(y)}: each place that is read has one "
                f"target"
            )
        return f"x = {x} and y = {y}; expected {right} and {left}"


def _is_id(i: Any) -> bool:
    whole = isinstance(i, (int, np.integer)) and not isinstance(i, bool)
    tensor = isinstance(i, Tensor) and i.dim() == 0
    return whole or (tensor and not i.is_floating_point() and i.dtype != torch.bool)


class Pairs(Rows):
    """A set of pairs of positions (look, at); a list or an (N, 2) tensor will do."""

    def read(self, found: Any, *inputs: Any) -> tuple[set[tuple[int, int]]]:
        try:
            return ({(int(look), int(at)) for look, at in found},)
        except (TypeError, ValueError, RuntimeError) as error:
            raise Wrong(
                f"returns {briefly(found)}: return a set of pairs (look, at), empty "
                f"if there is none"
            ) from error

    def difference(
        self, name: str, found: Sequence[set], expected: Sequence[set]
    ) -> str:
        more, missing = found[0] - expected[0], expected[0] - found[0]
        if more:
            look, at = min(more)
            return (
                f"({look}, {at}) is reported, but the logits at {look} do not depend "
                f"on token {at}: is more than one token changed at a time?"
            )
        look, at = min(missing)
        return (
            f"position {look} depends on token {at}, and it was not found. Is every "
            f"token changed in turn, to a different one, and every position compared, "
            f"however small the difference?"
        )
