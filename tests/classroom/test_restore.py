"""Of what is sent only the sources count, and what was given is as it was given."""

from __future__ import annotations

from copy import deepcopy

import nbformat
import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_raw_cell

from classroom import pages
from classroom.arrange import notes, restored
from classroom.cells import name_of, run_here, without_region
from classroom.names import bound_by, kept_by_tests, names_in, statements
from classroom.pages import markdown2html

GIVEN = {
    cell.metadata.nbgrader.grade_id: cell for cell in tiny.source().cells
}  # the teacher's own, which is as good as any


for name, stub in {
    "double": "def double(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()",
    "Tally": "# YOUR CODE HERE\nraise NotImplementedError()",
    "why": "YOUR ANSWER HERE",
}.items():
    GIVEN[name].source = stub
DOUBLE, TALLY = tiny.RIGHT["double"], tiny.RIGHT["Tally"]
STUB = GIVEN["double"].source
TEST = "test_double"


def names(cells) -> list[str | None]:
    return [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in cells]


@given(st.lists(st.sampled_from([*GIVEN, "other", 7, None]), max_size=20))
def test_every_given_cell_is_there_once_and_stands_where_it_can(sent):
    cells = [
        new_code_cell(f"x{i}", metadata={"nbgrader": {"grade_id": name}})
        for i, name in enumerate(sent)
    ]
    result = restored(cells, GIVEN)
    assert sorted(filter(None, names(result))) == sorted(GIVEN)
    assert len(result) == len(GIVEN) + sum(name is None for name in names(result))
    for cell in result:
        marks = cell.metadata.get("nbgrader")
        if marks:
            original = GIVEN[marks.grade_id]
            assert marks == original.metadata.nbgrader
            assert cell.cell_type == original.cell_type
            assert not marks.locked or cell.source == original.source


def test_missing_cells_come_back_behind_the_one_they_stood_behind():
    left = [GIVEN["double"], new_code_cell("own"), GIVEN["Tally"]]
    assert names(restored(left, GIVEN)) == [
        *("imports", "double", "test_double", "test_double_hidden", None),
        *("Tally", "test_tally", "why_text", "why"),
    ]


def test_of_several_the_last_counts_and_the_others_stay():
    (double,) = [c for c in restored([], GIVEN) if names([c]) == ["double"]]
    assert double.source.startswith("# This cell was missing from the notebook")
    cells = [new_code_cell(s, metadata=GIVEN["double"].metadata) for s in "ab"]
    result = restored(cells, GIVEN)
    assert [c.source for c in result if c.source in "ab"] == ["a", "b"]
    (kept,) = [c for c in result if names([c]) == ["double"]]
    assert kept.source == "b"


def test_metadata_of_a_students_own_cells_is_gone_and_raw_cells_are_text():
    own = [
        new_code_cell("1", metadata={"nbgrader": [1], "tags": ["x"]}),
        new_markdown_cell("2", metadata={"classroom": {"note": "mine"}}),
        new_raw_cell("3", metadata={"raw_mimetype": "text/html"}),
    ]
    result = restored(own, {})
    assert [c.cell_type for c in result] == ["code", "markdown", "markdown"]
    assert all(c.metadata == {} for c in result)


@pytest.mark.parametrize(
    "source, left",
    [
        ("a\n### BEGIN X\nb\n### END X\nc", "a\nc"),
        ("a\n### BEGIN X\nb", "a"),
        ("a\n### BEGIN Y\nb\n### END Y", "a\n### BEGIN Y\nb\n### END Y"),
        ("", ""),
    ],
)
def test_regions_are_cut_out(source, left):
    assert without_region(source, "X") == left


def test_markdown_shows_and_does_nothing():
    html = markdown2html(
        "# Title\n\n| a |\n|---|\n| $x < y$ |\n\n**b** `c` [d](https://example.org) "
        "<script>planted()</script> [e](javascript:planted()) <img src=x onerror=y()> "
        "$\\href{javascript:planted()}{f}$ <p style='x'>"
    )
    assert "<h1>" in html and "<table>" in html and "<strong>b</strong>" in html
    assert 'href="https://example.org"' in html
    for live in (
        "<script",
        "<img",
        "onerror=",
        'href="javascript',
        "style=",
        "\\href",
    ):
        assert live not in html


# --- The student's function wins, wherever it stands ----------------------------------


def sent(*cells: str | tuple[str, str] | object) -> list:
    """A submission from names of given cells, as they are when all is answered, pairs
    of a name and what stands in that cell, and cells of the student's own."""
    made = []
    for cell in cells:
        if isinstance(cell, str | tuple):
            name, *source = [cell] if isinstance(cell, str) else cell
            made.append(deepcopy(GIVEN[name]))
            made[-1].source = (source or [tiny.RIGHT.get(name, made[-1].source)])[0]
        else:
            made.append(deepcopy(cell))
    return made


