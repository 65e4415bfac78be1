"""The figure of chapter 9 in a real browser: a mask is drawn, a forecaster trained."""

from __future__ import annotations

import pytest
import test_site
from figures import barriers, dead_controls, page_with

from book.viz.masks import draw_a_mask
from tests.test_masks import TRANSITION

visit = test_site.visit
WEATHERS = ["sun", "cloud", "rain", "storm", "fog"]
SHOWN = """figure => {
  const root = figure.querySelector("*").shadowRoot;
  const all = (selector) => [...root.querySelectorAll(selector)];
  const texts = (selector) => all(selector).map((e) => e.textContent);
  const [mask, found] = root.querySelectorAll("table");
  return { says: texts("p")[0], cells: texts("td button").join(""),
    leaks: found.querySelectorAll(".leaks").length, levels: texts("svg text"),
    result: texts("p").slice(1), diaries: texts("li"),
    choice: [...root.querySelectorAll("select")].map((s) => s.value),
    buttons: texts(".row button") };
}"""
TRAINED = (
    "figure => figure.querySelector('*').shadowRoot.querySelector('ol') !== null"
)
TRY = """(figure, detail) =>
  figure.dispatchEvent(new CustomEvent("llm-try", { detail }))"""


@pytest.fixture(scope="module")
def page_of_masks(tmp_path_factory):
    """A page with the figure alone."""
    bundle = draw_a_mask(TRANSITION, WEATHERS, mask="hole")
    return page_with(bundle, tmp_path_factory.mktemp("page"))


@pytest.mark.parametrize(("theme", "width"), test_site.VIEWS)
def test_the_figure_fits_and_can_be_used(page_of_masks, visit, theme, width):
    page, faults = visit(page_of_masks, theme, width)
    figure = page.query_selector(".llm-figure[data-live]")
    assert barriers(page) == []
    assert page.evaluate(test_site.OVERFLOW) <= 0
    assert dead_controls(page, figure) == []
    assert faults == []


def test_a_mask_is_drawn_by_keyboard_and_the_certificate_follows(
    page_of_masks, visit
):
    page, _ = visit(page_of_masks)
    figure = page.query_selector(".llm-figure")
    assert figure.evaluate(SHOWN)["leaks"] == 1
    figure.query_selector("td button").focus()
    for key in (*3 * ["ArrowDown"], *4 * ["ArrowRight"], "Enter"):
        page.keyboard.press(key)
    shown = figure.evaluate(SHOWN)
    assert shown["leaks"] == 0 and "!" not in shown["cells"]
    assert shown["choice"] == ["own", "before"]
    assert "causal" in shown["says"]
    page.keyboard.press("End")
    page.keyboard.press("Space")
    assert figure.evaluate(SHOWN)["cells"].endswith("×")
    figure.query_selector_all(".row button")[1].click()  # reset
    assert figure.evaluate(SHOWN)["leaks"] == 1


def test_training_falls_to_what_the_mask_allows(page_of_masks, visit):
    page, faults = visit(page_of_masks)
    figure = page.query_selector(".llm-figure")
    train = figure.query_selector(".row button")
    for mask, least in (("causal", 1.06), ("shifted", 0.13), ("hole", 0.93)):
        figure.evaluate(TRY, {"mask": mask, "place": "before"})
        assert figure.evaluate(SHOWN)["result"] == []
        train.click()
        page.wait_for_function(TRAINED, arg=figure, timeout=120_000)
        shown = figure.evaluate(SHOWN)
        loss = float(shown["result"][0].split(": ")[1].split()[0])
        assert least - 0.04 < loss < least + 0.06
        on_air = shown["result"][1].split(": ")[1].split(". ")[0].split(", ")
        wrong = [n for n, x in enumerate(map(float, on_air), start=1) if x > 1.4]
        assert wrong == {"causal": [], "hole": [4], "shifted": [*range(1, 8)]}[mask]
        assert shown["diaries"][0].startswith("storm")
        assert len(shown["diaries"][0].split()) == 9
        said = [text for text in shown["levels"] if "least" in text]
        assert said == ([] if mask == "causal" else [said[0]])
        assert not said or said[0].endswith(f"{least:.2f}")
    assert faults == []


def test_a_day_that_may_look_at_nobody_stops_the_training(page_of_masks, visit):
    page, _ = visit(page_of_masks)
    figure = page.query_selector(".llm-figure")
    figure.evaluate(TRY, {"mask": "strict", "place": "before"})
    assert "Day 1 has an empty softmax" in figure.evaluate(SHOWN)["says"]
    figure.query_selector(".row button").click()
    page.wait_for_timeout(1500)
    shown = figure.evaluate(SHOWN)
    assert "not a number" in shown["result"][0]
    assert shown["buttons"][0] == "Train a forecaster"
