"""Pages that show a student's work: no scripts, nothing from the network."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import Any

import bleach
from nbconvert.exporters import HTMLExporter
from nbconvert.filters import markdown2html as rendered
from nbformat import NotebookNode
from nbformat.v4 import new_notebook
from nbgrader.preprocessors import GetGrades

from classroom.arrange import notes
from classroom.cells import Task, grader, is_answer, name_of, tasks
from classroom.restore import handed_out

TAGS = {
    *("a", "b", "blockquote", "br", "code", "del", "div", "em", "h1", "h2", "h3"),
    *("h4", "h5", "h6", "hr", "i", "li", "ol", "p", "pre", "span", "strong", "sub"),
    *("sup", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"
)


def markdown2html(source: str) -> str:
    """Markdown as HTML that only shows something.

    Formulas are left to MathJax, whose links would take any address.
    """
    html = re.sub(r'<a class="anchor-link"[^>]*>[^<]*</a>', "", rendered(source))
    html = bleach.clean(html, TAGS, {"a": ["href"]}, strip=True)
    return re.sub(r"\\href\b", r"\\text", html)


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
    with a list of the tasks, and lines that wrap."""

    def from_notebook_node(
        self, nb: NotebookNode, resources: dict | None = None, **options: Any
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