def graded(cells: list) -> tuple[dict[str, str], list[str]]:
    """What the tests say, those that fail, and what is noted."""
    result = restored(cells, GIVEN)
    tests = [name for name in names(result) if name and name.startswith("test_")]
    assert tests == ["test_double", "test_double_hidden", "test_tally"]
    said = run_here(nbformat.v4.new_notebook(cells=result))
    return {name: words for name, words in said.items() if words}, notes(result)


code, text, raw = new_code_cell, new_markdown_cell, new_raw_cell
REST = ("Tally", "test_tally", "why_text", "why")
BOTH = f"{DOUBLE}\n\n\n{TALLY}"
VISIBLE = GIVEN[TEST].source
TESTS = (TEST, "test_double_hidden")
MISPLACED = {
    "as handed out": ("imports", "double", *TESTS, *REST),
    "in a new cell, its own deleted": ("imports", code(DOUBLE), *TESTS, *REST),
    "above the heading": (code(DOUBLE), "imports", *TESTS, *REST),
    "all in one cell on top": (
        code(BOTH), "imports", *TESTS, "test_tally", "why_text", "why",
    ),
    "all in one cell on top, the stubs left": (
        code(BOTH), "imports", ("double", STUB), *TESTS,
        ("Tally", GIVEN["Tally"].source), *REST[1:],
    ),
    "all in one cell at the end": ("imports", *TESTS, *REST[1:], code(BOTH)),
    "all in one cell at the end, the stubs left": (
        "imports", ("double", STUB), *TESTS,
        ("Tally", GIVEN["Tally"].source), *REST[1:], code(BOTH),
    ),
    "merged into the cell of another answer": (
        "imports", *TESTS, ("Tally", BOTH), *REST[1:],
    ),
    "merged into the cell of another, the stub in front": (
        "imports", *TESTS, ("Tally", f"{STUB}\n\n\n{BOTH}"), *REST[1:],
    ),
    "merged into its test": (
        "imports", (TEST, f"{DOUBLE}\n\n{VISIBLE}"), TESTS[1], *REST,
    ),
    "merged into its hidden test": (
        "imports", TEST, (TESTS[1], f"x = torch.randn(3, 2)\n{DOUBLE}"), *REST,
    ),
    "merged into its test, which is changed": (
        "imports", (TEST, f"import math\n\n{DOUBLE}\n\nassert double(3) == 7"),
        TESTS[1], *REST,
    ),
    "merged into a given cell": (("imports", f"import torch\n{DOUBLE}"), *TESTS, *REST),
    "turned into text": ("imports", text(DOUBLE, metadata=GIVEN["double"].metadata),
        *TESTS, *REST,
    ),
    "turned into raw": ("imports", raw(DOUBLE, metadata=GIVEN["double"].metadata),
        *TESTS, *REST,
    ),
    "in a new cell of text": ("imports", ("double", STUB), text(DOUBLE), *TESTS, *REST),
    "below the stub": ("imports", ("double", STUB), code(DOUBLE), *TESTS, *REST),
    "above the stub": ("imports", code(DOUBLE), ("double", STUB), *TESTS, *REST),
    "below an emptied cell": ("imports", ("double", ""), code(DOUBLE), *TESTS, *REST),
    "behind the test": ("imports", ("double", STUB), *TESTS, code(DOUBLE), *REST),
    "a copy of the stub kept below": (
        "imports", "double", ("double", STUB), *TESTS, *REST,
    ),
    "a copy of the stub kept at the end": (
        "imports", "double", *TESTS, *REST, ("double", STUB),
    ),
    "a stub without a name at the end": (
        "imports", "double", *TESTS, *REST, code(f"# old\n{STUB}"),
    ),
    "a stub with another docstring": (
        "imports", code(DOUBLE), code(
            'def double(x):\n    """Mine."""\n    raise NotImplementedError()'
        ), *TESTS, *REST,
    ),
    "written twice, the last counts": (
        "imports", code("def double(x):\n    return x"), code(DOUBLE), *TESTS, *REST,
    ),
    "written twice, under one name": (
        "imports", ("double", "def double(x):\n    return x"), "double", *TESTS, *REST,
    ),
    "tried out further down": (
        "imports", "double", *TESTS, *REST, code("def double(x):\n    return None"),
    ),
    "as a lambda": ("imports", code("double = lambda x: x + x"), *TESTS, *REST),
    "moved to the end with its tests in front": (
        "imports", *REST, *reversed(TESTS), "double",
    ),
    "all backwards": (*reversed(REST), *reversed(TESTS), "double", "imports"),
    "hidden tests first": ("imports", "double", *reversed(TESTS), *REST),
    "an import added to a given cell": (
        ("imports", "import torch\nimport math as m"), ("double",
        "def double(x):\n    return m.floor(2) * x"), *TESTS, *REST,
    ),
    "its test deleted": ("imports", "double", *REST),
    "only the tests are left, and one cell": (code(BOTH), *TESTS, "test_tally"),
}  # fmt: skip


