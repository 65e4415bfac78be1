"""The first page: what it says of the chapters is what they are; the feed."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime
from pathlib import Path

import book_course
import book_feed
import book_front
import pytest
from sphinx.application import Sphinx

from book.contents import ROOT, courses, needed_directly, parts

CHAPTERS = [chapter for part in parts() for chapter in part.chapters]
WRITTEN = [chapter for chapter in CHAPTERS if chapter.page]


def address(page: str) -> str:
    return f"{page}.html"


def test_the_contents_are_those_of_the_book():
    """Thirty numbers, each once; what a chapter needs comes before it; each notebook
    is a chapter of the contents."""
    assert [chapter.number for chapter in CHAPTERS] == list(range(1, 31))
    assert all(max(c.needs, default=0) < c.number for c in CHAPTERS)
    notebooks = {p.stem for p in (ROOT / "chapters").glob("[0-9]*.ipynb")}
    assert {Path(chapter.page).name for chapter in WRITTEN} == notebooks


@pytest.mark.parametrize("chapter", WRITTEN, ids=lambda c: str(c.number))
def test_a_chapter_is_called_the_same_everywhere(chapter):
    """In the contents, in its notebook and in the README."""
    notebook = json.loads((ROOT / f"{chapter.page}.ipynb").read_text("utf-8"))
    (title,) = re.findall("^# (.*)$", "".join(notebook["cells"][0]["source"]), re.M)
    assert title.split(":")[0] == chapter.title
    readme = (ROOT / "README.md").read_text("utf-8")
    assert f"| {chapter.number} | {chapter.title} | {chapter.line} |" in readme


def test_the_parts_are_those_of_the_site():
    toc = (ROOT / "_toc.yml").read_text("utf-8")
    shown = re.findall(r"caption: (Part .*)", toc)
    ours = [f"Part {book_front.roman(p.number)} – {p.title}" for p in parts()]
    assert shown == ours[: len(shown)] and shown


def test_a_card_leads_to_what_is_written_and_nowhere_else():
    cards = re.findall(r"<li.*?</li>", book_front.cards(address), re.S)
    assert len(cards) == len(CHAPTERS)
    for chapter, card in zip(CHAPTERS, cards, strict=True):
        assert f'value="{chapter.number}"' in card and chapter.title[:9] in card
        if chapter.page:
            assert f'href="{chapter.page}.html"' in card
            assert f"{chapter.minutes} min to read · {chapter.seconds} s" in card
        else:
            assert "href" not in card and "planned</p>" in card


def test_buttons_lead_to_what_there_is(monkeypatch, tmp_path):
    monkeypatch.setattr(book_front, "BUILT", tmp_path / "book.pdf")
    monkeypatch.setattr(book_front, "addresses", lambda: {"repository": ""})
    bare = re.findall('href="(.*?)"', book_front.buttons(address))
    assert bare == [address(WRITTEN[0].page), "#run-it"]
    (tmp_path / "book.pdf").touch()
    monkeypatch.setattr(book_front, "addresses", lambda: {"repository": "x&y"})
    all_of_them = re.findall('href="(.*?)"', book_front.buttons(address))
    assert all_of_them == [*bare, book_front.FILE, "x&amp;y"]


ATOM = {"a": "http://www.w3.org/2005/Atom"}


def test_the_feed_has_every_chapter_with_its_address_and_time(monkeypatch):
    when = datetime(2026, 1, 2, tzinfo=UTC)
    monkeypatch.setattr(book_feed, "updated", lambda page: when)
    made = book_feed.feed("https://me.org/book/", "A <book>", "Us", WRITTEN)
    feed = ElementTree.fromstring(made)
    entries = feed.findall("a:entry", ATOM)
    ids = [entry.find("a:id", ATOM).text for entry in entries]
    assert ids == [f"https://me.org/book/{c.page}.html" for c in WRITTEN]
    assert feed.find("a:title", ATOM).text == "A <book>"
    times = {e.find("a:updated", ATOM).text for e in entries}
    assert {datetime.fromisoformat(t) for t in times} == {when}
    titles = [entry.find("a:title", ATOM).text for entry in entries]
    assert titles[0] == f"1. {WRITTEN[0].title}"


def test_a_chapter_was_updated_when_git_saw_it_or_its_file_changed():
    assert book_feed.updated(WRITTEN[0].page) <= datetime.now(UTC)
    with pytest.raises(FileNotFoundError):
        book_feed.updated("chapters/99_not_there")


def test_print_leaves_out_what_only_a_page_can_show(tmp_path):
    """The sections of the game and of the cards go, the one with the buttons stays."""
    page = "# Title\n\n{start}\n\n## A game\n\nGuess.\n\n{game}\n\n## Text\n\nRead."
    page += "\n\n## Cards\n\n{cards}\n"
    page = re.sub(r"\{(\w+)\}", r"```{\1}\n```", page)
    (tmp_path / "index.md").write_text(page, "utf-8")
    settings = {"extensions": ["myst_parser", "book_front"]}
    app = Sphinx(
        tmp_path, None, tmp_path / "out", tmp_path / "trees", "latex",
        confoverrides=settings, status=None, freshenv=True,
    )  # fmt: skip
    app.build()
    (made,) = (tmp_path / "out").glob("*.tex")
    text = made.read_text("utf-8")
    assert "Read." in text
    assert "Guess." not in text and "A game" not in text and "Cards" not in text


# --- the book as a course ---------------------------------------------------------


def test_an_arrow_for_each_need_that_is_not_met_on_the_way():
    needs = needed_directly(CHAPTERS)
    assert needs[13] == (12,) and needs[16] == (13,) and needs[5] == (2, 4)
    drawn = book_course.drawing(address)
    assert drawn.count('class="arrow"') == sum(map(len, needs.values()))
    width, height = map(float, re.search(r"0 0 (\S+) (\S+)\"", drawn).groups())
    for x, y in book_course.places().values():
        assert 0 <= x <= width - book_course.WIDTH
        assert 0 <= y <= height - book_course.HEIGHT
    links = re.findall('<a href="(.*?)"', drawn)
    assert links == [address(chapter.page) for chapter in WRITTEN]


@pytest.mark.parametrize("course", courses(), ids=lambda c: c.title.split()[0])
def test_a_way_through_meets_nothing_before_what_it_needs(course):
    needs = {chapter.number: chapter.needs for chapter in CHAPTERS}
    met = [number for week in course.weeks for number in week]
    assert met == sorted(set(met))
    assert course.title.lower().startswith(NUMBERS[len(course.weeks)])
    for i, number in enumerate(met):
        assert set(needs[number]) <= {*met[:i]}, number


NUMBERS = {6: "six", 10: "ten", 14: "fourteen"}


def test_the_table_has_a_row_for_each_chapter():
    rows = [line.split("|")[1:-1] for line in book_course.table()][2:]
    assert [int(row[0]) for row in rows] == [c.number for c in CHAPTERS]
    for row, chapter in zip(rows, CHAPTERS, strict=True):
        assert len(row) == 5
        assert (chapter.page or "planned") in "".join(row)
