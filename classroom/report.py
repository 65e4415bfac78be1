"""What became of a class: `python -m classroom.report ps3`.

Two tables, points of each student in each task and the commonest mistakes, on the
terminal, as CSV, and as a page. Who could not be graded has no points at all there,
and a reason instead: nothing is a zero that nobody has given.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Annotated

import nbformat
import tyro
from nbformat import NotebookNode
from nbgrader.api import Gradebook, MissingEntry, Notebook, SubmittedAssignment
from nbgrader.plugins import ExportPlugin
from tqdm import tqdm

from classroom.arrange import notes
from classroom.cells import name_of
from classroom.commands import run
from classroom.course import (
    EMPTY,
    Course,
    Record,
    fingerprint,
    not_collected,
    one_line,
)
from classroom.pages import PLAIN
from llm.files import atomic_write


@dataclass(frozen=True, kw_only=True)
class Report:
    """Write feedback and tables again, after answers were marked by hand.

    python -m classroom.report ps3
    """

    # Its name: that of its folder in source/.
    assignment: Annotated[str, tyro.conf.Positional]
    # The course directory.
    course: Path = Path("assignments")

    def __call__(self) -> int:
        course = Course(self.course, self.assignment)
        with course.alone():
            return self.report(course)

    def report(self, course: Course) -> int:
        from classroom.pool import give_feedback

        graded = [row.student for row in rows(course) if row.graded]
        for student in tqdm(graded, disable=None):
            give_feedback(course, student)
        print(write_reports(course))
        return 0


# --- Rows ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A student in the table; `points` and `total` mean something if graded."""

    student: str
    # Why there are no points, in words; empty if there are.
    reason: str = ""
    # Points in each task, in the order of the tasks.
    points: tuple[float, ...] = ()
    # All of them, less what being late costs.
    total: float = 0.0
    # Written answers that nobody has marked yet: they count 0 so far.
    to_mark: int = 0
    # What the tests said, each with its task.
    messages: tuple[tuple[str, str], ...] = ()
    # What had to be put right before it could be graded, in words.
    notes: tuple[str, ...] = ()
    # What else stands beside it: how late it came, a newer upload that can't be read.
    note: str = ""

    @property
    def said(self) -> str:
        """All that stands beside the points, in one line."""
        return "; ".join(filter(None, [*self.notes, self.note]))

    @property
    def graded(self) -> bool:
        return not self.reason


def tasks(notebook: Notebook) -> dict[str, str]:
    """The task that each graded cell belongs to: a test, to the work before it.

    The task has the name of the cell that the student works in.
    """
    written = {cell.name for cell in notebook.solution_cells}
    graded = {cell.name for cell in (*notebook.grade_cells, *notebook.task_cells)}
    found, task = {}, None
    for cell in notebook.source_cells:
        if cell.name in written:
            task = cell.name
        if cell.name in graded:
            found[cell.name] = cell.name if task is None else task
    return found


def rows(course: Course) -> list[Row]:
    """All who have sent something, collected or not, in alphabetical order."""
    records, version = course.records(), course.version()
    students = sorted({*course.students(), *not_collected(records)})
    reasons = {s: why_not(course, s, records.get(s), version) for s in students}
    beside = course.notes()
    with course.gradebook() as gradebook:
        task = tasks(course.notebook(gradebook))
        found = [
            Row(student, reason)
            if reason
            else row(course, gradebook, student, task)
            for student, reason in reasons.items()
        ]
    return [with_note(each, beside.get(each.student, "")) for each in found]


def with_note(each: Row, note: str) -> Row:
    return replace(each, note="; ".join(filter(None, [each.note, note])))


def why_not(
    course: Course, student: str, record: Record | None, version: str
) -> str:
    """Why the files of a student are not graded, or not any more."""
    if record and not record.graded:
        return record.reason
    if record and record.submission != fingerprint(
        course.place("submitted", student)
    ):
        return "changed since it was graded: grade again"
    if record and record.assignment != version:
        return "the assignment has changed since it was graded: grade again"
    if not course.file("autograded", student).is_file():
        return "not graded yet"
    return ""


def row(
    course: Course, gradebook: Gradebook, student: str, task: dict[str, str]
) -> Row:
    """What the gradebook says of a student."""
    try:
        found = gradebook.find_submission(course.assignment, student)
    except MissingEntry:
        return Row(student, "not graded yet")
    grades = [grade for notebook in found.notebooks for grade in notebook.grades]
    if any(g.auto_score is None for g in grades if task[g.name] != g.name):
        return Row(student, "not graded yet")  # some test has not been run
    points = dict.fromkeys(task.values(), 0.0)
    for grade in grades:
        points[task[grade.name]] += grade.score
    notebook = nbformat.read(course.file("autograded", student), as_version=4)
    return Row(
        student,
        points=tuple(points.values()),
        total=max(0.0, found.score - (found.late_submission_penalty or 0.0)),
        to_mark=sum(bool(grade.needs_manual_grade) for grade in grades),
        messages=tuple(messages(notebook, task)),
        notes=tuple(
            map(one_line, [*notes(notebook.cells), *plain(course, student)])
        ),
        note=lateness(found),
    )


