"""Check your own work: the visible tests of an assignment, without a teacher.

    python -m classroom.check my_notebook.ipynb

runs your notebook and the tests that you were shown, and says task by task what is
wrong, in the words that a teacher's grader would use. It runs *your* code on *your*
machine, as JupyterLab does, and so without a jail: do not check with it what
somebody else wrote (`classroom.grade` is for that). Hidden tests and questions in
words are left to the teacher.
"""

from __future__ import annotations

import logging
import textwrap
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from tqdm import tqdm

from classroom.cells import (
    SOURCE,
    Task,
    Test,
    grader,
    is_answer,
    name_of,
    read,
    tasks,
)
from classroom.commands import run

WIDTH = 78
NOT_WRITTEN = "NotImplementedError"
INTERRUPTED = ("CellTimeoutError", "KeyboardInterrupt")


@dataclass(frozen=True, kw_only=True)
class Check:
    """Run the visible tests of an assignment on your own notebook.

        python -m classroom.check ps3.ipynb

    It runs your code on your machine, without a jail: check only what you wrote. Exits
    with 0 if every visible test passes, otherwise with 1.
    """

    # Your notebook.
    notebook: Annotated[Path, tyro.conf.Positional]
    # Time limit of each cell, in seconds; as when it is graded.
    seconds: int = 30

    def __call__(self) -> int:
        reader = read(self.notebook)
        assignment, source = assignment_of(reader, self.notebook)
        print(f"{assignment}, {self.notebook.name}: the visible tests\n")
        complaints = complaints_of(
            merged(reader, source), self.notebook.parent, self.seconds
        )
        return report(tasks(source), complaints)


def assignment_of(reader: NotebookNode, path: Path) -> tuple[str, NotebookNode]:
    """The assignment that a notebook answers: its name, and the course's own copy.

    Raises `ValueError` if no cell of it belongs to an assignment of the course.
    """
    answered = {name_of(cell) for cell in reader.cells if is_answer(cell)}
    for original in sorted(SOURCE.glob("*/*.ipynb")):
        source = read(original)
        if answered & {task.name for task in tasks(source)}:
            return original.parent.name, source
    known = ", ".join(sorted(p.parent.name for p in SOURCE.glob("*/*.ipynb")))
    raise ValueError(
        f"{path} holds no answer to an assignment of this course ({known}): is it the "
        f"notebook that was handed out? Cells that were copied into another notebook "
        f"lose their names"
    )


def merged(reader: NotebookNode, source: NotebookNode) -> NotebookNode:
    """The reader's code with the course's own given cells and visible tests.

    Of what the reader deleted, given cells come first and tests last.
    """
    tests = {t.name: t.visible for task in tasks(source) for t in task.tests}
    given = {
        name_of(cell): tests.get(name_of(cell), cell.source)
        for cell in source.cells
        if cell.cell_type == "code" and grader(cell).get("locked")
    }
    notebook = deepcopy(reader)
    notebook.cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(notebook.cells):
        cell.outputs, cell.source = [], given.get(name_of(cell), cell.source)
        cell.id = f"cell-{number}"  # a copied cell has that of the other
    there = {name_of(cell) for cell in notebook.cells}
    lost = [
        new_code_cell(given[name], metadata={"nbgrader": {"grade_id": name}})
        for name in given
        if name not in there
    ]
    first = [cell for cell in lost if name_of(cell) not in tests]
    last = [cell for cell in lost if name_of(cell) in tests]
    notebook.cells = first + notebook.cells + last
    return notebook


def complaints_of(
    notebook: NotebookNode, folder: Path, seconds: int
) -> dict[str, str]:
    """Run every cell in a kernel of its own; the complaint of each named cell.

    After a second cell that takes too long, or the death of the kernel, the cells
    that are left have the complaint that they were not run.
    """
    client = NotebookClient(
        notebook,
        timeout=seconds,
        kernel_name="python3",
        interrupt_on_timeout=True,
        allow_errors=True,
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
    )
    client.log.setLevel(logging.CRITICAL)  # we say ourselves what took too long
    complaints, slow = {}, 0
    with client.setup_kernel():
        cells = tqdm(notebook.cells, disable=None, leave=False, unit="cell")
        for index, cell in enumerate(cells):
            complaint = "not run: see the first cell that took too long or crashed"
            if slow < 2:
                complaint = complaint_of(client, cell, index)
                slow += complaint.startswith(("took", "the kernel"))
            complaints[name_of(cell)] = complaint
    return complaints


def complaint_of(client: NotebookClient, cell: NotebookNode, index: int) -> str:
    """Run one cell; what went wrong in words, or ""."""
    too_long = (
        f"took longer than {client.timeout} s: is there a loop that does not end?"
    )
    try:
        client.execute_cell(cell, index)
    except CellTimeoutError:
        return too_long
    except DeadKernelError:
        return "the kernel died: too much memory, or exit()?"
    for output in cell.outputs:
        if output.output_type == "error" and output.ename in INTERRUPTED:
            return too_long
        if output.output_type == "error":
            return f"{output.ename}: {output.evalue}".removeprefix(
                "AssertionError: "
            )
    return ""


def report(all_tasks: Sequence[Task], complaints: dict[str, str]) -> int:
    """Print a line for each task and what is wrong with it; 0 if nothing is."""
    n_right = n_tested = 0
    named = {task.name for task in all_tasks} | {""}
    named |= {test.name for task in all_tasks for test in task.tests}
    for name, complaint in complaints.items():
        if complaint and name not in named:
            print(f"✗ the given cell “{name}”, which all tasks need: {complaint}")
    for task in all_tasks:
        visible = [test for test in task.tests if test.visible]
        wrong = list(wrong_with(task, visible, complaints))
        n_tested += bool(visible)
        n_right += bool(visible) and not wrong
        print(f"{'✗' if wrong else '✓' if visible else '–'} {task.title}")
        if visible and not wrong and complaints[task.name]:
            wrong = [f"its tests pass, but its cell says: {complaints[task.name]}"]
        for message in wrong:
            print(textwrap.indent(textwrap.fill(message, WIDTH - 4), "    "))
        if not visible:
            print("    in words; a teacher reads it")
    print(f"\n{n_right} of {n_tested} tasks pass the tests that you can see.")
    return int(n_right < n_tested)


def wrong_with(
    task: Task, visible: Sequence[Test], complaints: dict[str, str]
) -> Iterator[str]:
    """What is wrong with an answer; not the same thing twice."""
    own = complaints.get(task.name, "its cell is missing from your notebook")
    failed = [complaints[test.name] for test in visible if complaints[test.name]]
    if any(NOT_WRITTEN in message for message in [own, *failed]):
        yield "not written yet"
    elif failed and own:  # the cell itself failed, so what its tests say is noise
        yield own
    else:
        yield from dict.fromkeys(failed)


if __name__ == "__main__":
    run(Check)
