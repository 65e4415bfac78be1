"""Split grading: the student's cells run in a sandbox, the tests outside.

The tests and all other locked cells come from the gradebook, never from what was
sent. A cell that imports or helps is run in both places, so that tests can use it.
The student's code sees what a test hands to it, hidden or not, and could keep it in
mind: what is secret is the test, and what it expects.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import io
import json
import random
import re
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from types import CodeType

import torch
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Dict

from classroom.cells import name_of, still_stub
from classroom.course import EMPTY
from classroom.names import kept_by_tests, without_magics
from classroom.sandbox.limits import Limits, SandboxEnded
from classroom.sandbox.outputs import clipped, error_output, plain_outputs
from classroom.sandbox.process import Sandbox
from classroom.sandbox.remote import Missing, Namespace
from classroom.sent import notes_in


@dataclass(frozen=True)
class Given:
    """A locked cell of code: a test, if it gives points, or something to build on."""

    name: str
    source: str
    is_test: bool


class SandboxedExecute(NbGraderPreprocessor):
    """Takes the place of nbgrader's `Execute`.

    limits: values of `Limits` that differ from the usual ones.
    """

    limits = Dict(
        help="what a submission may take; see classroom.sandbox.limits"
    ).tag(config=True)

    def preprocess(
        self, nb: NotebookNode, resources: dict
    ) -> tuple[NotebookNode, dict]:
        where = resources["nbgrader"]
        given = given_cells(where["db_url"], where["assignment"], where["notebook"])
        limits = Limits(**self.limits)
        with Sandbox(
            Path(resources["metadata"]["path"]).resolve(), limits
        ) as sandbox:
            examiner = Examiner(sandbox, given)
            for cell in nb.cells:
                if cell.cell_type == "code":
                    cell.outputs = examiner.outputs(cell)
            if sandbox.fault:
                raise ValueError(
                    f"the sandbox failed, not the work: {sandbox.fault}"
                )
        return nb, resources


def given_cells(db_url: str, assignment: str, notebook: str) -> list[Given]:
    """The locked cells of code in the gradebook, in their order."""
    with Gradebook(db_url) as gradebook:
        found = gradebook.find_notebook(notebook, assignment)
        graded = {cell.name for cell in found.grade_cells}
        return [
            Given(cell.name, cell.source, cell.name in graded)
            for cell in found.source_cells
            if cell.locked and cell.cell_type == "code"
        ]


class Examiner:
    """Runs the cells of one notebook, the student's in a sandbox.

    Raises `ValueError` if a given cell fails that is not a test, and `SyntaxError`:
    then the assignment is wrong, and not the submission.
    """

    def __init__(self, sandbox: Sandbox, given: Sequence[Given]) -> None:
        self.sandbox, self.names = sandbox, Namespace(sandbox)
        self.ran: list[str] = []  # the student's cells that have not ended Python
        self.trouble: dict[str, str] = {}  # how the cell of each answer has ended
        self.unwritten: set[str] = set()  # answers of which there is only the stub
        self.room = sandbox.limits.characters
        self.tests = {cell.name: cell.source for cell in given if cell.is_test}
        for name, source in self.tests.items():
            compiled(source, name)  # a typing error is not the student's
        for cell in given:
            if not cell.is_test:
                self.prepare(cell)
        self.names.share()
        helping = [cell.source for cell in given if not cell.is_test]
        self.names.kept = kept_by_tests(helping, self.tests.values())

    def prepare(self, cell: Given) -> None:
        """Run what tests build on, outside the sandbox."""
        source = without_magics(cell.source)
        try:
            exec(compiled(source, cell.name), self.names)
        except Exception as error:
            raise ValueError(
                f"the given cell {cell.name} of the assignment fails before any work "
                f"of the student: {type(error).__name__}: {error}"
            ) from error

    def outputs(self, cell: NotebookNode) -> list[NotebookNode]:
        """Run a cell, and say what it shows."""
        name, says = name_of(cell), notes_in(cell)
        while self.sandbox.can_restart:
            self.sandbox.restart(self.replay)
        if name in self.tests:
            return self.examine(name, says.get("tests", ""))
        outputs = self.run(cell.source) if cell.source.strip() else []
        for answer in says.get("answers", []):
            self.trouble[answer] = trouble_in(outputs)
            self.unwritten |= {answer} if says.get("unwritten") else set()
        return outputs

    def run(self, source: str) -> list[NotebookNode]:
        """A cell of the student, in the sandbox."""
        if self.sandbox.why:
            later = f"not run, because Python had ended above: {self.sandbox.why}"
            return [error_output("Ended", later)]
        try:
            answer = self.sandbox.ask("cell", source, self.room)
        except SandboxEnded as ended:
            return [error_output("Ended", f"this cell has ended Python: {ended}")]
        outputs = plain_outputs(answer, self.room)
        self.room -= len(json.dumps(outputs))
        if is_costly(trouble_in(outputs)) and self.sandbox.end_if_full():
            why = f"this cell has ended Python: {self.sandbox.why}"
            return [*outputs, error_output("Ended", why)]
        self.ran.append(source)
        return outputs

    def replay(self) -> None:
        """Run again what has run, after a cell or a test has ended Python.

        The cell that did it is not among them. One that does it now is left out from
        now on.
        """
        for number, source in enumerate(self.ran):
            try:
                self.sandbox.ask("cell", source, 0)
            except SandboxEnded:
                del self.ran[number]
                return

    def examine(self, name: str, answer: str = "") -> list[NotebookNode]:
        """A test of an answer, run outside; the same random numbers for every student."""
        source, said = self.tests[name], io.StringIO()
        seed = int(hashlib.sha256(source.encode()).hexdigest()[:12], 16)
        torch.manual_seed(seed)
        random.seed(seed)
        errors = []
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                exec(compiled(source, name), self.names)
        except Exception as error:
            about = self.trouble.get(answer, ""), answer in self.unwritten
            errors = [failure(error, name, source, *about)]
            if is_costly(trouble_in(errors)):
                self.sandbox.end_if_full()
        text = clipped(said.getvalue())
        prints = [new_output("stream", name="stdout", text=text)] if text else []
        return prints + errors


def compiled(source: str, name: str) -> CodeType:
    """As a cell of its own, which does not inherit what this module imports."""
    return compile(source, name, "exec", dont_inherit=True)


def trouble_in(outputs: Sequence[NotebookNode]) -> str:
    """How a cell ended, if not well."""
    errors = [output for output in outputs if output.output_type == "error"]
    said = [f"{error.ename}: {error.evalue}" for error in errors] or [""]
    return said[-1].split("\n")[0][:200].removesuffix(": ")


def is_costly(trouble: str) -> bool:
    """May what ended so have taken so much memory that nothing is left?"""
    words = ("MemoryError", "OutOfTime", "allocate memory", "start new thread")
    return any(word in trouble for word in words)


def failure(
    error: Exception,
    name: str,
    source: str,
    trouble: str = "",
    unwritten: bool = False,
) -> NotebookNode:
    """What a failed test says: the message, and which line; never a hidden line.

    trouble: how the cell that is tested ended, if not well; the reason why a name is
    missing. unwritten: there is nothing in it but the stub.
    """
    frames = traceback.extract_tb(error.__traceback__)
    number = next((f.lineno for f in frames if f.filename == name), 1)
    lines = source.splitlines()
    markers = [line for line in lines[:number] if " HIDDEN TESTS" in line]
    hidden = bool(markers) and "BEGIN" in markers[-1]
    where = "a hidden test" if hidden else statement(source, number)
    student = getattr(error, "lines", [])
    message = str(error) or EMPTY.get(type(error), type(error).__name__)
    if isinstance(error, NotImplementedError) and not str(error) and not unwritten:
        message = left_in(student)
    if isinstance(error, Missing) and unwritten:
        message = EMPTY[NotImplementedError]
    elif isinstance(error, Missing) and trouble:
        message += f", because its cell ended with {trouble}"
    kind = type(error).__name__
    return error_output(kind, message, f"in: {where}", *student)


def left_in(lines: Sequence[str]) -> str:
    """What to say of an answer that raises NotImplementedError and is no bare stub.

    lines: those of the student that led to it.
    """
    found = re.search(r", in (\w+): ", lines[-1]) if lines else None
    return still_stub(found[1] if found else "it")


def statement(source: str, number: int) -> str:
    """The statement that a line belongs to, in one line; of one that is hidden in
    part only that line."""
    body = ast.parse(source).body
    spans = [(s.lineno, s.end_lineno) for s in body if s.lineno <= number]
    first, last = next((s for s in spans if number <= s[1]), (number, number))
    lines = source.splitlines()
    whole = "\n".join(lines[first - 1 : last])
    shown = lines[number - 1] if " HIDDEN TESTS" in whole else whole
    return shorten(shown, 80, placeholder=" …")
