"""Show each chapter under the number, or letter, in its file name, or under none.

Chapters are numbered once and for all: `chapters/08_….ipynb` is chapter 8, also
while the chapters before it are not written yet. Sphinx would count what it finds.
So its count is replaced everywhere it appears (page, navigation, figures,
references). Print sets the counters of LaTeX by the same functions (`book_print`).
"""

from __future__ import annotations

import re
from itertools import pairwise

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx_external_toc.collectors import TocTreeCollectorWithStyles as Collector

CHAPTER = re.compile(r"(?:.*/)?(?:(\d\d)|appendix_([a-z]))_[^/]*")
PART = re.compile(r"Part ([IVX]+) – (.*)")
ROMAN = {"I": 1, "V": 5, "X": 10}


def chapter_number(docname: str) -> int | str | None:
    """The number of a chapter, or the letter of an appendix, by its file name.

    >>> chapter_number("chapters/08_attention_from_first_principles")
    8
    >>> chapter_number("chapters/appendix_f_teachers_guide")
    'F'
    >>> chapter_number("notation")
    """
    match = CHAPTER.fullmatch(docname)
    if match is None:
        return None
    return int(match[1]) if match[1] else match[2].upper()


def part_number(caption: str) -> tuple[int, str] | None:
    """The number and the title of a part by its caption in `_toc.yml`.

    >>> part_number("Part IV – Training and writing")
    (4, 'Training and writing')
    >>> part_number("Reference")
    """
    match = PART.fullmatch(caption)
    if match is None:
        return None
    values = [ROMAN[letter] for letter in match[1]]
    number = sum(-a if a < b else a for a, b in pairwise([*values, 0]))
    return number, match[2]


def own_number(
    docname: str, number: tuple[int, ...] | None
) -> tuple[int | str, ...]:
    """Sphinx's section number under the chapter's own number, or no number."""
    chapter = chapter_number(docname)
    return (chapter, *number[1:]) if chapter and number else ()


def renumber(env: BuildEnvironment, docname: str) -> None:
    """Give the page `docname` its own number: sections, title and entries."""
    numbers = env.toc_secnumbers[docname]
    for anchor, number in numbers.items():
        numbers[anchor] = own_number(docname, number)
    for node in [env.titles[docname], *env.tocs[docname].findall(nodes.reference)]:
        if node.get("secnumber"):
            node["secnumber"] = list(own_number(docname, node["secnumber"])) or None


def with_own_numbers(assign):
    """The method `assign_section_numbers` of Sphinx, with our numbers."""

    def assign_section_numbers(self, env: BuildEnvironment) -> list[str]:
        before = env.toc_secnumbers
        assign(self, env)
        for docname in env.toc_secnumbers:
            renumber(env, docname)
        after = env.toc_secnumbers
        return [name for name in after if after[name] != before.get(name)]

    return assign_section_numbers


def setup(app: Sphinx) -> dict:
    Collector.assign_section_numbers = with_own_numbers(
        Collector.assign_section_numbers
    )
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
