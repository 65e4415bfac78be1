"""The guessing game of chapter 2 in a real browser: played by keyboard."""

from __future__ import annotations

import pytest
import test_site
from figures import assert_usable, page_with

from book.viz.guessing import guessing_game, packed, small_game
from llm.corpora import story

visit = test_site.visit
READ, TOLD = [story(0, i) for i in range(40)], [story(1, 0), story(1, 1)]
SHOWN = """figure => {
  const root = figure.querySelector("*").shadowRoot;
  const all = (selector) => [...root.querySelectorAll(selector)];
  const texts = (selector) => all(selector).map((e) => e.textContent);
  return { says: texts("p"), you: texts("tr.you td"), bars: texts(".bars li"),
    plots: all("svg[role=img]").map((e) => e.getAttribute("aria-label")),
    paid: texts(".paid"), text: texts(".tokens > span").join("") };
}"""


@pytest.fixture(scope="module")
def page_of_the_game(tmp_path_factory):
    return page_with(guessing_game(TOLD, READ), tmp_path_factory.mktemp("page"))


@pytest.mark.parametrize(("theme", "width"), test_site.VIEWS)
def test_the_game_fits_and_can_be_used(page_of_the_game, visit, theme, width):
    assert_usable(*visit(page_of_the_game, theme, width))


def test_the_small_form_can_be_used(tmp_path, visit):
    assert_usable(*visit(page_with(small_game(1, 20), tmp_path)))


def test_a_guess_is_made_by_keyboard(page_of_the_game, visit):
    page, faults = visit(page_of_the_game)
    figure = page.query_selector(".llm-figure")
    told = packed(TOLD[:1], READ)["stories"][0]
    place = next(t for t, a in enumerate(told["asked"]) if a and t >= told["begin"])
    field = figure.query_selector("input[type=text]")
    field.focus()
    page.keyboard.type("zebra, " + told["pieces"][place].strip().upper())
    page.keyboard.press("Enter")
    shown = figure.evaluate(SHOWN)
    p = 0.5 / 2 + 0.5 * told["asked"][place][0][0]
    assert shown["you"][0] == f"{p:.0%}"
    assert shown["paid"] == [told["pieces"][place]]
    assert shown["text"].endswith(told["pieces"][place] + " ▁▁▁")
    assert len(shown["bars"]) == 5 and shown["bars"][0].startswith("you")
    page.keyboard.type("zebra")  # the field has the focus again
    page.keyboard.press("Enter")
    shown = figure.evaluate(SHOWN)
    assert len(shown["paid"]) == 2
    assert shown["plots"][0].startswith("nats paid after 2 words: you ")
    assert faults == []
