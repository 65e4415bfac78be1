"""Of what a student sends only the sources of the cells count.

Everything else, which cell is which, what it is worth, what may be changed, comes
from the gradebook, so that no metadata can be wrong, be it by accident or not.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell
from nbgrader.api import Gradebook, Notebook, SourceCell
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import compute_checksum, is_locked

from classroom.cells import name_of, without_region

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


class RestoreCells(NbGraderPreprocessor):
    """Takes the place of all that nbgrader does to a submission before it runs.

    Cells that were lost are put back where they were, of several with one name the
    last counts, and what the student has added stays where it is.
    """

    def preprocess(
        self, nb: NotebookNode, resources: dict
    ) -> tuple[NotebookNode, dict]:
        where = resources["nbgrader"]
        cells = restored(nb.cells, handed_out(where))
        for number, cell in enumerate(cells):
            cell.id = f"cell-{number}"
            cell.source = cell.source.encode(errors="replace").decode()
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


def restored(
    sent: Iterable[NotebookNode], given: dict[str, NotebookNode]
) -> list[NotebookNode]:
    """The sent cells, with those that were handed out as they have to be.

    given: by their names, in their order.
    """
    sent = [(name_of(cell), cell) for cell in sent]
    last = {name: i for i, (name, _) in enumerate(sent) if name in given}
    cells = [
        filled(given[name], cell) if last.get(name) == i else own(cell)
        for i, (name, cell) in enumerate(sent)
    ]
    for before, name in pairwise([None, *given]):
        if name not in last:
            places = [i for i, cell in enumerate(cells) if name_of(cell) == before]
            place = places[0] + 1 if before else 0
            cells.insert(place, lost(given[name]))
    return cells


def lost(given: NotebookNode) -> NotebookNode:
    """A cell that was handed out and did not come back; an answer says so."""
    cell = deepcopy(given)
    if not is_locked(cell):
        note = "This cell was missing from the notebook that was sent."
        code = cell.cell_type == "code"
        cell.source = f"# {note}\n{cell.source}" if code else f"*{note}*"
    return cell


def filled(given: NotebookNode, sent: NotebookNode) -> NotebookNode:
    """The cell that was handed out, with the student's work if it has a place there."""
    cell = deepcopy(given)
    if not is_locked(cell):
        cell.source = sent.source
    return cell


def own(sent: NotebookNode) -> NotebookNode:
    """A cell that the student has added; a raw one would reach browsers as it is."""
    new = new_code_cell if sent.cell_type == "code" else new_markdown_cell
    return new(sent.source)


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
