"""A prediction is asked for, kept, and shown beside the result, in a real browser."""

import math

import matplotlib.pyplot as plt
import pytest
import test_site
from book_predict import SCRIPTS, html_field

from book import viz
from book.predictions import Field

visit = test_site.visit
ASKED = [
    Field("average", "the average", "of 100", []),
    Field("hired", "", "", ["the first", "the second"]),
]
LOG, LINEAR = (0.01, 100.0), (0.0, 2.0)


@pytest.fixture
def page_file(tmp_path):
    """A page with two boxes, a table, a sentence, and a figure of two scales."""
    boxes = "".join(
        f'<form class="llm-predict" aria-label="Predict">{html_field(field)}</form>'
        for field in ASKED
    )
    table = viz.table({"average": 0.13}, ["right"], said={"average": "average"})
    figures = ""
    for scale, limits in (("log", LOG), ("linear", LINEAR)):
        ax = plt.subplots(figsize=(3, 2))[1]
        ax.set(yscale=scale, ylim=limits)
        figures += viz.with_prediction(ax, "average", alt=scale).data["text/html"]
    script = (SCRIPTS / "predict.js").read_text(encoding="utf-8")
    sentence = (
        '<p>You said <span class="llm-said" data-said="hired">___</span>.</p>'
    )
    body = f"{boxes}{table.data['text/html']}{sentence}{figures}"
    path = tmp_path / "08_page.html"
    path.write_text(
        f"<!doctype html><html lang=en><body>{body}<script>{script}</script></body>",
        encoding="utf-8",
    )
    return path


def shown(page):
    return page.locator("table [data-said]").inner_text()


def height(page, i):
    """Where the line of mark `i` stands: a share of the axes' height, from below."""
    return (
        page.locator(".llm-mark")
        .nth(i)
        .evaluate(
            """(mark) => {
          const axes = mark.parentElement.getBoundingClientRect();
          const box = mark.getBoundingClientRect();
          const line = mark.style.borderTopWidth === "2px" ? box.top + 1 : box.bottom - 1;
          return (axes.bottom - line) / axes.height; }"""
        )
    )


def test_a_number_is_kept_and_stands_beside_the_result(visit, page_file):
    page, faults = visit(page_file)
    assert shown(page) == "_____" and page.locator(".llm-mark:visible").count() == 0
    number = page.get_by_label("the average, of 100")
    number.fill("0,4")
    assert shown(page) == "0.4"
    assert page.get_by_role("status").first.inner_text().startswith("Kept")
    page.reload()
    assert shown(page) == "0.4" and number.input_value() == "0.4"
    page.get_by_role("button", name="Clear").first.click()
    assert shown(page) == "_____" and number.input_value() == ""
    page.reload()
    assert shown(page) == "_____"
    assert faults == []


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("40 %", "40"), ("−2", "-2"), (".5", "0.5"), ("1e-3", "0.001"), (" 7 ", "7")],
)
def test_numbers_are_read_as_people_write_them(visit, page_file, typed, kept):
    page, _ = visit(page_file)
    page.get_by_label("the average, of 100").fill(typed)
    assert shown(page) == kept


@pytest.mark.parametrize("typed", ["about half", "0.4.1", "Infinity", "<b>"])
def test_what_is_no_number_is_said_and_not_kept(visit, page_file, typed):
    page, faults = visit(page_file)
    number = page.get_by_label("the average, of 100")
    number.fill("0.4")
    number.fill(typed)
    assert number.get_attribute("aria-invalid") == "true"
    assert "such as 0.4" in page.get_by_role("status").first.inner_text()
    assert shown(page) == "0.4" and faults == []


def test_a_choice_is_made_with_the_keyboard_alone(visit, page_file):
    page, _ = visit(page_file)
    page.get_by_label("the average, of 100").focus()
    for key in ("Tab", "Tab", "Space", "ArrowRight"):
        page.keyboard.press(key)
    assert "You said the second." in page.inner_text("body")
    page.reload()
    assert page.get_by_label("the second").is_checked()
    page.keyboard.press("Enter")  # sends nothing, leaves nothing
    assert "You said the second." in page.inner_text("body")


@pytest.mark.parametrize("value", [0.5, 1.0, 1.9])
def test_the_mark_stands_at_the_value_on_either_scale(visit, page_file, value):
    page, _ = visit(page_file)
    page.get_by_label("the average, of 100").fill(str(value))
    on_log = (math.log10(value) + 2) / 4
    assert height(page, 0) == pytest.approx(on_log, abs=0.01)
    assert height(page, 1) == pytest.approx(value / 2, abs=0.01)
    assert page.locator(".llm-mark").first.inner_text() == f"you said {value:g}"


@pytest.mark.parametrize(("value", "at"), [("7", 1), ("-1", 0)])
def test_a_value_beyond_the_axes_stands_at_their_end(visit, page_file, value, at):
    page, _ = visit(page_file)
    page.get_by_label("the average, of 100").fill(value)
    assert height(page, 1) == pytest.approx(at, abs=0.02)
    assert page.locator(".llm-mark").nth(1).inner_text().endswith("off the scale")


def test_a_browser_that_keeps_nothing_still_shows(chromium, page_file):
    page = chromium.new_page()
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw Error('no'); } })"
    )
    page.goto(page_file.as_uri())
    page.get_by_label("the average, of 100").fill("0.4")
    assert shown(page) == "0.4"
    page.close()


def test_without_scripts_there_is_a_line(chromium, page_file):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(page_file.as_uri())
    assert page.locator(".llm-predict-line").count() == 1
    assert "☐ the second" in page.inner_text("body")
    context.close()
