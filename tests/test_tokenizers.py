"""Tokenizers: round trips, training, special tokens, streams and files."""

import doctest
import importlib
import json
import pkgutil
from collections import Counter
from itertools import product, repeat

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

import llm.tokenizers
from llm.tokenizers import (
    END_OF_TEXT,
    KINDS,
    UNKNOWN,
    BPETokenizer,
    ByteTokenizer,
    CharacterTokenizer,
    Tokenizer,
    WordTokenizer,
    load,
    rows,
    storage,
    train_tokenizer,
)
from llm.tokenizers.bpe import PretokenIds
from llm.tokenizers.incremental import CorpusRow, descending, train_incrementally
from llm.tokenizers.merges import count_pairs, merge, train_by_rescanning
from llm.tokenizers.pretokens import (
    count_pretokens,
    find_pretokens,
    pretokenise,
    sure_length,
)
from tests.hostile import (
    FRAGMENTS,
    any_text,
    cut_text,
    examples,
    hostile_text,
    lines_of_code,
)

TEXT = (
    "The fox's cub didn't see the river; the river saw the fox.\n\n"
    "  “Where,” asked the cub, “is the sea?” — “There,” said the fox, “or there.”\n"
    + " ".join(FRAGMENTS)
).replace(END_OF_TEXT, "")
SPECIAL = [END_OF_TEXT, "<|end|>", "<|end|><|of|>", UNKNOWN]


SIZES = {**dict.fromkeys(KINDS), "bpe": 260}


def make(kind: str, texts=(TEXT,), special_tokens=SPECIAL) -> Tokenizer:
    size = 400 if kind == "bpe" else None
    return train_tokenizer(kind, texts, size, special_tokens)


@pytest.fixture(scope="module")
def bpe() -> BPETokenizer:
    return make("bpe")


@pytest.fixture(scope="module", params=KINDS)
def tokenizer(request) -> Tokenizer:
    return make(request.param)


def modules() -> list[str]:
    found = pkgutil.iter_modules(llm.tokenizers.__path__)
    return [
        "llm.tokenizers",
        *(f"llm.tokenizers.{module.name}" for module in found),
    ]


