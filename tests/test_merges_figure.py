"""The merge player computes what the trainer and the tokenizer compute."""

import random

from book.viz import merge_player
from llm.tokenizers import BPETokenizer
from llm.tokenizers.merges import train_by_rescanning
from llm.tokenizers.pretokens import count_pretokens
from tests.javascript import computed

TEXTS = [
    "she sells sea shells by the sea shore",
    "aaaaaa aaa aa abababab bababa",
    "Don't  shout at 3am! naïve café 猫猫猫 👍🏽👍🏽\n\n  tab\there ",
    "a",
    "",
]


def latin(token: bytes) -> str:
    return token.decode("latin-1")


def random_text(rng: random.Random) -> str:
    return "".join(rng.choices("abé '1", k=rng.randrange(60)))


def test_the_page_learns_the_merges_of_the_trainer(tmp_path):
    rng = random.Random(0)
    texts = TEXTS + [random_text(rng) for _ in range(60)]
    for cut in (True, False):
        code = """return input.texts.map((text) => train(text, input.cut, 20)
            .slice(0, -1).map(({ pairs: [pair] }) => pair.slice(0, 2)));"""
        ours = computed(tmp_path, "merges", code, texts=texts, cut=cut)
        for text, found in zip(texts, ours, strict=True):
            counts = count_pretokens([text]) if cut else {text: 1}
            learned = train_by_rescanning(counts, 20)
            assert found == [[latin(a), latin(b)] for a, b in learned]


def test_the_page_encodes_as_the_tokenizer_does(tmp_path):
    rng = random.Random(1)
    merges = train_by_rescanning(count_pretokens(TEXTS), 40)
    tokenizer = BPETokenizer(merges)
    texts = TEXTS + [random_text(rng) for _ in range(60)]
    code = """return input.texts.map((text) =>
        encode(text, true, input.merges).at(-1).pieces.flat());"""
    pairs = [[latin(a), latin(b)] for a, b in merges]
    found = computed(tmp_path, "merges", code, texts=texts, merges=pairs)
    for text, tokens in zip(texts, found, strict=True):
        ids = tokenizer.encode(text)
        assert tokens == [latin(tokenizer.spelling(id)) for id in ids]


def test_each_stage_of_encoding_is_a_merge_of_a_higher_rank(tmp_path):
    merges = train_by_rescanning(count_pretokens(TEXTS), 40)
    pairs = [[latin(a), latin(b)] for a, b in merges]
    code = "return encode(input.text, true, input.merges).map(({ rank }) => rank);"
    ranks = computed(tmp_path, "merges", code, text=TEXTS[0], merges=pairs)
    assert ranks == sorted(set(ranks))
    assert len(ranks) > 5


def test_the_picture_for_paper_is_there():
    data = merge_player(TEXTS[0], "seashells on the shelves", 6).data
    assert {"image/png", "application/pdf", "text/html"} <= data.keys()
    assert "after 6 merges" in data["text/plain"]
