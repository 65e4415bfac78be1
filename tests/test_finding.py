"""Finding things: search, index, glossary, the printed book behind its button."""

import doctest
import io
from types import SimpleNamespace

import book_glossary
import book_index
import book_pdf
import book_pictures
import book_search
import book_terms
import book_texts
import numpy as np
import pytest
from book_cells import fold
from docutils import nodes
from docutils.utils import new_document
from PIL import Image
from sphinx import addnodes
from sphinx_exercise.nodes import solution_node

from tests.house import notebooks, quotes


@pytest.mark.parametrize(
    "module", [book_glossary, book_index, book_search, book_terms, book_texts]
)
def test_examples_in_docstrings_are_true(module):
    tried = doctest.testmod(module)
    assert tried.attempted > 0 == tried.failed


# ------------------------------------------------------------------------ the search
def section(name, *children):
    title = nodes.title("", name)
    return nodes.section("", title, *children, ids=[name.lower()])


def paragraph(text):
    return nodes.paragraph("", text)


def page(*sections):
    document = new_document("page")
    document += sections
    return document


def test_a_section_has_its_own_prose_and_code_and_nobody_elses():
    cell = nodes.container("", nodes.literal_block("", "a = 1\n\nb = 2"))
    shown = nodes.container("", paragraph("1.5"), nb_element="cell_code_output")
    formula = paragraph("A loss of ")
    formula += nodes.math("", r"-\ln p")
    inner = section("Inner", paragraph("below"), cell, shown)
    made = page(section("Outer", formula, paragraph("is\nhigh."), inner))
    numbers = {"": (8,), "#inner": (8, 1)}
    assert list(book_search.sections(made, numbers)) == [
        ("", "8", "Outer", "A loss of −ln p is high.", ""),
        ("inner", "8.1", "Inner", "below", "a = 1 b = 2"),
    ]


def test_answers_and_folded_code_are_not_searched():
    answer = solution_node("", paragraph("42"))
    folded = fold("", nodes.literal_block("", "plt.plot()"))
    formula = nodes.math_block("", "x^2")
    made = page(section("A", answer, folded, formula, addnodes.index(entries=[])))
    assert list(book_search.sections(made, {})) == [("", "", "A", "", "")]


def test_each_term_of_the_glossary_is_found_by_itself():
    items = [
        nodes.definition_list_item(
            "",
            nodes.term("", name, ids=[f"term-{name}"]),
            nodes.definition("", paragraph(f"What {name} is.")),
        )
        for name in ("floor", "mask")
    ]
    glossary = addnodes.glossary("", nodes.definition_list("", *items))
    top, *terms = book_search.sections(page(section("Glossary", glossary)), {})
    assert top == ("", "", "Glossary", "", "")
    assert terms == [
        ("term-floor", "", "floor", "What floor is.", ""),
        ("term-mask", "", "mask", "What mask is.", ""),
    ]


def test_pages_are_searched_in_the_order_of_the_book():
    includes = {"index": ["a", "b"], "a": ["c"]}
    app = SimpleNamespace(env=SimpleNamespace(toctree_includes=includes))
    order = sorted(
        ["z", "b", "c", "index", "a"], key=book_search.reading_order(app)
    )
    assert order == ["index", "a", "b", "c", "z"]


# ------------------------------------------------------------------------- the index
def bold(text, before="This is called ", after=" by all."):
    strong = nodes.strong("", text)
    return nodes.paragraph("", "", nodes.Text(before), strong, nodes.Text(after))


def entries(*children, title="A", glossary=()):
    document = page(section(title, *children))
    made = book_terms.by_form(list(glossary))
    return [entry for _, entry in book_index.introduced(document, 99, made)]


def test_bold_in_the_text_is_an_entry_once_and_as_the_glossary_has_it():
    prose = [bold("Queries", ""), bold("query"), bold("key"), bold("the floor")]
    assert entries(*prose, glossary=["query"]) == ["query", "key", "floor"]


def test_a_phrase_that_is_no_term_is_none_with_a_capital_either(monkeypatch):
    monkeypatch.setitem(book_index.NO_TERMS, 99, {"constant, then down"})
    assert entries(bold("Constant, then down", before="")) == []


