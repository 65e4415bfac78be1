"""Lines of code beside what they give: a table to look things up in."""

from __future__ import annotations

import ast
import linecache
import re
import sys
import textwrap
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from book.bundle import Bundle, escaped
from book.viz.tables import NOTHING, table

MOST_NUMBERS = 12  # of a tensor; of a larger one the shape has to do
LONGEST = 90  # characters of an error
ROW = re.compile(r'(?<=<th scope="row" style="text-align:left">)(.*?)(?=</th>)')


def look(*found: Any) -> Bundle:
    """Show each argument as it is written, its shape, and what it gives.

    A line that stops with an error is written `lambda: x[3]`, and shown as x[3] with
    the error. A tensor of more than twelve numbers is shown by its shape alone.
    """
    written = arguments(sys._getframe(1))
    outcomes = [
        outcome(thing, line) for thing, line in zip(found, written, strict=True)
    ]
    written = [line.removeprefix("lambda: ") for line in written]
    made = table(outcomes, ["shape", "gives"], rows=written, corner="written")
    made.data["text/html"] = ROW.sub(r"<code>\1</code>", made.data["text/html"])
    for line in written:
        code = line.replace("|", r"\|")
        made.data["text/markdown"] = made.data["text/markdown"].replace(
            f"\n| {escaped(line)} |", f"\n| `{code}` |", 1
        )
    return made


def arguments(frame: FrameType) -> list[str]:
    """The arguments of the call that a frame is at, as they are written."""
    code = frame.f_code
    at = list(code.co_positions())[frame.f_lasti // 2]  # line, last line, columns
    source = "".join(linecache.getlines(code.co_filename))
    for call in ast.walk(ast.parse(source)):
        if isinstance(call, ast.Call) and at == (
            call.lineno,
            call.end_lineno,
            call.col_offset,
            call.end_col_offset,
        ):
            return [on_one_line(source, argument) for argument in call.args]
    raise ValueError("look(…) finds no source of the lines that it shall show")


def on_one_line(source: str, argument: ast.expr) -> str:
    text = ast.get_source_segment(source, argument) or ast.unparse(argument)
    return text if "\n" not in text else ast.unparse(argument)


def outcome(found: Any, line: str) -> tuple[str, str]:
    """The shape of what a line gives, and what it gives, as texts."""
    if line.startswith("lambda: "):
        return NOTHING, error_of(found)
    shape = str(tuple(found.shape)) if isinstance(found, Tensor) else NOTHING
    return shape, in_words(found)


def error_of(call: Callable[[], Any]) -> str:
    """The error with which a call stops, cut to one line."""
    try:
        call()
    except Exception as error:
        said = textwrap.shorten(str(error), LONGEST, placeholder=" …")
        return f"{type(error).__name__}: {said}"
    raise ValueError("a line that was to stop with an error did not")


def in_words(found: Any) -> str:
    """What a line gives, on one line.

    >>> in_words(torch.tensor([[0.25, 1]])), in_words(torch.zeros(3, 5))
    ('[[0.25, 1.0]]', '–')
    >>> in_words(torch.tensor([1, 9, 4]).topk(2)), in_words("a"), in_words(1 / 3)
    ('[9, 4] and [1, 2]', "'a'", '0.33')
    """
    if isinstance(found, torch.Size):
        return str(tuple(found))
    if isinstance(found, Tensor):
        small = found.numel() <= MOST_NUMBERS
        return str(rounded(found.tolist())) if small else NOTHING
    parts = found if isinstance(found, (tuple, list)) else []
    if parts and all(isinstance(part, (Tensor, torch.Size)) for part in parts):
        return " and ".join(map(in_words, parts))
    return str(rounded(found)) if isinstance(found, float) else repr(found)


def rounded(found: Any) -> Any:
    """Numbers, in lists or not, with two decimals at most."""
    if isinstance(found, list):
        return [rounded(x) for x in found]
    return round(found, 2) + 0.0 if isinstance(found, float) else found
