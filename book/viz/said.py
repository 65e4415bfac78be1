"""What the reader predicted: kept under a name, shown beside the result.

On the site a box asks for it (`_ext/book_predict.py`) and the page keeps it. Where a
kernel runs, `predict` keeps it, and tables and figures made later show it.
"""

from __future__ import annotations

import html
import math
import types
from dataclasses import dataclass
from typing import Any

BLANK = "_____"  # where nothing was said: room for a pencil
said: dict[str, float | str] = {}


def predict(name: str, value: Any = ...) -> str:
    """Keep what you predict, a number or a choice, under the name of its box.

    Tables and figures that are made from now on show it beside the result. Three dots
    in place of the value forget it.

    >>> predict("average", 0.4)
    'You said 0.4. Run on, and compare.'
    """
    if value is None or isinstance(value, types.EllipsisType):
        said.pop(name, None)
        return "Nothing yet: write your number in place of the dots, and run again."
    said[name] = checked(value)
    return f"You said {Said(name)}. Run on, and compare."


def checked(value: Any) -> float | str:
    """The prediction as a number or a text; refuse what is neither."""
    if isinstance(value, str):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"predict one number or one choice, not {value!r}")
    return number


@dataclass(frozen=True)
class Said:
    """A place in a table or a figure for what was predicted under this name."""

    name: str

    @property
    def value(self) -> float | str | None:
        """The prediction; None where the kernel knows of none."""
        return said.get(self.name)

    def __str__(self) -> str:
        value = self.value
        if value is None:
            return BLANK
        return value if isinstance(value, str) else f"{value:.6g}"

    def html(self) -> str:
        """The prediction, in an element that the script of a page fills."""
        name, shown = html.escape(self.name), html.escape(str(self))
        return f'<span class="llm-said" data-said="{name}">{shown}</span>'
