"""Our byte-pair encoding beside tiktoken and tokenizers, from the same files."""

import json
import sys
from itertools import product

import pytest
import tiktoken
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import ByteLevelBPETokenizer
from tokenizers.pre_tokenizers import ByteLevel

from llm.corpora import prose
from llm.tokenizers import END_OF_TEXT, BPETokenizer, gpt2_files
from llm.tokenizers.merges import BYTES
from llm.tokenizers.pretokens import GPT2_PATTERN
from tests.hostile import FRAGMENTS, any_text, examples, hostile_text

SPECIAL = [END_OF_TEXT, "<|end|>", "<|end|><|of|>"]
# Every hostile piece often enough that merges are learnt inside and around it.
HOSTILE = "".join(f"{a}{b}" for a in FRAGMENTS for b in FRAGMENTS[::5])
TEXTS = [*prose()[:8], HOSTILE.replace(END_OF_TEXT, "")]


class Trio:
    """The same files in three libraries."""

    def __init__(self, folder) -> None:
        self.ours = BPETokenizer.load_gpt2(folder)
        files = str(folder / "vocab.json"), str(folder / "merges.txt")
        self.rust = ByteLevelBPETokenizer.from_file(*files)
        self.rust_with_special = ByteLevelBPETokenizer.from_file(*files)
        self.rust_with_special.add_special_tokens([*self.ours.special_tokens])
        ids = set(self.ours.special_tokens.values())
        self.tiktoken = tiktoken.Encoding(
            "ours",
            pat_str=GPT2_PATTERN,
            mergeable_ranks={
                t: i for t, i in self.ours.vocab.items() if i not in ids
            },
            special_tokens=self.ours.special_tokens,
        )

    def agree(self, text: str) -> list[int]:
        ids = self.ours.encode(text)
        assert ids == self.rust.encode(text).ids
        assert ids == self.tiktoken.encode_ordinary(text)
        return ids


@pytest.fixture(scope="module")
def trained() -> BPETokenizer:
    return BPETokenizer.train(TEXTS, 3000, SPECIAL)


