"""Wrong answers to an assignment, each with what it believes and what it must get.

    python -m classroom.wrong_answers ps3

runs the tests of ps3 on each of them, in this process, and prints what a student
would be told: for a teacher, the mistakes of a class and how they show.

assignments/mutants/<assignment>/<task>.py holds the wrong answers to one task, one
after the other, each under a head of four lines:

    # %% one word too early
    # believes: the head start is counted without the word she is about to speak
    # gets: 0
    # says: one word too (early|late)
    def interpreter_mask(n_spoken, n_heard, head_start):
        ...

`gets` is the sum of the points of the tests that it passes. `says` is a regular
expression; one of the messages has to match it. An answer that gets all points is
right, in another way than the solution, and says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from nbformat import NotebookNode

from classroom.cells import (
    SOURCE,
    is_test,
    name_of,
    run_here,
    source_of,
    tasks,
    with_answers,
)
from classroom.commands import run

FOLDER = SOURCE.parent / "mutants"
HEAD = re.compile(
    r"^# %% (?P<name>.+)\n# believes: (?P<believes>.+)\n# gets: (?P<gets>[\d.]+)\n"
    r"# says: ?(?P<says>.*)\n",
    re.M,
)


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

    def __call__(self) -> int:
        notebook, rights = source_of(self.assignment), []
        for answer in wrong_answers(self.assignment):
            if self.task and answer.task not in self.task:
                continue
            points, messages = graded(notebook, answer)
            right = as_expected(answer, points, messages)
            rights.append(right)
            print(f"{'✓' if right else '✗'} {answer.task}: {answer.name}")
            print(f"    believes that {answer.believes}")
            print(f"    gets {points:g}" + f", not {answer.gets:g}" * (not right))
            print("".join(f"    {message}\n" for message in messages), end="")
        print(f"\n{sum(rights)} of {len(rights)} get what they should")
        return int(not all(rights))


@dataclass(frozen=True)
class WrongAnswer:
    """One plausible answer to a task: source, misconception, points, message."""

    task: str
    name: str
    believes: str
    gets: float
    says: str
    source: str


def wrong_answers(assignment: str, folder: Path = FOLDER) -> list[WrongAnswer]:
    """All wrong answers to an assignment, in the order of the files.

    Raises `ValueError` where a head has not its four lines.
    """
    paths = sorted((folder / assignment).glob("*.py"))
    return [answer for path in paths for answer in _read(path)]


def _read(path: Path) -> Iterator[WrongAnswer]:
    text = path.read_text(encoding="utf-8")
    heads = list(HEAD.finditer(text))
    if len(heads) != len(re.findall(r"^# %%", text, re.M)):
        raise ValueError(
            f"{path}: a head is # %% name, # believes:, # gets:, # says:"
        )
    ends = [head.start() for head in heads[1:]] + [len(text)]
    for head, end in zip(heads, ends, strict=True):
        fields = head.groupdict() | {"gets": float(head["gets"])}
        yield WrongAnswer(
            path.stem, **fields, source=text[head.end() : end].strip()
        )


def graded(notebook: NotebookNode, answer: WrongAnswer) -> tuple[float, list[str]]:
    """The points of one answer for its task, and what its tests say."""
    tests = next(task.tests for task in tasks(notebook) if task.name == answer.task)
    own = {test.name: test.points for test in tests}
    notebook = with_answers(notebook, {answer.task: answer.source})
    notebook.cells = [
        c for c in notebook.cells if not is_test(c) or name_of(c) in own
    ]
    said = run_here(notebook)
    points = sum(own[name] for name, message in said.items() if not message)
    return points, [message for message in said.values() if message]


def as_expected(
    answer: WrongAnswer, points: float, messages: Sequence[str]
) -> bool:
    """Has it the points it should, and does a message name its mistake?"""
    said = not answer.says or any(re.search(answer.says, m) for m in messages)
    return points == answer.gets and said


if __name__ == "__main__":
    run(Show)
