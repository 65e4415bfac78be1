"""In print: what a cell shows stays with its code, and tokens stand in boxes.

TeX asks how tall that is, before it has set it; these are estimates, in points.
"""

from __future__ import annotations

import re
from pathlib import Path

from book_nodes import shows_code
from book_solutions import inline, raw
from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

PAGE = 590  # points of text on a page
LINE, OUTPUT_LINE, ROW = 12, 9, 15
WHOLE = 15  # lines of output that are not split
CAPTION = 82  # characters on a line of a caption
CELL = 45  # characters on a line of a cell that is wrapped
SCALE = 0.82  # \bkfigurescale of bookstyle.inc
WIDEST = 385  # points, of a figure
BOX = re.compile(rb"/MediaBox\s*\[\s*([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+)\s*\]")


class PrintCells(SphinxPostTransform):
    """Tell TeX how much room what a cell shows needs on the page of its code."""

    default_priority = 197  # what checks answers has left

    def run(self, **options) -> None:
        for cell in list(self.document.findall(is_shown_cell)):
            cell.insert(0, raw(r"\bkshows{%dpt}" % first_height(cell[1])))


def is_shown_cell(node: nodes.Node) -> bool:
    """Whether it is a cell of code that shows something."""
    return shows_code(node) and len(node) == 2 and bool(node[1].children)


def first_height(output: nodes.Element) -> int:
    """Points that the output needs at least on the page where it begins."""
    for node in output.findall():
        if isinstance(node, nodes.literal_block):
            n_lines = len(node.astext().splitlines())
            return 14 + OUTPUT_LINE * (n_lines if n_lines <= WHOLE else 3)
        if isinstance(node, nodes.figure):
            return figure_height(node)
        if isinstance(node, nodes.table):
            has_caption = isinstance(node.parent[0], nodes.paragraph)
            return (
                3 * ROW
                + 22 * has_caption
                + sum(map(row_height, node.findall(nodes.row)))
            )
    return 2 * LINE


def row_height(row: nodes.row) -> int:
    """Points of a row of a table, whose longest cells are wrapped."""
    longest = max((len(entry.astext()) for entry in row), default=0)
    return ROW + (LINE - 1) * (longest // CELL)


def figure_height(figure: nodes.figure) -> int:
    """Points that a figure and its caption take on the page."""
    image = next(figure.findall(nodes.image))
    words = " ".join(node.astext() for node in figure.findall(nodes.caption))
    n_lines = 1 + len(words) // CAPTION
    return 24 + round(image_height(image)) + (LINE - 1) * n_lines


def image_height(image: nodes.image) -> float:
    """Points that it is high in print; a third of a page where nobody knows."""
    path = Path(image["uri"])
    found = BOX.search(path.read_bytes()) if path.suffix == ".pdf" else None
    if found is None:
        return PAGE / 3
    left, bottom, right, top = map(float, found.groups())
    return (top - bottom) * min(SCALE, WIDEST / (right - left))


class PrintTokens(SphinxPostTransform):
    """Box what `viz.tokens` shows: a row of pieces of code, and nothing else."""

    default_priority = 197

    def run(self, **options) -> None:
        for output in self.document.findall(nodes.container):
            if "cell_output" in output["classes"]:
                for paragraph in list(output.findall(is_row_of_tokens)):
                    box_tokens(paragraph)


def is_row_of_tokens(node: nodes.Node) -> bool:
    """Whether it is a paragraph of code spans with nothing but blanks between them."""
    return (
        isinstance(node, nodes.paragraph)
        and not isinstance(node.parent, nodes.entry)
        and any(isinstance(child, nodes.literal) for child in node.children)
        and all(
            isinstance(child, nodes.literal) or not child.astext().strip()
            for child in node.children
        )
    )


def box_tokens(paragraph: nodes.paragraph) -> None:
    """Put each piece into a box, in one of four colours by turns."""
    pieces = [c for c in paragraph.children if isinstance(c, nodes.literal)]
    paragraph[:] = [inline(r"\bktokens ")]
    for i, piece in enumerate(pieces):
        paragraph += [
            inline(r"\bktoken{%d}{" % (i % 4)),
            piece,
            inline(r"}\bknext "),
        ]
