"""The lines of a chapter that its solutions use: imports, data, earlier functions."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from nbformat import NotebookNode

from book.notebooks import python_of
from book.workbook.needs import Definition, Needs


class Line(NamedTuple):
    """One statement of the notebook: its cell, its text, its syntax tree."""

    cell: int
    text: str
    tree: ast.Module


def carried(cells: Sequence[NotebookNode], solving: Iterable[int]) -> str:
    """What must run before the cells at the places `solving`, and is not among them.

    The first code cell comes whole: it seeds, and says how figures look.
    """
    lines, solving = list(statements(cells)), set(solving)
    wanted = [i for i, x in enumerate(lines) if x.cell in {lines[0].cell, *solving}]
    found = sorted(Needs(line.tree for line in lines).closure(wanted))
    return joined([lines[i] for i in found if lines[i].cell not in solving])


def statements(cells: Sequence[NotebookNode]) -> Iterator[Line]:
    for place, cell in enumerate(cells):
        if cell.cell_type == "code" and (tree := parsed(cell.source)):
            rows = cell.source.split("\n")
            for node in tree.body:
                text = "\n".join(rows[first_row(node) - 1 : node.end_lineno])
                yield Line(place, text, ast.Module([node], []))


def parsed(source: str) -> ast.Module | None:
    """The syntax tree, without IPython's magics; None where it is not Python."""
    try:
        return ast.parse(python_of(source))
    except SyntaxError:
        return None


def first_row(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(d.lineno for d in decorators)])


def joined(lines: list[Line]) -> str:
    """As code that one likes to read: definitions stand apart."""
    text = ""
    for before, line in zip([None, *lines], lines, strict=False):
        stands_apart = before is not None and any(
            map(is_definition, (before, line))
        )
        text += ("\n\n" if stands_apart else "") + line.text + "\n"
    return text.strip()


def is_definition(line: Line) -> bool:
    return isinstance(line.tree.body[0], Definition)
