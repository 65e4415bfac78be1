"""Results as a table: rows and columns with names, in every form a page has."""

from __future__ import annotations

import html
import math
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from book.bundle import Bundle, escaped
from book.viz.said import Said

WIDTH = 80  # characters of a line of text/plain
NARROWEST = 12  # a column of text is made no narrower than this
NOTHING = "–"
Digits = int | str  # decimals, or a format of Python's: ".1e"
NUMBER, TEXT = "text-align:right", "text-align:left"
FLOOR = "1px dashed currentColor"  # as the floor is drawn in figures


@dataclass
class Column:
    """One column: its name and unit, a value for each row, how numbers are written."""

    name: str
    values: list[Any]
    unit: str = ""
    digits: Digits | None = None
    kind: str = ""  # "names" of the rows, "floor", "you said", or a result

    @property
    def title(self) -> str:
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @property
    def numbers(self) -> list[float]:
        """Its numbers; none where a value is a text."""
        told = [v for v in self.values if not (v in (None, "") or is_said(v))]
        return told if all(map(is_number, told)) else []

    @property
    def holds_floats(self) -> bool:
        return any(isinstance(number, float) for number in self.numbers)

    @property
    def places(self) -> Digits:
        """The digits of its numbers, the same for all, so that their points align."""
        if not self.holds_floats:
            return 0
        return decimals(self.numbers) if self.digits is None else self.digits

    @property
    def texts(self) -> list[str]:
        """Its values as they are written, one below the other."""
        if not self.numbers:
            return [as_text(value) for value in self.values]
        kind, places = float if self.holds_floats else int, self.places
        return [
            written(kind(v), places) if is_number(v) else as_text(v)
            for v in self.values
        ]


@dataclass
class Table:
    """Columns of equal length, the names of the rows first; and its three forms."""

    columns: list[Column]
    kinds: list[str]  # of the rows: "", "floor" or "you said"
    caption: str = ""

    def html(self) -> str:
        """A real table, whose caption and headers a screen reader says."""
        caption = f"<caption>{html.escape(self.caption)}</caption>"
        head = "".join(map(html_title, self.columns))
        body = "".join(self.html_row(i, kind) for i, kind in enumerate(self.kinds))
        return (
            f'<table class="llm-table">{caption if self.caption else ""}'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )

    def html_row(self, i: int, kind: str) -> str:
        line = (
            f' class="floor" style="border-top:{FLOOR}"' if kind == "floor" else ""
        )
        cells = "".join(html_cell(column, i) for column in self.columns)
        return f"<tr{line}>{cells}</tr>"

    def markdown(self) -> str:
        """A table of Markdown, of which print makes its own."""
        lines = [[escaped(c.title) or "&nbsp;" for c in self.columns]]
        lines.append(["---:" if on_the_right(c) else ":---" for c in self.columns])
        cells = [
            [escaped(typeset(c, t)) or "&nbsp;" for t in c.texts]
            for c in self.columns
        ]
        lines += zip(*cells, strict=True)
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return f"*{escaped(self.caption)}*\n\n{table}" if self.caption else table

    def plain(self) -> str:
        """Aligned text; long texts are wrapped, to lines of at most `WIDTH`."""
        texts = [[c.title, *c.texts] for c in self.columns]
        right = [on_the_right(c) for c in self.columns]
        widths = fitting([max(map(len, column)) for column in texts], right)
        lines = textwrap.wrap(self.caption, WIDTH) if self.caption else []
        for cells in zip(*texts, strict=True):
            lines += plain_row(cells, widths, right)
        return "\n".join(lines)

    def bundle(self) -> Bundle:
        return Bundle(
            {
                "text/html": self.html(),
                "text/markdown": self.markdown(),
                "text/plain": self.plain(),
            }
        )


def table(
    data: Any,
    columns: Sequence[str] | None = None,
    *,
    rows: Iterable[Any] | None = None,
    corner: str = "",
    units: str | Mapping[str, str] = "",
    digits: Digits | Mapping[str, Digits] | None = None,
    floor: float | Mapping[Any, Any] | None = None,
    said: str | Mapping[Any, Any] | None = None,
    caption: str = "",
) -> Bundle:
    """Show results as a table: end a cell with it.

    data: a dictionary from the name of a row to its values, or the rows themselves: a
    list, or a tensor (rows, columns), which `rows` may name. The values of a row are a
    dictionary by column, a list, a tensor (columns,), or one value. A value is a
    number, a tensor of one number, a text, a bool, or None where there is none.
    columns: their names, if no row is a dictionary.
    corner: what it is that the rows are names of: "reader".
    units: the unit of all columns of numbers, or of some by name.
    digits: decimals of all columns of floats, or of some by name; or a format, such as
    ".1e". Not given, they are chosen by the size of the numbers.
    floor: the least loss there can be. By row, it is a column beside the first column
    of floats, or beside another one: {column: {row: …}}. By column, it is a row; one
    number is that of the only column of floats.
    said: names of predictions (`{predict}`), given as the floor is, and shown in a
    column or a row "you said".
    caption: a sentence, the conclusion first.

    Raises `ValueError` for rows of different length, for columns without a name, for a
    name that no row and no column has, and for a value that is more than one number.

    >>> losses = {"average": 2.184, "attention": 0.0031}
    >>> floors = {"average": 2.0794, "attention": 0.0}
    >>> print(table(losses, ["loss"], units="nats", floor=floors).data["text/plain"])
               loss (nats)  floor (nats)
    average           2.18          2.08
    attention         0.00          0.00
    """
    names, titles, lines = rows_of(data, rows, columns)
    results = [
        Column(
            title,
            [single(line[i], title) for line in lines],
            by_name(units, title, titles, "units") or "",
            by_name(digits, title, titles, "digits"),
        )
        for i, title in enumerate(titles)
    ]
    for column in results:
        column.unit = column.unit if column.numbers else ""
    made = Table(results, [""] * len(lines), caption)
    names = add(made, names, "floor", floor)
    names = add(made, names, "you said", said)
    if names is not None:
        made.columns.insert(0, Column(corner, names, kind="names"))
    return made.bundle()