def lateness(found: SubmittedAssignment) -> str:
    """How late it came, where that is known, and what that costs."""
    hours = found.total_seconds_late / 3600
    if not hours:
        return ""
    said = (
        f"{hours:.1f} hours late" if hours < 48 else f"{hours / 24:.1f} days late"
    )
    penalty = found.late_submission_penalty or 0.0
    return said + (f": {penalty:g} points less" if penalty else "")


def plain(course: Course, student: str) -> list[str]:
    """Says so if the page for a student is a plain one."""
    file = course.file("feedback", student)
    with file.open(encoding="utf-8") if file.is_file() else io.StringIO() as page:
        is_plain = PLAIN in page.read(20_000)
    return ["the page of feedback could not be drawn, and is plain text"] * is_plain


def messages(
    notebook: NotebookNode, task: dict[str, str]
) -> Iterable[tuple[str, str]]:
    """What the tests said to a student, each with its task."""
    for cell in notebook.cells:
        name = name_of(cell)
        for output in cell.get("outputs", []):
            if name in task and output.output_type == "error":
                yield task[name], one_line(output.evalue or output.ename)


@dataclass(frozen=True)
class Mistake:
    """One thing that tests say, and who heard it."""

    task: str
    message: str
    students: tuple[str, ...]


def mistakes(table: Iterable[Row]) -> list[Mistake]:
    """The messages of a class, the commonest first; other numbers, same mistake.

    What was not written is no mistake to talk about.
    """
    heard: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for each in table:
        for task, message in each.messages:
            same = re.sub(r"-?\d+(\.\d+)?", "#", message)
            if message != EMPTY[NotImplementedError]:
                heard[task, same].setdefault(each.student, message)
    found = [
        Mistake(task, next(iter(by.values())), tuple(by))
        for (task, _), by in heard.items()
    ]
    return sorted(found, key=lambda mistake: -len(mistake.students))


# --- Tables --------------------------------------------------------------------------


@dataclass(frozen=True)
class Table:
    """The class: what each task is worth, and a row of each student."""

    assignment: str
    tasks: dict[str, float]
    rows: list[Row]
    # Under which name each student's work came.
    senders: dict[str, str]
    # How the memory of students' code was limited: in one way, or in several.
    memory: tuple[str, ...] = ()

    @property
    def most(self) -> float:
        return sum(self.tasks.values())

    @property
    def limited_by(self) -> str:
        """How memory was limited, as a sentence; empty if nothing was graded."""
        words = " or by ".join(self.memory)
        return f"Memory of students' code was limited by {words}." if words else ""


def table_of(course: Course) -> Table:
    with course.gradebook() as gradebook:
        notebook = course.notebook(gradebook)
        task = tasks(notebook)
        worth = dict.fromkeys(task.values(), 0.0)
        for cell in (*notebook.grade_cells, *notebook.task_cells):
            worth[task[cell.name]] += cell.max_score
    memory = {record.memory for record in course.records().values()} - {""}
    found = rows(course), course.senders(), tuple(sorted(memory))
    return Table(course.assignment, worth, *found)


FRONT, BACK = ["student", "graded", "points", "of"], ["to_mark", "reason", "notes"]
BACK += ["sent_as"]


def line_of(each: Row, table: Table) -> tuple[list[str], list[str], list[str]]:
    """What is written of a student: `FRONT`, the points of each task, `BACK`.

    Who is not graded has no points, and a reason.
    """
    beside = [each.said, table.senders.get(each.student, "")]
    if each.graded:
        total, most, *points = (
            f"{p:g}" for p in (each.total, table.most, *each.points)
        )
        front, back = [each.student, "yes", total, most], [str(each.to_mark), ""]
    else:
        front, points = [each.student, "no", "", ""], [""] * len(table.tasks)
        back = ["", each.reason]
    return front, points, [*back, *beside]


def as_csv(table: Table) -> str:
    """One line a student, with the points of each task."""
    lines = [[*FRONT, *table.tasks, *BACK]]
    for each in table.rows:
        front, points, back = line_of(each, table)
        lines.append([*front, *points, *back])
    return _written(lines)


def all_as_csv(tables: Iterable[Table]) -> str:
    """All assignments in one table: a line for each student in each of them.

    Tasks differ from one to the next: their points stand in the table of each.
    """
    lines = [["assignment", *FRONT, *BACK]]
    for table in tables:
        for each in table.rows:
            front, _, back = line_of(each, table)
            lines.append([table.assignment, *front, *back])
    return _written(lines)


