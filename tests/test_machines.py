"""The figure of chapter 1 computes in the page what the models compute here."""

import base64
import html
import re

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import torch

from book.viz import beginning, machines
from book.viz.page import WIDGET
from llm.corpora import story
from llm.export import unpack
from llm.model import GPTConfig, build, cross_entropy
from llm.ngram import BigramTable, WindowModel
from llm.oracle import Oracle
from llm.tokenizers import END_OF_TEXT, BPETokenizer
from tests.figure_parts import state_of
from tests.javascript import computed
from tests.looks import attention_of

mpl.use("Agg")
ALT = "Four columns of bars: what each of three models expects next, and the truth."
EXPECTED = """
const { state } = input, found = {};
for (const name of ["table", "window", "transformer"]) {
  const reader = modelOf(files[name]).reader();
  found[name] = input.ids.map((id) => {
    reader.read(id);
    return [...distribution(reader.logits(), input.t)];
  });
}
const size = found.table[0].length;
const truth = (sparse) => [...distribution(oracleLogits(sparse, size), input.t)];
found.oracle = state.stories[0].oracle.map(truth);
return found;
"""
WRITING = """
const transformer = modelOf(files.transformer), { end } = input.state;
function written(seed) {
  const reader = transformer.reader();
  reader.read(end);
  return writeOn(reader, 1, seed, end);
}
const logits = () => Array.from({ length: 400 }, (_, id) => (id === end ? 50 : 0));
const ended = writeOn({ read() {}, logits }, 1, 1, end);
return { once: written(7), again: written(7), other: written(8), ended };
"""


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def made():
    """Three small models with weights of some size, and their tokenizer."""
    texts = [story(0, i) for i in range(60)]
    tokenizer = BPETokenizer.train(texts, 400, [END_OF_TEXT])
    end, V = tokenizer.special_tokens[END_OF_TEXT], tokenizer.vocab_size
    table = BigramTable(V)
    for text in texts:
        ids = tokenizer.encode(text)
        table.count(torch.tensor([end, *ids]), torch.tensor([*ids, end]))
    config = GPTConfig(
        architecture="llama", vocab_size=V, context_length=512, d_model=24,
        n_layers=2, n_heads=4, n_kv_heads=2,
    )  # fmt: skip
    window, transformer = WindowModel(V, 3, 8, 16), build(config)
    generator = torch.Generator().manual_seed(0)
    for model in (window, transformer):
        for parameter in model.parameters():
            parameter.requires_grad_(False).normal_(std=0.4, generator=generator)
    return table, window, transformer, tokenizer


@pytest.fixture(scope="module")
def bundle(made):
    yield machines.three_machines(
        *made, stories=[story(1, 0), story(1, 1)], alt=ALT, read=9
    )
    plt.close("all")


@pytest.fixture
def state(bundle):
    return state_of(bundle)


@pytest.fixture
def files(bundle):
    stored = re.findall(
        r'<script type="text/plain" data-name="(\w+)">([^<]*)<',
        bundle.data["text/html"],
    )
    return {name: base64.b64decode(text) for name, text in stored}


def first_row(state):
    return [state["end"], *state["stories"][0]["ids"]]


# --- The page and the models ------------------------------------------------------


@pytest.mark.parametrize("t", [1.0, 0.5, 2.0])
def test_the_page_computes_what_the_models_expect(tmp_path, made, state, files, t):
    ids = first_row(state)
    found = computed(
        tmp_path, "machines", EXPECTED, files, state=state, ids=ids, t=t
    )
    for name, model, atol in zip(
        ("table", "window", "transformer"), made, (1e-7, 1e-3, 1e-2), strict=False
    ):
        packed, _ = unpack(files[name])
        with torch.no_grad():
            expected = (packed(torch.tensor([ids]))[0] / t).softmax(-1)
            before = (model(torch.tensor([ids]))[0] / t).softmax(-1)
        probs = torch.tensor(found[name])
        torch.testing.assert_close(probs, expected, atol=1e-5, rtol=0)
        assert (expected - before).abs().max() < atol  # float16 hardly shows
        assert expected.amax(-1).mean() > 2 / expected.shape[-1]  # not all alike


