"""Of what is sent only the sources count, and what was given is as it was given."""

from __future__ import annotations

import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_raw_cell

from classroom.pages import markdown2html
from classroom.restore import restored, without_region

GIVEN = {
    cell.metadata.nbgrader.grade_id: cell for cell in tiny.source().cells
}  # the teacher's own, which is as good as any


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
        new_markdown_cell("2", attachments={"a.png": {"image/png": "x"}}),
        new_raw_cell("3", metadata={"raw_mimetype": "text/html"}),
    ]
    result = restored(own, {})
    assert [c.cell_type for c in result] == ["code", "markdown", "markdown"]
    assert all(c.metadata == {} and "attachments" not in c for c in result)


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
