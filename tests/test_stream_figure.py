"""The figure of chapter 12 follows a token as PyTorch does."""

import base64
import re

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import torch

from book.viz import stream
from llm.corpora import story
from llm.export import unpack
from llm.model import GPTConfig, build
from llm.tokenizers import END_OF_TEXT, BPETokenizer
from tests.figure_parts import randomised, state_of
from tests.javascript import computed

mpl.use("Agg")
ALT = (
    "For each part of a model, what it writes, the stream, and the guess behind it."
)
FOLLOWED = """
const model = modelOf(files.model);
const written = writtenBy(model, input.ids);
const found = written.map((parts) => stations(model, parts).map((station) =>
  ({ ...station, probabilities: [...station.probabilities] })));
const reader = model.reader(); // one that tells nobody
for (const id of input.ids) reader.read(id);
return { found, parts: partsOf(model), last: [...distribution(reader.logits(), 1)] };
"""


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def tokenizer():
    texts = [story(0, i) for i in range(40)]
    return BPETokenizer.train(texts, 320, [END_OF_TEXT])


def model_of(architecture, tokenizer, context_length=64):
    model = build(GPTConfig(
        architecture=architecture, vocab_size=tokenizer.vocab_size, d_model=24,
        context_length=context_length, n_layers=2, n_heads=4,
    ))  # fmt: skip
    return randomised(model)


def files_and_state(bundle):
    stored = re.findall(
        r'<script type="text/plain" data-name="(\w+)">([^<]*)<',
        bundle.data["text/html"],
    )
    files = {name: base64.b64decode(text) for name, text in stored}
    return files, state_of(bundle)


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_the_page_follows_a_token_as_pytorch_does(
    tmp_path, tokenizer, architecture
):
    model = model_of(architecture, tokenizer)
    text = story(1, 0)[:60]
    bundle = stream.follow_the_stream(model, tokenizer, [text], alt=ALT)
    files, state = files_and_state(bundle)
    ids = [state["end"], *tokenizer.encode(text)]
    assert state["at"] == len(ids) - 1
    found = computed(tmp_path, "stream", FOLLOWED, files, ids=ids)
    packed, _ = unpack(files["model"])
    for place in (0, 3, len(ids) - 1):
        expected = stream.stations(packed, ids[: place + 1])
        assert [s.name for s in expected] == found["parts"]
        for ours, theirs in zip(expected, found["found"][place], strict=True):
            assert ours.size == pytest.approx(theirs["size"], abs=1e-4)
            assert ours.writes == pytest.approx(theirs["writes"], abs=1e-4)
            if ours.name != "embedding":
                assert ours.cosine == pytest.approx(theirs["cosine"], abs=1e-4)
            torch.testing.assert_close(
                ours.probs, torch.tensor(theirs["probabilities"]), atol=1e-4, rtol=0
            )
    end = torch.tensor(found["found"][-1][-1]["probabilities"])
    torch.testing.assert_close(end, torch.tensor(found["last"]), atol=1e-6, rtol=0)


def test_behind_the_last_part_stands_what_the_model_says(tokenizer):
    model, ids = model_of("llama", tokenizer), [5, 9, 2, 7]
    found = stream.stations(model, ids)
    said = model(torch.tensor([ids]))[0, -1].softmax(-1)
    torch.testing.assert_close(found[-1].probs, said, atol=1e-5, rtol=1e-4)
    whole = sum(station.written for station in found)
    torch.testing.assert_close(whole, found[-1].stream, atol=1e-5, rtol=1e-4)


def test_the_bundle_has_a_page_a_picture_and_words(tokenizer):
    model = model_of("llama", tokenizer)
    bundle = stream.follow_the_stream(
        model, tokenizer, [story(1, 0)[:40], story(1, 1)[:40]], alt=ALT, at=2
    )
    assert {"image/png", "application/pdf", "text/html"} < set(bundle.data)
    assert bundle.data["text/plain"] == ALT
    _, state = files_and_state(bundle)
    assert (state["at"], state["part"], len(state["texts"])) == (2, 4, 2)


def test_the_picture_has_a_row_for_each_part(tokenizer):
    found = stream.stations(model_of("llama", tokenizer), [5, 9, 2])
    pieces = [f"piece {i}" for i in range(tokenizer.vocab_size)]
    writes, size, guess = stream.draw_stations(found, pieces, "One").axes
    assert len(writes.patches) == len(size.patches) == len(guess.texts) == 5
    for bar, station in zip(size.patches, found, strict=True):
        assert bar.get_width() == pytest.approx(station.size)
    assert pieces[int(found[-1].probs.argmax())] in guess.texts[-1].get_text()


@pytest.mark.parametrize(("change", "message"), [
    ({"texts": []}, "texts is empty"),
    ({"at": 99}, "at=99 is no token of the first text"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(tokenizer, change, message):
    given = {"texts": ["One sunny"], "alt": ALT} | change
    with pytest.raises(ValueError, match=message):
        stream.follow_the_stream(model_of("llama", tokenizer), tokenizer, **given)


def test_a_tokenizer_without_the_end_of_a_text_is_refused(tokenizer):
    other = BPETokenizer.train([story(0, 0)], 300)
    with pytest.raises(ValueError, match="special_tokens="):
        stream.follow_the_stream(
            model_of("llama", tokenizer), other, ["One"], alt=ALT
        )


def test_the_norm_stands_where_its_name_says():
    ax = stream.three_blocks()
    norms = [t.get_position()[1] for t in ax.texts if t.get_text() == "norm"]
    parts = [t.get_position()[1] for t in ax.texts if t.get_text() == "part"]
    assert len(parts) == 3 and len(norms) == 2
    post, pre = norms
    assert post > parts[0] > pre


def test_in_the_block_each_part_has_its_norm_before_it_and_its_plus_behind_it():
    ax = stream.whole_block()
    across = {t.get_text(): t.get_position()[0] for t in ax.texts if t.get_text()}
    pluses = sorted(t.get_position()[0] for t in ax.texts if t.get_text() == "+")
    first, second = pluses
    assert across["norm 1"] < across["attention"] < first
    assert first < across["norm 2"] < across["feed-forward"] < second
