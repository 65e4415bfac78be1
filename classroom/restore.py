"""Of what a student sends only the sources of the cells count.

Everything else, which cell is which, what it is worth, what may be changed, comes
from the gradebook, so that no metadata can be wrong, be it by accident or not.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell
from nbgrader.api import Gradebook, Notebook, SourceCell
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import compute_checksum, is_locked

from classroom.arrange import restored
from classroom.cells import is_answer, is_test, name_of, without_region
from classroom.sent import KERNEL, OURS, named_assignment

LOST = (
    ": is it the notebook that was handed out? Cells that were copied into another "
    "notebook lose their names"
)


class RestoreCells(NbGraderPreprocessor):
    """Takes the place of all that nbgrader does to a submission before it runs.

    See `arrange` for which cell is which. Raises `ValueError` if the notebook is none
    of this assignment.
    """

    def preprocess(
        self, nb: NotebookNode, resources: dict
    ) -> tuple[NotebookNode, dict]:
        where = resources["nbgrader"]
        given = handed_out(where)
        check_is_answer(nb, given, where)
        cells = restored(nb.cells, given)
        for number, cell in enumerate(cells):
            cell.id = f"cell-{number}"
        nb = NotebookNode(cells=cells, nbformat=4, nbformat_minor=5)
        nb.metadata = NotebookNode(kernelspec=NotebookNode(KERNEL))
        return nb, resources


def handed_out(where: dict) -> dict[str, NotebookNode]:
    """The cells of an assignment by their names, in their order.

    where: what nbgrader's steps know, `resources["nbgrader"]`.
    """
    with Gradebook(where["db_url"]) as gradebook:
        found = gradebook.find_notebook(where["notebook"], where["assignment"])
        return {cell.name: as_given(cell, found) for cell in found.source_cells}


def as_given(cell: SourceCell, notebook: Notebook) -> NotebookNode:
    """A cell as it was handed out; a locked one with its hidden tests."""
    graded = [*notebook.grade_cells, *notebook.task_cells]
    points = {each.name: each.max_score for each in graded}
    marks: dict[str, Any] = {
        "schema_version": 3,
        "grade_id": cell.name,
        "grade": cell.name in {each.name for each in notebook.grade_cells},
        "solution": cell.name in {each.name for each in notebook.solution_cells},
        "task": cell.name in {each.name for each in notebook.task_cells},
        "locked": cell.locked,
    }
    marks |= {"points": points[cell.name]} if cell.name in points else {}
    new = new_code_cell if cell.cell_type == "code" else new_markdown_cell
    source = cell.source
    if not cell.locked:
        source = without_region(source, "MARK SCHEME")
    given = new(source, metadata={"nbgrader": marks})
    given.metadata.nbgrader["checksum"] = compute_checksum(given)
    return given


def check_is_answer(
    nb: NotebookNode, given: Mapping[str, NotebookNode], where: dict
) -> None:
    """Raises `ValueError`, in words, if a notebook is none of this assignment."""
    said = named_assignment(nb)
    if said and said != where["assignment"]:
        with Gradebook(where["db_url"]) as gradebook:
            known = {each.name for each in gradebook.assignments}
        if said in known:
            raise ValueError(f"this is the notebook of {said}, another assignment")
    if not any_came_back(nb.cells, given.values()):
        raise ValueError(
            f"the notebook holds no answer to {where['assignment']}{LOST}"
        )


def any_came_back(
    sent: Iterable[NotebookNode], given: Iterable[NotebookNode]
) -> bool:
    """Has an answer or a test of an assignment come back by its name?"""
    asked = {name_of(cell) for cell in given if is_answer(cell) or is_test(cell)}
    return any(name_of(cell) in asked for cell in sent)


class NameAssignment(NbGraderPreprocessor):
    """The last step of a release: the notebook says which assignment it is, which
    cells it has, and which of those without a name are not the student's own."""

    def preprocess(
        self, nb: NotebookNode, resources: dict
    ) -> tuple[NotebookNode, dict]:
        names = [name_of(cell) for cell in nb.cells if name_of(cell)]
        says = {"assignment": resources["nbgrader"]["assignment"], "cells": names}
        nb.metadata[OURS] = NotebookNode(says)
        for cell in nb.cells:
            if not name_of(cell):
                cell.metadata[OURS] = NotebookNode(handed_out=True)
        return nb, resources


class HideTests(NbGraderPreprocessor):
    """For feedback: takes hidden tests and marking guides out of what was handed out,
    and only there."""

    def preprocess_cell(
        self, cell: NotebookNode, resources: dict, index: int
    ) -> tuple[NotebookNode, dict]:
        if is_locked(cell):
            for region in ("HIDDEN TESTS", "MARK SCHEME"):
                cell.source = without_region(cell.source, region)
        return cell, resources


def remove_links(notebooks: Iterable[str], **_: Any) -> None:
    """Before nbgrader copies a submission: it would copy what a link points to.

    What is neither file nor folder goes as well; nobody should wait at a pipe.
    """
    for folder in {Path(notebook).parent for notebook in notebooks}:
        assert not folder.is_symlink(), folder
        for path, folders, files in os.walk(folder):
            for name in (*folders, *files):
                mode = os.lstat(file := os.path.join(path, name)).st_mode
                if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                    os.unlink(file)
