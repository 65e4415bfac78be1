"""Finding things on the site: the contents beside the text, search, terms, the index."""

from __future__ import annotations

import re

import pytest
import test_site
from figures import barriers

visit = test_site.visit
CHAPTER = "chapters/08_attention_from_first_principles.html"

# ------------------------------------------------------------ contents beside the text
MARKED = """() => [...document.querySelectorAll(
  ".page-toc a.active, .page-toc a[aria-current]")].map((a) => a.hash)"""
IN_SIGHT = """() => {
  const pane = document.querySelector(".bd-sidebar-secondary").getBoundingClientRect();
  const entry = document.querySelector(".page-toc a.active").getBoundingClientRect();
  return entry.top >= pane.top && entry.bottom <= pane.bottom;
}"""
# The middle of the longest section, which holds no heading that could pass by.
MIDDLE = """() => {
  const sections = [...document.querySelectorAll("article section section")];
  const longest = sections.reduce((a, b) => a.offsetHeight > b.offsetHeight ? a : b);
  const { top, height } = longest.getBoundingClientRect();
  scrollTo({ top: scrollY + top + height / 2, behavior: "instant" });
  return "#" + longest.id;
}"""


def marked(page):
    """The entry that is marked once the page has come to rest."""
    place = None
    while place != (place := page.evaluate("scrollY")):
        page.wait_for_timeout(250)
    (hash_,) = set(page.evaluate(MARKED)) or {""}
    return hash_


def sections(page):
    return page.eval_on_selector_all(
        ".page-toc a", "links => links.map(a => a.hash)"
    )


def test_the_contents_follow_a_click_also_to_the_last_sections(site, visit):
    page, faults = visit(site / CHAPTER)
    for place in sections(page)[::-1]:
        page.click(f'.page-toc a[href="{place}"]')
        assert marked(page) == place
        assert page.evaluate(IN_SIGHT)
    assert faults == []


def test_the_contents_follow_back_and_forward(site, visit):
    page, faults = visit(site / CHAPTER)
    first, *_, last = sections(page)
    page.click(f'.page-toc a[href="{last}"]')
    page.click(f'.page-toc a[href="{first}"]')
    assert marked(page) == first
    page.go_back()
    assert marked(page) == last
    page.go_forward()
    assert marked(page) == first
    assert faults == []


def test_the_contents_follow_a_link_from_another_page(site, visit):
    page, _ = visit(site / "index.html")
    for place in sections(page := visit(site / CHAPTER)[0])[1::6]:
        page.goto((site / "index.html").as_uri())
        page.goto((site / CHAPTER).as_uri() + place)
        assert marked(page) == place


def test_the_contents_follow_who_scrolls_and_who_jumps_into_a_section(site, visit):
    page, faults = visit(site / CHAPTER)
    last = sections(page)[-1]
    page.click(f'.page-toc a[href="{last}"]')
    assert marked(page) == last
    page.mouse.move(600, 400)
    page.mouse.wheel(0, -100_000)
    assert marked(page) == ""  # above the first section
    longest = page.evaluate(MIDDLE)
    assert marked(page) == longest
    page.mouse.wheel(0, 100_000)
    assert marked(page) == last
    assert faults == []


@pytest.mark.parametrize("width", [1400, 390])
def test_a_link_to_a_figure_marks_its_section(site, visit, width):
    page, _ = visit(site / CHAPTER, width=width)
    figure = page.query_selector("article section section figure[id]")
    section = figure.evaluate("f => '#' + f.closest('section').id")
    page.evaluate("id => { location.hash = id }", figure.get_attribute("id"))
    assert marked(page) == section


# ------------------------------------------------------------------------------ search
RESULTS = ".llm-search-results > li"


def ask(page, question):
    page.fill(".llm-search input", question)
    page.wait_for_timeout(400)
    return page.query_selector_all(RESULTS)


def heading(result):
    return result.query_selector("h2").inner_text()


@pytest.fixture
def search(site, visit):
    page, faults = visit(site / "search.html")
    yield page
    assert faults == []