@pytest.mark.parametrize("name", modules())
def test_examples_in_docstrings_are_true(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


# -- Round trips ------------------------------------------------------------------


@examples(300)
@given(st.one_of(any_text, hostile_text))
def test_bytes_and_pairs_of_bytes_spell_any_text(bpe, text):
    assert bpe.decode(bpe.encode(text)) == text
    assert ByteTokenizer().decode(ByteTokenizer().encode(text)) == text


@examples(100)
@given(st.one_of(any_text, hostile_text).filter(bool))
@pytest.mark.parametrize("kind", ["characters", "words", "wordpiece", "unigram"])
def test_these_kinds_spell_what_they_were_trained_on(kind, text):
    trained = make(kind, [text], special_tokens=())
    assert trained.decode(trained.encode(text)) == text


def test_ids_count_from_zero_without_a_gap(tokenizer):
    assert sorted(tokenizer.vocab.values()) == list(range(tokenizer.vocab_size))
    assert max(tokenizer.encode(TEXT)) < tokenizer.vocab_size


def test_bytes_that_are_not_utf8_decode_by_replacement(bpe):
    assert ByteTokenizer().decode([0xC3, 0x28, 0xFF]) == "\ufffd(\ufffd"
    assert bpe.decode("é".encode()[:1]) == "\ufffd"


@pytest.mark.parametrize("id", [-1, 10_000])
def test_an_id_outside_the_vocabulary_is_named(tokenizer, id):
    with pytest.raises(ValueError, match=f"id {id} is not in the vocabulary"):
        tokenizer.decode([0, id])


@pytest.mark.parametrize(
    ("ids", "what"),
    [
        (torch.tensor([[1, 2], [3, 4]]), r"Tensor of shape \(2, 2\)"),
        (torch.tensor([1.0, 2.0]), r"Tensor of shape \(2,\)"),
        ([[1, 2]], "list"),
        ([1.0], "list"),
        ("12", "str"),
        (7, "int"),
        (None, "NoneType"),
    ],
)
def test_what_is_no_row_of_ids_is_named(tokenizer, ids, what):
    with pytest.raises(
        ValueError, match=f"ids are a {what}: give one row of whole"
    ):
        tokenizer.decode(ids)


def test_ids_may_come_as_whole_numbers_of_any_make(tokenizer):
    ids = tokenizer.encode("the fox")
    for made in (torch.tensor(ids), torch.tensor(ids).numpy(), iter(ids)):
        assert tokenizer.decode(made) == "the fox"


def test_an_id_is_spelt_by_the_bytes_it_stands_for(tokenizer):
    spelt = [tokenizer.spelling(id) for id in tokenizer.encode(TEXT)]
    assert b"".join(spelt).decode() == TEXT
    for name, id in tokenizer.special_tokens.items():
        assert tokenizer.spelling(id) == (None if name == UNKNOWN else b"")
    for id in (-1, tokenizer.vocab_size):
        with pytest.raises(
            ValueError, match=f"id {id} .*more entries than the tok"
        ):
            tokenizer.spelling(id)


@pytest.mark.parametrize("kind", ["characters", "words"])
def test_an_unknown_piece_has_no_spelling(kind):
    """So 400 letters that a model never saw are not 4,400 bytes of a name."""
    lenient = train_tokenizer(kind, ["x"], None, [UNKNOWN, END_OF_TEXT])
    ids = lenient.encode("Z")
    assert [lenient.spelling(id) for id in ids] == [None]
    ids = lenient.encode(f"x{END_OF_TEXT}", allowed_special=[END_OF_TEXT])
    assert [lenient.spelling(id) for id in ids] == [b"x", b""]


@pytest.mark.parametrize("text", [None, 7, b"text", ["one", "two"]])
def test_what_is_no_string_is_named(tokenizer, text):
    message = f"text is a {type(text).__name__}: give a string"
    with pytest.raises(ValueError, match=message):
        tokenizer.encode(text)
    with pytest.raises(ValueError, match=message):
        list(tokenizer.encode_iterable([text]))
    if tokenizer.kind != "bytes":  # which reads no texts
        with pytest.raises(ValueError, match=message):
            make(tokenizer.kind, [text])


def test_half_a_character_is_refused_where_it_stands(tokenizer):
    with pytest.raises(
        ValueError, match=r"position 3 holds a lone surrogate, '\\ud83d'"
    ):
        tokenizer.encode("The\ud83d")
    with pytest.raises(
        ValueError, match=r"position 3 .* Read the text with errors="
    ):
        list(tokenizer.encode_iterable(["The", "\ud83d", "\ude00"]))
    with pytest.raises(ValueError, match="position 1 holds a lone surrogate"):
        type(tokenizer)._encode(tokenizer, "x\udc00", [], 0)


# -- Characters, words, bytes ------------------------------------------------------


def test_what_the_table_lacks_is_named_or_unknown():
    with pytest.raises(ValueError, match=r"character 'y' at position 1 .*unknown"):
        CharacterTokenizer.train(["x"]).encode("xyx")
    with pytest.raises(ValueError, match=r"word 'there' at position 3 .*unknown"):
        WordTokenizer.train(["Hi !"]).encode("Hi there!")
    lenient = CharacterTokenizer.train(["x"], special_tokens=[UNKNOWN])
    assert lenient.encode("xyx") == [0, 1, 0]
    assert lenient.decode([0, 1]) == "x" + UNKNOWN


def test_the_position_of_an_unknown_piece_counts_from_the_start_of_the_stream():
    words = WordTokenizer.train(["a b"], special_tokens=["<|>"])
    with pytest.raises(ValueError, match="word 'c' at position 10"):
        list(
            words.encode_iterable(["a b<", "|>a", " b c"], allowed_special=["<|>"])
        )


@pytest.mark.parametrize("kind", ["characters", "words"])
def test_a_small_table_keeps_what_is_frequent(kind):
    kept = train_tokenizer(kind, ["c c c b b a"], 4, [UNKNOWN])
    assert list(kept.vocab) == [b" ", b"b", b"c", UNKNOWN.encode()]
    with pytest.raises(ValueError, match="vocab_size is 6, but 4 different"):
        train_tokenizer(kind, ["c c c b b a"], 6, [UNKNOWN])
    with pytest.raises(ValueError, match="choose 2 to 5"):
        train_tokenizer(kind, ["c c c b b a"], 1, [UNKNOWN])
    with pytest.raises(ValueError, match="the texts are empty"):
        train_tokenizer(kind, ["", ""], None)


def test_words_keep_marks_and_apostrophes():
    text = "हिन्दी e\u0301te\u0301 don’t rock'n'roll 'no' snake_case"
    assert WordTokenizer.cut(text)[::2][:5] == [
        "हिन्दी", "e\u0301te\u0301", "don’t", "rock'n'roll", "'"
    ]  # fmt: skip


def test_bytes_need_no_training():
    assert ByteTokenizer().vocab_size == 256
    assert ByteTokenizer.train([], 257, [END_OF_TEXT]).vocab_size == 257
    with pytest.raises(ValueError, match="vocab_size is 300"):
        ByteTokenizer.train([], 300)


# -- Training pairs ----------------------------------------------------------------

few_letters = st.text(
    "ab é", max_size=30
)  # many pairs, ties and runs of one letter


def agree(texts, n_merges):
    counts = count_pretokens(texts)
    quick, plain = (
        train(counts, n_merges)
        for train in (train_incrementally, train_by_rescanning)
    )
    assert quick == plain
    return quick


@examples(300)
@given(st.lists(few_letters, max_size=6), st.integers(0, 60))
@example(["aaaa aaa aaaaa aaaaaaaaaa"], 20)
@example(["abababab bababa abab ab a"], 20)
def test_both_trainers_learn_the_same_merges(texts, n_merges):
    merges = agree(texts, n_merges)
    assert len(set(merges)) == len(merges) <= n_merges


@examples(100)
@given(st.lists(hostile_text, max_size=3))
def test_both_trainers_learn_the_same_merges_of_any_text(texts):
    agree(texts, 25)


def test_both_trainers_learn_the_same_merges_of_long_text():
    assert len(agree([TEXT * 2, "the theme of the thing " * 9], 500)) > 250


@pytest.mark.parametrize("train", [train_incrementally, train_by_rescanning])
def test_a_tie_goes_to_the_greater_pair_of_byte_strings(train):
    assert train({"ab": 1, "ba": 1}, 1) == [(b"b", b"a")]
    assert train({"az": 1, "by": 1}, 1) == [(b"b", b"y")]
    assert train({"ax": 1, "ay": 1}, 1) == [(b"a", b"y")]
    assert train({"aé": 1, "az": 1}, 1) == [(b"\xc3", b"\xa9")]
    # After a+b, "ab"+"c" is greater than "a"+"z": the longer of two beginnings.
    assert train({"ab": 5, "abc": 1, "az": 1}, 2) == [(b"a", b"b"), (b"ab", b"c")]
    # Not by id: b"ab" has a greater id than b"b", and is the lesser byte string.
    assert train({"ab": 5, "abx": 1, "bx": 0, "by": 2, "ab!": 1}, 3)[1] == (
        b"b",
        b"y",
    )


@examples(100)
@given(st.lists(few_letters, max_size=4), st.data())
def test_the_table_of_pairs_is_what_a_recount_finds(texts, data):
    corpus = CorpusRow(count_pretokens(texts))
    while left := {pair: n for pair, n in corpus.counts.items() if n}:
        assert left == recount(corpus)
        made = corpus.merge(data.draw(st.sampled_from(sorted(left))))
        assert all(corpus.counts[pair] <= max(left.values()) for pair in made)


def recount(corpus: CorpusRow) -> dict:
    parts, start = [], 0
    for place, id in enumerate(corpus.row):
        if id == rows.BOUNDARY:
            ids = rows.read_row(corpus.row[start : place + 1], corpus.lengths)
            parts.append((ids, corpus.times[place]))
            start = place + 1
    return count_pairs(parts)


@examples(300)
@given(st.lists(st.binary(max_size=4), max_size=6))
def test_descending_is_the_reverse_of_the_order_of_bytes(tokens):
    assert sorted(tokens, key=descending) == sorted(tokens, reverse=True)


def test_a_count_that_fell_while_waiting_is_not_used():
    # All of "bc" but one goes with "ab": that pair must then wait behind "xy".
    assert agree(["ab", "abc", "abc", "bc", "xy xy"], 2)[1] == (b"x", b"y")


def test_merges_cross_neither_pretokens_nor_special_tokens():
    text = f"x{END_OF_TEXT}" * 50
    trained = BPETokenizer.train([text, "q" * 9], 260, [END_OF_TEXT])
    assert trained.merges == [(b"q" * n, b"q" * n) for n in (1, 2, 4)]
    spaced = BPETokenizer.train(["to be to be"], 260).merges
    assert all(b" " not in right and b" " not in left[1:] for left, right in spaced)


def test_special_tokens_have_the_last_ids_and_count_in_the_size():
    trained = make("bpe")
    assert trained.vocab_size == 400
    assert list(trained.special_tokens.values()) == [396, 397, 398, 399]
    assert len(trained.merges) == 400 - 256 - 4


@pytest.mark.parametrize("size", [None, 0, 256])
def test_a_vocabulary_without_room_for_bytes_is_refused(size):
    with pytest.raises(
        ValueError, match=f"vocab_size is {size}.* choose 257 or more"
    ):
        BPETokenizer.train(["text"], size, ["<|>"])


def test_a_vocabulary_larger_than_the_text_allows_is_refused():
    with pytest.raises(ValueError, match=r"after 259 entries: choose at most 259"):
        BPETokenizer.train(["abcd", "abcd"], 300)
    assert BPETokenizer.train(["abcd", "abcd"], 259).merges[-1] == (b"a", b"bcd")


def test_a_huge_vocabulary_is_refused_before_any_training(monkeypatch):
    def never(*_):
        raise AssertionError("trained")

    monkeypatch.setattr("llm.tokenizers.bpe.train_incrementally", never)
    message = "vocab_size is 1000000000, .* choose at most 265, or give more text"
    with pytest.raises(ValueError, match=message):
        BPETokenizer.train(["abcdé 0123"], 10**9)


def test_texts_are_read_once_one_by_one():
    read = []

    def texts():
        for number in range(3):
            read.append(number)
            yield "low lower lowest " * (number + 1)

    in_one = BPETokenizer.train(["low lower lowest " * n for n in (1, 2, 3)], 262)
    assert BPETokenizer.train(texts(), 262).merges == in_one.merges
    assert read == [0, 1, 2]


# -- Encoding with pairs -----------------------------------------------------------


@examples(300)
@given(st.one_of(hostile_text, few_letters, st.sampled_from(TEXT.split("\n"))))
def test_encoding_is_making_every_merge_in_the_order_of_training(bpe, text):
    ids = []
    number = {token: id for token, id in bpe.vocab.items()}
    for pretoken in pretokenise(text):
        row = list(pretoken.encode())
        for left, right in bpe.merges:
            row = merge(row, (number[left], number[right]), number[left + right])
        ids += row
    assert bpe.encode(text) == ids


@examples(300)
@given(hostile_text)
def test_pretokens_in_a_row_are_the_text(text):
    assert "".join(pretokenise(text)) == text


def test_work_on_one_long_pretoken_grows_with_its_length(bpe, monkeypatch):
    tries = Counter()

    def counted(*args):
        tries["merge_at"] += 1
        return merge_at(*args)

    merge_at = rows.merge_at
    monkeypatch.setattr(rows, "merge_at", counted)
    monkeypatch.setattr("llm.tokenizers.incremental.merge_at", counted)
    for text in ("a" * 100_000, "theriversawthefox" * 6_000):
        tries.clear()
        assert bpe.decode(bpe.encode(text)) == text
        assert 0 < tries["merge_at"] < 3 * len(text)
        tries.clear()
        train_incrementally({text: 1}, 100)
        assert 0 < tries["merge_at"] < 3 * len(text)


def test_the_cache_is_bounded(monkeypatch):
    trained = make("bpe")
    known = trained._ids_of
    monkeypatch.setattr(PretokenIds, "size", 10)
    for number in range(500):
        trained.encode(f" {number} {'x' * number}")
        assert 0 < len(known) <= 10
        assert all(len(pretoken) <= known.length for pretoken in known)


def test_what_is_returned_is_not_the_cache(bpe):
    first = bpe.encode("the")
    first.append(0)
    assert bpe.encode("the") == first[:-1]


# -- Special tokens ----------------------------------------------------------------


@examples(100)
@given(hostile_text, st.sampled_from(SPECIAL), hostile_text)
def test_special_tokens_come_from_the_caller_only(bpe, before, name, after):
    text = before + name + after
    assert not set(bpe.encode(text)) & set(bpe.special_tokens.values())
    assert not set(bpe.encode_iterable([text])) & set(bpe.special_tokens.values())
    assert bpe.decode(bpe.encode(text)) == text
    allowed = bpe.encode(text, allowed_special=[name])
    assert allowed.count(bpe.special_tokens[name]) == text.count(name)
    assert bpe.decode(allowed) == text


@pytest.mark.parametrize("kind", ["characters", "words"])
def test_a_one_letter_special_token_is_no_letter_of_the_text(kind):
    trained = train_tokenizer(kind, ["to be § or"], None, ["§"])
    assert trained.encode("to§be", allowed_special=["§"])[1] != 1
    assert trained.encode("§", allowed_special={"§"}) == [
        trained.special_tokens["§"]
    ]
    with pytest.raises(
        ValueError, match="'§' at position 0 is not in the vocabulary"
    ):
        trained.encode("§")


def test_the_longer_of_two_special_tokens_is_taken(tokenizer):
    allowed = ["<|end|>", "<|end|><|of|>"]
    both, short = "<|end|><|of|>", "<|end|>"
    ids = tokenizer.encode(both + short, allowed_special=allowed)
    assert ids == [tokenizer.special_tokens[both], tokenizer.special_tokens[short]]


def test_a_special_token_that_is_not_there_cannot_be_allowed(tokenizer):
    with pytest.raises(
        ValueError, match=r"'<\|no\|>' is not a special token.*train"
    ):
        tokenizer.encode("x", allowed_special={"<|no|>"})
    with pytest.raises(
        ValueError, match=r"single string '<\|end\|>': put it in a list"
    ):
        tokenizer.encode("x", allowed_special="<|end|>")


@pytest.mark.parametrize("kind", KINDS)
def test_special_tokens_must_be_told_apart(kind):
    for wrong, message in {
        ("",): "a special token is empty",
        ("<|>", "<|>"): "given twice",
        "<|>": "put it in a list",
        ("\ud800",): "lone surrogate",
    }.items():
        with pytest.raises(ValueError, match=message):
            make(kind, [TEXT], wrong)


def test_a_special_token_is_no_byte():
    for kind in (ByteTokenizer, BPETokenizer):
        with pytest.raises(ValueError, match="b'x' is in the vocabulary twice"):
            kind.train(["text"], 257, ["x"])


def test_one_string_is_not_a_list_of_texts():
    for kind in ("characters", "words", "bpe"):
        with pytest.raises(ValueError, match=r"put it in a list, \[text\]"):
            train_tokenizer(kind, "some text", 260)


# -- Streams -----------------------------------------------------------------------

broken_specials = st.lists(
    st.sampled_from(
        [*SPECIAL, "<|end", "|>", "<|of|>", "<", "'", "r", "re", "e", " ", "x"]
    ),
    max_size=12,
).map("".join)


@examples(150)
@given(
    cut=st.one_of(cut_text(), cut_text(broken_specials), cut_text(lines_of_code)),
    allowed=st.sets(st.sampled_from(SPECIAL)),
    chunk_size=st.integers(1, 60),
)
def test_a_stream_is_encoded_as_the_whole(tokenizer, cut, allowed, chunk_size):
    whole, pieces = cut
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tokenizer, "chunk_size", chunk_size)
        stream = list(tokenizer.encode_iterable(pieces, allowed_special=allowed))
    assert stream == tokenizer.encode(whole, allowed_special=allowed)