@pytest.mark.parametrize("where", MISPLACED)
def test_what_the_student_has_written_wins_wherever_it_stands(where):
    said, _ = graded(sent(*MISPLACED[where]))
    assert said == {}


@pytest.mark.parametrize(
    "where, noted",
    {
        "as handed out": [],
        "all in one cell on top": ["double, Tally: was answered in another cell"],
        "all in one cell on top, the stubs left": [
            "double, Tally: was answered in"
        ],
        "merged into its test": [
            "test_double: had been changed, and is as it was handed out; what was added",
            "double: was answered in another cell, which counts",
        ],
        "turned into text": ["double: came as text, and was run as code"],
        "below the stub": ["double: was answered in another cell, which counts"],
        "in a new cell of text": ["double: was answered in", "came as text"],
        "its test deleted": [
            "test_double, test_double_hidden: was missing, and has"
        ],
        "a copy of the stub kept at the end": [],
        "all backwards": [],
    }.items(),
)
def test_what_had_to_be_put_right_is_noted(where, noted):
    _, found = graded(sent(*MISPLACED[where]))
    assert len(found) == len(noted)
    assert all(any(words in line for line in found) for words in noted), found


def test_a_wrong_answer_stays_wrong_and_a_missing_one_missing():
    wrong = "def double(x):\n    return x"
    said, _ = graded(sent("imports", ("double", STUB), code(wrong), *TESTS, *REST))
    assert said["test_double"] == "AssertionError: twice 3 is 6"
    said, noted = graded(sent("imports", *TESTS, *REST))
    assert said["test_double"] == "NotImplementedError: "
    assert noted == ["double: was missing, and no other cell has an answer"]
    said, _ = graded(
        sent("imports", ("double", "def double(x)\n  2"), *TESTS, *REST)
    )
    assert said["test_double"] == "NameError: name 'double' is not defined"


def test_tests_and_given_cells_are_never_the_students():
    weak = "def double(x):\n    return x\n\nassert True"
    said, _ = graded(sent("imports", (TEST, weak), TESTS[1], *REST))
    assert set(said) == {"test_double", "test_double_hidden"}
    cells = sent(("imports", "torch = None"), "double", (TEST, "pass"), *REST)
    result = {name_of(c): c.source for c in restored(cells, GIVEN)}
    assert result["imports"] == "import torch" and result[TEST] == VISIBLE


def test_a_stub_says_that_it_is_one_and_nothing_else_does():
    marked = {
        "the stub": (STUB, True),
        "with a comment": (f"# how?\n{STUB}\n\n", True),
        "begun": (
            f"{STUB[:14]}\n    y = 2 * x\n    raise NotImplementedError()",
            False,
        ),
        "another error": (
            "def double(x):\n    raise NotImplementedError('no')",
            False,
        ),
        "written": (DOUBLE, False),
        "broken": ("def double(x)\n    pass", False),
        "empty": ("", False),
    }
    for case, (source, is_stub) in marked.items():
        result = restored(sent("imports", ("double", source), *REST), GIVEN)
        (cell,) = [cell for cell in result if name_of(cell) == "double"]
        assert bool(cell.metadata.classroom.get("unwritten")) is is_stub, case
        assert cell.metadata.classroom.answers[0] == "double"


# --- Names ------------------------------------------------------------------------------


def test_no_student_is_asked_for_what_a_test_defines():
    kept = kept_by_tests(
        ["import torch", "def check(found): assert found"],
        [
            "def helper(x):\n    return answer(x) + later(x)\nlater = abs\n"
            "for i, n in enumerate([1]):\n    check(helper(i))",
            "check(helper(2))\nvalue = value.item()\ncheck(value)",
            "with open('x') as file:\n    text = file.read()\ntable = {n: other}",
        ],
    )
    assert kept == {"helper", "later", "i", "n", "file", "text", "table"}


