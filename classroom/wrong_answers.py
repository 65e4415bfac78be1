"""Wrong answers to an assignment, each with what it believes and what it must get.

    python -m classroom.wrong_answers ps3

runs the tests of ps3 on each of them, in this process, and prints what a student
would be told: for a teacher, the mistakes of a class and how they show.

A mistake is written once, in a hidden test of its task, as the function that a
mistaken student would write, under the hint that names it:

    exercise = Exercise()

    @exercise.right
    def by_loops(n_spoken, n_heard, head_start):
        ...

    @exercise.mistake("one word too early", keeps=0)
    def one_word_too_early(n_spoken, n_heard, head_start):
        "The head start comes on top of the word that is being said."
        return torch.arange(n_heard) <= torch.arange(n_spoken)[:, None] + head_start

The hidden tests recognise a mistake by running it. Visible tests must not show it:
they look up what an answer to their examples is recognised by in the given cell
`hints`, a table that `--write` makes out of the mistakes. `keeps` is the sum of the
points of the tests that the mistake passes; one message holds its hint. A right
answer gets all points. Each stands by itself: it uses what is given, and no helper.
"""

from __future__ import annotations

import ast
import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import nbformat
import tyro
from nbformat import NotebookNode

from classroom.cells import (
    SOURCE,
    Task,
    is_test,
    name_of,
    run_here,
    source_of,
    tasks,
    with_answers,
)
from classroom.commands import run
from llm.files import atomic_write

HINTS = "hints"  # the given cell with the table for visible tests


@dataclass(frozen=True, kw_only=True)
class Show:
    """Run the tests of an assignment on its wrong answers; print what each is told.

        python -m classroom.wrong_answers ps3 --task tree_mask

    Exits with 0 if each gets its points and a message that names its mistake.
    """

    # Its name: that of its folder in assignments/source/.
    assignment: Annotated[str, tyro.conf.Positional]
    # Only the answers to these tasks, by the names of their functions.
    task: tuple[str, ...] = ()
    # Write the table of hints for the visible tests anew, after a change of mistakes.
    write: bool = False

    def __call__(self) -> int:
        notebook, rights = source_of(self.assignment), []
        if self.write:
            return self.refresh(notebook)
        for answer in wrong_answers(self.assignment):
            if self.task and answer.task not in self.task:
                continue
            points, messages = graded(notebook, answer)
            right = as_expected(answer, points, messages)
            rights.append(right)
            print(f"{'✓' if right else '✗'} {answer.task}: {answer.name}")
            print(f"    believes: {answer.believes}")
            print(f"    gets {points:g}" + f", not {answer.gets:g}" * (not right))
            print("".join(f"    {message}\n" for message in messages), end="")
        print(f"\n{sum(rights)} of {len(rights)} get what they should")
        return int(not all(rights))

    def refresh(self, notebook: NotebookNode) -> int:
        """Put the table of hints into the notebook of the assignment."""
        (path,) = (SOURCE / self.assignment).glob("*.ipynb")
        notebook = with_answers(notebook, {HINTS: hints_cell(notebook)})
        with atomic_write(path, "w") as file:
            file.write(nbformat.writes(notebook) + "\n")
        print(f"{path}: the table of hints is that of its mistakes")
        return 0


@dataclass(frozen=True)
class WrongAnswer:
    """One plausible answer to a task: source, misconception, points, hint.

    says: what one of the messages must hold; "" for a right answer.
    """

    task: str
    name: str
    believes: str
    gets: float
    says: str
    source: str


def wrong_answers(assignment: str, folder: Path = SOURCE) -> list[WrongAnswer]:
    """All wrong answers to an assignment, and right ones of another kind.

    Raises `ValueError` where one has no docstring that says what it believes.
    """
    notebook = source_of(assignment, folder)
    return [answer for task in tasks(notebook) for answer in _of(task)]


