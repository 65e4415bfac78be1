"""What MyST looks like to a reader whose viewer does not know it."""

from __future__ import annotations

import re

FORMS = [
    r"\{[\w:.+-]+\}",  # the name of a directive or a role
    r":::",
    r"```",
    r"^\s*\([\w:-]+\)=",
    r"^\s*:[\w-]+:",
    r"^\s*%",
    r"^\s*\+\+\+",
    r"\{[.#][\w-]+",
    r"\[\]\(",
    r"\[\^",
    r"\]\(#",
    r"\((?:fig|eq|ch|tbl|ex|sec)[:-][\w:-]+\)",
    r"(?:Start|End) of (?:Exercise|Solution)",  # what MyST in JupyterLab makes of it
]


def left_over(prose: str) -> list[str]:
    """The markup in a text that has been rendered, its code and formulas left out."""
    return [
        found[0]
        for form in FORMS
        for found in re.finditer(form, prose, re.MULTILINE)
    ]
