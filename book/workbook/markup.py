"""Cut the MyST of a cell into prose, code and directives."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

FENCE = re.compile(r"(?P<indent> *)(?P<mark>`{3,}|:{3,}|~{3,})(?P<info>[^`]*)")
NAMED = re.compile(r"\{(?P<name>[^}\s]+)\}\s*(?P<argument>.*?)\s*")
OPTION = re.compile(r":(?P<key>[\w-]+):\s*(?P<value>.*?)\s*")
EQUATION = re.compile(
    r"\$\$(?P<formula>.*?)\$\$(?:[ ]*\((?P<label>[^\s()]+)\))?", re.S
)
TARGET = re.compile(r"\((?P<label>[^\s()]+)\)=")
# What the body of a directive holds, if it is not MyST.
VERBATIM = {"code", "code-block", "sourcecode", "math", "raw", "literalinclude"}


class Untaught(ValueError):
    """The workbook does not know a form that a chapter uses."""


@contextmanager
def named(place: str) -> Iterator[None]:
    """Let an error begin with the place where it was met."""
    try:
        yield
    except ValueError as error:
        raise Untaught(f"{place}: {error}") from error


@dataclass(frozen=True)
class Prose:
    """Markdown outside all fences."""

    text: str


@dataclass(frozen=True)
class Code:
    """A fenced block of code, fences included."""

    text: str


@dataclass(frozen=True)
class Directive:
    """```{name} argument, its options, and its body."""

    name: str
    argument: str = ""
    options: dict[str, str] = field(default_factory=dict)
    body: str = ""
    indent: str = ""


Piece = Prose | Code | Directive


def parse(source: str) -> list[Piece]:
    """The pieces of a cell, in order; directives inside a directive stay its body.

    >>> parse("See.\\n```{note}\\nTrue.\\n```")
    [Prose(text='See.'), Directive(name='note', argument='', options={}, body='True.', \
indent='')]
    """
    pieces: list[Piece] = []
    lines = source.split("\n")
    while lines:
        if fence := FENCE.fullmatch(lines[0]):
            pieces.append(fenced(fence, *take_block(lines, fence)))
        else:
            pieces.append(Prose(take_prose(lines)))
    return pieces


def take_prose(lines: list[str]) -> str:
    """Remove from `lines`, and return, what comes before the next fence."""
    taken = []
    while lines and not FENCE.fullmatch(lines[0]):
        taken.append(lines.pop(0))
    return "\n".join(taken)


def take_block(lines: list[str], fence: re.Match) -> tuple[str, str]:
    """Remove the block that `fence` opens: its body, and all of it."""
    mark = fence["mark"]
    closing = re.compile(rf" *{re.escape(mark[0])}{{{len(mark)},}}\s*")
    taken = [lines.pop(0)]
    while lines and not closing.fullmatch(lines[0]):
        taken.append(lines.pop(0))
    body = textwrap.dedent("\n".join(taken[1:]))
    if not lines:
        raise Untaught(f"the fence {taken[0].strip()!r} is never closed")
    return body, "\n".join([*taken, lines.pop(0)])


def fenced(fence: re.Match, body: str, whole: str) -> Piece:
    """A directive, or code."""
    named = NAMED.fullmatch(fence["info"].strip())
    if named is None and fence["mark"][0] == ":":
        raise Untaught(f"{fence[0].strip()!r} opens a box without the name of one")
    if named is None:
        return Code(whole)
    options, text = take_options(body)
    return Directive(
        named["name"], named["argument"], options, text, fence["indent"]
    )


def take_options(body: str) -> tuple[dict[str, str], str]:
    """The lines `:key: value` at the head of a directive, and what follows them."""
    options, lines = {}, body.split("\n")
    while lines and (option := OPTION.fullmatch(lines[0])):
        options[option["key"]] = option["value"]
        lines.pop(0)
    return options, "\n".join(lines).strip("\n")