def test_the_oracle_of_the_page_is_the_oracle(tmp_path, made, state, files):
    ids, t = first_row(state), 0.7
    found = computed(
        tmp_path, "machines", EXPECTED, files, state=state, ids=ids, t=t
    )
    logits = Oracle(made[3])(torch.tensor([ids]))[0]
    expected = (logits.double() / t).softmax(-1)
    truth = torch.tensor(found["oracle"], dtype=torch.float64)
    torch.testing.assert_close(truth, expected, atol=2e-5, rtol=0)


READINGS = """
const models = {};
for (const name of ["table", "window", "transformer"]) models[name] = modelOf(files[name]);
const readings = new Readings(models, input.state.end, input.size);
readings.set([5, 6, 7], undefined); // another text before: nothing of it may stay
const { ids, oracle } = input.state.stories[0];
readings.set(ids, oracle);
const next = [...ids, input.state.end], surprise = {};
for (const name of ["oracle", "table", "window", "transformer"]) {
  surprise[name] = readings.surprise(name, next, 1);
}
return { surprise, looks: next.map((_, place) => readings.looks(place)) };
"""


def test_the_text_is_coloured_by_the_surprise_and_the_looks_of_the_models(
    tmp_path, made, state, files
):
    ids, V = first_row(state), made[3].vocab_size
    found = computed(tmp_path, "machines", READINGS, files, state=state, size=V)
    targets = torch.tensor([*ids[1:], state["end"]])
    models = {n: unpack(files[n])[0] for n in ("table", "window", "transformer")}
    for name, model in (models | {"oracle": Oracle(made[3])}).items():
        with torch.no_grad():
            logits = model(torch.tensor([ids]))[0]
        expected = cross_entropy(logits, targets, reduction="none")
        torch.testing.assert_close(
            torch.tensor(found["surprise"][name]), expected, atol=2e-3, rtol=1e-3
        )
    heads = attention_of(models["transformer"], ids)
    weights = torch.cat(heads).mean(0)
    for place, look in enumerate(found["looks"]):
        row = torch.tensor([look["before"], *look["weights"]], dtype=torch.float32)
        torch.testing.assert_close(
            row, weights[place, : place + 1], atol=1e-4, rtol=0
        )


def test_everything_the_page_expects_sums_to_one(tmp_path, state, files):
    ids = first_row(state)
    found = computed(
        tmp_path, "machines", EXPECTED, files, state=state, ids=ids, t=1.3
    )
    for rows in found.values():
        sums = torch.tensor(rows, dtype=torch.float64).sum(-1)
        torch.testing.assert_close(sums, torch.ones_like(sums))


def test_the_same_seed_writes_the_same_and_the_end_is_the_end(
    tmp_path, state, files
):
    found = computed(tmp_path, "machines", WRITING, files, state=state)
    assert found["once"] == found["again"] != found["other"]
    assert len(found["once"]) == 40 or found["once"][-1] == state["end"]
    assert found["ended"] == [state["end"]]


# --- The bundle -------------------------------------------------------------------


def test_the_bundle_has_a_page_a_picture_and_words(bundle, state):
    assert {"image/png", "application/pdf"} < set(bundle.data)
    assert bundle.data["text/plain"] == ALT
    assert 'class="llm-figure"' in bundle.data["text/html"]
    assert [len(s["oracle"]) - len(s["ids"]) for s in state["stories"]] == [1, 1]


def test_the_picture_marks_the_true_token_in_every_column(made):
    V, spelling = 12, [chr(97 + i) for i in range(12)]
    expected = [torch.arange(V).float().roll(i).softmax(-1) for i in (0, 1, 2)]
    expected.append(torch.eye(V)[1])
    figure = machines.draw_all(expected, 1, "It was", spelling, 11)
    for ax in figure.axes:
        marked = [t.get_text() for t in ax.texts if t.get_text().startswith("►")]
        assert len(marked) == 1 and marked[0].endswith("b")
    assert "►11: b" in [t.get_text() for t in figure.axes[0].texts]
    sizes = [t.get_fontsize() for ax in figure.axes for t in [*ax.texts, ax.title]]
    assert min(sizes) >= 9
    assert len(figure.axes[3].texts) == 2  # what cannot follow has no bar