def test_a_search_from_any_page_shows_section_and_excerpt_with_the_words(
    site, visit
):
    page, faults = visit(site / CHAPTER)
    page.keyboard.press("Control+k")
    page.keyboard.type("softmax temperature averaging")
    page.keyboard.press("Enter")
    page.wait_for_selector(RESULTS)
    first = page.query_selector(RESULTS)
    assert re.fullmatch(r"8\.\d+ Temperature decides .*", heading(first))
    place = first.query_selector(".llm-search-place").inner_text()
    assert place == "Chapter 8 · Attention from first principles"
    excerpt = first.query_selector(".llm-search-excerpt")
    marks = [m.inner_text().lower() for m in excerpt.query_selector_all("mark")]
    assert {"softmax", "temperature"} <= set(marks)
    first.query_selector("a").click()
    page.wait_for_load_state()
    assert page.url.endswith(
        f"{CHAPTER}#temperature-decides-between-averaging-and-looking-up"
    )
    assert faults == []


def test_every_result_of_a_common_word_leads_to_its_section(search, site):
    ask(search, "token")
    while (more := search.query_selector(".llm-search-more")).is_visible():
        before = len(search.query_selector_all(RESULTS))
        more.click()
        assert search.evaluate("document.activeElement.closest('li') !== null")
        assert len(search.query_selector_all(RESULTS)) > before
    n_sections = int(search.inner_text(".llm-search-status").split()[0])
    results = search.query_selector_all(RESULTS)
    assert len(results) == n_sections > 100
    texts = {}
    for result in results:
        name, _, anchor = (
            result.query_selector("a").get_attribute("href").partition("#")
        )
        page = texts.setdefault(name, (site / name).read_text(encoding="utf-8"))
        assert not anchor or f'id="{anchor}"' in page
        assert result.query_selector("mark")


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("causal mask", "causal mask"),
        ("optimiser", "optimizer"),
        ("queries", "query"),
        ("kv-cache", "KV cache"),
        ("warm up", "warm-up"),
        ("warmup_cosine", r"15\.\d+ Large steps .*"),
        ("CAUSAL_MASK", r"9\.\d+ .*"),
        ('"averaging forgets"', r"8\.\d+ Averaging forgets who costs what"),
    ],
)
def test_a_word_is_found_in_its_other_forms(search, question, first):
    assert re.fullmatch(first, heading(ask(search, question)[0]))


def test_all_words_count_and_what_is_nowhere_is_said(search):
    status = search.query_selector("[role=status]")

    def n_sections(question):  # of which the page shows the first twenty
        assert ask(search, question)
        return int(
            re.fullmatch(r"(\d+) sections on \d+ pages", status.inner_text())[1]
        )

    assert 0 < n_sections("floor entropy") < n_sections("floor")
    assert ask(search, "floor zyzzyva") == []
    assert status.inner_text().startswith("No section holds floor zyzzyva.")
    assert ask(search, "[a-z]+( \\") is not None  # no pattern, and no error
    assert ask(search, "") == [] and status.inner_text() == ""


def test_a_search_is_done_by_keyboard_and_has_an_address(search):
    assert search.evaluate("document.activeElement.name") == "q"
    search.keyboard.type("dropout")
    search.wait_for_selector(RESULTS)
    search.wait_for_timeout(300)
    assert search.url.endswith("?q=dropout")
    for key, place in [("Down", 0), ("Down", 1), ("Up", 0)]:
        search.keyboard.press(f"Arrow{key}")
        links = "[...document.querySelectorAll('.llm-search h2 a')]"
        at = f"{links}.indexOf(document.activeElement)"
        assert search.evaluate(at) == place
    search.keyboard.press("ArrowUp")
    assert search.evaluate("document.activeElement.name") == "q"
    search.reload()
    assert search.query_selector(RESULTS) and search.title().startswith(
        "dropout – "
    )


@pytest.mark.parametrize(("theme", "width"), test_site.VIEWS)
def test_results_fit_and_can_be_read(site, visit, theme, width):
    page, faults = visit(site / "search.html", theme, width)
    ask(page, "attention weights")
    faults += barriers(page)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert faults == []


