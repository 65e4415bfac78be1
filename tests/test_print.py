"""Print: tables as wide as the page, captions beside them, and code that is not there."""

import doctest
from datetime import date
from types import SimpleNamespace

import book_edition
import book_figures
import book_keep
import book_print
import book_solutions
import pytest
from book_edition import Edition, edition, latex
from book_figures import LIVE, RememberForms, live_line
from book_keep import first_height, image_height, is_row_of_tokens
from book_print import LINE, PrintTables, column_spec, is_caption
from book_solutions import leave_out_checks, without_checks
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


MODULES = [book_edition, book_figures, book_keep, book_print, book_solutions]


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.__name__)
def test_examples_in_docstrings_are_true(module):
    assert doctest.testmod(module).failed == 0


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


def test_a_long_table_in_a_box_is_broken_between_rows():
    rows = [["written", "means"], *([f"x{i} " * 20, "y " * 30] for i in range(14))]
    document = new_document("page")
    document.settings.env = SimpleNamespace(app=None)
    whole = table(*rows)
    head, *body = whole[0].children
    whole[0][:] = [nodes.thead("", head), nodes.tbody("", *body)]
    document += nodes.admonition("", whole)
    PrintTables(document).run()
    parts = [
        next(iter(t.findall(nodes.tbody))) for t in document.findall(nodes.table)
    ]
    assert [len(part) for part in parts] == [4, 4, 6]
    texts = [row[0].astext() for part in parts for row in part]
    assert texts == [row[0] for row in rows[1:]]
    assert len(list(document.findall(addnodes.tabular_col_spec))) == len(parts)


def cell(source, shown=None):
    code = nodes.container(nb_element="cell_code_source", classes=["cell_input"])
    code += nodes.literal_block(source, source)
    whole = nodes.container("", code, nb_element="cell_code")
    if shown:
        whole += nodes.container("", shown, nb_element="cell_code_output")
    return whole


def test_what_checks_an_answer_is_left_out_with_what_it_says():
    said = nodes.paragraph("", "✗ not yet: f returns nothing")
    page = nodes.container()
    page += cell("def f(): ...")
    page += cell(
        "from book.exercises import chapter_09 as checker\n\nchecker.f(f)", said
    )
    page += cell("checker.table(f)\nf", nodes.paragraph("", "a table"))
    leave_out_checks(page, nodes.sidebar)
    first, second = page.children
    assert first.astext() == "def f(): ..."
    assert second[0][0].rawsource == second[0].astext() == "f"
    assert second[1].astext() == "a table"


def test_solutions_lose_assertions_and_chapters_keep_them():
    source = "# the solution is right\nassert check.f(f)"
    assert without_checks(source, "check", in_solution=True) == ("", True)
    prepared = "# it is less\nx = f(1)\nfor y in 1, 2:\n    assert x < y"
    assert without_checks(prepared, "check", in_solution=True) == ("", True)
    assert without_checks("x = 1\nassert x", "check") == ("x = 1\nassert x", False)
    assert without_checks("%time f()", "check") == ("%time f()", False)


def test_room_is_asked_for_whole_outputs_and_for_the_begin_of_long_ones():
    short, long = ("\n".join(["x"] * n) for n in (15, 16))
    heights = [
        first_height(nodes.container("", nodes.literal_block(t, t)))
        for t in (short, long)
    ]
    assert heights[0] > 130 > heights[1] > 30
    rows = [["a", "b"]] * 5
    plain, captioned = nodes.container("", table(*rows)), nodes.container()
    captioned += [nodes.paragraph("", "", nodes.emphasis("", "a")), table(*rows)]
    assert first_height(captioned) > first_height(plain) > 60


def test_the_height_of_a_picture_is_that_of_its_page(tmp_path):
    path = tmp_path / "a.pdf"
    path.write_bytes(b"<< /MediaBox [ 0 0 200.5 100 ] >>")
    assert image_height(nodes.image(uri=str(path))) == pytest.approx(82)
    path.write_bytes(b"<< /MediaBox [ 0 0 770 100 ] >>")
    assert image_height(nodes.image(uri=str(path))) == pytest.approx(50)


def test_a_row_of_tokens_is_code_and_nothing_else():
    code, blank = nodes.literal("", "a"), nodes.Text(" ")
    assert is_row_of_tokens(nodes.paragraph("", "", code, blank, code.deepcopy()))
    assert not is_row_of_tokens(nodes.paragraph("", "", nodes.Text("see "), code))
    assert not is_row_of_tokens(nodes.paragraph("", "", blank))


def test_what_other_forms_say_of_a_figure_is_kept():
    page = nodes.raw("", "<div class='llm-figure'>", format="html")
    forms = [
        nodes.container("", page, mime_type="text/html"),
        nodes.container("", nodes.image(uri="a.pdf"), mime_type="application/pdf"),
        nodes.container("", nodes.Text("Two bars."), mime_type="text/plain"),
    ]
    figure = nodes.figure("", nodes.container("", *forms, nb_element="mime_bundle"))
    document = new_document("page")
    document.settings.env = SimpleNamespace(app=None)
    document += figure
    RememberForms(document).run()
    assert LIVE in figure["classes"]
    assert next(figure.findall(nodes.image))["alt"] == "Two bars."


def test_a_figure_says_where_it_is_alive():
    figure = nodes.figure(ids=["fig-masks"])
    assert r"09\_\allowbreak{}masks.ipynb" in live_line(
        "", "chapters/09_masks", figure
    )
    line = live_line("https://a.org/b/", "chapters/09_masks", figure)
    assert r"https://a.org/b/chapters/09\_masks.html\#fig-masks" in line


def test_the_imprint_says_what_the_citation_says():
    ours = edition()
    assert isinstance(ours.released, date)
    assert {"MIT", "CC-BY-4.0"} == set(ours.licences)
    made = Edition(
        "A B C", "Runs", ["x & y"], "1.2", date(2026, 1, 2), ["MIT"], ["k"]
    )
    text = latex(made, {"site": "https://a.org/", "repository": ""})
    for words in (
        r"A\\B C",
        "1.2",
        "2 January 2026",
        "MIT licence",
        "https://a.org/",
    ):
        assert words in text
