"""Every idiom that the box of a chapter names is explained, and run, in appendix A.

A box is an admonition “PyTorch in this chapter” (or “Python …”). What it names are the
code spans in the first column of its table; in a box with a list, all of its code.
"""

from __future__ import annotations

import keyword
import re
from functools import cache

import pytest

from tests.house import notebooks

(APPENDIX,) = notebooks.CHAPTERS.glob("appendix_a_*.ipynb")
BOX = re.compile(r"\{admonition\}.*\bPy(?:thon|Torch)\b.* in this chapter")
CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
WORDS = set(keyword.kwlist)
# What is named: attributes, what is called or given by name, classes, decorators.
NAME = re.compile(r"(?<=[.@])[a-z_]\w+|\b\w\w+(?=\(|=(?!=))|\b[A-Z]\w+|__\w+__")


def idioms(box: str) -> list[str]:
    """What a box names, in its order.

    >>> idioms("| written |\\n|---|\\n| `x.T`, `a \\\\| b` | not `this` |")
    ['x.T', 'a | b']
    """
    found = []
    for line in box.replace(r"\|", "\0").splitlines():
        if line.startswith("|"):
            line = line.split("|")[1]
        elif not line.startswith("- "):
            continue
        found += CODE.findall(line)
    return [idiom.replace("\0", "|") for idiom in found]


def names(idiom: str) -> set[str]:
    """The names that make an idiom what it is; none where it is all signs.

    >>> sorted(names("x.sum(-1, keepdim=True)")), names("x[:, None]")
    (['keepdim', 'sum'], set())
    >>> sorted(names("nn.Linear(a, b)")), names("class B(A)"), names("@dataclass")
    (['Linear'], set(), {'dataclass'})
    """
    if re.match(r"class |def (?!__)", idiom):
        return set()
    if idiom.isidentifier():
        return {idiom}
    text = re.sub(r"([\"']).*?\1", "", idiom)
    return {n for n in NAME.findall(text) if len(n) > 1} - WORDS


def form(code: str) -> str:
    """Code with the same name for everything, and 0 for every number.

    >>> form("x[0, :5]"), form("while x[y >= 128]:")
    ('a[0, :0]', 'while a[a >= 0]:')
    """
    code = re.sub(r"\b[A-Za-z_]\w*", lambda m: m[0] if m[0] in WORDS else "a", code)
    return re.sub(r"\d+", "0", code).replace("'", '"')


@cache
def explained() -> tuple[str, str]:
    """The code that the text of the appendix names, and that which its cells run."""
    cells = notebooks.read(APPENDIX).cells
    spans = [
        s for c in cells if c.kind == "markdown" for s in CODE.findall(c.source)
    ]
    run = [c.source for c in cells if c.kind == "code" and c.count]
    return "\n".join(spans), "\n".join(run)


def lacking(idiom: str) -> list[str]:
    """What the appendix lacks of an idiom, in words."""
    complaints = []
    places = "in no sentence (`in backticks`)", "in no cell that is run"
    for code, where in zip(explained(), places, strict=True):
        missing = {n for n in names(idiom) if not re.search(rf"\b{n}\b", code)}
        parts = [re.escape(part.strip()) for part in form(idiom).split("…")]
        like = r"[\s\S]*?".join(parts)
        if not names(idiom) and not re.search(like, form(code)):
            missing = {idiom}
        complaints += [f"{what} stands {where}" for what in sorted(missing)]
    return complaints


@pytest.mark.parametrize("path", notebooks.chapters(), ids=lambda path: path.stem)
def test_what_a_box_names_is_explained_in_appendix_a(path):
    boxes = [
        c.source for c in notebooks.read(path).markdown if BOX.search(c.source)
    ]
    assert not boxes or any(map(idioms, boxes)), "a box that names nothing"
    found = [
        f"{path.name}: its box names `{idiom}`: {complaint}"
        for box in boxes
        for idiom in idioms(box)
        for complaint in lacking(idiom)
    ]
    remedy = (
        f"Explain each in {APPENDIX.name}, in the section it belongs to: one sentence "
        "that names it in backticks, and an argument of a look(…) below that runs it; "
        f"then run tools/run_notebooks.py on the appendix."
    )
    assert not found, "\n".join([*found, remedy])


@pytest.mark.parametrize(
    ("idiom", "says"),
    [
        ("x.frobnicate(1)", "frobnicate stands in no sentence"),
        ("x.sum(-1, sideways=True)", "sideways stands in no cell"),
        ("x[::-1]", "x[::-1] stands in no cell"),
        ("class A(B, C)", "class A(B, C) stands in no sentence"),
    ],
)
def test_what_the_appendix_does_not_explain_is_found(idiom, says):
    assert any(complaint.startswith(says) for complaint in lacking(idiom))