def test_bold_that_introduces_nothing_is_no_entry():
    point = nodes.list_item("", bold("Refuse", before=""))
    term_in_a_point = nodes.list_item("", bold("mask", before="There is a "))
    task = solution_node("", section("Answer", bold("predict")))
    task_alone = solution_node("", bold("explain"))
    assert entries(point, term_in_a_point, task, task_alone) == ["mask"]
    assert entries(bold("Copies."), bold("B"), bold("16 bytes")) == []
    for fixed in book_index.FIXED:
        assert entries(bold("write"), title=fixed) == []


def cell(code):
    block = nodes.literal_block("", code)
    return nodes.container("", block, nb_element="cell_code_source")


def test_names_are_entries_where_a_chapter_quotes_them():
    assert book_index.born(8)["softmax"] == "softmax (llm.attention)"
    assert "causal_mask" not in book_index.born(8)
    code = "def softmax(x):\n    def key(x): ...\n\n\nclass Probe: ..."
    document = page(section("A", cell("%time f()"), cell("softmax(x)"), cell(code)))
    names = {"softmax": "softmax (llm.attention)", "key": "key (llm)"}
    found = list(book_index.quoted(document, names))
    assert [(c.astext(), name) for c, name, _ in found] == [(code, "softmax")]


def test_every_name_born_in_a_chapter_that_exists_is_quoted_there():
    package = quotes.package_definitions()
    for chapter in map(notebooks.read, notebooks.chapters()):
        if chapter.number is None:  # an appendix introduces nothing
            continue
        cells = {q.name for q in quotes.quotes(chapter, package)}
        assert set(book_index.born(chapter.number)) <= cells, chapter.path.name


def test_an_entry_names_each_section_once():
    places = SimpleNamespace(
        link=lambda address: {"url": address, "label": address[:3], "heading": ""}
    )
    group = [
        (
            "attention",
            (
                [("", "8.1#a"), ("", "8.1#b"), ("main", "9.2#c")],
                [("(llm.attention)", [("", "8.3#d")])],
                None,
            ),
        )
    ]
    term, name = book_index.entries_of(group, places)
    assert (term["name"], term["module"]) == ("attention", "")
    assert [link["url"] for link in term["links"]] == ["8.1#a", "9.2#c"]
    assert (name["name"], name["module"]) == ("attention", "llm.attention")


# ---------------------------------------------------------------------- the glossary
class Builder:
    def get_relative_uri(self, docname, target):
        return f"../{target}.html"


def linked(*children, title="A", known=("mask", "causal mask", "token", "batch")):
    """The links that a chapter gets: their words and addresses."""
    lead = nodes.paragraph("", "A chapter on masks.")
    document = page(section("Chapter", lead, section(title, *children)))
    app = SimpleNamespace(builder=Builder())
    app.book_glossary = {
        n: ("notation", f"term-{n}", f"What {n} is.") for n in known
    }
    env = SimpleNamespace(app=app, docname="chapters/08_x")
    document.settings.env = env
    book_glossary.LinkTerms(document).run()
    return [
        (r.astext(), r["refuri"])
        for r in document.findall(nodes.reference)
        if "llm-term" in r["classes"]
    ]


def test_a_term_is_linked_once_at_its_first_use_and_the_longest_one():
    first = paragraph(
        "Tokens, un-masked, come in a batch; so a causal\nmask is due."
    )
    second = paragraph("Batches of tokens.")
    assert linked(first, second) == [
        ("Tokens", "../notation.html#term-token"),
        ("batch", "../notation.html#term-batch"),
        ("causal\nmask", "../notation.html#term-causal mask"),
    ]


def test_no_term_is_linked_where_it_is_no_running_text():
    code = nodes.paragraph(
        "", "", nodes.literal("", "token"), nodes.math("", "token")
    )
    other = nodes.reference("", "token", refuri="x")
    link = nodes.paragraph("", "", other)
    figure = nodes.figure("", nodes.caption("", "A token."))
    shown = nodes.container("", paragraph("token"), nb_element="cell_code_output")
    block = nodes.literal_block("", "token")
    heading = section("Token")
    answer = solution_node("", paragraph("A token."))
    assert linked(code, link, figure, shown, block, heading, answer) == []
    for fixed in book_glossary.FIXED:
        assert linked(paragraph("A token."), title=fixed) == []


