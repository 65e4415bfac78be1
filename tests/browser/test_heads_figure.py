"""The figure of chapter 10 in a real browser: heads on a text of the reader's."""

from __future__ import annotations

import pytest
import test_site
from figures import assert_usable, page_with

from book.viz.heads import heads_at_work
from llm.corpora import story
from llm.export import pack
from llm.tokenizers import END_OF_TEXT, BPETokenizer
from tests.figure_parts import small_gpt

visit = test_site.visit
SHOWN = """figure => {
  const root = figure.querySelector("*").shadowRoot;
  const all = (selector) => [...root.querySelectorAll(selector)];
  const texts = (selector) => all(selector).map((e) => e.textContent);
  return { legend: texts("legend")[0], title: texts("h2")[0], bars: texts(".bars li"),
    heads: texts(".choice"), tokens: texts(".tokens span"), wrong: texts(".wrong")[0],
    tints: all(".tokens span").map((e) => e.style.getPropertyValue("--weight")),
    chosen: all("[type=radio]").findIndex((e) => e.checked) };
}"""


@pytest.fixture(scope="module")
def page_of_heads(tmp_path_factory):
    texts = [story(1, 0), story(1, 1)]
    tokenizer = BPETokenizer.train(texts, 400, [END_OF_TEXT])
    model = small_gpt(tokenizer, std=0.5, context_length=64)
    bundle = heads_at_work(
        pack(model, tokenizer), "Mia and Sam ran home.", alt="heads", head=(2, 1)
    )
    return page_with(bundle, tmp_path_factory.mktemp("page"))


@pytest.mark.parametrize(("theme", "width"), test_site.VIEWS)
def test_the_figure_fits_and_can_be_used(page_of_heads, visit, theme, width):
    page, faults = visit(page_of_heads, theme, width)
    assert_usable(page, faults)


def test_heads_and_tokens_are_chosen_by_mouse_and_by_keyboard(page_of_heads, visit):
    page, faults = visit(page_of_heads, "light", 1000)
    figure = page.query_selector(".llm-figure")
    first = figure.evaluate(SHOWN)
    assert first["chosen"] == 2 and first["title"].startswith("Head 2.1")
    assert len(first["heads"]) == 4 and len(first["bars"]) <= 9
    figure.query_selector_all("[type=radio]")[0].click()
    other = figure.evaluate(SHOWN)
    assert (
        other["title"].startswith("Head 1.1") and other["tints"] != first["tints"]
    )
    figure.query_selector(".tokens span:nth-child(3)").hover()
    hovered = figure.evaluate(SHOWN)
    assert hovered["legend"] != other["legend"] and len(hovered["bars"]) == 3
    page.mouse.move(0, 0)
    assert figure.evaluate(SHOWN) == other
    figure.query_selector(".tokens [aria-selected=true]").focus()
    page.keyboard.press("Home")
    begun = figure.evaluate(SHOWN)
    assert len(begun["bars"]) == 1 and begun["bars"][0].endswith("100%")
    assert faults == []


def test_a_text_that_is_too_long_is_refused_and_the_next_one_read(
    page_of_heads, visit
):
    page, _ = visit(page_of_heads, "light", 1000)
    figure = page.query_selector(".llm-figure")
    field = figure.query_selector("textarea")
    field.fill("word " * 80)
    assert "64 at most" in figure.evaluate(SHOWN)["wrong"]
    field.fill("Sam sat.")
    shown = figure.evaluate(SHOWN)
    assert shown["wrong"] == "" and "".join(shown["tokens"]) == "▷Sam sat."