@pytest.fixture(scope="module")
def folder(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpt2") / "new folder"
    trained.save_gpt2(folder)
    return folder


@pytest.fixture(scope="module")
def trio(folder) -> Trio:
    return Trio(folder)


@pytest.fixture(scope="module")
def cuts(tmp_path_factory) -> Trio:
    """Merges any two bytes: that two pre-tokens were cut apart shows in the ids."""
    folder = tmp_path_factory.mktemp("cuts")
    BPETokenizer(product(BYTES, BYTES)).save_gpt2(folder)
    return Trio(folder)


@pytest.fixture(scope="module")
def theirs(tmp_path_factory) -> Trio:
    """Files that `tokenizers` wrote, with its order of ids and of merges."""
    rust = ByteLevelBPETokenizer()
    rust.train_from_iterator(
        TEXTS,
        3000,
        min_frequency=1,
        special_tokens=[END_OF_TEXT],
        show_progress=False,
    )
    folder = tmp_path_factory.mktemp("theirs")
    rust.save_model(str(folder))
    return Trio(folder)


@examples(600)
@given(
    st.one_of(hostile_text, any_text, st.sampled_from("\n".join(TEXTS).split("\n")))
)
def test_three_libraries_agree_on_any_text(trio, text):
    assert trio.ours.decode(trio.agree(text)) == text


@examples(200)
@given(st.one_of(hostile_text, any_text))
def test_files_that_tokenizers_trained_are_read_as_it_reads_them(theirs, text):
    assert theirs.ours.encode(text) == theirs.rust.encode(text).ids


def test_files_that_tokenizers_trained_keep_their_ids(theirs):
    assert theirs.ours.special_tokens == {END_OF_TEXT: 0}
    spelt = {gpt2_files.spell(token): id for token, id in theirs.ours.vocab.items()}
    assert spelt == theirs.rust.get_vocab()
    for text in TEXTS:
        assert theirs.ours.encode(text) == theirs.rust.encode(text).ids


def test_three_libraries_agree_on_the_texts(trio):
    for text in TEXTS:
        assert len(trio.agree(text)) < len(text.encode()) / 2


@pytest.mark.parametrize("before", ["a", "1", "!"])
def test_three_libraries_cut_before_the_same_characters(cuts, before):
    # All that Unicode has named so far, and samples of what it has not.
    named = [*range(0xD800), *range(0xE000, 0x40000), *range(0xE0000, 0xE0200)]
    others = range(0x40000, sys.maxunicode + 1, 61)
    cuts.agree("".join(before + chr(code) for code in (*named, *others)))


@examples(300)
@given(st.one_of(hostile_text, any_text))
@example("'S 'RE 'sx 's't ''s ' s")
@example(" \u3000 \x85 x\u2028 \x1c ")
@example("\ud7ff\ue000\U0010ffff\0")
def test_three_libraries_cut_any_text_alike(cuts, text):
    assert cuts.ours.decode(cuts.agree(text)) == text


@pytest.mark.parametrize(
    "run", ["a", "é", "ab", " ", "\n", "\n ", "!", "'", "'s", "7", "👍"]
)
def test_three_libraries_agree_on_long_runs(trio, cuts, run):
    for length in (*range(1, 20), 255, 256, 257, 4099):
        for three in (trio, cuts):
            three.agree(run * length)
            three.agree("x" + run * length + "x")


@examples(150)
@given(
    st.lists(st.one_of(hostile_text, st.sampled_from(SPECIAL)), max_size=6).map(
        "".join
    )
)
def test_special_tokens_agree_when_allowed(trio, text):
    ids = trio.ours.encode(text, allowed_special=SPECIAL)
    assert ids == list(trio.ours.encode_iterable(text, allowed_special=SPECIAL))
    assert ids == trio.rust_with_special.encode(text).ids
    one = trio.ours.encode(text, allowed_special=[END_OF_TEXT])
    assert one == trio.tiktoken.encode(
        text, allowed_special={END_OF_TEXT}, disallowed_special=()
    )


# -- The two files -----------------------------------------------------------------


def test_the_alphabet_is_that_of_tokenizers():
    assert sorted(gpt2_files.byte_alphabet()) == sorted(ByteLevel.alphabet())
    for byte in range(128):
        [(spelt, _)] = ByteLevel(add_prefix_space=False).pre_tokenize_str(chr(byte))
        assert gpt2_files.spell(bytes([byte])) == spelt


def test_files_give_the_same_tokenizer_and_the_same_files(
    trained, trio, folder, tmp_path
):
    assert trio.ours.vocab == trained.vocab
    assert trio.ours.merges == trained.merges
    assert trio.ours.special_tokens == trained.special_tokens
    trio.ours.save_gpt2(tmp_path)
    for name in ("vocab.json", "merges.txt"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
    trio.ours.save(tmp_path / "tokenizer.json")
    again = BPETokenizer.load(tmp_path / "tokenizer.json")
    assert again.encode(TEXTS[0]) == trained.encode(TEXTS[0])


def test_other_ids_survive_our_own_format(theirs, tmp_path):
    theirs.ours.save(tmp_path / "tokenizer.json")
    again = BPETokenizer.load(tmp_path / "tokenizer.json")
    assert again.vocab == theirs.ours.vocab
    assert again.encode(HOSTILE) == theirs.ours.encode(HOSTILE)


@pytest.fixture()
def files(tmp_path):
    """The small files of a small tokenizer, to be spoilt."""
    BPETokenizer.train(["to be or not to be"], 262, [END_OF_TEXT]).save_gpt2(
        tmp_path
    )
    return tmp_path


def refuse(files, message):
    with pytest.raises(ValueError, match=message):
        BPETokenizer.load_gpt2(files)


def test_windows_line_ends_and_a_missing_version_line_do_no_harm(files):
    merges = BPETokenizer.load_gpt2(files).merges
    lines = (files / "merges.txt").read_text("utf-8").split("\n")
    (files / "merges.txt").write_bytes("\r\n".join(lines[1:]).encode())
    assert BPETokenizer.load_gpt2(files).merges == merges


def test_a_cut_file_is_refused(files):
    merges, vocab = (files / "merges.txt"), (files / "vocab.json")
    for path in (merges, vocab):
        data = path.read_bytes()
        for end in range(0, len(data) - 2, 1 if path == merges else 13):
            path.write_bytes(data[:end])
            refuse(
                files,
                "cut off|stands for no byte|not JSON|UTF-8|disagree|before it",
            )
        path.write_bytes(data)
    BPETokenizer.load_gpt2(files)
    merges.unlink()
    refuse(files, "merges.txt is not a file")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda vocab: vocab | {"a": "1"}, "an id is not a whole number"),
        (lambda vocab: vocab | {"a": True}, "an id is not a whole number"),
        (lambda vocab: vocab | {"a": 5}, "the ids do not count from 0 to 261"),
        (lambda vocab: vocab | {"a": 999}, "the ids do not count from 0 to 261"),
        (
            lambda vocab: vocab | {"Ġword": 262},
            "no line of merges.txt makes 'Ġword'",
        ),
        (lambda vocab: vocab | {"\ud800": 262}, "lone surrogate"),
        (lambda vocab: list(vocab), "JSON list"),
        (lambda vocab: {t: i for t, i in vocab.items() if i < 260}, "disagree"),
    ],
)
def test_a_spoilt_vocabulary_is_refused(files, change, message):
    path = files / "vocab.json"
    path.write_text(
        json.dumps(change(json.loads(path.read_text("utf-8")))), "utf-8"
    )
    refuse(files, message)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("be", "merges.txt, line 7: .*stands for no byte|before it is made"),
        ("b e f", r"line 7: ' ' in 'e f' stands for no byte"),
        ("b \u4e00", "line 7: '\u4e00' in '\u4e00' stands for no byte"),
        ("x y", "disagree about b'xy'"),
        ("b e", "makes b'be' a second time"),
        ("xy z", "needs b'xy' before it is made"),
    ],
)
def test_a_spoilt_line_of_merges_is_refused(files, line, message):
    with (files / "merges.txt").open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    refuse(files, message)


def test_a_special_token_that_could_be_a_word_must_be_named(tmp_path):
    BPETokenizer.train(["to be"], 258, ["END"]).save_gpt2(tmp_path)
    refuse(
        tmp_path, r"If this is a special token, name it: special_tokens=\['END'\]"
    )
    with pytest.raises(ValueError, match="single string 'END': put it in a list"):
        BPETokenizer.load_gpt2(tmp_path, special_tokens="END")
    again = BPETokenizer.load_gpt2(tmp_path, special_tokens=["END"])
    assert again.special_tokens == {"END": 257}


@pytest.mark.parametrize("name", ["é", "Ġ", "Ġto"])
def test_a_special_token_that_the_files_cannot_tell_apart_is_refused(
    name, tmp_path
):
    trained = BPETokenizer.train([" to to"], 259, [name])
    assert (b" t", b"o") in trained.merges or (b" ", b"to") in trained.merges
    with pytest.raises(
        ValueError, match=f"'{name}' is how these files write another"
    ):
        trained.save_gpt2(tmp_path)
    assert not list(tmp_path.iterdir())
