"""The figure of chapter 6 in a real browser: a text is cut, and a question picked."""

from __future__ import annotations

import pytest
import test_site
from figures import barriers, dead_controls, page_with

from book.viz.cutter import cutter

visit = test_site.visit
TEXT = ["the cat sat", "a dog ran and hid", "it rained", "the cat slept all day"]
SHOWN = """figure => {
  const root = figure.querySelector("*").shadowRoot;
  const all = (selector) => [...root.querySelectorAll(selector)];
  const texts = (selector) => all(selector).map((e) => e.textContent);
  return { says: texts("p"), rows: root.querySelectorAll("tbody").length,
    read: texts("td.read"), asked: texts("td.asked"), never: texts(".never span"),
    filled: root.querySelectorAll("td.filling").length };
}"""
TRY = """(figure, detail) =>
  figure.dispatchEvent(new CustomEvent("llm-try", { detail }))"""


@pytest.fixture(scope="module")
def page_of_the_cutter(tmp_path_factory):
    """A page with the figure alone."""
    return page_with(cutter(TEXT, 6, 6), tmp_path_factory.mktemp("page"))


@pytest.mark.parametrize(("theme", "width"), test_site.VIEWS)
def test_the_figure_fits_and_can_be_used(page_of_the_cutter, visit, theme, width):
    page, faults = visit(page_of_the_cutter, theme, width)
    figure = page.query_selector(".llm-figure[data-live]")
    assert barriers(page) == []
    assert page.evaluate(test_site.OVERFLOW) <= 0
    assert dead_controls(page, figure) == []
    assert faults == []


def test_a_question_is_picked_by_keyboard(page_of_the_cutter, visit):
    page, _ = visit(page_of_the_cutter)
    figure = page.query_selector(".llm-figure")
    shown = figure.evaluate(SHOWN)
    assert (shown["rows"], shown["never"]) == (3, ["the"])
    assert shown["read"] == ["the", "␣cat", "␣sat", "end", "a", "␣dog"]
    assert shown["asked"] == ["␣ran"]
    place = figure.query_selector_all("input[type=range]")[3]
    place.focus()
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    shown = figure.evaluate(SHOWN)
    assert (shown["read"], shown["asked"]) == (["the", "␣cat"], ["␣sat"])


def test_packed_rows_waste_less_and_hide_the_neighbour(page_of_the_cutter, visit):
    page, _ = visit(page_of_the_cutter)
    figure = page.query_selector(".llm-figure")
    figure.evaluate(TRY, {"form": "documents", "length": 10})
    assert figure.evaluate(SHOWN)["filled"] == 2 * 5
    figure.evaluate(TRY, {"form": "packed", "length": 10})
    shown = figure.evaluate(SHOWN)
    assert (shown["rows"], shown["filled"]) == (2, 2 * 1)
    place = figure.query_selector_all("input[type=range]")[3]
    place.focus()
    page.keyboard.press("End")
    assert len(figure.evaluate(SHOWN)["read"]) == 10
    figure.query_selector("input[type=checkbox]").click()
    assert figure.evaluate(SHOWN)["read"] == ["end", "the", "␣cat", "␣sat"]


def test_what_does_not_fit_is_said(page_of_the_cutter, visit):
    page, _ = visit(page_of_the_cutter)
    figure = page.query_selector(".llm-figure")
    figure.evaluate(TRY, {"form": "documents", "length": 3})
    shown = figure.evaluate(SHOWN)
    assert shown["rows"] == 0 and "takes 6 places" in shown["says"][1]
    figure.query_selector("textarea").fill("")
    figure.evaluate(TRY, {"form": "windows", "length": 3})
    assert "not even one window" in figure.evaluate(SHOWN)["says"][1]
