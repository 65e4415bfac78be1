"""A tiny assignment, a course with it, and submissions to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.converters import GenerateAssignment

from classroom.course import Course
from classroom.pool import convert

SECRET = "planted-in-a-hidden-test"
SOLUTION = "planted-in-a-solution"
MARKING = "planted-in-a-marking-guide"
CONFIG = """
from classroom.settings import configure
c = get_config()
configure(c)
c.SandboxedExecute.limits = {limits}
"""
SMALL = {
    "cell_seconds": 3,
    "total_seconds": 30,
    "megabytes": 700,
    "processes": 12,
    "disk_megabytes": 16,
    "characters": 200_000,
}
RIGHT = {
    "double": "def double(x):\n    return 2 * x",
    "Tally": (
        "class Tally:\n"
        "    def __init__(self):\n        self.n = 0\n"
        "    def add(self, k):\n        self.n += k\n        return self"
    ),
    "why": "Because it adds it to itself.",
}


def marks(name: str, *, points: float | None = None, **flags: bool) -> dict:
    kinds = dict.fromkeys(("grade", "solution", "locked", "task"), False)
    marks = {"schema_version": 3, "grade_id": name, **kinds, **flags}
    return {"nbgrader": marks | ({} if points is None else {"points": points})}


def given(name: str, source: str) -> NotebookNode:
    return new_code_cell(source, metadata=marks(name, locked=True))


def work(name: str, source: str) -> NotebookNode:
    return new_code_cell(source, metadata=marks(name, solution=True))


def test(name: str, points: float, source: str) -> NotebookNode:
    metadata = marks(name, points=points, grade=True, locked=True)
    return new_code_cell(source, metadata=metadata)


def question(name: str, points: float, source: str) -> NotebookNode:
    metadata = marks(name, points=points, grade=True, solution=True)
    return new_markdown_cell(source, metadata=metadata)


def source() -> NotebookNode:
    """The teacher's notebook: two tasks and a question, ten points."""
    cells = [
        given("imports", "import torch"),
        work(
            "double",
            "def double(x):\n    ### BEGIN SOLUTION\n"
            f"    return 2 * x  # {SOLUTION}\n    ### END SOLUTION",
        ),
        test("test_double", 2, 'assert double(3) == 6, "twice 3 is 6"'),
        test(
            "test_double_hidden",
            3,
            "x = torch.randn(3, 2)\n### BEGIN HIDDEN TESTS\n"
            f'"{SECRET}"\nassert torch.equal(double(x), x + x), "tensors, too"\n'
            "### END HIDDEN TESTS",
        ),
        work(
            "Tally", "### BEGIN SOLUTION\n" + RIGHT["Tally"] + "\n### END SOLUTION"
        ),
        test(
            "test_tally",
            3,
            "tally = Tally()\nassert tally.add(2).add(3).n == 5, "
            '"2 and 3 are 5: does add return the tally itself?"',
        ),
        new_markdown_cell(
            "Why is it called double?\n### BEGIN MARK SCHEME\n"
            f"{MARKING}\n### END MARK SCHEME",
            metadata=marks("why_text", locked=True),
        ),
        question("why", 2, "*Your answer.*"),
    ]
    return new_notebook(cells=cells)


def make_course(folder: Path, limits: Mapping = SMALL) -> Course:
    """A course with the tiny assignment, as after `nbgrader generate_assignment`."""
    home = folder / "source" / "tiny"
    home.mkdir(parents=True)
    (folder / "nbgrader_config.py").write_text(CONFIG.format(limits=dict(limits)))
    nbformat.write(source(), home / "tiny.ipynb")
    course = Course(folder, "tiny")
    convert(GenerateAssignment, course, ".")
    return course


def released(course: Course) -> NotebookNode:
    """What students get."""
    return nbformat.read(course.file("release", "."), as_version=4)


def answered(course: Course, **answers: str) -> NotebookNode:
    """What a student sends who answers that, and leaves the rest as it was."""
    notebook = released(course)
    for cell in notebook.cells:
        name = cell.metadata.nbgrader.grade_id
        cell.source = answers.get(name, cell.source)
    return notebook


def submit(
    course: Course,
    student: str,
    sent: NotebookNode | bytes | Callable[[Path], None],
) -> Path:
    """Put a notebook, or other bytes, where a submission is expected."""
    file = course.file("submitted", student)
    file.parent.mkdir(parents=True)
    if callable(sent):
        sent(file)
    elif isinstance(sent, bytes):
        file.write_bytes(sent)
    else:
        nbformat.write(sent, file)
    return file
