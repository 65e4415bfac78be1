"""Self-study: the visible tests, on one's own machine, in the words of the grader."""

import doctest
import subprocess
import sys
from copy import deepcopy

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from classroom import cells
from classroom.cells import name_of, source_of, tasks, with_answers
from classroom.check import Check, assignment_of, merged, report
from classroom.wrong_answers import wrong_answers

STUB = "def {}(*inputs):\n    raise NotImplementedError()"
TRANSPOSED = next(
    a
    for a in wrong_answers("ps3")
    if (a.task, a.name) == ("tree_mask", "descendants")
)


def saved(notebook, folder):
    path = folder / "my work.ipynb"
    nbformat.write(notebook, path)
    return path


def lines_of(capsys):
    """What was printed, one line for each task: its mark, its title, its message."""
    text = capsys.readouterr().out
    return [
        " ".join(part.split()) for part in text.replace("\n    ", " ").split("\n")
    ]


def test_a_right_notebook_passes_whole(tmp_path, capsys):
    assert Check(notebook=saved(source_of("ps3"), tmp_path))() == 0
    lines = lines_of(capsys)
    assert "✓ 4 ★★ A story with branches" in lines
    assert "– A · Two colleagues, one mask in words; a teacher reads it" in lines
    assert lines[-2] == "9 of 9 tasks pass the tests that you can see."


def test_each_task_is_told_its_own_mistake(tmp_path, capsys):
    answers = {
        "loudness": STUB.format("loudness"),
        "half_life_bias": "def half_life_bias(n, half_lives)\n    return n",
        "tree_mask": TRANSPOSED.source,
        "merge": "while True:\n    pass",
        "what_followed": "import warnings\n\n\ndef what_followed(ids, n_words):\n"
        "    warnings.warn('slow')\n    return ids",
    }
    notebook = with_answers(source_of("ps3"), answers)
    notebook.cells = [c for c in notebook.cells if name_of(c) != "hearsay"]
    assert Check(notebook=saved(notebook, tmp_path), seconds=12)() == 1
    lines = "\n".join(lines_of(capsys))
    assert "✗ 1 ★ How loud must a look-up be? not written yet" in lines
    assert "✗ 2 ★★ A memory with a half-life SyntaxError" in lines
    assert "✓ 3 ★ The interpreter" in lines
    assert (
        "position 0 can see position 1, and must not: is the mask transp" in lines
    )
    assert "✗ 5 ★★ Hearsay its cell is missing from your notebook" in lines
    assert "✗ 7 ★★★ Two readers, one book took longer than 12 s" in lines
    assert (
        "✗ 9 ★★★ What followed what_followed([0, 1, 2, 0, 3, 0, 1, 1], 5): the shape "
        "is (8,)" in lines
    )
    assert "3 of 9 tasks pass" in lines


@pytest.mark.filterwarnings("ignore:Non-unique cell id")
def test_a_cell_that_fails_behind_a_right_answer_is_told(tmp_path, capsys):
    """It gets its points, and costs whoever grades it half a minute."""
    source = source_of("ps3")
    tree = next(c.source for c in source.cells if name_of(c) == "tree_mask")
    late = with_answers(source, {"tree_mask": f"{tree}\n\n\n1 / 0"})
    late.cells.append(deepcopy(late.cells[-1]))  # two cells with one id
    assert Check(notebook=saved(late, tmp_path))() == 0
    lines = "\n".join(lines_of(capsys))
    said = "its tests pass, but its cell says: ZeroDivisionError"
    assert f"✓ 4 ★★ A story with branches {said}" in lines


def test_after_a_crash_the_rest_is_not_run(tmp_path, capsys):
    answers = {"tree_mask": "import os\n\nos._exit(1)"}
    path = saved(with_answers(source_of("ps3"), answers), tmp_path)
    assert Check(notebook=path)() == 1
    lines = "\n".join(lines_of(capsys))
    assert "✓ 3 ★ The interpreter" in lines
    assert "A story with branches the kernel died" in lines
    assert "✗ 5 ★★ Hearsay not run" in lines


def test_a_given_cell_that_fails_is_named(capsys):
    all_tasks = tasks(source_of("ps3"))
    complaints = {
        test.name: "NameError" for task in all_tasks for test in task.tests
    }
    assert report(all_tasks, {"imports": "no torch", "": "mine"} | complaints) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "✗ the given cell “imports”, which all tasks need: no torch"
    assert lines[1].startswith("✗ 1 ★") and "mine" not in lines


def test_the_tests_are_those_of_the_course_whatever_became_of_them():
    source = source_of("ps3")
    reader = deepcopy(source)
    lost = ("imports", "given", "test_merge")
    reader.cells = [c for c in reader.cells if name_of(c) not in lost]
    reader.cells[0].metadata["nbgrader"] = 3
    reader.cells[1].metadata["nbgrader"] = {"grade_id": ["given"]}
    for cell in reader.cells:
        if name_of(cell) in ("test_hearsay", "helpers", "hidden_hearsay"):
            cell.source = "pass"
    sources = {name_of(c): c.source for c in merged(reader, source).cells}
    originals = {name_of(c): c.source for c in source.cells}
    for name in ("given", "helpers", "test_merge", "test_hearsay"):
        assert sources[name] == originals[name]
    assert (
        list(sources)[:2] == ["imports", "given"]
        and list(sources)[-1] == "test_merge"
    )
    assert "HIDDEN" not in "".join(sources.values())
    assert sources["hidden_hearsay"] == ""


def test_what_is_no_answer_to_an_assignment_is_refused_in_words(tmp_path):
    with pytest.raises(ValueError, match=r"there is no file .*nothing.ipynb"):
        Check(notebook=tmp_path / "nothing.ipynb")()
    with pytest.raises(ValueError, match="there is no file"):
        Check(notebook=tmp_path)()
    for text in ("not json", "[1]", '{"cells": 3}', '{"a": 1}', "", "[" * 99_999):
        path = tmp_path / "text.ipynb"
        path.write_text(text)
        with pytest.raises(
            ValueError, match="not a Jupyter notebook, or is damaged"
        ):
            Check(notebook=path)()
    path = tmp_path / "bytes.ipynb"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="not a Jupyter notebook"):
        Check(notebook=path)()
    other = new_notebook(cells=[new_code_cell("1 + 1")])
    with pytest.raises(ValueError, match=r"no answer .* of this course \(ps3\)"):
        assignment_of(other, path)


def test_the_examples_in_docstrings_hold():
    assert doctest.testmod(cells).failed == 0


def test_the_command_says_it_in_one_line(tmp_path):
    command = [sys.executable, "-m", "classroom.check", str(tmp_path / "no.ipynb")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: there is no file")
