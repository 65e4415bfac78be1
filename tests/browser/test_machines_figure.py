"""The figure of chapter 1 in a real browser: what it shows, and how it is used."""

from __future__ import annotations

import pytest
import test_site
import torch
from figures import assert_usable, page_with

from book.viz.machines import three_machines
from llm.corpora import story
from llm.model import GPTConfig, build
from llm.ngram import BigramTable, WindowModel
from llm.tokenizers import END_OF_TEXT, BPETokenizer

visit = test_site.visit
SHOWN = """figure => {
  const root = figure.querySelector("*").shadowRoot;
  const all = (selector) => [...root.querySelectorAll(selector)];
  const texts = (selector) => all(selector).map((e) => e.textContent);
  const tokens = all(".tokens span"), box = all(".tokens")[0];
  const picked = tokens.findIndex((token) => token.ariaSelected === "true");
  const { top, bottom } = tokens[picked].getBoundingClientRect();
  const frame = box.getBoundingClientRect();
  return { columns: all("section").map((s) => s.ariaLabel),
    bars: all("ol").map((list) => list.children.length),
    costs: texts(".cost"), marked: texts("li.marked .piece"),
    outputs: texts("output"), written: texts(".written"), says: texts(".says")[0],
    picked, tokens: tokens.map((token) => token.textContent),
    colours: tokens.map((token) => +token.style.getPropertyValue("--weight")),
    insight: top >= frame.top - 1 && bottom <= frame.bottom + 1,
    choices: all("select").map((select) => select.value) };
}"""
ASKED = """(figure, detail) =>
  figure.dispatchEvent(new CustomEvent("llm-try", { detail }))"""


@pytest.fixture(scope="module")
def page_of_machines(tmp_path_factory):
    """A page with the figure alone, of models that know nothing."""
    texts = [story(1, 0), story(1, 1)]
    tokenizer = BPETokenizer.train(texts, 400, [END_OF_TEXT])
    V = tokenizer.vocab_size
    sizes = {"context_length": 512, "d_model": 8, "n_layers": 1, "n_heads": 2}
    config = GPTConfig(architecture="llama", vocab_size=V, **sizes)
    torch.manual_seed(0)
    machines = BigramTable(V), WindowModel(V, 4, 4, 8), build(config), tokenizer
    bundle = three_machines(*machines, stories=texts, alt="four laws", read=7)
    path = page_with(bundle, tmp_path_factory.mktemp("page"))
    return path, tokenizer, texts


@pytest.mark.parametrize(("theme", "width"), test_site.VIEWS)
def test_the_figure_fits_and_can_be_used(page_of_machines, visit, theme, width):
    page, faults = visit(page_of_machines[0], theme, width)
    assert_usable(page, faults)


def test_the_columns_follow_the_reader(page_of_machines, visit):
    path, tokenizer, texts = page_of_machines
    page, _ = visit(path)
    figure, ids = page.query_selector(".llm-figure"), tokenizer.encode(texts[0])
    shown = figure.evaluate(SHOWN)
    assert shown["columns"] == [
        "the table", "the window", "the Transformer", "the oracle"
    ]  # fmt: skip
    assert "".join(shown["tokens"]) == texts[0] + "∎"
    assert shown["picked"] == 7 and shown["insight"]
    assert shown["outputs"][0] == f"7 of {len(ids)}"
    assert len(shown["marked"]) == 4
    assert all(8 <= n <= 9 for n in shown["bars"][:3])
    following = tokenizer.decode(ids[7:8]).replace(" ", "␣")
    assert all(mark.endswith(following) for mark in shown["marked"])
    slider = figure.query_selector("input")
    slider.focus()
    page.keyboard.press("End")
    shown = figure.evaluate(SHOWN)
    assert shown["picked"] == len(ids) and shown["insight"]
    assert all(mark.endswith("(the end)") for mark in shown["marked"])
    assert shown["bars"][3] == 1
    page.keyboard.press("Home")
    assert figure.evaluate(SHOWN)["picked"] == 0


