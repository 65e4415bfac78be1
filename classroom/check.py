"""Check your own work: the visible tests of an assignment, without a teacher.

    python -m classroom.check my_notebook.ipynb

runs your notebook and the tests that you were shown, and says task by task what is
wrong, in the words that a teacher's grader would use. It runs *your* code on *your*
machine, as JupyterLab does, and so without a sandbox: do not check with it what
somebody else wrote (`classroom.grade` is for that). Hidden tests and questions in
words are left to the teacher.
"""

from __future__ import annotations

import logging
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_notebook
from nbgrader.preprocessors import ClearSolutions
from nbgrader.utils import compute_checksum
from tqdm import tqdm

from classroom.arrange import BESIDE, NOT_ANSWERED, notes, restored
from classroom.cells import (
    SOURCE,
    Task,
    Test,
    grader,
    is_answer,
    is_test,
    name_of,
    read,
    still_stub,
    tasks,
    without_region,
)
from classroom.commands import run
from classroom.restore import LOST
from classroom.sent import named_assignment, notes_in, read_sent

WIDTH = 78
NOT_WRITTEN = "not written yet"
INTERRUPTED = ("CellTimeoutError", "KeyboardInterrupt")
MISSING = "its cell is missing from your notebook"
NO_INPUT = "input() asks somebody, and nobody is there when work is checked"


@dataclass(frozen=True, kw_only=True)
class Check:
    """Run the visible tests of an assignment on your own notebook.

        python -m classroom.check ps3.ipynb

    It runs your code on your machine, without a sandbox: check only what you wrote. Exits
    with 0 if every visible test passes, otherwise with 1.
    """

    # Your notebook.
    notebook: Annotated[Path, tyro.conf.Positional]
    # Time limit of each cell, in seconds; as when it is graded.
    seconds: int = 30

    def __call__(self) -> int:
        reader = read_sent(self.notebook)
        assignment, source = assignment_of(reader, self.notebook)
        given, remarks = handed_out(reader, source)
        print(f"{assignment}, {self.notebook.name}: the visible tests\n")
        notebook = merged(reader, given)
        for remark in [*remarks, *notes(worth_a_note(notebook))]:
            print(textwrap.fill(f"note: {remark}", WIDTH), end="\n\n")
        complaints = complaints_of(notebook, self.notebook.parent, self.seconds)
        return report(titled(given, source, reader), complaints)


# --- Which assignment it is ----------------------------------------------------------


def assignment_of(reader: NotebookNode, path: Path) -> tuple[str, NotebookNode]:
    """The assignment that a notebook answers: its name, and the course's own copy; the
    notebook itself, where the course has none.

    A notebook says which one it is. If it does not, it is that with which it has most
    tests in common, word by word, and then by name. Raises `ValueError` if no cell of
    it belongs to an assignment of the course.
    """
    sources = {p.parent.name: read(p) for p in sorted(SOURCE.glob("*/*.ipynb"))}
    said, own = named_assignment(reader), tests_of(reader)
    if said in sources and likeness(reader, sources[said], said, path)[0]:
        return said, sources[said]
    if said and said not in sources and own:
        return said, reader
    like = {
        name: likeness(reader, source, name, path)
        for name, source in sources.items()
    }
    best = max(like, key=like.get, default="")
    if best and like[best][0]:
        return best, sources[best]
    known = ", ".join(sources)
    raise ValueError(
        f"{path} holds no answer to an assignment of this course ({known}){LOST}"
    )


def likeness(
    reader: NotebookNode, source: NotebookNode, name: str, path: Path
) -> tuple[int, int, int, bool]:
    """How much a notebook has in common with an assignment; the first number is 0 if
    it has no answer and no test of it."""
    asked = {name_of(c) for c in source.cells if is_answer(c) or is_test(c)}
    shared = asked & {name_of(cell) for cell in reader.cells}
    own, other = tests_of(reader), tests_of(source)
    same = sum(own[test] == other[test] for test in own.keys() & other.keys())
    return bool(shared), same, len(shared), name in path.stem


def tests_of(notebook: NotebookNode) -> dict[str, str]:
    """The tests in a notebook, as students see them."""
    return {
        name_of(c): shown(c) for c in notebook.cells if name_of(c) and is_test(c)
    }


def shown(cell: NotebookNode) -> str:
    """What students see of a cell."""
    return without_region(cell.source, "HIDDEN TESTS").strip()