def test_no_page_but_the_search_page_loads_what_is_searched(site):
    loading = [
        path.name
        for path in test_site.pages(site)
        if re.search(r"booktext|searchindex|searchtools", path.read_text("utf-8"))
    ]
    assert loading == ["search.html"]


# ------------------------------------------------------------------------ the glossary
TIP = ".llm-term-tip"


@pytest.mark.parametrize(("theme", "width"), test_site.VIEWS)
def test_a_term_says_what_it_means_to_keyboard_and_pointer(
    site, visit, theme, width
):
    page, faults = visit(site / CHAPTER, theme, width)
    link = page.query_selector("a.llm-term:text('softmax')")
    definition = link.get_attribute("title")
    assert definition.startswith("The function that turns any row of numbers")
    assert not page.is_visible(TIP)
    link.focus()
    page.keyboard.press("Shift+Tab")  # and back: a focus that came by keyboard
    page.keyboard.press("Tab")
    assert page.inner_text(TIP) == definition
    tip, words = page.query_selector(TIP).bounding_box(), link.bounding_box()
    assert tip["x"] >= 0 and tip["x"] + tip["width"] <= width
    below, above = words["y"] + words["height"], words["y"] - tip["height"]
    assert tip["y"] >= below or tip["y"] <= above  # it hides no word of the term
    assert barriers(page) == []
    page.keyboard.press("Escape")
    assert not page.is_visible(TIP)
    link.hover()
    assert page.inner_text(TIP) == definition
    assert link.get_attribute("title") is None  # or the browser shows it as well
    page.hover(TIP)
    page.wait_for_timeout(300)
    assert page.is_visible(TIP)  # it can be reached, and read in peace
    page.mouse.move(width / 2, 5)
    page.wait_for_timeout(300)
    assert not page.is_visible(TIP)
    assert link.get_attribute("title") == definition
    assert faults == []


def test_each_term_is_linked_once_in_a_chapter_and_to_the_glossary(site, visit):
    for path in sorted((site / "chapters").glob("[01]*.html")):
        page, faults = visit(path)
        targets = page.eval_on_selector_all("a.llm-term", "a => a.map(x => x.hash)")
        assert len(targets) > 3 and len(set(targets)) == len(targets), path.name
        forbidden = (
            ":is(pre, code, h1, h2, h3, figcaption, caption, summary, a) a.llm-term"
        )
        assert page.query_selector(forbidden) is None
        assert page.query_selector("a.llm-term:not([title])") is None
        assert faults == []
    page.click("a.llm-term >> nth=0")
    page.wait_for_load_state()
    assert page.evaluate("document.querySelector('dt:target') !== null")


def test_a_first_touch_shows_the_meaning_and_a_second_one_goes_there(
    site, chromium
):
    context = chromium.new_context(
        viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    page.goto((site / CHAPTER).as_uri())
    page.tap("a.llm-term >> nth=0")
    page.wait_for_timeout(200)
    assert page.is_visible(TIP) and page.url.endswith(CHAPTER)
    page.tap("a.llm-term >> nth=0")
    page.wait_for_url("**/notation.html#term-*")
    context.close()


# --------------------------------------------------------------------------- the index
def test_the_index_leads_to_terms_and_names_in_the_chapters(site, visit):
    page, faults = visit(site / "genindex.html")
    entries = {
        " ".join(item.inner_text().split()): item
        for item in page.query_selector_all(".llm-index > li")
    }
    softmax = next(e for e in entries if e.startswith("softmax glossary"))
    assert re.fullmatch(r"softmax glossary 1\.\d+ 8\.\d+.*", softmax)
    name = next(e for e in entries if e.startswith("softmax llm.attention"))
    assert re.fullmatch(r"softmax llm\.attention 8\.\d+", name)
    entries[name].query_selector("a").click()
    page.wait_for_load_state()
    assert "def softmax" in page.inner_text(":target")
    page.go_back()
    page.query_selector("text=/^8\\.\\d+$/").click()
    page.wait_for_load_state()
    assert page.evaluate("document.querySelector(':target') !== null")
    assert faults == []
