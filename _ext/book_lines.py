"""Each long line of code in a box of its own, which knows how far it is indented.

So a narrow page can break a long line, and set what follows below its beginning.
"""

from __future__ import annotations

import html
import re

from pygments.formatters import HtmlFormatter
from sphinx.application import Sphinx
from sphinx.highlighting import PygmentsBridge

TAG = re.compile(r"<[^>]*>")
FITS = 38  # columns on the narrowest phone, of 360 pixels


def boxed(line: str) -> str:
    """A line of highlighted code, in a box if it may be broken somewhere.

    >>> boxed("  " + 37 * "x")
    '<span class="ln" style="--in:2ch">  xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx</span>'
    >>> boxed("  <b>pass</b>")
    '  <b>pass</b>'
    """
    text = html.unescape(TAG.sub("", line)).rstrip("\n")
    if len(text) <= FITS:
        return line
    indent = len(text) - len(text.lstrip(" "))
    style = f' style="--in:{indent}ch"' if indent else ""
    return f'<span class="ln"{style}>{line}</span>'


class LineFormatter(HtmlFormatter):
    """The formatter of Pygments for pages, with its lines boxed."""

    def wrap(self, source):
        lines = ((code, boxed(line) if code else line) for code, line in source)
        return super().wrap(lines)


def setup(app: Sphinx) -> dict:
    PygmentsBridge.html_formatter = LineFormatter
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
