"""A puzzle: what does this line give? Predicted first, and then run.

The right answer stands nowhere: it is what the line gives when it is run. A mistake is
written once, as the line that a mistaken reader has in mind, under which the hint that
names the mistake:

    Puzzle(
        "x = torch.zeros(4, 3)",
        "x[0]",
        {"x[0:1]": "an index takes its axis away; a slice keeps it, with size 1"},
        why="the index 0 takes the first axis away",
    )

A reader answers with a shape, or with numbers where `asks` is "value", or with
"error: …" where the line stops; a shape is a tuple, a list, a `torch.Size`, or a text
that may have letters: "(B, T)".
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from book.exercises.verdict import Verdict, Wrong

# The sizes that letters stand for in every puzzle: the smallest that all differ, and
# the width is that of all heads together.
LETTERS = {"B": 2, "H": 3, "D": 4, "T": 5, "S": 6, "V": 7, "C": 12}
# How a line of tensors stops: what it means, and words of PyTorch that tell of it.
ERRORS = {
    "broadcast": (
        "two sizes that meet differ, and neither is 1",
        ["must match the"],
    ),
    "product": (
        "the two inner sizes of a matrix product differ",
        ["cannot be multiplied", "expected size for first two", "inner"],
    ),
    "count": (
        "there are more numbers, or fewer, than the new shape has places",
        ["invalid for input of size", "number of"],
    ),
    "memory": (
        "the numbers do not lie in memory in the order that a view would need",
        ["view", "contiguous", "stride"],
    ),
    "index": ("there is no such place", ["out of bounds", "out of range"]),
    "layout": (
        "a function expects its axes in another order",
        ["expected target size", "expected input batch_size"],
    ),
}
SHAPE, VALUE = "shape", "value"


@dataclass(frozen=True)
class Answer:
    """A shape, numbers, or an error with its kind ("" if that is not said)."""

    kind: str  # "shape", "value" or "error"
    content: Any

    @property
    def in_words(self) -> str:
        if self.kind == "error":
            return f"error: {self.content}"
        if self.kind == SHAPE:
            return str(self.content)
        listed = ", ".join(f"{x:g}" for x in self.content.flatten())
        return f"[{listed}]" if self.content.dim() else listed

    def same(self, other: Answer) -> bool:
        if self.kind != other.kind:
            return False
        if self.kind != VALUE:
            return self.content == other.content
        a, b = self.content, other.content
        return a.shape == b.shape and bool(torch.allclose(a, b, rtol=0, atol=0.005))


@dataclass(frozen=True)
class Puzzle:
    """given: the lines before; asked: the line to predict; why: what makes it so.

    mistakes: from the line that a mistaken reader has in mind, or "error: …" for
    somebody who expects one, to the hint. asks: for the shape or for the "value".
    """

    given: str
    asked: str
    mistakes: Mapping[str, str]
    why: str
    asks: str = SHAPE

    def run(self, line: str) -> Answer:
        """What the line gives after the lines before."""
        if line.startswith("error"):
            return Answer("error", error_kind(line.removeprefix("error")))
        names = {"torch": torch, "F": F, "math": math}
        exec(self.given, names)
        try:
            found = eval(line, names)
        except (RuntimeError, IndexError, ValueError) as error:
            kind = error_kind(str(error))
            assert kind, f"no kind of error is known for: {error}"
            return Answer("error", kind)
        if self.asks == VALUE:
            return Answer(VALUE, torch.as_tensor(found).double())
        return Answer(SHAPE, tuple(found.shape))

    @cached_property
    def right(self) -> Answer:
        return self.run(self.asked)

    @cached_property
    def wrong(self) -> list[tuple[Answer, str]]:
        """The answers of mistaken readers, each with its hint."""
        return [(self.run(line), hint) for line, hint in self.mistakes.items()]

    def __call__(self, answer: Any) -> Verdict:
        """Right or wrong, and why; the right answer is never said."""
        try:
            found = read(answer, self.asks)
            if not found.same(self.right):
                raise Wrong(self.hint(found))
        except Wrong as wrong:
            return Verdict(False, str(wrong))
        return Verdict(True, self.why)

    def hint(self, found: Answer) -> str:
        """What is wrong with an answer: of its own mistake, or of all like it."""
        for mistake, hint in self.wrong:
            if found.same(mistake):
                return hint
        if "error" in (found.kind, self.right.kind):
            return self.hint_of_errors(found)
        if self.asks == VALUE:
            return about_values(found.content, self.right.content)
        return about_shapes(found.content, self.right.content)

    def hint_of_errors(self, found: Answer) -> str:
        if self.right.kind != "error":
            for mistake, hint in self.wrong:
                if mistake.kind == "error":
                    return hint
            return "it runs without an error: go through it once more, axis by axis"
        if found.kind != "error":
            return (
                "it gives nothing: it stops with an error. What does not fit here?"
            )
        if not found.content:
            return f"an error it is, but which? Say one of {in_quotes(ERRORS)}"
        means = ERRORS[found.content][0]
        return (
            f'an error it is, but not this one: "{found.content}" says that {means}'
        )


# How an answer is read ----------------------------------------------------------------


def error_kind(text: str) -> str:
    """The kind of an error, from its name or from words of PyTorch; "" if none fits.

    >>> error_kind("shape '[4]' is invalid for input of size 6"), error_kind("?")
    ('count', '')
    """
    text = text.lower()
    for kind, (_, words) in ERRORS.items():
        if any(word in text for word in words):
            return kind
    return next((kind for kind in ERRORS if kind in text), "")


def read(answer: Any, asks: str) -> Answer:
    """An answer in whatever form it has; raise `Wrong` if it is none."""
    if isinstance(answer, BaseException):
        return Answer("error", error_kind(str(answer)))
    if isinstance(answer, type) and issubclass(answer, BaseException):
        return Answer("error", "")
    if isinstance(answer, str) and (kind := error_kind(answer)):
        return Answer("error", kind)
    if isinstance(answer, str) and "error" in answer.lower():
        return Answer("error", "")
    return read_value(answer) if asks == VALUE else read_shape(answer)


def read_shape(answer: Any) -> Answer:
    """A shape.

    >>> [read_shape(x).content for x in ("(B, T, 1)", "B*T, V", [2, 5], 3, "()")]
    [(2, 5, 1), (10, 7), (2, 5), (3,), ()]
    """
    if isinstance(answer, (Tensor, np.ndarray)):
        answer = answer.tolist()
    if isinstance(answer, str) and answer.strip():
        text = re.sub(r"torch\.|Size|[()\[\]\s]", "", answer).strip(",")
        answer = re.split(r",|(?<=\d)[x×](?=\d)", text) if text else ()
    if isinstance(answer, int) and not isinstance(answer, bool):
        answer = (answer,)
    if not isinstance(answer, (tuple, list)):
        raise Wrong("a shape is asked for: a tuple of sizes, such as (2, 3)")
    return Answer(SHAPE, tuple(map(read_size, answer)))


def read_size(size: Any) -> int:
    """One size: a whole number, a letter, or a product of them.

    >>> read_size("H*D"), read_size("7")
    (12, 7)
    """
    if isinstance(size, str) and re.fullmatch(r"-\d+", size.strip()):
        size = int(size)
    if isinstance(size, str):
        factors = [f.strip() for f in re.split(r"[*·]", size)]
        if unknown := [
            f for f in factors if not f.isdecimal() and f not in LETTERS
        ]:
            known = ", ".join(f"{k} = {v}" for k, v in LETTERS.items())
            raise Wrong(f"{unknown[0]!r} is no size: write numbers, or {known}")
        return math.prod(LETTERS.get(f) or int(f) for f in factors)
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)):
        raise Wrong(f"{size!r} is no size: the sizes of a shape are whole numbers")
    if size < 0:
        raise Wrong(
            f"no axis has the size {size}: work out which number stands there"
        )
    return int(size)


def read_value(answer: Any) -> Answer:
    """Numbers.

    >>> read_value("3/8").content, read_value("[2, 3]").content.tolist()
    (tensor(0.3750, dtype=torch.float64), [2.0, 3.0])
    """
    if isinstance(answer, str):
        numbers = re.findall(r"-?\d+(?:\.\d*)?(?:/\d+)?|-?\.\d+", answer)
        found = [number_of(n) for n in numbers]
        many = len(found) != 1 or "[" in answer
        answer = found if many else found[0]
        if not found:
            raise Wrong("numbers are asked for: one, or a list of them")
    try:
        content = torch.as_tensor(np.asarray(answer, dtype=float))
    except (TypeError, ValueError) as error:
        raise Wrong("numbers are asked for: one, or a list of them") from error
    return Answer(VALUE, content)


def number_of(text: str) -> float:
    """A number, or a fraction, as a text: "0.5", "3/8"."""
    above, _, below = text.partition("/")
    return float(above) / float(below or 1)


# What is said of an answer that is no known mistake -------------------------------------


def in_quotes(kinds: Any) -> str:
    return ", ".join(f'"error: {kind}"' for kind in kinds)


def about_shapes(found: tuple[int, ...], right: tuple[int, ...]) -> str:
    if len(found) != len(right):
        return (
            f"the result has {axes(len(right))}, and your answer {axes(len(found))}"
        )
    if sorted(found) == sorted(right):
        return "these are the sizes; they stand in another order"
    at = next(
        i for i, (a, b) in enumerate(zip(found, right, strict=True)) if a != b
    )
    return f"axis {at} (the first is axis 0) has another size than {found[at]}"


def axes(n: int) -> str:
    return {0: "no axis", 1: "one axis"}.get(n, f"{n} axes")


def about_values(found: Tensor, right: Tensor) -> str:
    if found.shape != right.shape:
        one, many = (
            "one number is asked for",
            f"{right.numel()} numbers are asked for",
        )
        return one if right.dim() == 0 else many
    return "these are other numbers: go through the line from the inside outwards"


# Several puzzles together ---------------------------------------------------------------


class Puzzles:
    """Puzzles numbered from 1, and the check of some answers: {number: answer}."""

    def __init__(self, puzzles: Sequence[Puzzle]):
        self.by_number = dict(enumerate(puzzles, 1))

    def __call__(self, answers: Mapping[int, Any]) -> Verdict:
        if not isinstance(answers, Mapping):
            return Verdict(False, "hand over a dictionary: {1: (2, 3), 2: …}")
        if strange := [n for n in answers if n not in self.by_number]:
            return Verdict(False, f"there is no puzzle {strange[0]!r}")
        given = {n: a for n, a in answers.items() if a is not ... and a is not None}
        if not given:
            return Verdict(
                False,
                "not yet: put your predictions in the place of the dots, then run again",
            )
        verdicts = {n: self.by_number[n](a) for n, a in given.items()}
        n_right = sum(map(bool, verdicts.values()))
        lines = [f"{n_right} of {len(answers)} are right"]
        lines += [f"{v.mark} {n}: {v.message}" for n, v in verdicts.items()]
        return Verdict(n_right == len(answers), "\n".join(lines))

    def answers(self, first: int, last: int) -> dict[int, tuple[str, str, str]]:
        """By number: the line, what it gives when it is run, and why."""
        return {
            n: (p.asked, p.right.in_words, p.why.replace("`", ""))
            for n, p in self.by_number.items()
            if first <= n <= last
        }