@pytest.mark.parametrize("kind", ["bpe", "words"])
@pytest.mark.parametrize(
    "line",
    [
        "one\r\n",
        "one\r\n\r\n",
        "\tif x:\r\n",
        "\tif x:\n\t\ty\n",
        "    x = y\n",
        "one  \n",
    ],
)
def test_a_file_of_code_is_encoded_as_the_whole(kind, line):
    """Wherever a chunk of the usual size happens to end."""
    text = line * (2 * Tokenizer.chunk_size // len(line))
    trained = train_tokenizer(kind, ["....", text], 260 if kind == "bpe" else None)
    for before in range(len(line) + 2):
        whole = "." * before + text
        assert list(trained.encode_iterable([whole])) == trained.encode(whole)


def test_a_sure_beginning_is_cut_alike_alone_and_before_any_text():
    for length in range(1, 7):
        for letters in product("ls' \n!", repeat=length):
            text = "".join(letters)
            for known in range(length):
                sure = sure_length(find_pretokens(text[:known]))
                parts = *pretokenise(text[:sure]), *pretokenise(text[sure:])
                assert parts == tuple(pretokenise(text))


@pytest.mark.parametrize(
    "piece", ["fox's ", "你好。", "fox<|end|>", "e\u0301!", "\n x"]
)
def test_a_long_stream_is_encoded_in_short_pieces(piece, tokenizer, monkeypatch):
    trained = make(tokenizer.kind, [TEXT + piece])
    lengths = []
    encode = Tokenizer._encode

    def watched(self, text, *args):
        lengths.append(len(text))
        return encode(self, text, *args)

    monkeypatch.setattr(Tokenizer, "_encode", watched)
    monkeypatch.setattr(Tokenizer, "chunk_size", 1000)
    stream = trained.encode_iterable(
        repeat(piece, 9000), allowed_special=["<|end|>"]
    )
    assert trained.decode(stream) == piece * 9000
    assert len(lengths) > 10
    assert max(lengths) <= 1000 + len(piece)


# -- Files -------------------------------------------------------------------------


def same(a: Tokenizer, b: Tokenizer) -> bool:
    return type(a) is type(b) and a.fields() == b.fields() and a.vocab == b.vocab


@examples(300)
@given(st.one_of(st.binary(max_size=8), hostile_text.map(str.encode)))
def test_tokens_are_written_without_loss(token):
    assert storage.from_readable(storage.readable(token)) == token


def test_a_file_gives_the_same_tokenizer(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "tokenizer.json")
    for read in (load, type(tokenizer).load):
        again = read(tmp_path / "tokenizer.json")
        assert same(again, tokenizer)
        assert again.special_tokens == tokenizer.special_tokens
        assert again.encode(TEXT) == tokenizer.encode(TEXT)
    saved = (tmp_path / "tokenizer.json").read_bytes()
    again.save(tmp_path / "tokenizer.json")
    assert (tmp_path / "tokenizer.json").read_bytes() == saved


def test_a_file_of_another_kind_is_refused(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "tokenizer.json")
    for kind in set(KINDS.values()) - {type(tokenizer)}:
        with pytest.raises(
            ValueError, match=f"holds a tokenizer of '{tokenizer.kind}'"
        ):
            kind.load(tmp_path / "tokenizer.json")


def test_a_file_cut_anywhere_is_refused(tokenizer, tmp_path):
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    data = path.read_bytes()
    for end in {*range(0, len(data) - 2, 97), *range(40), len(data) - 3}:
        path.write_bytes(data[:end])
        with pytest.raises(ValueError, match=r"is not (JSON|UTF-8)"):
            load(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not JSON"),
        (b"\xff\xfe", "is not UTF-8 at byte 0"),
        (b"\x80\x04\x95", "is not UTF-8"),
        (b"[" * 100_000, "is not JSON"),
        (b"[1, 2]", "holds a JSON list, not an object"),
        (b'{"model": {"type": "BPE"}}', "not the file of a tokenizer"),
        (
            b'{"format": "llm tokenizer", "version": 2}',
            "version 2 .* reads version 1",
        ),
        (b'{"format": "llm tokenizer", "version": 1}', "is no kind of tokenizer"),
        (
            b'{"format": "llm tokenizer", "version": 1, "kind": "x"}',
            "'x' is no kind",
        ),
        (b'{"format": "llm tokenizer", "version": 1, "kind": ["bpe"]}', "no kind"),
    ],
)
def test_other_files_are_refused(content, message, tmp_path):
    (tmp_path / "file.json").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load(tmp_path / "file.json")


