"""Finding things: the printed book behind its button."""

from types import SimpleNamespace

import book_pdf
import pytest


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