def handed_out(
    reader: NotebookNode, source: NotebookNode
) -> tuple[dict[str, NotebookNode], list[str]]:
    """The cells of the assignment as students get them, by name in their order.

    A cell that the notebook has unchanged since it was released counts; its checksum
    tells. All others are those of the course. Returns remarks as well.
    """
    own = {name_of(cell): cell for cell in reader.cells if name_of(cell)}
    intact = {name: cell for name, cell in own.items() if is_intact(cell)}
    course = {name_of(c): student_view(c) for c in source.cells if name_of(c)}
    if source is reader:
        course = {name: blank(cell) for name, cell in own.items()}
    names = [*course]
    for number, name in enumerate(own):
        if name not in names and (name in intact or is_answer(own[name])):
            before = list(own)[number - 1] if number else ""
            names.insert(names.index(before) + 1 if before in names else 0, name)
    listed = notes_in(reader).get("cells")
    if isinstance(listed, list) and listed:
        names = [name for name in listed if isinstance(name, str)]
    cells = {n: intact.get(n, course.get(n)) for n in names if n in intact | course}
    cells |= {n: blank(own[n]) for n in names if n in own and n not in cells}
    cells = {name: cells[name] for name in names if name in cells}
    newer = [
        name
        for name, cell in intact.items()
        if name in course and is_test(cell) and shown(cell) != shown(course[name])
    ]
    remarks = (
        [f"{', '.join(newer)}: the tests of your notebook count"] if newer else []
    )
    missing = [name for name in names if name not in cells]
    remarks += [
        f"{', '.join(missing)}: missing, and not in this copy of the book"
    ] * bool(missing)
    return cells, remarks


def is_intact(cell: NotebookNode) -> bool:
    """Is a cell what it was when it was released?"""
    with suppress(KeyError, TypeError, ValueError, AttributeError):
        return grader(cell)["checksum"] == compute_checksum(cell)
    return False


def student_view(cell: NotebookNode) -> NotebookNode:
    """A cell of a teacher's notebook as students get it."""
    cell = deepcopy(cell)
    if is_answer(cell):
        language = {"language": "python"}
        return ClearSolutions().preprocess_cell(cell, language, 0)[0]
    if cell.cell_type == "code":
        test = Test(name_of(cell), 0, cell.source)
        cell.source = test.visible if is_test(cell) else cell.source
    return cell


def blank(cell: NotebookNode) -> NotebookNode:
    """A cell of a notebook that the course does not have; of an answer nobody knows
    what was handed out."""
    cell = deepcopy(cell)
    cell.source = "" if is_answer(cell) else cell.source
    return cell


def titled(
    given: Mapping[str, NotebookNode], *notebooks: NotebookNode
) -> list[Task]:
    """The tasks, each with the title that stands above it."""
    titles: dict[str, str] = {}
    found = tasks(new_notebook(cells=[*given.values()]))
    for notebook in notebooks:
        for task in tasks(notebook):
            titles.setdefault(task.name, task.title)
    return [
        replace(task, title=task.title or titles.get(task.name) or task.name)
        for task in found
    ]


# --- Running it ------------------------------------------------------------------------


def merged(reader: NotebookNode, given: Mapping[str, NotebookNode]) -> NotebookNode:
    """The reader's code with given cells and visible tests, arranged as the grader
    does it."""
    cells = restored(reader.cells, given)
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    return new_notebook(cells=cells)


def worth_a_note(notebook: NotebookNode) -> list[NotebookNode]:
    """Cells that were put right, but for texts that are missing: they do no harm."""
    return [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code" or notes_in(cell).get("note") == BESIDE
    ]


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
            if cell.cell_type != "code":
                continue
            complaint = "not run: see the first cell that took too long or crashed"
            if slow < 2:
                complaint = complaint_of(client, cell, index)
                slow += complaint.startswith(("took", "the kernel"))
            for name in notes_in(cell).get("answers") or [name_of(cell)]:
                says = notes_in(cell)
                complaint = unanswered(says) or complaint
                complaints[name] = complaints.get(name) or complaint
    return complaints


def unanswered(says: Mapping) -> str:
    """Why there is no answer in the cell for one; empty if there is one."""
    if says.get("note") == NOT_ANSWERED:
        return MISSING
    return NOT_WRITTEN if says.get("unwritten") else ""


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
            return in_words(output)
    return ""


def in_words(error: NotebookNode) -> str:
    """What an error says to who has made it."""
    if error.ename == "StdinNotImplementedError":
        return NO_INPUT
    if error.ename == "NotImplementedError" and not error.evalue:
        lines = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(error.traceback))
        return still_stub((re.findall(r", in (\w+)\(", lines) or ["it"])[-1])
    return f"{error.ename}: {error.evalue}".removeprefix("AssertionError: ")


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
        if visible and not wrong and complaints.get(task.name):
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
    own = complaints.get(task.name, MISSING)
    said = [complaints.get(test.name, "not run") for test in visible]
    failed = [message for message in said if message]
    if failed and own:  # the cell itself failed, so what its tests say is noise
        yield own
    else:
        yield from dict.fromkeys(failed)


if __name__ == "__main__":
    run(Check)
