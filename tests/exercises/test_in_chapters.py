"""The exercises as they stand in the chapters: solved, and nothing overwritten."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

from book.notebooks import python_of
from tests.exercises.test_every_exercise import EXERCISES

CHAPTERS = sorted((Path(__file__).parents[2] / "chapters").glob("[0-9]*.ipynb"))
MARK = re.compile(r"\{solution-(start|end)\}")


def cells_of(chapter):
    """The code outside the solutions, and that inside, each as one text."""
    inside, code = False, {False: [], True: []}
    for cell in nbformat.read(chapter, as_version=4).cells:
        if cell.cell_type == "code":
            code[inside].append(cell.source)
        for mark in (
            MARK.findall(cell.source) if cell.cell_type == "markdown" else ()
        ):
            inside = mark == "start"
    return "\n".join(code[False]), "\n".join(code[True])


def names_bound(code):
    """The names that running the code binds in the reader's notebook."""
    bound = set()
    for node in ast.parse(python_of(code)).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.Assign | ast.AugAssign | ast.For | ast.With):
            own = (n for n in ast.walk(node) if isinstance(n, ast.Name))
            bound |= {n.id for n in own if isinstance(n.ctx, ast.Store)}
    return bound - {"_"}


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_solution_overwrites_nothing_that_a_reader_wrote(chapter):
    outside, inside = map(names_bound, cells_of(chapter))
    assert inside
    assert not outside & inside


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_each_exercise_checks_the_readers_answer_and_the_solution(chapter):
    outside, inside = cells_of(chapter)
    names = [label[3:] for label in EXERCISES if label[:2] == chapter.name[:2]]
    assert names
    for name in names:
        asked = re.findall(rf"check(?:er)?\.{name}\((\w+)\)", outside)
        solved = re.findall(rf"assert check(?:er)?\.{name}\((\w+)\)", inside)
        assert len(asked) == 1
        assert solved == [f"{asked[0]}_solution"]