# What came in -----------------------------------------------------------------------


def rows_of(
    data: Any, rows: Iterable[Any] | None, columns: Sequence[str] | None
) -> tuple[list | None, list[str], list[list]]:
    """The names of the rows, if any, the names of the columns, and all values."""
    if isinstance(data, Mapping):
        rows, data = list(data) if rows is None else rows, data.values()
    names, lines = None if rows is None else list(rows), list(data)
    if not lines or (names is not None and len(names) != len(lines)):
        raise ValueError(f"{len(lines)} rows of values, and names for {names}")
    if isinstance(lines[0], Mapping):
        columns = list(lines[0]) if columns is None else columns
        lines = [values_by_column(line, columns) for line in lines]
    if columns is None:
        raise ValueError('give the columns their names: columns=["loss", …]')
    lines = [values_of(line) for line in lines]
    for i, line in enumerate(lines):
        if len(line) != len(columns):
            where = f"row {names[i] if names else i}"
            raise ValueError(
                f"{where} has {len(line)} values for {len(columns)} columns: "
                f"{', '.join(columns)}"
            )
    return names, list(columns), lines


def values_by_column(line: Any, columns: Sequence[str]) -> list:
    if not isinstance(line, Mapping) or set(line) != set(columns):
        raise ValueError(f"a row has not the columns {', '.join(columns)}: {line}")
    return [line[column] for column in columns]


def values_of(line: Any) -> list:
    """The values of a row, which may be one."""
    if isinstance(line, (list, tuple)):
        return list(line)
    many = getattr(line, "ndim", 0) > 0  # a tensor or an array
    return list(line) if many else [line]


def single(value: Any, column: str) -> Any:
    """The value as a plain number, text, `Said` or None."""
    if hasattr(value, "item"):
        size = value.numel() if hasattr(value, "numel") else value.size
        if size != 1:
            raise ValueError(
                f"a place in column {column!r} takes one number; this value has "
                f"{size}: take its mean, or give each number a column"
            )
        return value.item()
    plain = value is None or isinstance(value, (int, float, str, Said))
    return value if plain else str(value)


def by_name(given: Any, name: str, known: Sequence[str], what: str) -> Any:
    """What is given for this name: one thing for all, or a dictionary of some."""
    if not isinstance(given, Mapping):
        return given
    if strange := [key for key in given if key not in known]:
        raise ValueError(f"{what}: no column is called {strange[0]!r}: {known}")
    return given.get(name)


def add(made: Table, names: list | None, kind: str, given: Any) -> list | None:
    """Add the floor, or what was said, as a column or as a row; return the names."""
    if given is None:
        return names
    numbers = [c for c in made.columns if c.numbers and not c.kind]
    floats = [c for c in numbers if c.holds_floats]
    if not isinstance(given, Mapping):
        if len(floats) != 1:
            titles = ", ".join(c.name for c in floats)
            raise ValueError(f"{kind}: say of which column: {{name: …}}; {titles}")
        given = {floats[0].name: given}
    if names is not None and set(given) <= set(names):
        first = [*floats, *numbers, *made.columns][0]
        given = {first.name: given}
    known = {c.name: c for c in made.columns if not c.kind}
    if strange := [key for key in given if key not in known]:
        raise ValueError(f"{kind}: no row and no column is called {strange[0]!r}")
    if names is None:
        raise ValueError(f"{kind}: needs rows with names: rows=…")
    ones = {k: v for k, v in given.items() if not isinstance(v, Mapping)}
    for name, by_row in given.items():
        if name not in ones:
            add_column(made, names, kind, known[name], by_row)
    return add_row(made, names, kind, ones) if ones else names


def add_column(
    made: Table, names: list, kind: str, beside: Column, given: Mapping[Any, Any]
) -> None:
    """Add a column beside another one, with its unit and its digits."""
    if strange := [key for key in given if key not in names]:
        raise ValueError(f"{kind}: no row is called {strange[0]!r}")
    values = [
        as_extra(kind, given[name]) if name in given else "" for name in names
    ]
    places = beside.places if beside.numbers else None
    column = Column(kind, values, beside.unit, places, kind)
    made.columns.insert(1 + [c is beside for c in made.columns].index(True), column)


