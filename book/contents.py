"""What the book contains, or will: its parts and chapters (contents.toml), and what
each chapter that is written says of itself.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONTENTS = Path(__file__).with_name("contents.toml")
TIMES = re.compile(
    r"· (?P<minutes>\d+) minutes? to read · (?P<seconds>\d+) seconds? to run"
)


@dataclass(frozen=True)
class Chapter:
    """A chapter under the number that it keeps.

    needs: numbers of the chapters it builds on. page: its page, without an ending;
    None while it is planned. minutes: to read it; seconds: to run it; 0 while planned.
    """

    number: int
    title: str
    line: str
    needs: tuple[int, ...]
    page: str | None
    minutes: int = 0
    seconds: int = 0


@dataclass(frozen=True)
class Part:
    number: int
    title: str
    chapters: tuple[Chapter, ...]


@dataclass(frozen=True)
class Course:
    """A way through the book; weeks: the numbers of the chapters of each."""

    title: str
    line: str
    weeks: tuple[tuple[int, ...], ...]


@cache
def parts(root: Path = ROOT) -> tuple[Part, ...]:
    """The parts of the book whose chapters lie in `root`/chapters, in order."""
    planned = read("part")
    return tuple(
        Part(i, part["title"], tuple(chapter(root, c) for c in part["chapter"]))
        for i, part in enumerate(planned, 1)
    )


def courses() -> tuple[Course, ...]:
    """The ways through the book that are proposed to teachers, the shortest first."""
    return tuple(
        Course(c["title"], c["line"], tuple(map(tuple, c["weeks"])))
        for c in read("path")
    )


def needed_directly(chapters: Iterable[Chapter]) -> dict[int, tuple[int, ...]]:
    """For each chapter those it needs, but for those that these need already."""
    needs = {chapter.number: chapter.needs for chapter in chapters}

    def below(number: int) -> set[int]:
        return {n for need in needs[number] for n in {need, *below(need)}}

    return {
        number: tuple(n for n in own if not any(n in below(m) for m in own))
        for number, own in needs.items()
    }


def read(kind: str) -> list[dict]:
    return tomllib.loads(CONTENTS.read_text(encoding="utf-8"))[kind]


def chapter(root: Path, entry: dict) -> Chapter:
    """One entry of contents.toml, with what its notebook says if there is one."""
    fields = entry | {"needs": tuple(entry["needs"])}
    found = sorted((root / "chapters").glob(f"{entry['number']:02}_*.ipynb"))
    if not found:
        return Chapter(page=None, **fields)
    first = json.loads(found[0].read_text(encoding="utf-8"))["cells"][0]
    times = TIMES.search("".join(first["source"]))
    return Chapter(
        page=f"chapters/{found[0].stem}",
        minutes=int(times["minutes"]),
        seconds=int(times["seconds"]),
        **fields,
    )
