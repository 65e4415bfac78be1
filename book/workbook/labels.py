"""What chapters refer to: figures, tables, equations, exercises and their numbers.

The numbers are those of the site, which counts by chapter: figure 8.2 is the second
of chapter 8. `make book` compares them (`_ext/book_workbook.py`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat

from book.workbook.markup import (
    EQUATION,
    TARGET,
    VERBATIM,
    Directive,
    Prose,
    named,
    parse,
)

SOLUTIONS = "_solutions"
HEADING = re.compile(r"(?P<level>#+)\s+(?P<title>.*\S)")
THEOREMS = [
    "theorem",
    "axiom",
    "lemma",
    "definition",
    "criterion",
    "remark",
    "conjecture",
    "corollary",
    "algorithm",
    "example",
    "property",
    "observation",
    "proposition",
    "assumption",
    "notation",
]
# Which directives are numbered, and what the site calls their kind.
NUMBERED = {
    "figure": "figure",
    "table": "table",
    "list-table": "table",
    "csv-table": "table",
    "code-block": "listing",
    "literalinclude": "listing",
    "math": "equation",
    "exercise": "exercise",
    "exercise-start": "exercise",
} | {f"prf:{name}": name for name in THEOREMS}
UNTITLED = {"table", "list-table", "csv-table"}  # numbered when they have a title
CAPTIONED = {"code-block", "literalinclude"}  # numbered when they have a caption


@dataclass(frozen=True)
class Label:
    """Something a text can point at.

    kind: figure, table, listing, equation, exercise, chapter, section, or a kind of
    theorem. number: as the reader sees it, "8.2". file: the notebook it stands in,
    without its ending; page: the same, of the site.
    """

    name: str
    kind: str
    number: str
    title: str
    file: str
    page: str

    @property
    def anchor(self) -> str:
        """Where it is on its page of the site."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")

    @property
    def headline(self) -> str:
        """ "Exercise 8.1 ★ A softmax that survives loud scores" """
        return f"{self.kind.title()} {self.number} {self.title}".strip()

    @property
    def place(self) -> str:
        """Where it is in its notebook: a heading is found by its words."""
        if self.kind in ("exercise", "section"):
            words = self.headline if self.kind == "exercise" else self.title
            return words.replace(" ", "-")
        return "" if self.kind == "chapter" else self.anchor


def chapter_of(stem: str) -> str:
    """The number or letter of a chapter, by its file name; none for other pages.

    >>> chapter_of("08_attention_from_first_principles"), chapter_of("appendix_f_x")
    ('8', 'F')
    """
    match = re.match(r"0*(\d+)_|appendix_([a-z])_", stem)
    return (match[1] or match[2].upper()) if match else ""


class Counted:
    """The labels of one page; counts as the site does while it reads it."""

    def __init__(self, path: Path) -> None:
        self.page = self.file = path.stem
        self.chapter = chapter_of(path.stem)
        self.counts: Counter[str] = Counter()
        self.labels: list[Label] = []
        self.solved: set[str] = set()
        self.waiting: list[str] = []  # targets; what they name comes next

    def number(self, kind: str) -> str:
        """The number of one more of this kind."""
        self.counts[kind] += 1
        count = str(self.counts[kind])
        return f"{self.chapter}.{count}" if self.chapter else count

    def add(self, kind: str, number: str, title: str, *names: str) -> None:
        for name in [*self.waiting, *filter(None, names)]:
            self.labels.append(
                Label(name, kind, number, title, self.file, self.page)
            )
        self.waiting = []

    def read(self, source: str) -> None:
        """Count what stands in a piece of Markdown, in the order of the page."""
        for piece in parse(source):
            if isinstance(piece, Prose):
                self.prose(piece.text)
            elif isinstance(piece, Directive):
                self.directive(piece)

    def prose(self, text: str) -> None:
        for equation in EQUATION.finditer(text):
            if name := equation["label"]:
                self.add("equation", self.number("equation"), "", name)
        for line in EQUATION.sub("", text).split("\n"):
            if target := TARGET.fullmatch(line.strip()):
                self.waiting.append(target["label"])
            elif heading := HEADING.match(line):
                self.heading(heading)

    def heading(self, heading: re.Match) -> None:
        level, title = len(heading["level"]), heading["title"]
        if level == 1:
            return self.add("chapter", self.chapter, title)
        number = self.number("section") if level == 2 else ""
        self.add("section", number, title)

    def directive(self, piece: Directive) -> None:
        if piece.name in ("solution", "solution-start"):
            self.solved.add(piece.argument)
            self.file = self.page + SOLUTIONS
        if piece.name in NUMBERED and numbered(piece):
            kind = NUMBERED[piece.name]
            label = piece.options.get("name") or piece.options.get("label", "")
            title = "" if kind == "figure" else piece.argument
            self.add(kind, self.number(kind), title, label)
        if piece.name not in VERBATIM:
            self.read(piece.body)
        if piece.name in ("solution", "solution-end"):
            self.file = self.page

    def code_cell(self, metadata: dict) -> None:
        """Count the figure that a code cell shows."""
        figure = metadata.get("mystnb", {}).get("figure", {})
        if "caption" in figure:
            self.add("figure", self.number("figure"), "", figure.get("name", ""))


def numbered(piece: Directive) -> bool:
    """Whether the site gives this one a number."""
    if piece.name in UNTITLED:
        return bool(piece.argument)
    if piece.name in CAPTIONED:
        return "caption" in piece.options
    if piece.name == "math":
        return "label" in piece.options
    return not {"nonumber", "no-number"} & set(piece.options)


def cells(path: Path) -> Iterator[tuple[str, str, dict]]:
    """The cells of a page: kind, source, metadata. Markdown is one cell."""
    if path.suffix == ".md":
        yield "markdown", path.read_text(encoding="utf-8"), {}
        return
    for cell in nbformat.read(path, as_version=4).cells:
        yield cell.cell_type, cell.source, cell.metadata


def counted(path: Path) -> Counted:
    """All labels of the page in the file `path`, and which exercises it solves."""
    page = Counted(path)
    for place, (kind, source, metadata) in enumerate(cells(path), start=1):
        with named(f"{path.name}, cell {place}"):
            if kind == "code":
                page.code_cell(metadata)
            elif kind == "markdown":
                page.read(source)
    return page
