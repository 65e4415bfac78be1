"""The printed book as `make pdf` has left it: its pages, links, bookmarks and log.

All is read with poppler's tools, so that nothing is asked of TeX but the result.
"""

from __future__ import annotations

import re
import subprocess
import xml.etree.ElementTree as ET
import zlib
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
ZOOM = 8  # pdftohtml rounds the sizes of type to whole numbers, after enlarging
MARK = re.compile(r"^bk:(code|output|shown):(\d+):(\d+):(\w+)$", re.M)
TOP, BOTTOM = 0.085, 0.91  # of the page: where text may stand
PAPER = 215  # a row of the page is empty if no point of it is darker


class Mark(NamedTuple):
    """Where a line of code, of output, or the begin of what a cell shows has come to
    stand: written by TeX when the page was done."""

    kind: str
    cell: str
    block: str
    page: str


class Bookmark(NamedTuple):
    depth: int
    title: str
    page: int


class Book:
    def __init__(self, pdf: Path, log: Path):
        self.pdf, self.log = pdf, log

    @cached_property
    def marks(self) -> list[Mark]:
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return [Mark(*found) for found in MARK.findall(text)]

    @cached_property
    def xml(self) -> ET.Element:
        said = output(
            "pdftohtml", "-xml", "-i", "-zoom", str(ZOOM), "-stdout", self.pdf
        )
        return ET.fromstring(re.sub(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]", b"", said))

    @cached_property
    def pages(self) -> list[ET.Element]:
        return self.xml.findall("page")

    @cached_property
    def bookmarks(self) -> list[Bookmark]:
        return list(flat(self.xml.find("outline"), 0))

    @cached_property
    def information(self) -> dict[str, str]:
        lines = output("pdfinfo", "-isodates", self.pdf).decode().splitlines()
        return {k: v.strip() for k, _, v in (x.partition(":") for x in lines)}

    @cached_property
    def empty(self) -> list[float]:
        """The share of each page that is empty at its foot."""
        return list(map(empty_share, pictures(self.pdf)))

    @cached_property
    def insides(self) -> bytes:
        """All objects and contents of the PDF, unpacked."""
        return b"\n".join(unpacked(self.pdf.read_bytes()))

    def words(self, page: int) -> str:
        """The text of a page, counted from one, line by line."""
        return "\n".join("".join(t.itertext()) for t in self.pages[page - 1])

    def links(self, page: int) -> list[tuple[str, int]]:
        """The words and the target pages of the links into the book on a page."""
        found = self.pages[page - 1].iter("a")
        return [
            ("".join(a.itertext()), int(a.get("href").rpartition("#")[2]))
            for a in found
            if re.fullmatch(r"[^:]*#\d+", a.get("href", ""))
        ]


def output(*command: str | Path) -> bytes:
    return subprocess.run(command, check=True, capture_output=True).stdout


def flat(outline: ET.Element | None, depth: int):
    for node in outline if outline is not None else ():
        if node.tag == "outline":
            yield from flat(node, depth + 1)
        else:
            yield Bookmark(depth, "".join(node.itertext()), int(node.get("page")))


def pictures(pdf: Path):
    """Small grey pictures of the pages, as arrays."""
    data = output("pdftoppm", "-r", "20", "-gray", pdf)
    while data:
        _, size, _, rest = data.split(b"\n", 3)
        width, height = map(int, size.split())
        yield np.frombuffer(rest[: width * height], np.uint8).reshape(height, width)
        data = rest[width * height :]


def empty_share(picture: np.ndarray) -> float:
    height = len(picture)
    text = picture[round(height * TOP) : round(height * BOTTOM)]
    written = np.flatnonzero(text.min(axis=1) < PAPER)
    return 1 - (written[-1] + 1) / len(text) if len(written) else 1.0


def unpacked(data: bytes):
    yield data
    for found in re.finditer(rb"stream\r?\n(.*?)endstream", data, re.S):
        try:
            yield zlib.decompressobj().decompress(found[1])
        except zlib.error:  # pictures that are packed in another way
            continue
