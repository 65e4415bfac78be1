"""Print: tables as wide as the page, captions beside them, and code that is not there."""

import doctest
from types import SimpleNamespace

import book_print
from book_print import LINE, PrintTables, column_spec, is_caption
from docutils import nodes
from docutils.utils import new_document
from sphinx import addnodes


def table(*rows, right=None, classes=()):
    """A table of texts; `right` says of each column whether it stands right."""
    group = nodes.tgroup(cols=len(rows[0]))
    for texts in rows:
        row = nodes.row()
        for i, text in enumerate(texts):
            side = (
                [] if right is None else ["text-right" if right[i] else "text-left"]
            )
            row += nodes.entry("", nodes.paragraph("", text), classes=side)
        group += row
    return nodes.table("", group, classes=list(classes))


def test_examples_in_docstrings_are_true():
    assert doctest.testmod(book_print).failed == 0


def test_a_table_that_fits_has_plain_columns():
    rows = ["model", "loss (nats)"], ["a", "1.50"]
    assert column_spec(table(*rows, right=[False, True])) == "lr"


def test_heads_are_wrapped_until_the_table_fits():
    heads = ["loss (nats per token)", "lowest seed (nats per token)"] * 2
    rows = ["model", *heads], ["Transformer", "0.82", "0.53", "0.81", "0.84"]
    spec = column_spec(table(*rows, right=[False] + [True] * 4))
    assert sum(map(len, rows[0])) > LINE
    half = r"\Z{13}{71}\Z{16}{71}"  # half a head each, and the space between two
    assert spec == r"\X{13}{71}" + half + half


def test_a_long_text_is_wrapped_and_numbers_beside_it_stand_right():
    rows = ["step", "loss", "it writes"], ["50", "4.17", "once " * 30]
    spec = column_spec(table(*rows, right=[True, True, False]))
    assert spec == r"\Z{6}{56}\Z{6}{56}\X{44}{56}"


def test_columns_of_no_side_share_the_line_by_their_texts():
    rows = ["written", "means"], ["x" * 20, "y " * 100]
    assert column_spec(table(*rows)) == r"\X{22}{66}\X{44}{66}"
    assert column_spec(table(*rows, classes=["colwidths-given"])) == ""
    assert column_spec(table(["written", "means"], ["x", "y"])) == ""


def test_a_caption_stays_with_its_table_and_empty_cells_are_empty():
    caption = nodes.paragraph("", "", nodes.emphasis("", "Of 100 lists."))
    document = new_document("page")
    document.settings.env = SimpleNamespace(app=None)
    document += [caption, table(["a", "b"], ["1", ""], right=[True, True])]
    PrintTables(document).run()
    kept, stay, spec, _ = document.children
    assert kept is caption and stay.astext() == r"\nopagebreak"
    assert isinstance(spec, addnodes.tabular_col_spec)
    filled = [len(entry) for entry in document.findall(nodes.entry)]
    assert filled == [1, 1, 1, 0]


def test_a_sentence_with_emphasis_is_no_caption():
    sentence = nodes.paragraph(
        "", "", nodes.emphasis("", "Look"), nodes.Text(" here.")
    )
    assert not is_caption(sentence)
    assert not is_caption(nodes.literal_block("x", "x"))