def test_a_chapters_own_link_is_the_place_and_its_text_stays_whole():
    own = nodes.reference("", "a token", refuri="../notation.html#term-token")
    text = nodes.paragraph("", "", nodes.Text("Tokens are many. This is "), own)
    assert linked(text) == [("a token", "../notation.html#term-token")]
    assert text.astext() == "Tokens are many. This is a token"


def test_an_everyday_word_is_linked_only_where_it_is_introduced():
    introduced = bold("mask")
    introduced[1]["ids"] = ["index-mask"]
    assert linked(paragraph("The mask fell."), bold("mask")) == []
    assert linked(paragraph("The mask fell."), introduced) == [
        ("mask", "../notation.html#term-mask")
    ]
    in_a_name = bold("token mask")
    in_a_name[1]["ids"] = ["index-token-mask"]
    assert linked(in_a_name) == []


def test_everyday_words_are_terms():
    notation = book_terms.NOTATION.read_text(encoding="utf-8")
    assert set(book_terms.glossary_terms(notation)) >= book_glossary.EVERYDAY


# ------------------------------------------------------------------------ the pictures
@pytest.mark.parametrize("alpha", [255, 128])
def test_a_packed_picture_has_the_same_points(alpha):
    points = np.random.default_rng(0).integers(0, 255, (40, 40, 4), dtype=np.uint8)
    points[..., 3] = alpha
    points[10:] = points[0, 0]
    loose = io.BytesIO()
    Image.fromarray(points).save(loose, "PNG", compress_level=1)
    packed = book_pictures.packed(loose.getvalue())
    assert len(packed) < len(loose.getvalue())
    assert np.array_equal(Image.open(io.BytesIO(packed)).convert("RGBA"), points)


# ------------------------------------------------------------------ the printed book
def buttons_of_a_page(group=None):
    """The header of a chapter two folders down, as the theme and the workbook left it."""
    button = {"type": "javascript", "javascript": "window.print()", "text": ".pdf"}
    group = (
        [{"type": "link", "text": "Workbook"}, button] if group is None else group
    )
    return {
        "header_buttons": [
            {"type": "group", "label": "download-buttons", "buttons": group},
            {"type": "javascript", "label": "fullscreen-button"},
        ],
        "pathto": lambda path, resource: f"../{path}",
    }


@pytest.fixture
def pdf(tmp_path, monkeypatch):
    monkeypatch.setattr(book_pdf, "BUILT", tmp_path / "book.pdf")
    return tmp_path / "book.pdf"


def test_the_button_opens_the_book_that_was_built(pdf, tmp_path):
    pdf.write_bytes(b"%PDF-1.7")
    context = buttons_of_a_page()
    book_pdf.mend_buttons(None, "chapters/x", "page.html", context, None)
    workbook, book = context["header_buttons"][0]["buttons"]
    assert workbook["text"] == "Workbook"
    assert book["url"] == "../llm-from-scratch.pdf"
    out = tmp_path / "html"
    out.mkdir()
    app = SimpleNamespace(outdir=out, builder=SimpleNamespace(format="html"))
    book_pdf.bring(app, None)
    assert (out / "llm-from-scratch.pdf").read_bytes() == b"%PDF-1.7"


def test_without_a_printed_book_there_is_no_button(pdf, tmp_path):
    context = buttons_of_a_page()
    book_pdf.mend_buttons(None, "chapters/x", "page.html", context, None)
    assert [b["text"] for b in context["header_buttons"][0]["buttons"]] == [
        "Workbook"
    ]
    app = SimpleNamespace(outdir=tmp_path, builder=SimpleNamespace(format="html"))
    book_pdf.bring(app, None)
    assert list(tmp_path.iterdir()) == []


def test_a_menu_with_nothing_in_it_is_left_out(pdf):
    context = buttons_of_a_page([{"type": "javascript", "text": ".pdf"}])
    book_pdf.mend_buttons(None, "genindex", "genindex.html", context, None)
    (button,) = context["header_buttons"]
    assert button["label"] == "fullscreen-button"
    search = {}
    book_pdf.mend_buttons(None, "search", "search.html", search, None)
    assert search == {}
