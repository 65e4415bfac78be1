"""Self-study: the visible tests, on one's own machine, in the words of the grader."""

import doctest
import json
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from nbgrader.preprocessors import (
    ClearHiddenTests,
    ClearSolutions,
    ComputeChecksums,
)

from classroom import cells
from classroom.cells import name_of, source_of, tasks, with_answers
from classroom.check import Check, assignment_of, handed_out, merged, report
from classroom.restore import NameAssignment
from classroom.sent import SentExporter, read_sent
from classroom.wrong_answers import wrong_answers

STUB = (
    "def {}(share: float, n_others: int, gap: float) -> float:\n"
    "    raise NotImplementedError()"
)
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
    given, _ = handed_out(reader, source)
    sources = {name_of(c): c.source for c in merged(reader, given).cells}
    originals = {name_of(c): c.source for c in source.cells}
    for name in ("given", "helpers", "test_merge", "test_hearsay"):
        assert sources[name] == originals[name]
    order = list(sources)  # what was deleted stands where it stood
    assert order.index("imports") < order.index("given") < order.index("helpers")
    assert order.index("test_merge") == order.index("merge") + 1
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


# --- Another form of the assignment, and odd notebooks ----------------------------------


def released_as(name, change=lambda cells: None):
    """ps3 as a teacher releases it under a name, with changes of their own."""
    notebook = deepcopy(source_of("ps3"))
    change({name_of(cell): cell for cell in notebook.cells})
    steps = (ClearSolutions, ComputeChecksums, ClearHiddenTests, NameAssignment)
    for step in (*steps, ComputeChecksums):
        notebook, _ = step().preprocess(
            notebook, {"nbgrader": {"assignment": name}}
        )
    return notebook


def twice(cells):
    """Task 1 asks for something else."""
    cells[
        "loudness"
    ].source = "def twice(x):\n    ### BEGIN SOLUTION\n    ### END SOLUTION"
    cells["test_loudness"].source = 'assert twice(3) == 6, "twice 3 is 6"'


@pytest.mark.parametrize("name", ["ps4", "ps3", ""])
def test_a_notebook_is_checked_by_its_own_tests(name):
    notebook = released_as(name or "ps4", change=twice)
    if not name:  # the notebook's own metadata are lost
        notebook.metadata.clear()
    said, source = assignment_of(notebook, Path("ps4.ipynb"))
    assert said == (name or "ps3")
    given, remarks = handed_out(notebook, source)
    assert given["test_loudness"].source == 'assert twice(3) == 6, "twice 3 is 6"'
    assert "def twice" in given["loudness"].source
    assert ("the tests of your notebook count" in "".join(remarks)) is (
        name != "ps4"
    )
    notebook.cells = [c for c in notebook.cells if name_of(c) != "test_merge"]
    for cell in notebook.cells:
        if name_of(cell) == "test_loudness":
            cell.source = "pass"  # changed, so that it is not that of the release
    if name != "ps4":
        source_test = handed_out(notebook, source)[0]["test_loudness"].source
        assert source_test.startswith("# 3 points")


ODD = {
    "format 4.4 with ids": lambda nb: nb.update(nbformat_minor=4),
    "no minor": lambda nb: nb.pop("nbformat_minor"),
    "no metadata": lambda nb: nb.pop("metadata"),
    "metadata null": lambda nb: nb.update(metadata=None),
    "a stream without a name": lambda nb: nb["cells"][1].update(
        outputs=[{"output_type": "stream", "text": "x"}]
    ),
    "outputs in Markdown": lambda nb: nb["cells"][0].update(outputs=[]),
    "outputs null": lambda nb: nb["cells"][1].update(outputs=None),
    "no outputs": lambda nb: nb["cells"][1].pop("outputs", None),
    "an unknown output": lambda nb: nb["cells"][1].update(outputs=[{"a": 1}]),
    "a lone surrogate": lambda nb: nb["cells"][0].update(source="a\ud800"),
    "the same id twice": lambda nb: [c.update(id="a") for c in nb["cells"]],
    "ids that are none": lambda nb: [c.update(id="a b!") for c in nb["cells"]],
    "no ids": lambda nb: [c.pop("id", None) for c in nb["cells"]],
    "sources as lists": lambda nb: [
        c.update(source=c["source"].splitlines(True)) for c in nb["cells"][::2]
    ],
    "source null": lambda nb: nb["cells"][0].update(source=None),
    "no source": lambda nb: nb["cells"][0].pop("source"),
    "cell metadata null": lambda nb: nb["cells"][0].update(metadata=None),
    "attachments null": lambda nb: nb["cells"][0].update(attachments=None),
    "attachments in code": lambda nb: nb["cells"][1].update(attachments={"a": 1}),
    "a count that is text": lambda nb: nb["cells"][1].update(execution_count="1"),
    "keys of others": lambda nb: nb["cells"][0].update(
        colab={"x": 1}, trusted=True
    ),
    "another kernel": lambda nb: nb["metadata"].update(kernelspec={"name": 3}),
    "tags twice": lambda nb: nb["cells"][0]["metadata"].update(tags=["a", "a"]),
    "tags that are none": lambda nb: nb["cells"][0]["metadata"].update(tags="a"),
}
DAMAGED = {
    "a number of 5,000 digits": (
        lambda nb: nb["cells"][1].update(execution_count="DIGITS"),
        "a number of 5000 digits",
    ),
    "format 3": (lambda nb: nb.update(nbformat=3), "format 3, not 4"),
    "no format": (lambda nb: nb.pop("nbformat"), "JSON, but no notebook"),
    "no cells": (lambda nb: nb.pop("cells"), "without a list of cells"),
    "a cell that is none": (
        lambda nb: nb["cells"].insert(0, 3),
        "cell 1 is no cell",
    ),
    "no type": (
        lambda nb: nb["cells"][0].pop("cell_type"),
        "neither code nor text",
    ),
    "a number as source": (lambda nb: nb["cells"][0].update(source=7), "no source"),
}