def _of(task: Task) -> Iterator[WrongAnswer]:
    for test in task.tests:
        for node in ast.parse(test.source).body:
            if isinstance(node, ast.FunctionDef) and node.decorator_list:
                yield from _read(task, test.source, node)


def _read(task: Task, source: str, node: ast.FunctionDef) -> Iterator[WrongAnswer]:
    """The answer that a decorated function is, if it is one."""
    mark, says, gets = node.decorator_list[0], "", task.points
    if isinstance(mark, ast.Call):
        says, gets = ast.literal_eval(mark.args[0]), 0.0
        for option in mark.keywords:
            gets = float(ast.literal_eval(option.value))
        mark = mark.func
    if not isinstance(mark, ast.Attribute) or mark.attr not in ("right", "mistake"):
        return
    believes = ast.get_docstring(node)
    if not believes:
        raise ValueError(
            f"{node.name}, an answer to {task.name}, has no docstring: what does "
            f"somebody believe who writes it?"
        )
    lines = source.split("\n")[node.lineno - 1 : node.end_lineno]
    text = "\n".join([*lines, "", "", f"{task.name} = {node.name}"])
    name = node.name.replace("_", " ")
    yield WrongAnswer(task.name, name, believes, gets, says, text)


def graded(notebook: NotebookNode, answer: WrongAnswer) -> tuple[float, list[str]]:
    """The points of one answer for its task, and what its tests say."""
    tests = next(task.tests for task in tasks(notebook) if task.name == answer.task)
    own = {test.name: test.points for test in tests}
    said = run_here(_for_one_task(notebook, answer, set(own)))
    points = sum(own[name] for name, message in said.items() if not message)
    return points, [message for message in said.values() if message]


def _for_one_task(
    notebook: NotebookNode, answer: WrongAnswer, tests: set[str]
) -> NotebookNode:
    """The notebook with this answer, and of all tests only these."""
    notebook = with_answers(notebook, {answer.task: answer.source})
    notebook.cells = [
        c for c in notebook.cells if not is_test(c) or name_of(c) in tests
    ]
    return notebook


def as_expected(
    answer: WrongAnswer, points: float, messages: Sequence[str]
) -> bool:
    """Has it the points it should, and does a message name its mistake?"""
    said = not answer.says or any(answer.says in message for message in messages)
    return points == answer.gets and said


# --- The table for visible tests -----------------------------------------------------


def hints_cell(notebook: NotebookNode) -> str:
    """The source of the given cell `hints`: for each task what a mistake is known by.

    Only mistakes that the visible examples show are in it, and no answer is.
    """
    notebook = with_answers(notebook, {HINTS: "HINTS = {}"})
    rows = ["# ruff: noqa: E501", "HINTS = {"]
    for task in tasks(notebook):
        rows += [f'    "{task.name}": {{', *_rows(notebook, task), "    },"]
        if rows[-2].endswith("{"):  # in words, or never wrong
            del rows[-2:]
    return "\n".join([*rows, "}"])


def _rows(notebook: NotebookNode, task: Task) -> Iterator[str]:
    visible = {test.name for test in task.tests if test.visible}
    seen: list[float] = []
    for answer in _of(task):
        mark, said = _mark(_for_one_task(notebook, answer, visible))
        if mark is None or answer.says in said:
            continue  # the examples do not show it, or no hint is needed
        if any(abs(mark - other) < 1e-4 * (1 + abs(other)) for other in seen):
            continue  # two mistakes that the examples do not tell apart
        seen.append(mark)
        yield f"        {mark:.8g}: {_quoted(answer.says)},"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _mark(notebook: NotebookNode) -> tuple[float | None, str]:
    """What the answer in a notebook is known by, where a test refuses it, and how."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in notebook.cells:
        try:
            if cell.cell_type == "code":
                with contextlib.redirect_stdout(io.StringIO()):
                    exec(compile(cell.source, name_of(cell), "exec"), names)
        except Exception as error:
            return getattr(error, "mark", None), str(error)
    return None, ""


if __name__ == "__main__":
    run(Show)
