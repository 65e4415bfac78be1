"""How a chapter lies on the page: code against prose, and what is folded."""

from __future__ import annotations

import pytest
import test_site

from tests.house import rules
from tests.house.notebooks import chapters, read

visit = test_site.visit
HEIGHTS = """() => {
  const high = (e) => (e.checkVisibility() ? e.getBoundingClientRect().height : 0);
  const read = [...document.querySelectorAll("article > section > section")]
    .filter((section) => !["exercises", "references"].includes(section.id));
  const all = (selector, aside) => read
    .flatMap((section) => [...section.querySelectorAll(selector)])
    .filter((e) => !e.parentElement.closest(aside))
    .reduce((sum, e) => sum + high(e), 0);
  return [all("div.cell_input", "details"),
          all("p, li, h2, div.math", ".cell, li, figcaption")]; }"""
CUT = """() => [".llm-wraps pre", ".llm-verdict", "td", "blockquote p"]
  .flatMap((selector) => [...document.querySelectorAll(selector)])
  .filter((e) => e.scrollWidth > e.clientWidth + 1)
  .map((e) => e.textContent.slice(0, 60))"""


def page_of(site, path):
    page = site / "chapters" / f"{path.stem}.html"
    if not page.exists():
        pytest.skip(f"{page.name} is not built")
    return page


ASKED = [
    path for path in chapters() if rules.balance in rules.rules_for(read(path))
]


@pytest.mark.parametrize("path", ASKED, ids=lambda p: p.stem)
def test_the_rule_knows_how_high_code_and_prose_are(site, visit, path):
    page, _ = visit(page_of(site, path))
    measured = page.evaluate(HEIGHTS)
    assert measured == pytest.approx(rules.heights(read(path)), rel=0.1)


@pytest.mark.parametrize("width", [1400, 390])
@pytest.mark.parametrize("path", chapters(), ids=lambda p: p.stem)
def test_texts_and_verdicts_can_be_read_to_their_last_word(
    site, visit, path, width
):
    page, _ = visit(page_of(site, path), width=width)
    assert page.evaluate(CUT) == []


@pytest.mark.parametrize("path", chapters(), ids=lambda p: p.stem)
def test_what_is_folded_says_what_it_is_and_opens_with_the_keyboard(
    site, visit, path
):
    page, _ = visit(page_of(site, path))
    for folded in page.query_selector_all("details.llm-fold"):
        summary = folded.query_selector("summary")
        assert summary.bounding_box()["height"] >= 24
        assert not folded.query_selector("pre").is_visible()
        summary.press("Enter")
        assert folded.query_selector("pre").is_visible()
    checked = page.query_selector_all(".tag_checked summary")
    lines = [summary.inner_text() for summary in checked]
    assert all(line.startswith("Checked ✓ ") and len(line) > 20 for line in lines)
