"""The figure of chapter 16 in a real browser: a model that writes, and the oracle."""

from __future__ import annotations

import pytest
import test_site
from figures import assert_usable, page_with

from book.viz.decoder import writing_model
from llm.corpora import story
from llm.export import pack
from llm.sampling import top_p
from llm.tokenizers import END_OF_TEXT, BPETokenizer
from tests.figure_parts import small_gpt

visit = test_site.visit
SHOWN = """figure => {
  const root = figure.querySelector("*").shadowRoot;
  const all = (selector) => [...root.querySelectorAll(selector)];
  const texts = (selector) => all(selector).map((e) => e.textContent);
  return { says: texts(".says")[0], tokens: texts(".tokens span"), notes: texts(".note"),
    bars: all("section").map((s) => s.querySelectorAll("li").length),
    picked: all(".tokens span").findIndex((e) => e.ariaSelected === "true") };
}"""


@pytest.fixture(scope="module")
def page_of_decoder(tmp_path_factory):
    texts = [story(1, i) for i in range(20)]
    tokenizer = BPETokenizer.train(texts, 400, [END_OF_TEXT])
    model = small_gpt(tokenizer)
    bundle = writing_model(
        pack(model, tokenizer),
        {"a story": story(1, 0), "no story": story(1, 0)[:50] + " zebra"},
        sampler=top_p(0.9), alt="a model that writes", read=5,
    )  # fmt: skip
    return page_with(bundle, tmp_path_factory.mktemp("page"))


@pytest.mark.parametrize(("theme", "width"), test_site.VIEWS)
def test_the_figure_fits_and_can_be_used(page_of_decoder, visit, theme, width):
    page, faults = visit(page_of_decoder, theme, width)
    assert_usable(page, faults)


def button(figure, name):
    for node in figure.query_selector_all("button"):
        if node.text_content() == name:
            return node
    raise AssertionError(name)


def test_it_writes_by_its_seed_and_goes_back(page_of_decoder, visit):
    page, faults = visit(page_of_decoder, "light", 1000)
    figure = page.query_selector(".llm-figure")
    begun = figure.evaluate(SHOWN)
    assert len(begun["tokens"]) == 6 and begun["tokens"][0] == "▷"
    assert begun["picked"] == 5 and "nothing has come yet" in begun["says"]
    button(figure, "Write a token").click()
    one = figure.evaluate(SHOWN)
    assert len(one["tokens"]) == 7
    button(figure, "Write 40").click()
    many = figure.evaluate(SHOWN)
    assert many["tokens"][:7] == one["tokens"] and len(many["tokens"]) > 7
    button(figure, "Back to the beginning").click()
    assert figure.evaluate(SHOWN) == begun
    button(figure, "Write a token").click()
    assert figure.evaluate(SHOWN) == one
    assert faults == []


def test_the_sampler_leaves_what_it_says(page_of_decoder, visit):
    page, _ = visit(page_of_decoder, "light", 1000)
    figure = page.query_selector(".llm-figure")
    kinds = figure.query_selector_all("select")[1]
    assert figure.evaluate(SHOWN)["notes"][1] == "400 tokens left"
    kinds.select_option("k")
    assert figure.evaluate(SHOWN)["notes"][1] == "10 tokens left"
    kinds.select_option("min")
    assert figure.evaluate(SHOWN)["notes"][1] != "400 tokens left"


def test_the_oracle_speaks_of_the_given_texts_alone(page_of_decoder, visit):
    page, _ = visit(page_of_decoder, "light", 1000)
    figure = page.query_selector(".llm-figure")
    assert "possible" in figure.evaluate(SHOWN)["notes"][2]
    figure.query_selector_all("select")[0].select_option("1")
    read = figure.query_selector("input[type=range]")
    read.focus()
    page.keyboard.press("End")
    wrong = figure.evaluate(SHOWN)
    assert (
        wrong["notes"][2] == "no story begins like this" and wrong["bars"][2] == 0
    )
    figure.query_selector("textarea").fill("Hello")
    own = figure.evaluate(SHOWN)
    assert own["notes"][2] == "not worked out for this text"
    assert "".join(own["tokens"]) == "▷Hello"


def test_the_arrow_keys_walk_along_the_text(page_of_decoder, visit):
    page, _ = visit(page_of_decoder, "light", 1000)
    figure = page.query_selector(".llm-figure")
    figure.query_selector(".tokens [aria-selected=true]").focus()
    page.keyboard.press("ArrowLeft")
    shown = figure.evaluate(SHOWN)
    assert shown["picked"] == 4 and shown["says"].startswith(
        "► After 4 tokens came"
    )
    page.keyboard.press("Home")
    assert figure.evaluate(SHOWN)["says"].startswith("► At the start came")
