"""A checkpoint of the reader's as a page of its own, opened from its file."""

from __future__ import annotations

from itertools import pairwise

import pytest
import regex
import test_site
import torch
from figures import barriers, dead_controls

from llm.cli import main
from llm.export import as_page
from llm.generate import first_ids
from llm.model import GPTConfig, build
from llm.sampling import compose, min_p, temperature, top_k, top_p, typical
from llm.tokenizers import END_OF_TEXT, BPETokenizer, CharacterTokenizer

visit = test_site.visit
TEXT = "The cat sees the ball. The dog takes the kite on Monday – naïve?\n" * 9
SIZES = {"context_length": 48, "d_model": 16, "n_layers": 2, "n_heads": 2}
LAPTOP = {"context_length": 256, "d_model": 128, "n_layers": 4, "n_heads": 4}


def tokenizer_of(kind):
    if kind == "characters":
        return CharacterTokenizer.train([TEXT])
    return BPETokenizer.train([TEXT], 290, [END_OF_TEXT])


def page_with(folder, kind="bpe", architecture="llama", sizes=SIZES, **options):
    """A page with a model of random weights."""
    torch.manual_seed(0)
    tokenizer = tokenizer_of(kind)
    V = max(tokenizer.vocab_size, options.pop("vocab_size", 0))
    model = build(GPTConfig(vocab_size=V, architecture=architecture, **sizes))
    path = folder / "model.html"
    path.write_text(as_page(model, tokenizer, **options), encoding="utf-8")
    return path, model, tokenizer


def row(page):
    """The tokens of the row by name, and the number of the one that is picked."""
    options = page.locator(".tokens [role=option]")
    names = options.evaluate_all("all => all.map((one) => one.ariaLabel)")
    picked = options.evaluate_all(
        "all => all.map((one) => one.getAttribute('aria-selected'))"
    )
    return names, picked.index("true")


def named(tokenizer, id):
    """A token as the page shows it."""
    if id in tokenizer.special_tokens.values():
        return tokenizer.decode([id])
    shown = tokenizer.spelling(id).decode("utf-8", "replace")
    shown = shown.replace(" ", "␣").replace("\n", "⏎").replace("\t", "⇥")
    if regex.search(r"[\p{C}\ufffd]", shown):
        return f"⟨{tokenizer.spelling(id).hex(' ')}⟩"
    return shown


def write(page):
    page.get_by_role("button", name="Write").click()
    page.wait_for_function(
        """() => [...document.querySelector(".llm-figure > div").shadowRoot
        .querySelectorAll("button")].some((b) => b.textContent === "Write")"""
    )


@pytest.mark.parametrize(("theme", "width"), test_site.VIEWS)
def test_the_page_fits_and_can_be_used(tmp_path, visit, theme, width):
    path, *_ = page_with(tmp_path, beginning="The cat", title="<My> model")
    page, faults = visit(path, theme, width)
    assert (
        page.title()
        == page.get_by_role("heading", level=1).inner_text()
        == "<My> model"
    )
    page.get_by_label("Tokens", exact=True).fill("30")
    write(page)
    assert barriers(page) == []
    assert page.evaluate(test_site.OVERFLOW) <= 0
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") == (theme == "light")
    assert faults == []


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
@pytest.mark.parametrize("kind", ["characters", "bpe"])
def test_a_beginning_is_read_and_continued(tmp_path, visit, kind, architecture):
    path, model, tokenizer = page_with(tmp_path, kind, architecture)
    page, faults = visit(path)
    page.get_by_label("Beginning").fill("The dog – naïve")
    ids = first_ids(tokenizer, "The dog – naïve")
    names, picked = row(page)
    assert len(names) == len(ids) and picked == len(ids) - 1
    with torch.no_grad():
        law = model(torch.tensor([ids]))[0, -1].softmax(-1)
    best = law.argmax().item()
    assert page.locator(".next .piece").first.inner_text() == named(tokenizer, best)
    page.get_by_label("Tokens", exact=True).fill(
        "100"
    )  # more than the context holds
    write(page)
    longer, picked = row(page)
    assert longer[: len(names)] == names
    assert len(longer) == len(names) + 100 or longer[-1] == END_OF_TEXT
    assert picked == len(longer) - 1
    assert "a second" in page.locator(".speed").inner_text()
    page.get_by_role("button", name="Back to the beginning").click()
    assert row(page)[0] == names
    write(page)
    assert row(page)[0] == longer  # the same seed
    assert faults == []


