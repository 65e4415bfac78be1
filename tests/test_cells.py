"""What is folded on the site, what print leaves out, and which texts may break."""

from types import SimpleNamespace

import pytest
from book_cells import COLUMNS, FoldCells, first_comment, fold
from docutils import nodes
from docutils.utils import new_document

CHECK = "# the average stays above its floor,\n# in all three seeds\nassert True"


def page(source, *tags, builder="html", shows=True):
    """A document with one code cell, which may show something, after the transform."""
    document = new_document("page")
    app = SimpleNamespace(builder=SimpleNamespace(format=builder, name=builder))
    document.settings.env = SimpleNamespace(app=app)
    code = nodes.container(nb_element="cell_code_source", classes=["cell_input"])
    code += nodes.literal_block(source, source)
    cell = nodes.container(
        nb_element="cell_code", classes=["cell"], hide_mode="input"
    )
    cell["classes"] += [f"tag_{tag}" for tag in tags]
    cell += code
    if shows:
        cell += nodes.container(
            "", nodes.paragraph("", "shown"), classes=["cell_output"]
        )
    document += cell
    FoldCells(document).run()
    return document


def test_what_was_checked_is_one_line_that_opens():
    (folded,) = page(CHECK, "checked").findall(fold)
    line, code = folded.children
    said = "Checked ✓ the average stays above its floor, in all three seeds"
    assert line.astext() == said
    assert "assert True" in code.astext()


def test_print_has_the_line_of_what_was_checked_and_not_its_code():
    document = page(CHECK, "checked", builder="latex")
    assert document.astext().startswith("Checked ✓ the average")
    assert "assert" not in document.astext() and "shown" in document.astext()


def test_figure_code_is_folded_and_print_has_the_figure_alone():
    (folded,) = page("plt.show()", "hide-input").findall(fold)
    assert folded[0].astext() == "Code" and folded[1].astext() == "plt.show()"
    assert page("plt.show()", "hide-input", builder="latex").astext() == "shown"


def test_print_names_the_code_that_it_leaves_out_and_that_shows_nothing():
    hidden = page(CHECK, "hide-input", builder="latex", shows=False)
    assert "the average stays above its floor, in all" in hidden.astext()
    assert "assert" not in hidden.astext()
    assert hidden.astext().startswith(r"\bkunprinted{")
    assert not page("x = 1", "hide-input", builder="latex", shows=False).astext()


@pytest.mark.parametrize("builder", ["html", "latex"])
def test_other_cells_stay_as_they_are(builder):
    document = page("x = 1", builder=builder)
    assert not list(document.findall(fold))
    assert document.astext() == "x = 1\n\nshown"


def test_the_first_comment_is_the_line():
    assert (
        first_comment(nodes.literal_block("", "# one\n# two\nx = 1  # three"))
        == "one two"
    )
    assert first_comment(nodes.literal_block("", "x = 1\n# two")) == ""


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("tensor([0.25, 0.75])", True),
        ("  a  b\n  1  2", True),
        ("array([1, 2])", True),
        ("(tensor([[1, 2],\n         [3, 4]]),)", True),
        ("{'right': 'holds',\n 'missing': 'the logits at position 0'}", False),
        ("['cake', 'five']", False),
    ],
)
def test_what_is_set_in_columns_is_not_broken(text, columns):
    assert bool(COLUMNS.search(text)) == columns
