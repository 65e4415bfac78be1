"""The book as a course: a map of what builds on what, a table of times, ways through.

```{course-map}      a drawing, on wide pages of the site
```{course-table}    each chapter: what it builds on, minutes to read, seconds to run
```{course-paths}    the chapters of each week
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Callable, Iterator

from book_front import Address, leave_out, on_the_site, roman
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from book.contents import Chapter, Course, Part, courses, needed_directly, parts

WIDTH, HEIGHT = 140, 74  # of a box
ACROSS, DOWN, LEFT, TOP = 160, 132, 64, 32  # from box to box; margins
LETTERS = 16  # on a line of a box


def chapters() -> dict[int, Chapter]:
    return {c.number: c for part in parts() for c in part.chapters}


# --- The map ----------------------------------------------------------------------


class course_map(nodes.General, nodes.Element):
    """The drawing."""


def places() -> dict[int, tuple[int, int]]:
    """The upper left corner of each chapter's box: a row for each part."""
    return {
        chapter.number: (LEFT + ACROSS * i, TOP + DOWN * row)
        for row, part in enumerate(parts())
        for i, chapter in enumerate(part.chapters)
    }


def drawing(address: Address) -> str:
    """The map as SVG, with links; what it says also stands in the table below it."""
    across = max(len(part.chapters) for part in parts())
    width = LEFT + 4 + ACROSS * (across - 1) + WIDTH
    height = TOP + DOWN * len(parts()) - (DOWN - HEIGHT) + 8
    titles = (row_title(part, row) for row, part in enumerate(parts()))
    boxes = (box(chapter, address) for chapter in chapters().values())
    return (
        '<figure class="llm-course"><figcaption>An arrow leads from a chapter to those '
        "that need it.</figcaption>"
        f'<svg class="llm-map" viewBox="0 0 {width} {height}" role="group" '
        'aria-label="The chapters as boxes, part by part; an arrow leads from each '
        'chapter to those that build on it">'
        f"{MARKER}{''.join((*arrows(), *titles, *boxes))}</svg></figure>"
    )


MARKER = (
    '<defs><marker id="llm-map-tip" viewBox="0 0 8 8" refX="7" refY="4" '
    'markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z"/></marker>'
    "</defs>"
)


def row_title(part: Part, row: int) -> str:
    words = html.escape(f"Part {roman(part.number)} – {part.title}", quote=False)
    return (
        f'<text class="part" x="{LEFT}" y="{TOP + DOWN * row - 16}">{words}</text>'
    )


def arrows() -> Iterator[str]:
    """From each chapter to those that build on it directly."""
    place = places()
    for number, needs in needed_directly(chapters().values()).items():
        for need in needs:
            yield f'<path class="arrow" d="{curve(place[need], place[number])}"/>'


def curve(start: tuple[int, int], end: tuple[int, int]) -> str:
    """A line from one box to another: along the row, or down from row to row."""
    (x0, y0), (x1, y1) = start, end
    if y0 == y1 and x1 - x0 == ACROSS:  # neighbours
        y = y0 + HEIGHT / 2
        return f"M{x0 + WIDTH} {y} H{x1 - 1}"
    if y0 == y1:  # below the boxes between them
        x0, x1, y = x0 + WIDTH * 0.6, x1 + WIDTH * 0.35, y0 + HEIGHT
        return f"M{x0} {y} C{x0 + 20} {y + 26} {x1 - 20} {y + 26} {x1} {y + 1}"
    if x0 == x1 and y1 - y0 > DOWN:  # past the boxes between them, on their left
        out, y0, y1 = (
            x0 - 8 - 14 * (y1 - y0) / DOWN,
            y0 + HEIGHT * 0.6,
            y1 + HEIGHT * 0.4,
        )
        return f"M{x0} {y0} C{out} {y0} {out} {y1} {x1 - 1} {y1}"
    x0, x1, y0, y1 = x0 + WIDTH / 2, x1 + WIDTH / 2, y0 + HEIGHT, y1 - 1
    return f"M{x0} {y0} C{x0} {y0 + 60} {x1} {y1 - 60} {x1} {y1}"


def box(chapter: Chapter, address: Address) -> str:
    x, y = places()[chapter.number]
    title = textwrap.wrap(f"{chapter.number} {chapter.title}", LETTERS)[:3]
    times = f"{chapter.minutes} min" if chapter.page else "planned"
    texts = [
        f'<text x="{x + 9}" y="{y + 18 + 14 * i}">{html.escape(line, quote=False)}'
        "</text>"
        for i, line in enumerate(title)
    ]
    texts.append(
        f'<text class="time" x="{x + 9}" y="{y + HEIGHT - 8}">{times}</text>'
    )
    rect = f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>'
    if not chapter.page:
        return f'<g class="planned">{rect}{"".join(texts)}</g>'
    return f'<a href="{address(chapter.page)}">{rect}{"".join(texts)}</a>'


class CourseMap(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        return [course_map()]


# --- The table and the ways, as Markdown ------------------------------------------


def link(chapter: Chapter) -> str:
    return (
        f"[{chapter.title}]({chapter.page}.ipynb)"
        if chapter.page
        else chapter.title
    )


def table() -> Iterator[str]:
    yield "| | chapter | builds on | minutes to read | seconds to run |"
    yield "|--:|---|---|--:|--:|"
    for chapter in chapters().values():
        needs = ", ".join(map(str, chapter.needs)) or "–"
        times = (
            f"{chapter.minutes} | {chapter.seconds}"
            if chapter.page
            else "planned | "
        )
        yield f"| {chapter.number} | {link(chapter)} | {needs} | {times} |"


def paths() -> Iterator[str]:
    for course in courses():
        yield from path(course)


def path(course: Course) -> Iterator[str]:
    yield from (f"**{course.title}.** {course.line}", "")
    yield from ("| week | chapters | minutes to read |", "|--:|---|--:|")
    for week, numbers in enumerate(course.weeks, 1):
        chosen = [chapters()[number] for number in numbers]
        names = " · ".join(f"{c.number} {link(c)}" for c in chosen)
        planned = "" if all(c.page for c in chosen) else " and more"
        minutes = sum(c.minutes for c in chosen)
        yield f"| {week} | {names} | {f'{minutes}{planned}' if minutes else 'planned'} |"
    yield ""


class Markdown(SphinxDirective):
    """A directive that stands for Markdown that is made when the book is built."""

    made: Callable[[], Iterator[str]]

    def run(self) -> list[nodes.Node]:
        holder = nodes.container()
        lines = StringList([*type(self).made()], self.get_source_info()[0])
        self.state.nested_parse(lines, self.content_offset, holder)
        return holder.children


class CourseTable(Markdown):
    made = staticmethod(table)


class CoursePaths(Markdown):
    made = staticmethod(paths)


def setup(app: Sphinx) -> dict:
    app.add_node(
        course_map, html=(on_the_site(drawing), None), latex=(leave_out, None)
    )
    app.add_directive("course-map", CourseMap)
    app.add_directive("course-table", CourseTable)
    app.add_directive("course-paths", CoursePaths)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
