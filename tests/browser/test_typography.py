"""How the pages are set: lines, letters, numbers, code and pictures, wide and narrow."""

from __future__ import annotations

from pathlib import Path

import test_site

from tests.house.notebooks import read

visit, pages = test_site.visit, test_site.pages
ROOT = Path(__file__).resolve().parents[2]
QUESTIONS = Path(__file__).with_name("typography.js").read_text(encoding="utf-8")
MEASURE = 75  # characters of prose in a line
SMALLEST = 11  # pixels, of letters in a figure on a phone


def ask(page, question, argument=None):
    """What a function of typography.js finds on a page."""
    return page.evaluate(
        f"(argument) => ({QUESTIONS}).{question}(argument)", argument
    )


def on_every_page(site, visit, *questions, **view):
    """What is found on all pages, with the names of the pages."""
    found = []
    for path in pages(site):
        page, _ = visit(path, **view)
        faults = [fault for question in questions for fault in ask(page, *question)]
        found += [f"{path.name}: {fault}" for fault in faults]
    return "\n".join(found)


def test_prose_has_lines_that_can_be_read_and_code_fits(site, visit):
    questions = [("longLines", MEASURE), ("sideways",)]
    assert not on_every_page(site, visit, *questions, width=1400)


def test_a_phone_shows_code_whole_and_letters_large_enough(site, visit):
    questions = [("sideways",), ("smallLetters", SMALLEST), ("unboxed",)]
    assert not on_every_page(site, visit, *questions, width=390)


def test_no_picture_is_white_in_the_dark_and_numbers_stand_in_columns(site, visit):
    questions = [("white",), ("loose",)]
    assert not on_every_page(site, visit, *questions, theme="dark")


def test_text_and_code_have_the_typefaces_that_the_site_brings(site, visit):
    page, _ = visit(next(site.glob("chapters/01_*.html")))
    faces = ask(page, "faces")
    assert (faces["text"], faces["code"]) == ('"Book Text"', '"Book Code"')
    loaded = {family.strip('"') for family in faces["loaded"]}
    assert {"Book Text", "Book Code"} <= loaded


def test_a_listing_is_copied_as_it_stands_in_the_notebook(site, visit):
    page, _ = visit(next(site.glob("chapters/08_*.html")), width=390)
    long = [
        line.text_content() for line in page.query_selector_all(".cell_input .ln")
    ]
    assert len(long) > 100 and all(line.count("\n") == 1 for line in long)
    shown = page.query_selector_all(".cell_input pre")
    (notebook,) = (ROOT / "chapters").glob("08_*.ipynb")
    cells = {cell.source.strip() for cell in read(notebook).cells}
    assert {pre.text_content().strip() for pre in shown} <= cells


def test_the_first_stars_on_a_page_are_explained(site, visit):
    for path in site.glob("chapters/[0-9]*.html"):
        page, _ = visit(path)
        first = page.query_selector(".llm-stars-key + .exercise .llm-stars")
        assert first is not None, path.name
        assert (
            first.get_attribute("aria-label").split(" star")[0] in "one two three"
        )
