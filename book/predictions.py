"""What a box `{predict}` asks for: read alike for the site, for print, for the workbook.

In print, without scripts and where nothing was said, `BLANK` stands for the answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

BLANK = "_____"  # room for a pencil


class Field(NamedTuple):
    """One prediction: its name, and how the box asks for it."""

    name: str
    label: str
    unit: str
    choices: list[str]  # none: a number


def parted(text: str) -> list[str]:
    """The parts between `|`, stripped.

    >>> parted("rain | sun")
    ['rain', 'sun']
    """
    return [part.strip() for part in text.split("|")] if text.strip() else []


def fields(options: Mapping[str, str]) -> list[Field]:
    """What a box asks for, by its options; raise `ValueError` if they do not fit.

    >>> fields({"name": "a | b", "label": "one | two", "unit": "nats"})[1]
    Field(name='b', label='two', unit='nats', choices=[])
    """
    names, labels = parted(options["name"]), parted(options.get("label", ""))
    labels = labels or [""] * len(names)
    if len(labels) != len(names):
        raise ValueError(f"{len(names)} names, and {len(labels)} labels")
    if len(names) > 1 and not all(labels):
        raise ValueError("several fields need a label each: :label: one | two")
    for name in names:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise ValueError(f"a name is of small letters, digits and _: {name!r}")
    unit, choices = options.get("unit", ""), parted(options.get("choices", ""))
    return [
        Field(name, label, unit, choices)
        for name, label in zip(names, labels, strict=True)
    ]
