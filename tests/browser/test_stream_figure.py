"""The figure of chapter 12 in a real browser: a token is picked, a text typed."""

from __future__ import annotations

import pytest
import test_site
import torch
from figures import assert_usable, page_with

from book.viz.stream import follow_the_stream, stations
from llm.corpora import story
from llm.export import pack, unpack
from llm.model import GPTConfig, build
from llm.tokenizers import END_OF_TEXT, BPETokenizer

visit = test_site.visit
SHOWN = """figure => {
  const root = figure.querySelector("*").shadowRoot;
  const all = (selector) => [...root.querySelectorAll(selector)];
  const tokens = all(".tokens span");
  return { picked: tokens.findIndex((token) => token.ariaSelected === "true"),
    tokens: tokens.map((token) => token.textContent),
    lines: all("tbody tr").map((tr) => [...tr.children].map((e) => e.textContent)),
    current: all("tbody tr").findIndex((tr) => tr.getAttribute("aria-current") === "true"),
    says: all(".says")[0].textContent, bars: all("ol li").length };
}"""
ASKED = """(figure, detail) =>
  figure.dispatchEvent(new CustomEvent("llm-try", { detail }))"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A page with the figure alone, of a model that knows nothing."""
    texts = [story(1, 0)[:60], story(1, 1)[:40]]
    tokenizer = BPETokenizer.train(texts, 300, [END_OF_TEXT])
    sizes = {"context_length": 64, "d_model": 8, "n_layers": 2, "n_heads": 2}
    torch.manual_seed(0)
    model = build(GPTConfig(vocab_size=tokenizer.vocab_size, **sizes))
    bundle = follow_the_stream(model, tokenizer, texts, alt="sizes and guesses")
    packed, _ = unpack(pack(model, tokenizer, precision="float16"))
    path = page_with(bundle, tmp_path_factory.mktemp("page"))
    return path, packed, tokenizer, texts


@pytest.mark.parametrize(("theme", "width"), test_site.VIEWS)
def test_the_figure_fits_and_can_be_used(made, visit, theme, width):
    page, faults = visit(made[0], theme, width)
    assert_usable(page, faults)


def test_the_table_is_that_of_the_picked_token(made, visit):
    path, model, tokenizer, texts = made
    page, _ = visit(path)
    figure = page.query_selector(".llm-figure")
    ids = [tokenizer.special_tokens[END_OF_TEXT], *tokenizer.encode(texts[0])]
    shown = figure.evaluate(SHOWN)
    assert "".join(shown["tokens"]) == "∎" + texts[0]
    assert shown["picked"] == len(ids) - 1 and "The text ends here" in shown["says"]
    figure.query_selector(".tokens [aria-selected=true]").focus()
    page.keyboard.press("ArrowLeft")
    shown = figure.evaluate(SHOWN)
    assert shown["picked"] == len(ids) - 2 and "gets" in shown["says"]
    expected = stations(model, ids[:-1])
    assert [line[0] for line in shown["lines"]] == [s.name for s in expected]
    for line, station in zip(shown["lines"], expected, strict=True):
        assert float(line[1]) == pytest.approx(station.writes, abs=0.006)
        assert float(line[3]) == pytest.approx(station.size, abs=0.006)


def test_the_slider_says_behind_which_part_the_head_guesses(made, visit):
    page, _ = visit(made[0])
    figure = page.query_selector(".llm-figure")
    assert figure.evaluate(SHOWN)["current"] == 4
    figure.query_selector("input[type=range]").focus()
    page.keyboard.press("Home")
    shown = figure.evaluate(SHOWN)
    assert shown["current"] == 0 and "“embedding”" in shown["says"]
    assert shown["bars"] >= 6


def test_the_reader_types_a_text_and_the_page_asks_for_a_word(made, visit):
    page, faults = visit(made[0])
    figure = page.query_selector(".llm-figure")
    figure.query_selector("textarea").fill("<b>Ben & 🙂")
    shown = figure.evaluate(SHOWN)
    assert "".join(shown["tokens"]).startswith("∎<b>Ben &")
    assert shown["picked"] == len(shown["tokens"]) - 1
    word = made[3][0].split()[2]
    figure.evaluate(ASKED, {"word": word, "behind": 2})
    shown = figure.evaluate(SHOWN)
    assert shown["current"] == 2
    assert shown["tokens"][shown["picked"]].strip() in word
    assert faults == []