def test_bytes_that_are_no_characters_are_shown_by_their_numbers():
    spelling = ["a", "\x14", "\xe2\x80", " b", "\u00e2\u0080\u0099"]
    shown = [machines.piece_of(id, spelling, end=9) for id in range(5)]
    assert shown == ["a", "⟨14⟩", "⟨e2 80⟩", "␣b", "’"]
    assert machines.piece_of(9, spelling, end=9) == "(the end)"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"window": WindowModel(7)}, "vocabularies differ: .*window 7"),
        ({"stories": ["It rained on Tuesday."]}, "no whole story"),
        ({"stories": [story(1, 0)[:-9]]}, "no whole story"),
        ({"stories": []}, "read=9 must be"),
        ({"read": 5000}, "read=5000 must be"),
    ],
)
def test_what_does_not_fit_is_refused(made, change, message):
    names = ("table", "window", "transformer", "tokenizer")
    given = dict(zip(names, made, strict=True))
    given |= {"stories": [story(1, 0)], "read": 9, "alt": ALT} | change
    with pytest.raises(ValueError, match=message):
        machines.three_machines(**given)


def test_a_story_too_long_for_the_transformer_is_refused(made):
    table, window, _, tokenizer = made
    V, sizes = tokenizer.vocab_size, {"d_model": 8, "n_layers": 1, "n_heads": 2}
    short = build(GPTConfig(vocab_size=V, context_length=64, **sizes))
    with pytest.raises(ValueError, match="room for 24"):
        machines.three_machines(
            table, window, short, tokenizer, stories=[story(1, 0)], alt=ALT
        )


# --- The panel --------------------------------------------------------------------


def test_the_parser_judges_what_was_written():
    text = story(1, 0)
    begun, rest = text[:50], text[50:]
    assert (
        beginning.judged(begun, rest[:30]).verdict
        == "Still the beginning of a story."
    )
    whole = beginning.judged(begun, rest + END_OF_TEXT)
    assert whole.verdict.startswith("A whole story")
    broken = beginning.judged(begun, rest[:30] + "§ and so on")
    assert (broken.good, broken.rest) == (rest[:30], "§ and so on")
    assert "after 30 of 41" in broken.verdict
    assert "already" in beginning.judged("§", " he said").verdict


def test_the_oracle_says_what_it_expects_or_why_it_does_not(made):
    oracle = Oracle(made[3])
    words = story(1, 0).split(" ")
    said = lambda text: beginning.said_by_oracle(oracle, text)
    state = oracle.after(
        [made[3].special_tokens[END_OF_TEXT], *made[3].encode(words[0])]
    )
    assert said(words[0]).startswith("The oracle expects next: ")
    assert said(words[0]).count("%") == min(
        len(state.distribution()), machines.SHOWN
    )
    assert "begin at the beginning" in said("")
    assert "expects nothing" in said("Hello <b>") and "position 0" in said(
        "Hello <b>"
    )
    longer = " ".join(words[:3])
    inside = [said(longer[:n]) for n in range(1, len(longer))]
    assert any("inside a word" in sentence for sentence in inside)


def test_a_continuation_has_so_many_tokens_and_belongs_to_its_seed(made):
    table, _, transformer, tokenizer = made
    for model in (table, transformer):
        write = lambda seed, n=12, m=model: beginning.continue_text(
            m, tokenizer, "One sunny", 1.5, n, seed
        )
        assert write(1) == write(1) != write(2)
        assert write(1, 5) in write(1) and write(1, 5) != write(1)
    assert beginning.continue_text(table, tokenizer, "x" * 900, n_tokens=3)


def test_the_panel_answers_to_each_control_and_to_any_text(made):
    ipywidgets = pytest.importorskip("ipywidgets")
    bundle = beginning.machines_panel(*made)
    assert "the Transformer: …" in bundle.data["text/plain"]
    assert {"image/png", "application/pdf", "text/html"} < set(bundle.data)
    view = bundle.data[WIDGET]["model_id"]
    box = ipywidgets.widgets.widget._instances[view]
    prompt, t, n_tokens, button, shown = box.children

    def answer(change):
        before = shown.value
        change()
        assert shown.value != before
        return html.unescape(shown.value)

    answer(button.click)
    answer(lambda: setattr(t, "value", 0.3))
    answer(lambda: setattr(n_tokens, "value", 9))
    for text in (
        "",
        "Hello <script>",
        "🙂",
        story(1, 1),
        f"Late {END_OF_TEXT} one",
    ):
        answer(lambda text=text: setattr(prompt, "value", text))
        assert "<script" not in shown.value