def add_row(made: Table, names: list, kind: str, given: Mapping[str, Any]) -> list:
    """Add a row below the others; return the names of the rows with its own."""
    for column in made.columns:
        ours = not column.kind and column.name in given
        column.values.append(as_extra(kind, given[column.name]) if ours else "")
    made.kinds.append(kind)
    return [*names, "the floor" if kind == "floor" else kind]


def as_extra(kind: str, value: Any) -> Any:
    return Said(value) if kind == "you said" else single(value, kind)


# How it is written --------------------------------------------------------------------


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_said(value: Any) -> bool:
    return isinstance(value, Said)


def as_text(value: Any) -> str:
    """A value that is no number: a text on one line, yes or no, a dash for nothing.

    >>> [as_text(value) for value in ("two\\nlines", True, None)]
    ['two lines', 'yes', '–']
    """
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return re.sub(r"\s*\n\s*", " ", str(value).strip("\n"))


def decimals(numbers: Sequence[float]) -> Digits:
    """Decimals for a column: two for numbers around one, as everywhere in the book;
    fewer for large ones, more where all are small.

    >>> decimals([2.98, 0.0]), decimals([512.3, 4.2]), decimals([0.0662])
    (2, 0, 4)
    >>> decimals([3e-7])
    '.1e'
    """
    sizes = [abs(x) for x in numbers if math.isfinite(x) and x]
    top = math.floor(math.log10(max(sizes))) if sizes else 0
    if not -4 <= top <= 8:
        return ".1e"
    return max(0, 2 - top) if top > 1 or top < -1 else 2


def written(number: float, places: Digits) -> str:
    """A number with so many decimals, or in this format; no minus before a zero.

    >>> written(1234.5, 1), written(-0.001, 2), written(3e-7, ".1e")
    ('1,234.5', '0.00', '3.0e-07')
    """
    if isinstance(number, int):
        return f"{number:,}" if abs(number) > 9999 else str(number)
    if not math.isfinite(number):
        return str(number)
    text = (
        f"{number:,.{places}f}"
        if isinstance(places, int)
        else format(number, places)
    )
    return text.removeprefix("-") if not re.search("[1-9]", text) else text


def typeset(column: Column, text: str) -> str:
    """The text of a cell as a printer sets it: a true minus, powers of ten, ∞."""
    if not column.numbers:
        return text
    text = re.sub(
        r"e([+-])0*(\d+)",
        lambda found: " × 10" + power(found[1].strip("+") + found[2]),
        text,
    )
    return text.replace("-", "−").replace("inf", "∞")


def power(digits: str) -> str:
    """An exponent in raised digits.

    >>> power("-7")
    '⁻⁷'
    """
    return digits.translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def html_title(column: Column) -> str:
    style = style_of(column)
    unit = f' <span class="unit">({html.escape(column.unit)})</span>'
    name = html.escape(column.name) + (unit if column.unit else "")
    if not name:
        return f'<td style="{style}"></td>'
    return f'<th scope="col" style="{style}">{name}</th>'


def html_cell(column: Column, i: int) -> str:
    value = column.values[i]
    shown = typeset(column, column.texts[i])
    inside = value.html() if is_said(value) else html.escape(shown)
    tag = "th" if column.kind == "names" else "td"
    scope = ' scope="row"' if tag == "th" else ""
    return f'<{tag}{scope} style="{style_of(column)}">{inside}</{tag}>'


def on_the_right(column: Column) -> bool:
    return bool(column.numbers) or column.kind == "you said"


def style_of(column: Column) -> str:
    """Where the texts of a column stand; in the element, for pages without our CSS."""
    style = NUMBER if on_the_right(column) else TEXT
    return f"{style};border-left:{FLOOR}" if column.kind == "floor" else style


def fitting(widths: list[int], right: list[bool]) -> list[int]:
    """The widths of columns, those of long texts cut until a line holds them all."""
    widths = list(widths)
    while sum(widths) + 2 * (len(widths) - 1) > WIDTH:
        texts = [i for i, number in enumerate(right) if not number]
        widest = max(texts, key=lambda i: widths[i], default=None)
        if widest is None or widths[widest] <= NARROWEST:
            break
        widths[widest] -= 1
    return widths


def plain_row(
    cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]
) -> list[str]:
    """The lines of one row, as many as its longest text needs."""
    wrapped = [
        [cell] if number else textwrap.wrap(cell, width) or [""]
        for cell, width, number in zip(cells, widths, right, strict=True)
    ]
    lines = []
    for i in range(max(map(len, wrapped))):
        parts = [texts[i] if i < len(texts) else "" for texts in wrapped]
        aligned = [
            f"{part:>{width}}" if number else f"{part:<{width}}"
            for part, width, number in zip(parts, widths, right, strict=True)
        ]
        lines.append("  ".join(aligned).rstrip())
    return lines
