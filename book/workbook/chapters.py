"""Make of one chapter the reader's workbook, and the solutions beside it.

The workbook has everything but the solutions, so that *Run All* leaves alone what a
reader has written. The solutions are a notebook that runs by itself: a folded cell
at its head defines what they use of the chapter.
"""

from __future__ import annotations

import base64
import mimetypes
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from book.notebooks import METADATA
from book.workbook.book import Book
from book.workbook.carried import carried
from book.workbook.labels import SOLUTIONS, Label, chapter_of
from book.workbook.markup import Directive, Untaught, named, parse
from book.workbook.plain import Plain, anchor, spaced

KEPT_TAGS = {"raises-exception"}  # JupyterLab runs on after an error it expects
HIDDEN = {"checked", "hide-input", "hide-cell", "remove-input", "remove-cell"}
SILENT = {"hide-output", "hide-cell", "remove-output", "remove-cell"}
FOR_PRINT = "application/pdf"
ENDS = re.compile(r"[\w.,:;!?…)*]\Z")  # a sentence, to which an anchor can be added
INSTALL = """\
# @title Run this first: it fetches the book, and installs what it needs
import os

if not os.path.exists("../data/SOURCES.md"):
    !git clone -q --depth 1 --branch {branch} {repository} llm-from-scratch
    os.makedirs("llm-from-scratch/workbook", exist_ok=True)
    os.chdir("llm-from-scratch/workbook")
%pip install -q .."""


@dataclass(eq=False)
class Copy:
    """A notebook on its way: its cells, and how to write them."""

    plain: Plain
    cells: list[NotebookNode] = field(default_factory=list)

    def text(self, name: str, *parts: str) -> None:
        """Add plain Markdown as a cell, unless there is nothing to read."""
        if source := spaced(parts):
            cell = new_markdown_cell(source, id=self.free(name))
            if pictures := self.plain.pictures:
                cell["attachments"] = {n: attached(p) for n, p in pictures.items()}
                self.plain.pictures = {}
            self.cells.append(cell)
        if asked := self.plain.asked:
            code = "\n".join(["from book import viz", "", *asked])
            self.cells.append(new_code_cell(code, id=self.free(f"{name}-predict")))
            self.plain.asked = []

    def code(self, cell: NotebookNode) -> None:
        """Add a code cell of the chapter, and below it the caption of its figure."""
        mine = code_cell(cell)
        mine["id"] = self.free(cell["id"])
        label, caption = self.figure(cell)
        anchored = bool(label) and self.anchor(label)
        self.cells.append(mine)
        if label:
            self.text(
                f"{cell['id']}-caption",
                self.plain.caption(label, caption, anchored),
            )

    def anchor(self, label: Label) -> bool:
        """Put the place of a figure above it, at the end of the text, if there is one."""
        above = self.cells[-1] if self.cells else None
        if (
            above is None
            or above.cell_type == "code"
            or not ENDS.search(above.source)
        ):
            return False
        above.source += anchor(label)
        return True

    def figure(self, cell: NotebookNode) -> tuple[Label | None, str]:
        """The label and the caption of the figure that a cell shows, if it does."""
        figure = cell.metadata.get("mystnb", {}).get("figure", {})
        if "caption" not in figure:
            return None, ""
        if "name" not in figure:
            raise Untaught("a figure with a caption needs a name")
        return self.plain.book.label(figure["name"]), figure["caption"]

    def free(self, name: str) -> str:
        """A name for a cell that no other has."""
        taken = {cell["id"] for cell in self.cells}
        names = [name, *(f"{name}-{n}" for n in range(2, 99))]
        return next(n for n in names if n not in taken)

    def notebook(self) -> NotebookNode:
        """All of it, counted from one."""
        count = 0
        for cell in self.cells:
            if cell.cell_type == "code" and cell.execution_count:
                count += 1
                set_count(cell, count)
        notebook = new_notebook(cells=self.cells, metadata=METADATA)
        nbformat.validate(notebook)
        return notebook


