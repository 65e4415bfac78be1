"""The cutter of the page cuts as `llm.data` does."""

import random
import re

import torch

from book.viz.cutter import ALT, cutter
from llm.data import (
    IGNORE,
    LanguageModelDataset,
    best_fit,
    documents,
    pack,
    same_document,
)
from llm.tokenizers import END_OF_TEXT, CharacterTokenizer
from llm.tokenizers.pretokens import pretokenise
from tests.javascript import computed

TEXTS = [
    "the cat sat\n\n a dog ran and hid \nit rained\nthe cat slept all day",
    "Don't  go!\nnaïve café 猫猫 👍🏽\n12 o'clock",
    "a",
    "",
]
CALLS = {"words": lambda line: list(pretokenise(line)), "characters": list}


def random_text(rng):
    return "".join(rng.choices("abé '1\n", k=rng.randrange(60)))


def some_texts(seed, n=40):
    rng = random.Random(seed)
    return TEXTS + [random_text(rng) for _ in range(n)]


def rows_of_tokens(text, kind):
    """The documents of a text, one on each line that is not blank."""
    # What JavaScript takes away at the ends of a line.
    lines = [re.sub(r"^\s+|\s+$", "", line) for line in text.split("\n")]
    return [CALLS[kind](line) for line in lines if line]


class Pieces:
    """A tokenizer of the pieces of some documents, and of the end mark."""

    def __init__(self, rows):
        self.rows = rows
        self.names = [END_OF_TEXT, *dict.fromkeys(p for row in rows for p in row)]
        self.special_tokens = {END_OF_TEXT: 0}

    def encode(self, text, allowed_special=()):
        assert text == "".join("".join(row) + END_OF_TEXT for row in self.rows)
        return [
            self.names.index(p) for row in self.rows for p in (*row, END_OF_TEXT)
        ]

    def ids(self):
        return [[self.names.index(p) for p in row] for row in self.rows]

    def spelled(self, row):
        return [None if i == IGNORE else self.names[i] for i in row.tolist()]


def text_of(rows):
    return "".join("".join(row) + END_OF_TEXT for row in rows)


def test_the_page_finds_the_documents_and_their_tokens(tmp_path):
    texts = some_texts(0)
    code = "return input.texts.map((text) => documentsOf(text, input.kind));"
    for kind in CALLS:
        found = computed(tmp_path, "cutter", code, texts=texts, kind=kind)
        assert found == [rows_of_tokens(text, kind) for text in texts]


def test_the_windows_of_the_page_are_those_of_the_dataset(tmp_path):
    code = """return input.cases.map(([text, length, stride]) =>
        windowsOf(streamOf(documentsOf(text, input.kind)), length, stride));"""
    for kind in CALLS:
        rng = random.Random(1)
        cases = [
            (text, rng.randint(1, 12), rng.randint(1, 12)) for text in some_texts(1)
        ]
        found = computed(tmp_path, "cutter", code, cases=cases, kind=kind)
        n_windows = 0
        for (text, length, stride), windows in zip(cases, found, strict=True):
            rows = rows_of_tokens(text, kind)
            pieces = Pieces(rows)
            try:
                dataset = LanguageModelDataset(
                    text_of(rows), pieces, length, stride
                )
            except ValueError:
                assert windows == []
                continue
            assert len(windows) == len(dataset)
            n_windows += len(windows)
            for i, window in enumerate(windows):
                assert window["start"] == i * stride
                for name, ids in zip("xy", dataset[i], strict=True):
                    assert window[name] == pieces.spelled(ids)
        assert n_windows > 100


def test_they_are_those_of_a_tokenizer_of_the_package_too(tmp_path):
    rows = rows_of_tokens(TEXTS[0], "characters")
    tokenizer = CharacterTokenizer.train([TEXTS[0]], None, [END_OF_TEXT])
    dataset = LanguageModelDataset(text_of(rows), tokenizer, 8, 5)
    code = (
        "return windowsOf(streamOf(documentsOf(input.text, 'characters')), 8, 5);"
    )
    found = computed(tmp_path, "cutter", code, text=TEXTS[0])
    ours = [["".join(w[name]) for name in "xy"] for w in found]
    assert ours == [[tokenizer.decode(part) for part in both] for both in dataset]


def test_rows_of_the_page_are_documents_one_by_one_and_packed(tmp_path):
    code = """return input.texts.map((text) => {
        const all = documentsOf(text, "words"), lengths = all.map((d) => d.length + 1);
        return [rowsOf(all, lengths.map((_, n) => [n])),
                rowsOf(all, bestFit(lengths, input.length))];
    });"""
    texts = [text for text in some_texts(2) if rows_of_tokens(text, "words")]
    for length in (60, 100):
        found = computed(tmp_path, "cutter", code, texts=texts, length=length)
        for text, forms in zip(texts, found, strict=True):
            pieces = Pieces(rows_of_tokens(text, "words"))
            for form, make in zip(forms, (documents, pack), strict=True):
                x, y = make(pieces.ids(), 0, length)
                assert [row["y"] for row in form] == list(map(pieces.spelled, y))
                for row, ids in zip(form, x, strict=True):
                    ours = pieces.spelled(ids)
                    filled = row["x"].index(None) if None in row["x"] else len(ours)
                    assert row["x"][:filled] == ours[:filled]


def test_the_page_packs_by_best_fit(tmp_path):
    rng = random.Random(3)
    cases = [
        [rng.randint(1, 20) for _ in range(rng.randrange(40))] for _ in range(50)
    ]
    code = "return input.cases.map((lengths) => bestFit(lengths, 20));"
    found = computed(tmp_path, "cutter", code, cases=cases)
    assert found == [best_fit(lengths, 20) for lengths in cases]


def test_the_page_hides_what_the_mask_hides(tmp_path):
    x = torch.randint(0, 4, (20, 12), generator=torch.Generator().manual_seed(0))
    tokens = [[END_OF_TEXT if i == 0 else "a" for i in row] for row in x.tolist()]
    code = """return input.rows.map((x) => x.map((_, t) => readAt(x, t, true)));"""
    found = computed(tmp_path, "cutter", code, rows=tokens)
    mask = same_document(x, 0) & torch.ones(12, 12, dtype=torch.bool).tril()
    assert found == mask.tolist()


def test_the_picture_for_paper_is_there():
    data = cutter(["the cat sat", "it rained"], 5, 5).data
    assert {"image/png", "application/pdf", "text/html"} <= data.keys()
    assert data["text/plain"] == ALT