def test_writing_on_is_the_same_for_the_same_seed(page_of_machines, visit):
    page, _ = visit(page_of_machines[0])
    figure = page.query_selector(".llm-figure")
    write, again, reset = figure.query_selector_all("button")
    assert figure.evaluate(SHOWN)["written"] == ["", "", "", ""]
    write.press("Enter")
    first = figure.evaluate(SHOWN)
    again.press("Enter")
    second = figure.evaluate(SHOWN)
    assert "seed 1." in first["says"] and "seed 2." in second["says"]
    for name, old, new in zip(
        first["columns"], first["written"], second["written"], strict=True
    ):
        assert (old == new) == (name == "the oracle")
    reset.press("Enter")
    assert figure.evaluate(SHOWN)["written"] == ["", "", "", ""]
    assert page_of_machines[2][0].find(first["written"][3].partition("…")[2]) > 0
    page, _ = visit(page_of_machines[0])
    figure = page.query_selector(".llm-figure")
    figure.query_selector("button").click()
    assert figure.evaluate(SHOWN)["written"] == first["written"]


def test_a_token_that_is_picked_is_the_place(page_of_machines, visit):
    path, tokenizer, texts = page_of_machines
    page, _ = visit(path)
    figure = page.query_selector(".llm-figure")
    page.locator(".tokens span").nth(3).click()
    shown = figure.evaluate(SHOWN)
    assert shown["picked"] == 3 and shown["outputs"][0].startswith("3 of")
    page.keyboard.press("ArrowRight")
    shown = figure.evaluate(SHOWN)
    wanted = tokenizer.decode(tokenizer.encode(texts[0])[4:5]).replace(" ", "␣")
    assert shown["picked"] == 4
    assert all(mark.endswith(wanted) for mark in shown["marked"])
    assert min(shown["colours"]) < max(shown["colours"]) <= 1


def test_a_beginning_that_is_typed_is_read_by_the_three(page_of_machines, visit):
    page, _ = visit(page_of_machines[0])
    figure = page.query_selector(".llm-figure")
    figure.query_selector("textarea").fill("One <b> é 🙂 morning")
    shown = figure.evaluate(SHOWN)
    assert "".join(shown["tokens"]).endswith("morning▁")
    assert (
        shown["choices"][0] == "own" and shown["picked"] == len(shown["tokens"]) - 1
    )
    assert shown["bars"][:3] == [8, 8, 8] and shown["bars"][3] == 0
    assert "not worked out" in shown["costs"][3] and shown["marked"] == []
    figure.query_selector("button").click()
    assert [bool(text) for text in figure.evaluate(SHOWN)["written"]] == [
        1,
        1,
        1,
        0,
    ]
    page.locator(".tokens span").first.click()
    assert len(figure.evaluate(SHOWN)["marked"]) == 3
    figure.query_selector("textarea").fill("")
    assert figure.evaluate(SHOWN)["tokens"] == ["▁"]


def test_the_text_of_the_page_sets_the_figure(page_of_machines, visit):
    path, tokenizer, texts = page_of_machines
    page, _ = visit(path)
    figure = page.query_selector(".llm-figure")
    pieces = [tokenizer.decode([i]).strip() for i in tokenizer.encode(texts[0])]
    figure.evaluate(ASKED, {"colour": "looks", "word": "the", "nth": "1"})
    shown = figure.evaluate(SHOWN)
    places = [i for i, piece in enumerate(pieces) if piece == "the"]
    assert shown["picked"] == places[1] and shown["choices"][1] == "looks"
    assert "the Transformer looks at" in shown["says"]
    assert all(weight == 0 for weight in shown["colours"][places[1] :])
    before = shown["colours"]
    page.locator(".tokens span").nth(places[1] + 2).hover()
    assert figure.evaluate(SHOWN)["colours"] != before