def test_the_likeliest_are_those_of_greedy_writing(tmp_path, visit):
    path, model, tokenizer = page_with(tmp_path, beginning="The cat")
    page, _ = visit(path)
    page.get_by_label("Temperature").fill("0")
    page.get_by_label("Tokens", exact=True).fill("20")
    write(page)
    ids = first_ids(tokenizer, "The cat")
    for _ in range(20):
        with torch.no_grad():
            ids.append(model(torch.tensor([ids]))[0, -1].argmax().item())
        if ids[-1] == tokenizer.special_tokens[END_OF_TEXT]:
            break
    names, _ = row(page)
    assert names == [named(tokenizer, id) for id in ids]


SETTINGS = {
    "Top-k": ("7", top_k(7)),
    "Top-p": ("0.1", top_p(0.1)),
    "Min-p": ("0.7", min_p(0.7)),
    "Typical": ("0.1", typical(0.1)),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_sampler_leaves_the_tokens_that_ours_leaves(tmp_path, visit, name):
    path, model, tokenizer = page_with(tmp_path, beginning="The cat")
    page, faults = visit(path)
    setting, sampler = SETTINGS[name]
    page.get_by_label("Temperature").fill("0.3")
    page.get_by_label(name).fill(setting)
    page.get_by_label("Tokens", exact=True).fill("30")
    write(page)
    written, _ = row(page)
    ids, sample = (
        first_ids(tokenizer, "The cat"),
        compose(temperature(0.3), sampler),
    )
    names = {named(tokenizer, id): id for id in range(tokenizer.vocab_size)}
    for drawn in written[len(ids) :]:
        with torch.no_grad():
            left = sample(model(torch.tensor([ids]))[0, -1]) > -torch.inf
        assert left[names[drawn]]
        assert left.sum() < tokenizer.vocab_size / 4
        ids.append(names[drawn])
    assert len(ids) > 10 and faults == []


def test_at_temperature_0_there_is_nothing_to_choose(tmp_path, visit):
    path, *_ = page_with(tmp_path, beginning="The cat")
    page, _ = visit(path)
    cuts = [page.get_by_label(name) for name in SETTINGS]
    assert all(cut.is_enabled() for cut in cuts)
    page.get_by_label("Temperature").fill("0")
    assert all(cut.is_disabled() for cut in cuts)


def test_any_token_can_be_looked_into_by_the_keyboard_alone(tmp_path, visit):
    path, *_ = page_with(tmp_path, beginning="The cat sees the ball.")
    page, _ = visit(path)
    names, last = row(page)
    for _ in range(30):  # from the top of the page to the row of tokens
        page.keyboard.press("Tab")
        inside = (
            "document.activeElement.shadowRoot.activeElement?.getAttribute('role')"
        )
        if (
            page.evaluate(f"document.activeElement.shadowRoot && {inside}")
            == "option"
        ):
            break
    else:
        raise AssertionError("the tokens cannot be reached")
    before = page.locator(".attention").inner_text()
    page.keyboard.press("ArrowLeft")
    assert row(page)[1] == last - 1
    assert page.locator(".attention").inner_text() != before
    marked = page.locator(".next .marked .piece").inner_text()
    assert marked.endswith(names[last])
    page.keyboard.press("Home")
    assert row(page)[1] == 0
    assert page.locator(".attention .bars li").count() == 1
    page.keyboard.press("End")
    assert row(page)[1] == last


def test_the_attention_is_that_of_the_model(tmp_path, visit):
    path, model, tokenizer = page_with(tmp_path, beginning="The cat sees the ball.")
    page, _ = visit(path)
    page.get_by_label("Layer").select_option("1")
    page.get_by_label("Head").select_option("0")
    part = model.blocks[1].attention
    seen = {}

    def spy(q, k, v, mask):
        same = torch.eye(k.shape[2]).expand(1, k.shape[1], -1, -1)
        seen["weights"] = type(part).mixed(part, q, k, same, mask)
        return type(part).mixed(part, q, k, v, mask)

    part.mixed = spy
    ids = first_ids(tokenizer, "The cat sees the ball.")
    with torch.no_grad():
        model(torch.tensor([ids]))
    weights = seen["weights"][0, 0, -1]
    lines = page.locator(".attention .bars li").all_inner_texts()
    places = [int(line.partition(":")[0]) - 1 for line in lines]
    expected = weights.sort(descending=True).values[: len(places)]
    torch.testing.assert_close(weights[places], expected, atol=1e-4, rtol=0)


def test_what_the_model_cannot_read_is_said(tmp_path, visit):
    path, *_ = page_with(tmp_path, "characters", beginning="The")
    page, faults = visit(path)
    page.get_by_label("Beginning").fill("The §")
    said = page.locator(".wrong").inner_text()
    assert "“§” at position 4 is not in the vocabulary" in said
    assert page.get_by_role("button", name="Write").is_disabled()
    page.get_by_label("Beginning").fill("")
    assert "type at least one character" in page.locator(".wrong").inner_text()
    page.get_by_label("Beginning").fill("The cat")
    assert page.locator(".wrong").count() == 0
    assert page.get_by_role("button", name="Write").is_enabled()
    assert faults == []


def test_every_control_does_something(tmp_path, visit):
    path, *_ = page_with(tmp_path, beginning="The cat sees the ball", document=True)
    page, faults = visit(path)
    figure = page.query_selector(".llm-figure[data-live]")
    written = []
    for name, value in (
        (None, None), ("Temperature", "1.9"), ("Top-p", "0.1"), ("Top-p", "1"),
        ("Top-k", "5"), ("Min-p", "1"), ("Min-p", "0"), ("Typical", "0.1"),
        ("Typical", "1"), ("Seed", "9"), ("Tokens", "3"),
    ):  # fmt: skip
        if name:
            page.get_by_label(name, exact=name == "Tokens").fill(value)
        page.get_by_role("button", name="Back").click()
        write(page)
        written.append("|".join(row(page)[0]))
    same = [a for a, b in pairwise(written) if a == b]
    assert same == []
    looks = [
        c for c in dead_controls(page, figure) if "<select" in c or "<textarea" in c
    ]
    assert looks == [] and faults == []


def test_a_padded_vocabulary_is_never_drawn_from(tmp_path, visit):
    path, *_ = page_with(tmp_path, vocab_size=3000, beginning="The")
    page, faults = visit(path)
    page.get_by_label("Temperature").fill("2")
    write(page)
    assert faults == []


def test_a_thousand_tokens_a_second(tmp_path, visit):
    """The size that `python -m llm train` takes, told by the page itself; the best of
    a few, since other programs run beside this one."""
    path, *_ = page_with(tmp_path, sizes=LAPTOP, vocab_size=1024, beginning="The")
    page, _ = visit(path)
    page.get_by_label("Tokens", exact=True).fill("256")
    rates = []
    for seed in range(6):
        page.get_by_label("Seed").fill(str(seed))
        page.get_by_role("button", name="Back").click()
        write(page)
        said = page.locator(".speed").inner_text()
        rates.append(int(said.split(", ", 1)[1].split()[0].replace(",", "")))
    print("tokens a second:", rates)
    assert max(rates) >= 1000


def test_the_command_writes_such_a_page(tmp_path, visit, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "book.txt").write_text(TEXT, encoding="utf-8")
    sizes = (
        "--vocab-size 290 --context-length 16 --d-model 16 --n-layers 1 --n-heads 2"
    )
    assert (
        main(["train", "--text", "book.txt", *sizes.split(), "--steps", "2"]) == 0
    )
    assert main(["export", "--html", "model.html", "runs/book"]) == 0
    page, faults = visit(tmp_path / "model.html")
    assert page.title() == "book"
    write(page)
    assert len(row(page)[0]) > 1 and faults == []