class Chapter:
    """One chapter, to be sorted into the workbook and the solutions."""

    def __init__(self, path: Path, book: Book) -> None:
        self.path, self.book = path, book
        self.chapter = nbformat.read(path, as_version=4)
        self.work = Copy(Plain(book, path.stem))
        self.solutions = Copy(Plain(book, path.stem + SOLUTIONS))
        self.into = self.work
        self.title = book.page(path.stem)
        self.exercise: Label | None = None
        self.solving: set[int] = set()  # places of the cells that solve

    def notebooks(self) -> dict[str, NotebookNode]:
        """The files to make, by name. Raises `Untaught`, naming the cell."""
        for place, cell in enumerate(self.chapter.cells):
            with named(f"{self.path.name}, cell {place + 1}"):
                self.add(place, cell)
        files = {f"{self.path.stem}.ipynb": self.work}
        if self.solutions.cells:
            self.begin_solutions()
            files[f"{self.path.stem}{SOLUTIONS}.ipynb"] = self.solutions
        self.work.cells[1:1] = [self.welcome()]
        if self.book.online:
            for copy in files.values():
                copy.cells.insert(0, self.install())
        for copy in files.values():
            copy.text("works-cited", self.works_cited(copy))
        return {name: copy.notebook() for name, copy in files.items()}

    def add(self, place: int, cell: NotebookNode) -> None:
        if cell.cell_type == "code":
            if self.into is self.solutions:
                self.solving.add(place)
            self.into.code(cell)
        elif cell.cell_type == "markdown":
            for copy, parts in groupby(self.sorted(cell.source), itemgetter(0)):
                copy.text(cell["id"], *(text for _, text in parts))

    def sorted(self, source: str) -> Iterator[tuple[Copy, str]]:
        """What a cell says, each piece with the file in which it says it."""
        for piece in parse(source):
            if isinstance(piece, Directive) and piece.name in EXERCISES:
                yield from EXERCISES[piece.name](self, piece)
            else:
                yield self.into, self.into.plain.piece(piece)

    # Exercises --------------------------------------------------------------------

    def start_exercise(self, piece: Directive) -> Iterator[tuple[Copy, str]]:
        self.exercise = self.book.label(piece.options["label"])
        yield self.work, f"### {self.exercise.headline}"
        yield self.work, self.work.plain.markdown(piece.body)

    def end_exercise(self, piece: Directive | None) -> Iterator[tuple[Copy, str]]:
        if self.exercise and self.exercise.name in self.book.solved:
            file = self.path.stem + SOLUTIONS
            address = self.book.address(self.exercise, file)
            yield self.work, f"[Solution]({address})" if address else ""

    def whole_exercise(self, piece: Directive) -> Iterator[tuple[Copy, str]]:
        yield from self.start_exercise(piece)
        yield from self.end_exercise(piece)

    def start_solution(self, piece: Directive) -> Iterator[tuple[Copy, str]]:
        label = self.book.label(piece.argument)
        self.into = self.solutions
        yield self.solutions, f"## {label.headline}"
        yield self.solutions, self.solutions.plain.markdown(piece.body)

    def end_solution(self, piece: Directive) -> Iterator[tuple[Copy, str]]:
        self.into = self.work
        return iter(())

    def whole_solution(self, piece: Directive) -> Iterator[tuple[Copy, str]]:
        yield from self.start_solution(piece)
        yield from self.end_solution(piece)

    # What the chapter has not ------------------------------------------------------

    def welcome(self) -> NotebookNode:
        """What this notebook is, for those who found it alone."""
        where = "It runs in the environment of the book, which `make lab` opens."
        solutions = "in a notebook of their own"
        if self.book.online:
            where = "Run the first cell first."
            solutions = "on the page of this chapter"
        text = f"> **This is your copy.** Change what you like. {where}"
        address = self.book.address(self.title, self.path.stem + SOLUTIONS)
        if self.solutions.cells and address:
            text += f" The solutions are [{solutions}]({address})."
        return new_markdown_cell(text, id="your-copy")

    def install(self) -> NotebookNode:
        """What the copy that lies alone, on another machine, runs first."""
        code = INSTALL.format(**self.book.published)
        return folded(new_code_cell(code, id="install"))

    def begin_solutions(self) -> None:
        """The title, and the folded cell with what the solutions use."""
        number = f"chapter {chapter_of(self.path.stem)}"
        back = self.solutions.plain.linked(number, self.title)
        text = (
            f"# Solutions to {number}: {self.title.title}\n\n"
            f"These are ours; yours may be shorter. The exercises are in {back}. The "
            "folded cell below defines what the solutions use of it."
        )
        setup = new_code_cell(carried(self.chapter.cells, self.solving), id="setup")
        head = new_markdown_cell(text, id="solutions")
        self.solutions.cells[:0] = [head, folded(setup)]

    def works_cited(self, copy: Copy) -> str:
        works = self.book.works.listed(copy.plain.cited)
        return "\n".join(
            ["### Works cited\n", *(f"- {w}" for w in works)] * bool(works)
        )


EXERCISES = {
    "exercise": Chapter.whole_exercise,
    "exercise-start": Chapter.start_exercise,
    "exercise-end": Chapter.end_exercise,
    "solution": Chapter.whole_solution,
    "solution-start": Chapter.start_solution,
    "solution-end": Chapter.end_solution,
}


def code_cell(cell: NotebookNode) -> NotebookNode:
    """A code cell as a reader's notebook has it."""
    tags = set(cell.metadata.get("tags", []))
    mine = new_code_cell(cell.source, execution_count=cell.execution_count)
    mine.outputs = [output(cell, stored) for stored in cell.outputs]
    if kept := sorted(tags & KEPT_TAGS):
        mine.metadata["tags"] = kept
    if tags & HIDDEN:
        folded(mine)
    if tags & SILENT:
        mine.metadata.setdefault("jupyter", {})["outputs_hidden"] = True
    return mine


def folded(cell: NotebookNode) -> NotebookNode:
    """Its code out of the way, in JupyterLab, in VS Code and in Colab."""
    cell.metadata.setdefault("jupyter", {})["source_hidden"] = True
    cell.metadata["cellView"] = "form"
    return cell


def output(cell: NotebookNode, stored: NotebookNode) -> NotebookNode:
    """A stored output without its form for print, with its alt text."""
    mine = nbformat.from_dict(stored)
    for part in ("data", "metadata"):
        mine.get(part, {}).pop(FOR_PRINT, None)
    alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt")
    if alt and "image/png" in mine.get("data", {}):
        mine.metadata.setdefault("image/png", {})["alt"] = alt
    return mine


def set_count(cell: NotebookNode, count: int) -> None:
    cell.execution_count = count
    for stored in cell.outputs:
        if "execution_count" in stored:
            stored.execution_count = count


def attached(path: Path) -> dict[str, str]:
    """A picture as notebooks carry it: kind, and bytes in letters."""
    kind = mimetypes.guess_type(path.name)[0] or "image/png"
    return {kind: base64.b64encode(path.read_bytes()).decode()}