def test_a_file_saved_again_by_an_editor_of_windows_is_read(tokenizer, tmp_path):
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    text = path.read_text("utf-8")
    path.write_bytes(("\ufeff" + text.replace("\n", "\r\n")).encode())
    assert same(load(path), tokenizer)


def test_no_file_is_refused(tmp_path):
    (tmp_path / "file.json").write_text("{}")
    for path in ("", "missing.json", "file.json/vocab.json"):
        with pytest.raises(ValueError, match="is not a file: check the path"):
            load(tmp_path / path)


def change(tmp_path, trained: Tokenizer, **fields):
    path = tmp_path / "tokenizer.json"
    trained.save(path)
    path.write_text(
        json.dumps(json.loads(path.read_text("utf-8")) | fields), "utf-8"
    )
    return path


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tokens": None}, "'tokens' is not a list of strings"),
        ({"tokens": ["a", 1]}, "'tokens' is not a list of strings"),
        ({"tokens": []}, "not in the vocabulary"),
        ({"tokens": ["\\x4", "a"]}, "not how this format writes a token"),
        ({"tokens": ["\ud800"]}, "not how this format writes a token"),
        ({"special_tokens": {"a": 1}}, "'special_tokens' is not a list"),
        ({"special_tokens": [END_OF_TEXT] * 2}, "given twice"),
        ({"special_tokens": []}, "disagree about b'<"),
        ({"special_tokens": ["<|new|>"]}, "is not in the vocabulary"),
        ({"pattern": r"\w+"}, "another pattern"),
        ({"merges": "he"}, "'merges' is not a list of pairs"),
        ({"merges": [["h"]]}, "'merges' is not a list of pairs"),
        ({"merges": [["h", 1]]}, "'merges' is not a list of pairs"),
        ({"merges": [["he", "y"]]}, "merge 0 needs b'he' before it is made"),
        ({"merges": [["h", "e"], ["h", "e"]]}, "merge 1 makes b'he' a second time"),
        ({"merges": [["h", "e"]]}, "disagree about b"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(bpe, fields, message, tmp_path):
    path = change(tmp_path, bpe, **fields)
    with pytest.raises(
        ValueError, match=f"tokenizer.json cannot be used: .*{message}"
    ):
        load(path)


def test_tables_that_contradict_themselves_are_refused(tmp_path):
    for trained, tokens, message in [
        (
            CharacterTokenizer.train(["ab"]),
            ["a", "ab"],
            "'ab' is not one character",
        ),
        (CharacterTokenizer.train(["ab"]), ["a", "\\xff"], "decode"),
        (WordTokenizer.train(["ab"]), ["a", "a b"], "'a b' is not one word"),
        (WordTokenizer.train(["ab"]), ["a", "a"], "twice"),
        (ByteTokenizer(), ["a", "b"], "not the 256 bytes"),
    ]:
        with pytest.raises(ValueError, match=message):
            load(change(tmp_path, trained, tokens=tokens))


FIELDS = (
    "format",
    "version",
    "kind",
    "tokens",
    "special_tokens",
    "merges",
    "scores",
    "pattern",
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@examples(100)
@given(name=st.sampled_from(FIELDS), value=json_values)
@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_file_is_refused_or_harmless(tmp_path_factory, kind, name, value):
    trained = train_tokenizer(kind, ["to be or not to be"], SIZES[kind], ["<|>"])
    path = change(tmp_path_factory.mktemp("changed"), trained, **{name: value})
    try:
        again = load(path)
    except ValueError as error:
        assert str(path) in str(error) or "no kind of tokenizer" in str(error)
    else:
        assert again.decode(again.encode("to be")) == "to be"


@pytest.mark.parametrize("write", ["save", "save_gpt2"])
def test_a_failed_write_leaves_the_old_file(bpe, tmp_path, monkeypatch, write):
    target = tmp_path / "tokenizer.json" if write == "save" else tmp_path
    getattr(BPETokenizer.train(["to be"], 257), write)(target)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full_disk(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        getattr(bpe, write)(target)
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert after == before


# -- The floor they stand on -------------------------------------------------------


def test_kinds_are_named():
    names = "characters, words, bytes, bpe, wordpiece, unigram"
    assert ", ".join(KINDS) == names
    with pytest.raises(ValueError, match=f"choose from {names}"):
        train_tokenizer("morphemes", ["text"])
