"""Which edition this is, from CITATION.cff: for the imprint and what the PDF says of
itself. No clock is asked, so that the same sources make the same book.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import NamedTuple

import yaml
from book_addresses import addresses

ROOT = Path(__file__).resolve().parents[1]
LICENCES = {
    "MIT": ("Code", "MIT licence", "https://opensource.org/license/mit"),
    "CC-BY-4.0": (
        "Text and figures",
        "CC BY 4.0",
        "https://creativecommons.org/licenses/by/4.0/",
    ),
}


class Edition(NamedTuple):
    title: str
    subtitle: str
    authors: list[str]
    version: str
    released: date
    licences: list[str]
    keywords: list[str]


def edition(path: Path = ROOT / "CITATION.cff") -> Edition:
    """What the file of citation says of the book."""
    said = yaml.safe_load(path.read_text(encoding="utf-8"))
    title, _, subtitle = said["title"].partition(": ")
    return Edition(
        title=title,
        subtitle=subtitle[:1].upper() + subtitle[1:],
        authors=[author["name"] for author in said["authors"]],
        version=said["version"],
        released=said["date-released"],
        licences=said["license"],
        keywords=said["keywords"],
    )


def written(day: date) -> str:
    """The day in words.

    >>> written(date(2026, 11, 8))
    '8 November 2026'
    """
    return f"{day.day} {day:%B %Y}"


def latex(book: Edition, places: dict[str, str]) -> str:
    """What title page, imprint and PDF say, as commands of LaTeX.

    places: the addresses of `[tool.book]`, of which some may be empty.
    """
    commands = {
        "title": book.title,
        "titlelines": book.title.replace(" ", r"\\", 1),
        "subtitle": book.subtitle,
        "authors": ", ".join(book.authors),
        "version": book.version,
        "released": written(book.released),
        "year": str(book.released.year),
        "keywords": ", ".join(book.keywords),
        "licences": r"\par ".join(licence(name) for name in book.licences),
        "places": r"\par ".join(
            rf"\url{{{places[name]}}}"
            for name in ("site", "repository")
            if places[name]
        ),
    }
    lines = [
        rf"\newcommand{{\thebk{name}}}{{{text}}}" for name, text in commands.items()
    ]
    return "\n".join([*lines, ""])


def licence(name: str) -> str:
    """What stands under the licence, its name and its address."""
    what, called, address = LICENCES[name]
    return rf"{what}: {called}, \url{{{address}}}"


def write(path: Path) -> None:
    """Write the file that bookstyle.inc reads."""
    path.write_text(latex(edition(), addresses()), "utf-8")