@pytest.mark.parametrize(
    "source, binds",
    [
        ("%matplotlib inline\nf = 1\n!ls", {"f"}),
        ("%%time\nf = 1", {"f"}),
        ("%%writefile x.py\nf = 1", set()),
        ("x = (", set()),
        ("Because it is so.", set()),
        ("f = " + "-" * 60_000 + "1", set()),
        ("f = " + "1 + " * 700 + "1", {"f"}),
        ("f = " + "(" * 150 + ")" * 150, {"f"}),
        ("f = 1\x00", set()),
    ],
)
def test_names_are_found_in_whatever_python_can_read(source, binds):
    assert names_in(source).binds == binds
    assert set().union(*map(bound_by, statements(source))) == binds


# --- Answers in words -----------------------------------------------------------------

OTHER = text("## Help I had", metadata={"classroom": {"handed_out": True}})


@pytest.mark.parametrize(
    "cells, listed",
    [
        ((("why", "YOUR ANSWER HERE"),), False),
        ((("why", "YOUR ANSWER HERE"), text("Because.")), True),
        ((text("Because."), ("why", "YOUR ANSWER HERE")), True),
        ((("why", " "), raw("Because.")), True),
        ((("why", "YOUR ANSWER HERE"), code("Because it is so")), True),
        ((text("Because."),), True),
        ((("why", "YOUR ANSWER HERE"), text(" \n")), False),
        ((("why", "YOUR ANSWER HERE"), OTHER), False),
        ((("why", "YOUR ANSWER HERE"), OTHER, text("None.")), False),
        ((("why", "Because."), text("And so.")), False),
    ],
)
def test_an_answer_beside_the_empty_cell_is_one_to_be_read(cells, listed):
    start = sent("imports", "double", *TESTS, *REST[:3])
    result = restored(start + sent(*cells), GIVEN)
    (found,) = [cell for cell in result if name_of(cell) == "why"]
    assert ("in a cell beside this one" in found.source) is listed
    assert (
        any("something is written beside it" in n for n in notes(result)) is listed
    )


def test_an_answer_written_into_the_question_is_kept_and_read():
    question = GIVEN["why_text"].source.split("\n")[0]
    cells = sent("imports", "double", *TESTS, *REST[:2])
    cells += sent(
        ("why_text", f"{question}\n\nBecause."), ("why", "YOUR ANSWER HERE")
    )
    result = restored(cells, GIVEN)
    assert [cell.source for cell in result][-2:] == [
        "Because.", "*Nothing was written here, but in a cell beside this one.*"
    ]  # fmt: skip
    assert tiny.MARKING in result[-3].source


def test_of_two_answers_in_words_the_empty_copy_does_not_count():
    cells = sent("why_text", "why", ("why", "YOUR ANSWER HERE"))
    found = [cell for cell in restored(cells, GIVEN) if name_of(cell) == "why"]
    assert [cell.source for cell in found] == [tiny.RIGHT["why"]]


# --- Pages ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source, shown",
    [
        ("![x](attachment:x.png)", "a picture that is not in the notebook: x.png"),
        ("![x](<attachment:a b.png>)", 'src="data:image/png;base64,iVBORw0KGgo="'),
        ("![x](attachment:a%20b.png)", 'src="data:image/png;base64,iVBORw0KGgo="'),
        ("<img width=9 src='attachment:a b.png'>", "not in the notebook: a"),
        (
            "<img src='attachment:a%20b.png' onerror='y()'>",
            'src="data:image/png;base',
        ),
        (
            "![x](attachment:vector)",
            "a picture that is not in the notebook: vector",
        ),
        (
            "![x](attachment:broken)",
            "a picture that is not in the notebook: broken",
        ),
        (
            "![x](http://example.org/x.png)",
            "not in the notebook: http://example.org",
        ),
        ("a" * 30_000, "<pre>aaa"),
        ("\n".join("  " * i + "- a" for i in range(500)), "<pre>- a"),
    ],
)
def test_a_text_is_drawn_or_shown_as_it_was_typed(source, shown):
    pictures = {
        "a b.png": {"image/png": "iVBORw0KGgo="},
        "vector": {"image/svg+xml": "PHN2Zz4="},
        "broken": {"image/png": 'x" onerror="y()'},
    }
    html = markdown2html(source, pictures)
    assert shown in html and "onerror" not in html


def test_a_page_takes_no_longer_than_it_may(monkeypatch):
    notebook = nbformat.v4.new_notebook(cells=[*GIVEN.values(), text("own words")])

    def forever(*_args, **_options):
        while True:
            pass

    monkeypatch.setattr(pages, "DRAWING", 0.1)
    monkeypatch.setattr(pages.FeedbackPage, "drawn", forever)
    page, resources = pages.FeedbackPage().from_notebook_node(notebook, {})
    assert (
        "(TimeoutError: it took longer than 0.1 s)" in page and "own words" in page
    )
    assert tiny.SECRET not in page and tiny.MARKING not in page
    assert resources["output_extension"] == ".html"
