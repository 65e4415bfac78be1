"""The figure of chapter 16 samples in the page as the package does, and shows the
oracle where it was asked, and nowhere else."""

import base64
import math
import re

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import torch

from book.viz.decoder import worked_out, writing_model
from llm.corpora import story
from llm.export import pack, unpack
from llm.oracle import Oracle
from llm.processors import repetition_penalty
from llm.sampling import compose, greedy, min_p, temperature, top_k, top_p, typical
from llm.tokenizers import END_OF_TEXT, BPETokenizer
from tests.figure_parts import small_gpt, state_of
from tests.javascript import computed

mpl.use("Agg")
ALT = "Bars of what comes after a beginning of a story."
TEXTS = [story(0, i) for i in range(60)]
TOKENIZER = BPETokenizer.train(TEXTS, 400, [END_OF_TEXT])
END = TOKENIZER.special_tokens[END_OF_TEXT]


@pytest.fixture(scope="module")
def data():
    return pack(small_gpt(TOKENIZER), TOKENIZER)


@pytest.fixture(scope="module")
def bundle(data):
    texts = {"a story": story(1, 0), "no story": story(1, 0)[:60] + " zebra zebra"}
    yield writing_model(data, texts, sampler=top_p(0.9), alt=ALT, read=7)
    plt.close("all")


@pytest.fixture
def state(bundle):
    return state_of(bundle)


CHOICES = {
    "none": (1.3, "none", 1, lambda: temperature(1.3)),
    "greedy": (0, "none", 1, lambda: greedy),
    "top-k": (0.7, "k", 5, lambda: compose(temperature(0.7), top_k(5))),
    "top-p": (1, "p", 0.6, lambda: top_p(0.6)),
    "min-p": (1, "min", 0.1, lambda: min_p(0.1)),
    "typical": (
        1.5,
        "typical",
        0.6,
        lambda: compose(temperature(1.5), typical(0.6)),
    ),
}


@pytest.mark.parametrize("penalty", [1, 1.4])
@pytest.mark.parametrize("name", CHOICES)
def test_the_samplers_of_the_page_are_those_of_the_package(tmp_path, name, penalty):
    heat, kind, setting, make = CHOICES[name]
    logits = 3 * torch.randn(40, generator=torch.Generator().manual_seed(1))
    text = [0, 5, 5, 17, 39]
    found = computed(
        tmp_path, "decoder",
        "const chosen = { ...input.chosen, spare: new Set([0]) };"
        "return [...distribution(samplerOf(chosen)(input.logits, input.text))];",
        chosen=dict(heat=heat, kind=kind, setting=setting, penalty=penalty),
        logits=logits.tolist(), text=text,
    )  # fmt: skip
    processed = repetition_penalty(penalty, spare=[0])(logits[None], [text])
    expected = make()(processed)[0].softmax(-1)
    torch.testing.assert_close(
        torch.tensor(found).float(), expected, atol=1e-6, rtol=0
    )
    assert math.isclose(sum(found), 1, abs_tol=1e-9)


def test_the_oracle_of_the_page_is_the_oracle_up_to_the_first_mistake(state):
    oracle, (good, bad) = Oracle(TOKENIZER), state["texts"]
    assert len(good["oracle"]) == len(good["ids"])
    assert len(bad["oracle"]) < len(bad["ids"])
    assert oracle.after(bad["ids"][: len(bad["oracle"]) + 1]) is None
    for text in (good, bad):
        for n, sparse in enumerate(text["oracle"], 1):
            truth = oracle.after(text["ids"][:n]).distribution()
            shown = dict(zip(sparse[::2], sparse[1::2], strict=True))
            assert shown.keys() == truth.keys()
            for id, probability in truth.items():
                assert math.isclose(shown[id], probability, rel_tol=1e-4)


def test_where_the_reader_leaves_the_texts_the_oracle_says_nothing(tmp_path, state):
    good, bad = (text["ids"] for text in state["texts"])
    stop = len(state["texts"][1]["oracle"])
    other = [*good[:5], good[0], *good[5:9]]
    code = "return input.asked.map(([ids, n]) => oracleAfter(input.texts, ids, n) ?? 'no');"
    asked = [
        (good, 1),
        (good, 9),
        (bad, stop),
        (bad, stop + 1),
        (other, 5),
        (other, 6),
    ]
    found = computed(tmp_path, "decoder", code, texts=state["texts"], asked=asked)
    assert found[0] == state["texts"][0]["oracle"][0]
    assert found[1] == state["texts"][0]["oracle"][8]
    assert found[2] == state["texts"][1]["oracle"][-1]
    assert found[3] == "impossible"
    assert found[4] == state["texts"][0]["oracle"][4]
    assert found[5] == "no"


def test_the_bundle_has_a_page_a_picture_and_the_model(bundle, data):
    assert {"text/html", "image/png", "application/pdf"} < set(bundle.data)
    stored = re.search(r'data-name="model"[^>]*>([^<]*)<', bundle.data["text/html"])
    assert base64.b64decode(stored[1]) == data


def test_a_text_that_is_no_story_from_the_start_has_one_distribution():
    found = worked_out(Oracle(TOKENIZER), "x", [END, *TOKENIZER.encode("zzz")])
    assert len(found["oracle"]) == 1 and len(found["ids"]) > 2


def test_a_text_that_does_not_fit_is_refused(data):
    _, tokenizer = unpack(data)
    with pytest.raises(ValueError, match=r"does not fit into a context of 512"):
        writing_model(data, {"long": "Ben ran. " * 300}, sampler=greedy, alt=ALT)
    assert tokenizer.vocab_size == 400
