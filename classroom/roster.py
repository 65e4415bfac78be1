"""Who is in the class: a text file with a student in each line.

A line is the name as `classroom.collect` lists it, with the number of the learning
platform or without; in a table (.csv) it is the first column. Upper and lower case,
spaces and the order of the names play no part where nobody is called exactly so.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from classroom.course import one_line, read_bytes, student_id

HEADINGS = {"student", "students", "name", "names", "full name", "user name"}


def read_roster(file: Path) -> list[str]:
    """The names in a roster. Raises `ValueError` if it has none."""
    try:
        text = read_bytes(file.resolve()).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{file} is not text in UTF-8: save it as such") from None
    lines = text.splitlines()
    if file.suffix.lower() == ".csv":
        marks = [mark for mark in ",;\t" if mark in lines[0]] if lines else []
        lines = [
            row[0] for row in csv.reader(lines, delimiter=[*marks, ","][0]) if row
        ]
    names = [one_line(line) for line in lines]
    names = [name for name in names if name and not name.startswith("#")]
    if names and names[0].casefold() in HEADINGS:
        names = names[1:]
    if not names:
        raise ValueError(f"{file} names nobody: write a student in each line")
    return names


def absent(
    roster: Sequence[str], senders: Iterable[str]
) -> tuple[list[str], list[str]]:
    """Those of the roster from whom nothing came, and senders who are not on it.

    Each sender stands for one line of the roster: first those that are called exactly
    so, then those with a number behind the name, then those with other spaces, case
    or order.
    """
    missing, left = list(roster), sorted(senders)
    for same in (_exactly, _but_for_a_number, _roughly):
        for name in list(missing):
            if found := next((s for s in left if same(name, s)), None):
                missing.remove(name)
                left.remove(found)
    return missing, left


def _exactly(name: str, sender: str) -> bool:
    return student_id(name) == sender


def _but_for_a_number(name: str, sender: str) -> bool:
    return student_id(name) == _without_number(sender)


def _roughly(name: str, sender: str) -> bool:
    """Anna Lee is lee anna, and leeanna of Canvas."""
    words = re.split(
        r"[\s,_]+", unicodedata.normalize("NFC", name).casefold().strip()
    )
    turned = ("".join(words[i:] + words[:i]) for i in range(len(words)))
    return re.sub(r"[\s,_]+", "", _without_number(sender).casefold()) in turned


def _without_number(sender: str) -> str:
    return re.sub(r"_\d+$", "", sender)