def _written(lines: Iterable[Iterable[str]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(lines)
    return file.getvalue()


def as_page(table: Table) -> str:
    """Both tables as a page without scripts."""
    worth = [f"{name} ({points:g})" for name, points in table.tasks.items()]
    head = ["student", f"points ({table.most:g})", *worth, "to mark", "notes"]
    body = [
        [
            each.student,
            *(f"{p:g}" for p in (each.total, *each.points)),
            each.to_mark,
            each.said,
        ]
        if each.graded
        else [each.student, f"not graded: {each.reason}"]
        for each in table.rows
    ]
    common = [
        [len(m.students), m.task, m.message, ", ".join(m.students)]
        for m in mistakes(table.rows)
    ]
    put_right = [[each.student, note] for each in table.rows for note in each.notes]
    return PAGE.format(
        title=escape(table.assignment),
        points=_html([head, *body]),
        mistakes=_html(
            [["students", "task", "what the test says", "who"], *common]
        ),
        notes=_html([["student", "what had to be put right"], *put_right]),
        memory=escape(table.limited_by),
    )


PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'">
<style>
body {{ font-family: sans-serif; margin: 2em; }}
table {{ border-collapse: collapse; }}
th, td {{ border-bottom: 1px solid #bbb; padding: 0.3em 0.8em; text-align: left; }}
</style></head><body>
<h1>{title}</h1>
<h2>Points</h2>
{points}
<h2>The commonest mistakes</h2>
{mistakes}
<h2>Put right before grading</h2>
{notes}
<p>{memory}</p>
</body></html>
"""


def _html(lines: Sequence[Sequence[object]]) -> str:
    """A table; a line that is too short ends in a cell as wide as what is left."""
    html = []
    for number, line in enumerate(lines):
        kind, left = ("td" if number else "th"), len(lines[0]) - len(line) + 1
        cells = [f"<{kind}>{escape(str(cell))}</{kind}>" for cell in line]
        cells[-1] = cells[-1].replace(f"<{kind}>", f'<{kind} colspan="{left}">', 1)
        html.append(f"<tr>{''.join(cells)}</tr>")
    return "<table>\n" + "\n".join(html) + "\n</table>"


def write_reports(course: Course) -> str:
    """Write `reports/ps3.csv` and `reports/ps3.html`; return the summary."""
    table = table_of(course)
    course.reports.mkdir(exist_ok=True)
    for suffix, text in (("csv", as_csv(table)), ("html", as_page(table))):
        with atomic_write(
            course.reports / f"{course.assignment}.{suffix}", "w"
        ) as f:
            f.write(text)
    pack_feedback(course, table)
    return f"{summary(table)}; {course.reports / course.assignment}.csv and .html"


def pack_feedback(course: Course, table: Table) -> None:
    """All pages for students in `reports/ps3-feedback.zip`, in folders that are named
    as their work came: a learning platform knows them by these."""
    packed = course.reports / f"{course.assignment}-feedback.zip"
    with atomic_write(packed) as file, zipfile.ZipFile(file, "w") as archive:
        names = feedback_folders(table)
        for each in table.rows:
            page = course.file("feedback", each.student)
            if each.graded and page.is_file():
                folder = names[each.student]
                archive.write(page, f"{folder}/{page.name}", zipfile.ZIP_DEFLATED)


def feedback_folders(table: Table) -> dict[str, str]:
    """The folder of each student; where two came by one name, that of the student."""
    students = [each.student for each in table.rows]
    named = {s: table.senders.get(s, s).removesuffix(".ipynb") for s in students}
    times = Counter(name.casefold() for name in named.values())
    return {s: n if times[n.casefold()] == 1 else s for s, n in named.items()}


def summary(table: Table) -> str:
    """The class on the terminal."""
    width = max((len(each.student) for each in table.rows), default=0)
    lines = []
    for each in table.rows:
        points = f"{each.total:6g} of {table.most:g}"
        marks = f", {each.to_mark} to mark" if each.to_mark else ""
        said = points + marks if each.graded else f"NOT GRADED: {each.reason}"
        said += f" ({each.note})" if each.note else ""
        lines.append(f"{each.student:<{width}}  {said}")
    common = [
        f"{len(m.students):>4} × {m.task}: {m.message}"
        for m in mistakes(table.rows)[:5]
    ]
    if common:
        lines += ["", "What the tests say most often:", *common]
    put_right = [f"{each.student}: {n}" for each in table.rows for n in each.notes]
    if put_right:
        lines += ["", "Put right before grading:", *put_right]
    n = sum(each.graded for each in table.rows)
    lines += ["", *filter(None, [table.limited_by])]
    return "\n".join([*lines, f"{n} of {len(table.rows)} graded"])


class GradesExport(ExportPlugin):
    """For `nbgrader export`: the same table, without silent zeros."""

    def export(self, gradebook: Gradebook) -> None:
        folder = Path(self.parent.coursedir.root)
        names = self.assignment or [each.name for each in gradebook.assignments]
        tables = [table_of(Course(folder, name)) for name in names]
        with atomic_write(self.to or "grades.csv", "w") as file:
            file.write(all_as_csv(tables))


if __name__ == "__main__":
    run(Report)
