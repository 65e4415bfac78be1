"""The printed book: what stands on its pages, and what the PDF says of itself."""

import re
from collections import Counter, defaultdict
from itertools import pairwise

import nbformat
import pytest
from book_edition import edition
from printed_book import ROOT, ZOOM

CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
WHOLE = 15  # lines of code that are not split
LEAST = 3  # lines of longer code on each of its pages
LARGEST = 8.3  # points of DejaVu Sans that look as large as Pagella of 10 points
EXERCISE = re.compile(r"^:label: (ex-[\w-]+)$", re.M)


@pytest.fixture(scope="module")
def blocks(book):
    """The pages of the lines of each piece of code or of printed output."""
    pages = defaultdict(list)
    for mark in book.marks:
        if mark.kind != "shown":
            pages[mark.block].append(mark.page)
    assert len(pages) > 500
    return pages


def test_code_of_up_to_fifteen_lines_is_on_one_page(blocks):
    short = {b: p for b, p in blocks.items() if len(p) <= WHOLE}
    assert {b: p for b, p in short.items() if len(set(p)) > 1} == {}


def test_longer_code_has_three_lines_or_more_on_each_page(blocks):
    least = {
        b: min(Counter(p).values()) for b, p in blocks.items() if len(p) > WHOLE
    }
    assert {b: n for b, n in least.items() if n < LEAST} == {}


def test_what_a_cell_shows_begins_on_the_page_where_its_code_ends(book):
    code = [m for m in book.marks if m.kind == "code"]
    # a cell has one block; those behind it, with its number, stand in the text
    first = {m.cell: m.block for m in reversed(code)}
    ends = {m.cell: m.page for m in code if m.block == first[m.cell]}
    shown = {m.cell: m.page for m in book.marks if m.kind == "shown"}
    assert len(shown) > 200
    apart = {c: (ends[c], p) for c, p in shown.items() if ends.get(c) != p}
    # where both together would leave a third of a page empty, the next page begins so
    assert len(apart) <= 0.02 * len(shown), apart
    assert all(int(shown) == int(code) + 1 for code, shown in apart.values())


def chapter_pages(book):
    """The pages on which the book, a part, a chapter or the back matter begins."""
    return sorted({b.page for b in book.bookmarks if b.depth <= 1})


def test_parts_and_chapters_begin_on_right_hand_pages(book):
    begins = chapter_pages(book)
    assert len(begins) >= len(CHAPTERS) + 10
    assert [page for page in begins if page % 2 == 0] == []


def test_no_page_is_more_than_a_third_empty_but_where_a_chapter_ends(book):
    begins, n_pages = set(chapter_pages(book)), len(book.empty)
    parts = {b.page for b in book.bookmarks if b.depth == 0}
    blank = {p for p in range(1, n_pages + 1) if not book.words(p).strip()}
    ends = {p - 1 for p in begins | blank | {n_pages + 1}}
    allowed = blank | ends | parts | {1, 2} | contents(book)
    wrong = {
        p: round(share, 2)
        for p, share in enumerate(book.empty, 1)
        if share > 1 / 3 and p not in allowed
    }
    assert wrong == {}


def contents(book):
    """The pages of the table of contents."""
    first, after = (
        next(b.page for b in book.bookmarks if b.title == title)
        for title in ("Contents", "Preface")
    )
    return set(range(first, after))


def test_exercises_and_solutions_refer_to_each_other(book):
    labels = [
        label
        for path in CHAPTERS
        for cell in nbformat.read(path, 4).cells
        for label in EXERCISE.findall(cell.source)
    ]
    there = links_of(book, "Solution: page ")
    back = links_of(book, "(exercise: page ")
    assert len(there) == len(back) == len(labels) >= 120 / 2
    assert sorted(there) == sorted((to, at) for at, to in back)
    assert min(to for _, to in there) > max(at for at, _ in there)


def links_of(book, words):
    """Where links that begin with these words stand, and where they lead."""
    pages = range(1, len(book.pages) + 1)
    return [
        (page, to)
        for page in pages
        for text, to in book.links(page)
        if text.startswith(words)
    ]


def test_nothing_of_the_checks_of_answers_is_printed(book):
    text = "\n".join(book.words(p) for p in range(1, len(book.pages) + 1))
    assert "not yet:" not in text
    assert "from book.exercises import" not in text
    first, after = (
        next(b.page for b in book.bookmarks if b.title == title)
        for title in ("Solutions", "Reference")
    )
    solutions = "\n".join(book.words(p) for p in range(first, after))
    assert re.findall(r"^assert .*", solutions, re.M) == []


def test_bookmarks_lead_to_parts_chapters_and_sections(book):
    titles = [b.title for b in book.bookmarks]
    for path in CHAPTERS:
        source = nbformat.read(path, 4).cells
        prose = "\n".join(c.source for c in source if c.cell_type == "markdown")
        headings = re.findall(r"^##? ([^`$*{\n]+)$", prose, re.M)
        assert len(headings) > 5
        assert [h for h in headings if spaced(h) not in map(spaced, titles)] == []
    pages = [b.page for b in book.bookmarks]
    assert all(before <= after for before, after in pairwise(pages))
    for name in ("Contents", "Preface", "Solutions", "Bibliography", "Index"):
        assert name in titles


def spaced(title):
    """The letters of a title: quotes and dashes are typeset in their own way."""
    return re.sub(r"\W+", " ", title).strip()


def test_each_word_of_the_index_stands_there_once(book):
    first = next(b.page for b in book.bookmarks if b.title == "Index")
    lines = book.words(first).splitlines()
    for page in range(first + 1, len(book.pages) + 1):
        lines += book.words(page).splitlines()
    words = [
        m[1] for line in lines if (m := re.match(r"([A-Za-z][^,(]*),\s*$", line))
    ]
    assert len(words) > 100
    assert [word for word, n in Counter(words).items() if n > 1] == []


def test_the_pdf_says_what_it_is(book):
    said, ours = book.information, edition()
    assert said["Title"] == ours.title
    assert said["Author"] == ", ".join(ours.authors)
    assert said["Keywords"] == ", ".join(ours.keywords)
    assert said["CreationDate"].startswith(f"{ours.released}T00:00")
    assert re.search(rb"/Lang\s*\(en-GB\)", book.insides)
    assert f"Version {ours.version}" in book.words(2)


def test_each_figure_has_a_text_in_its_place(book):
    assert book.insides.count(b"/Alt") >= 70


def test_figures_that_are_alive_elsewhere_say_where(book):
    live = [
        path.name
        for path in CHAPTERS
        for cell in nbformat.read(path, 4).cells
        if any(
            "llm-figure" in "".join(shown.get("data", {}).get("text/html", ""))
            for shown in cell.get("outputs", [])
        )
    ]
    text = "\n".join(book.words(p) for p in range(1, len(book.pages) + 1))
    assert text.count("Alive in") == len(live) >= 10


def test_figures_are_no_larger_in_type_than_the_text(book):
    fonts = {f.get("id"): f for f in book.xml.iter("fontspec")}
    sizes = Counter()
    for text in book.xml.iter("text"):
        font = fonts[text.get("font")]
        if re.search(r"DejaVuSans$", font.get("family")):
            sizes[int(font.get("size")) / ZOOM] += len("".join(text.itertext()))
    total, large = sum(sizes.values()), Counter()
    for size, n in sizes.items():
        if size > LARGEST:
            large[size] += n
    assert total > 5000
    # signs between tables, such as @ and =
    assert sum(large.values()) < 0.005 * total, large
