"""The cells of an assignment: what is asked, what is answered, what tests it.

An assignment is a notebook in nbgrader's format. A task is a cell to be answered and
the test cells after it; the heading above it is its title:

    Markdown   ### Task 3 ★ The interpreter (8 points)
    solution   the answer, between BEGIN SOLUTION and END SOLUTION; students get a stub
    test       visible, with points of its own
    test       between BEGIN HIDDEN TESTS and END HIDDEN TESTS: run when work is graded

A question in words is a Markdown cell that is answered and graded by hand.
"""

from __future__ import annotations

import ast
import io
import re
import warnings
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import nbformat
from nbformat import NotebookNode

SOURCE = Path(__file__).resolve().parents[1] / "assignments" / "source"
TITLE = re.compile(r"^#+ (?:Task |Question )?(.*?)(?: \([\d.]+ points?\))?$", re.M)
BAD = (ValueError, KeyError, AttributeError, TypeError, RecursionError)


def without_region(source: str, name: str) -> str:
    """A source without what stands between BEGIN and END of that name."""
    kept, inside = [], False
    for line in source.split("\n"):
        if f"BEGIN {name}" in line or f"END {name}" in line:
            inside = f"BEGIN {name}" in line
        elif not inside:
            kept.append(line)
    return "\n".join(kept)


@dataclass(frozen=True)
class Test:
    """A cell that tests an answer: its name (grade_id), its points, its source."""

    name: str
    points: float
    source: str

    @property
    def visible(self) -> str:
        r"""What the student sees of it; "" where that is nothing but comments.

        >>> hidden = "### BEGIN HIDDEN TESTS\nx\n### END HIDDEN TESTS"
        >>> Test("test_it", 1, f"# fresh numbers\n{hidden}").visible
        ''
        """
        shown = without_region(self.source, "HIDDEN TESTS")
        return shown if ast.parse(shown).body else ""


@dataclass(frozen=True)
class Task:
    """What is asked for at once: the cell to be answered, and its tests.

    A question in words has no tests; a teacher gives its `points`.
    """

    name: str
    title: str
    points: float
    tests: tuple[Test, ...] = ()


def read(path: Path) -> NotebookNode:
    """A notebook. Raises `ValueError` that says why a file is none."""
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # two cells with one id are no matter
            notebook = nbformat.read(path, as_version=4)
            nbformat.validate(notebook)
    except (*BAD, nbformat.ValidationError) as error:
        raise ValueError(
            f"{path} is not a Jupyter notebook, or is damaged"
        ) from error
    return notebook


def source_of(assignment: str, folder: Path = SOURCE) -> NotebookNode:
    """The teacher's notebook of an assignment, solutions and hidden tests included."""
    paths = sorted((folder / assignment).glob("*.ipynb"))
    if not paths:
        known = ", ".join(sorted(p.parent.name for p in folder.glob("*/*.ipynb")))
        raise ValueError(f"there is no assignment {assignment!r}; there is {known}")
    return read(paths[0])


def grader(cell: NotebookNode) -> Mapping:
    """What nbgrader notes about a cell; empty for a cell it does not know."""
    found = cell.metadata.get("nbgrader")
    return found if isinstance(found, Mapping) else {}


def name_of(cell: NotebookNode) -> str:
    """The grade_id of a cell; empty if it has none."""
    name = grader(cell).get("grade_id")
    return name if isinstance(name, str) else ""


def is_test(cell: NotebookNode) -> bool:
    """Does it give points by itself?"""
    return bool(grader(cell).get("grade")) and not grader(cell).get("solution")


def is_answer(cell: NotebookNode) -> bool:
    """Is it the student's to fill, with code or in words?"""
    return bool(grader(cell).get("solution"))


def still_stub(who: str) -> str:
    """What to say of a function that raises a bare NotImplementedError."""
    return (
        f"{who} raises NotImplementedError: it is not written yet, or a line of what "
        f"was handed out is still in it"
    )


def tasks(notebook: NotebookNode) -> list[Task]:
    """The tasks of an assignment, in order."""
    found: list[Task] = []
    title = ""
    for cell in notebook.cells:
        if is_answer(cell):
            found.append(Task(name_of(cell), title, grader(cell).get("points", 0)))
        elif is_test(cell):
            test = Test(name_of(cell), grader(cell)["points"], cell.source)
            task = found.pop() if found else Task(name_of(cell), title, 0)
            points, tests = task.points + test.points, (*task.tests, test)
            found.append(replace(task, points=points, tests=tests))
        elif cell.cell_type == "markdown":
            shown = without_region(cell.source, "MARK SCHEME")
            title = (TITLE.findall(shown) or [title])[-1]
    return found


def with_answers(
    notebook: NotebookNode, answers: Mapping[str, str]
) -> NotebookNode:
    """A copy in which the cells of these names hold these answers."""
    notebook = deepcopy(notebook)
    for cell in notebook.cells:
        cell.source = answers.get(name_of(cell), cell.source)
    return notebook


def run_here(notebook: NotebookNode) -> dict[str, str]:
    """Run the code cells in this process, and say of each test what it complains of.

    Only for code that one trusts; students' work is graded by `classroom.grade`.
    Returns the name of each test and its message, "" where it passed.
    """
    names: dict = {"__name__": "__main__"}
    said = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            complaint = _run(cell.source, name_of(cell), names)
            said |= {name_of(cell): complaint} if is_test(cell) else {}
    return said


def _run(source: str, name: str, names: dict) -> str:
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            exec(compile(source, name or "cell", "exec"), names)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""
