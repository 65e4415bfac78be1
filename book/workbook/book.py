"""The whole book, as far as one chapter has to know of it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from book.workbook.citations import Bibliography
from book.workbook.labels import Label, counted
from book.workbook.markup import Untaught


@dataclass
class Book:
    """What all workbooks share: labels by name, works, and where things lie."""

    labels: dict[str, Label]
    solved: set[str]
    works: Bibliography
    chapters: Path
    published: dict[str, str] = field(default_factory=dict)  # [tool.book]
    online: bool = False  # for a copy that lies alone, on another machine

    @classmethod
    def of(cls, root: Path, online: bool = False) -> Book:
        """The book in the folder `root`: every page that a chapter can point at."""
        chapters = root / "chapters"
        files = [
            *chapters.glob("*.ipynb"),
            *chapters.glob("*.md"),
            *root.glob("*.md"),
        ]
        pages = [counted(path) for path in sorted(files)]
        labels = {label.name: label for page in pages for label in page.labels}
        solved = set().union(*(page.solved for page in pages))
        works = Bibliography(root / "references.bib")
        published = addresses(root / "pyproject.toml")
        return cls(labels, solved, works, chapters, published, online)

    def label(self, name: str) -> Label:
        if name not in self.labels:
            raise Untaught(f"nothing has the label {name!r}")
        return self.labels[name]

    def address(self, label: Label, file: str = "") -> str:
        """Where it can be seen: in the notebook beside, on the site, or nowhere.

        file: another notebook that has the same place, as the solutions have.
        """
        notebook = (self.chapters / f"{label.page}.ipynb").exists()
        if notebook and not self.online:
            return f"{file or label.file}.ipynb#{label.place}".rstrip("#")
        folder = "chapters/" if any(self.chapters.glob(f"{label.page}.*")) else ""
        site = self.published.get("site", "")
        where = f"{site}{folder}{label.page}.html#{label.anchor}"
        return where.rstrip("#") if site else ""

    def page(self, name: str) -> Label:
        """A page by the name of its file, as something to point at."""
        chapters = (x for x in self.labels.values() if x.kind == "chapter")
        found = next((x for x in chapters if x.page == name), None)
        return found or Label("", "chapter", "", name, name, name)


def addresses(pyproject: Path) -> dict[str, str]:
    """Where the book is published, by `[tool.book]`; nothing where it does not say."""
    if not pyproject.exists():
        return {}
    return tomllib.loads(pyproject.read_text(encoding="utf-8"))["tool"]["book"]