def bytes_of(change):
    notebook = json.loads(nbformat.writes(source_of("ps3")))
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
    change(notebook)
    return json.dumps(notebook).replace('"DIGITS"', "9" * 5000).encode()


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["", "BOM"])
@pytest.mark.parametrize("odd", ODD)
def test_an_odd_notebook_is_read_by_check_and_grader_alike(tmp_path, odd, mark):
    path = tmp_path / "ps3.ipynb"
    path.write_bytes(mark + bytes_of(ODD[odd]))
    reader = read_sent(path)
    text, _ = SentExporter().from_filename(str(path))
    graded = nbformat.reads(text, 4)
    nbformat.validate(graded)
    assert [c.source for c in graded.cells] == [c.source for c in reader.cells]
    assert [name_of(c) for c in graded.cells] == [name_of(c) for c in reader.cells]
    original = {name_of(c): c.source for c in source_of("ps3").cells}
    kept = {name_of(c): c.source for c in reader.cells}
    assert all(kept[name] == original[name] for name in ("merge", "test_merge"))
    assert assignment_of(reader, path)[0] == "ps3"


@pytest.mark.parametrize("damaged", DAMAGED)
def test_a_damaged_notebook_is_refused_by_check_and_grader_alike(tmp_path, damaged):
    change, said = DAMAGED[damaged]
    path = tmp_path / "ps3.ipynb"
    path.write_bytes(bytes_of(change))
    with pytest.raises(ValueError, match=f"damaged: .*{said}"):
        read_sent(path)
    with pytest.raises(ValueError, match=said):
        SentExporter().from_filename(str(path))
    path.write_bytes(bytes_of(lambda nb: None)[:-2] + b",}")
    with pytest.raises(ValueError, match="no JSON in line 1"):
        read_sent(path)


def test_only_a_stub_is_not_written_yet(tmp_path, capsys):
    answers = {
        "loudness": next(
            c.source for c in released_as("ps3").cells if name_of(c) == "loudness"
        ),
        "half_life_bias": "def half_life_bias(n, half_lives):\n    x = n\n"
        "    raise NotImplementedError()",
        "interpreter_mask": "def interpreter_mask(*sizes):\n    return input()",
        "hearsay": "def hearsay(masks):\n    return masks[0] @ masks[0]",
    }
    notebook = with_answers(source_of("ps3"), answers)
    for cell in notebook.cells:
        if name_of(cell) == "tree_mask":  # one slip of the finger
            cell.cell_type = "markdown"
            del cell["outputs"], cell["execution_count"]
    lost = ("helpers", "merge")
    notebook.cells = [c for c in notebook.cells if name_of(c) not in lost]
    assert Check(notebook=saved(notebook, tmp_path))() == 1
    lines = "\n".join(lines_of(capsys))
    assert "✗ 1 ★ How loud must a look-up be? not written yet" in lines
    assert "✗ 2 ★★ A memory with a half-life half_life_bias raises NotImpl" in lines
    assert "✗ 3 ★ The interpreter input() asks somebody, and nobody" in lines
    assert "✓ 4 ★★ A story with branches" in lines
    assert "✗ 5 ★★ Hearsay NotImplementedError: " in lines
    assert "✗ 7 ★★★ Two readers, one book its cell is missing from your n" in lines
    assert "note: tree_mask: came as text, and was run as code" in lines
    assert (
        lines.count("not written yet") == 2
    )  # of the stub, and in the words for 2


def test_the_examples_in_docstrings_hold():
    assert doctest.testmod(cells).failed == 0


def test_the_command_says_it_in_one_line(tmp_path):
    command = [sys.executable, "-m", "classroom.check", str(tmp_path / "no.ipynb")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: there is no file")
