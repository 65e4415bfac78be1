"""One thing to look at in several forms, and what these do with a text.

A notebook is read in four places: in JupyterLab, on the site, on paper and as text.
Each of these takes from one bundle the form that it can show.
"""

from __future__ import annotations

import html
import re
import textwrap
from typing import Any

WIDTH = 76  # characters of a line of text/plain
CODE = re.compile(r"`([^`\n]+)`")

# What has a meaning in Markdown: anywhere; inside of an address; where a line begins.
SIGNS = re.compile(r"([\\`*_\[\]<>#$|~{}&^!@]|(?<=[A-Za-z])[.:](?=[A-Za-z/]))")
OPENINGS = re.compile(r"^\s*(?:[-+%:(=]|\d+[.)](?=\s|$))", re.M)


class Bundle:
    """One thing to look at, in several forms: the value of a cell that ends in it.

    data: MIME type -> content; metadata: MIME type -> what to know for showing it.
    """

    def __init__(
        self, data: dict[str, Any], metadata: dict[str, Any] | None = None
    ):
        self.data = data
        self.metadata = metadata or {}

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        return self.data, self.metadata


def wrapped(text: str, indent: str = "") -> str:
    """The text with each of its lines broken to `WIDTH`; those that follow indented."""
    lines = text.splitlines() or [""]
    return "\n".join(
        textwrap.fill(x, WIDTH, subsequent_indent=indent) for x in lines
    )


def escaped(text: str) -> str:
    """The text for Markdown, which shall see no sign of its own in it.

    Numbers stay as they are, so that they can be compared.

    >>> escaped("a_b, $c$ for 1.5, see a.org"), escaped("1. one")
    ('a\\\\_b, \\\\$c\\\\$ for 1.5, see a\\\\.org', '1\\\\. one')
    """
    text = SIGNS.sub(r"\\\1", text)
    return OPENINGS.sub(lambda found: found[0][:-1] + "\\" + found[0][-1], text)


def markdown_prose(text: str) -> str:
    """A text of ours for Markdown: what stands in backticks is code, nothing else."""
    parts = CODE.split(text)  # text, code, text, …
    return "".join(
        f"`{part}`" if i % 2 else escaped(part) for i, part in enumerate(parts)
    )


def html_prose(text: str) -> str:
    """A text of ours for a page: what stands in backticks is code.

    >>> html_prose("`a<b` is 1 < 2")
    '<code>a&lt;b</code> is 1 &lt; 2'
    """
    return CODE.sub(r"<code>\1</code>", html.escape(text, quote=False))
