"""Finding things on the site: the contents beside the text, search, terms, the index."""

from __future__ import annotations

import pytest
import test_site

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
