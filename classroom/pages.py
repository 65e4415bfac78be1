"""Pages that show a student's work: no scripts, nothing from the network.

Whatever somebody wrote, pasted or printed, there is a page: a text that cannot be
drawn is shown as it was typed, and a page that cannot, or takes too long, is a plain
one. No grade hangs on how it looks.
"""

from __future__ import annotations

import re
import secrets
import signal
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import deepcopy
from html import escape, unescape
from typing import Any
from urllib.parse import unquote

import bleach
from jinja2 import pass_context
from jinja2.runtime import Context
from mistune import HTMLRenderer
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from nbformat.v4 import new_notebook
from nbgrader.preprocessors import GetGrades

from classroom.arrange import notes
from classroom.cells import Task, grader, is_answer, name_of, tasks
from classroom.course import one_line
from classroom.restore import HideTests, handed_out
from classroom.sent import PICTURES

TAGS = {
    *("a", "b", "blockquote", "br", "code", "del", "div", "em", "h1", "h2", "h3"),
    *("h4", "h5", "h6", "hr", "i", "li", "ol", "p", "pre", "span", "strong", "sub"),
    *("sup", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"
)


LONGEST = 20_000  # characters of a text; drawing can take as long as their square
DRAWING = 20.0  # seconds for a page
A_PICTURE = re.compile(r"<img\b[^<>]*>", re.I)
ITS_SOURCE = re.compile(r"""\bsrc\s*=\s*["']?([^"'\s>]+)""", re.I)
BASE64 = re.compile(r"[A-Za-z0-9+/]+=*")


def markdown2html(
    source: str, pictures: Mapping[str, Mapping] | None = None
) -> str:
    """Markdown as HTML that only shows something; what cannot be drawn, as typed.

    pictures: those pasted into it, by name, as a notebook keeps them: {kind: base64}.
    Formulas are left to MathJax, whose links would take any address.
    """
    if len(source) > LONGEST:
        return as_typed(source)
    try:
        return _drawn(source, pictures or {})
    except Exception:  # whatever a library finds odd in what somebody has written
        return as_typed(source)


@pass_context
def cell2html(context: Context, source: str) -> str:
    """The filter for pages: the text of a cell, with the pictures pasted into it."""
    cell = context.get("cell") or {}
    return markdown2html(source, cell.get("attachments"))


def as_typed(source: str) -> str:
    """A text without any form."""
    return f"<pre>{escape(source)}</pre>"


def _drawn(source: str, pictures: Mapping[str, Mapping]) -> str:
    html = MarkdownWithMath(renderer=Renderer(escape=False)).render(source)
    html = re.sub(r'<a class="anchor-link"[^>]*>[^<]*</a>', "", html)
    mark, shown = f"picture-{secrets.token_hex(8)}-", []

    def aside(found: re.Match) -> str:
        shown.append(_picture(found[0], pictures))
        return f"{mark}{len(shown) - 1}."

    html = bleach.clean(
        A_PICTURE.sub(aside, html), TAGS, {"a": ["href"]}, strip=True
    )
    html = re.sub(r"\\href\b", r"\\text", html)
    return re.sub(rf"{mark}(\d+)\.", lambda found: shown[int(found[1])], html)


def _picture(tag: str, pictures: Mapping[str, Mapping]) -> str:
    """A picture that was pasted; of any other, what it would have been."""
    found = ITS_SOURCE.search(tag)
    address = unescape(found[1]) if found else ""
    name = unquote(address.removeprefix("attachment:"))
    bundle = pictures.get(name) or pictures.get(address.removeprefix("attachment:"))
    for kind, data in (bundle or {}).items():
        if kind in PICTURES and BASE64.fullmatch(str(data)):
            address = f"data:{kind};base64,{data}"
            return f'<img alt="a picture of the student\'s" src="{address}">'
    return f"[a picture that is not in the notebook: {escape(name[:100])}]"


class Renderer(IPythonRenderer):
    """Leaves the addresses of pictures as they are."""

    def image(self, text: str, url: str, title: str | None = None) -> str:
        return HTMLRenderer.image(self, text, url, title)


STYLE = """<style>
pre { white-space: pre-wrap; word-break: normal; overflow-wrap: anywhere; }
th, td { padding: 0.1em 0.6em; }
</style>"""
UNMARKED = "not marked yet"


class Marks(GetGrades):
    """nbgrader's step that fetches points; also the tasks that they belong to, and
    which answers nobody has marked."""

    def preprocess(
        self, nb: NotebookNode, resources: dict
    ) -> tuple[NotebookNode, dict]:
        nb, resources = super().preprocess(nb, resources)
        where = resources["nbgrader"]
        given = list(
            handed_out(where).values()
        )  # in order; a student may move cells
        where["contents"] = contents(nb, tasks(new_notebook(cells=given)))
        where["contents"] += as_list(escape(note) for note in notes(nb.cells))
        where["unmarked"] = [name_of(c) for c in nb.cells if grader(c).get("waits")]
        return nb, resources

    def preprocess_cell(
        self, cell: NotebookNode, resources: dict, index: int
    ) -> tuple[NotebookNode, dict]:
        cell, resources = super().preprocess_cell(cell, resources, index)
        if is_answer(cell) and grader(cell).get("grade"):
            where = resources["nbgrader"]
            names = (where["notebook"], where["assignment"], where["student"])
            grade = self.gradebook.find_grade(name_of(cell), *names)
            marked = (
                grade.manual_score is not None
            )  # it counts, looked at again or not
            cell.metadata.nbgrader.waits = (
                bool(grade.needs_manual_grade) and not marked
            )
        return cell, resources


def contents(nb: NotebookNode, all_tasks: Iterable[Task]) -> str:
    """The tasks with their points and comments, each a link, as a list."""
    cells = {name_of(cell): cell for cell in nb.cells if name_of(cell)}
    lines = []
    for task in all_tasks:
        names = [test.name for test in task.tests] or [task.name]
        points = sum(grader(cells[name]).get("score") or 0.0 for name in names)
        got = f"{points:g} of {task.points:g}"
        if grader(cells[task.name]).get("waits"):
            got = f"{UNMARKED}, of {task.points:g}"
        if grader(cells[task.name]).get("comment"):
            got += f', <a href="#comment-{escape(task.name)}">a comment</a>'
        link = (
            f'<a href="#{escape(names[0])}">{escape(task.title or task.name)}</a>'
        )
        lines.append(f"<li>{link}: {got}</li>")
    return f'<div id="toc"><ul>{"".join(lines)}</ul></div>'


def as_list(lines: Iterable[str]) -> str:
    """What had to be put right, as a list below that of the tasks; or nothing."""
    items = "".join(f"<li>{line}</li>" for line in lines)
    return f"<p>Put right before grading:</p><ul>{items}</ul>" if items else ""


class FeedbackPage(HTMLExporter):
    """nbgrader's page of feedback, without its scripts, which browsers shall refuse;
    with a list of the tasks, and lines that wrap. If it cannot be drawn, a plain one."""

    def from_notebook_node(
        self, nb: NotebookNode, resources: dict | None = None, **options: Any
    ) -> tuple[str, dict]:
        try:
            with at_most(DRAWING):
                return self.drawn(nb, resources, **options)
        except Exception as error:  # no grade hangs on how a page looks
            why = one_line(f"{type(error).__name__}: {error}")[:200]
        resources = (resources or {}) | {"output_extension": self.file_extension}
        return plain_page(nb, resources.get("nbgrader", {}), why), resources

    def drawn(
        self, nb: NotebookNode, resources: dict | None, **options: Any
    ) -> tuple[str, dict]:
        html, resources = super().from_notebook_node(nb, resources, **options)
        html = re.sub(r"(?s)<script\b.*?</script>", "", html)
        where = resources["nbgrader"]
        toc = r'(?s)<div id="toc">.*?</div>'
        html = re.sub(toc, lambda _: where["contents"], html, count=1)
        for name in where["unmarked"]:
            here = rf'(?s)(<a name="{re.escape(name)}"></a>.*?)Score: 0\.0'
            html = re.sub(here, rf"\g<1>{UNMARKED}: 0.0", html, count=1)
        meta = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        html = html.replace("</head>", f"{STYLE}\n</head>", 1)
        return html.replace("<head>", f"<head>\n{meta}", 1), resources


# --- Plain pages -----------------------------------------------------------------------

PLAIN = "This page could not be drawn as usual; here is the work as plain text."
PLAIN_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta http-equiv="Content-Security-Policy" content="{policy}">
{style}</head><body>
<p>{plain} ({why})</p>
{cells}
</body></html>
"""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raises `TimeoutError` in what runs inside when its time is over.

    Only in the main thread: elsewhere nothing can be stopped.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise TimeoutError(f"it took longer than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def plain_page(nb: NotebookNode, where: Mapping, why: str) -> str:
    """The work as text, with the points of each cell; without hidden tests."""
    shown, _ = HideTests().preprocess(deepcopy(nb), {})
    with suppress(Exception):  # points, if there is a gradebook that knows them
        shown, _ = GetGrades().preprocess(shown, {"nbgrader": dict(where)})
    return PLAIN_PAGE.format(
        title=escape(str(where.get("notebook", ""))),
        policy=POLICY,
        style=STYLE,
        plain=PLAIN,
        why=escape(why),
        cells="\n".join(map(_plain_cell, shown.cells)),
    )


def _plain_cell(cell: NotebookNode) -> str:
    marks, lines = grader(cell), []
    if "score" in marks:
        points = f"{marks['score']:g} of {marks.get('points', 0):g}"
        lines.append(f"<h3>{escape(name_of(cell))}: {points}</h3>")
    lines.append(as_typed(cell.source))
    for output in cell.get("outputs", []):
        said = output.get("text") or "\n".join(output.get("traceback", []))
        lines += [as_typed(str(said)[:LONGEST])] if said else []
    if marks.get("comment"):
        lines.append(f"<p>Comment: {escape(str(marks['comment']))}</p>")
    return "\n".join(lines)
