"""Text: what is read is what is there, in pieces that change nothing."""

import doctest
import io
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llm.corpora import load_text, prose, read_texts, text
from llm.corpora.text import cut_pieces
from llm.tokenizers import END_OF_TEXT, WordTokenizer
from llm.tokenizers.pretokens import count_pretokens
from tests.hostile import cut_text, examples, hostile_text, lines_of_code

no_zero = hostile_text.map(lambda found: found.replace("\0", ""))


def test_examples_in_docstrings_are_true():
    assert doctest.testmod(text).failed == 0


def write(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# -- What is read ------------------------------------------------------------------


@examples(100)
@given(content=no_zero.filter(bool), block_size=st.sampled_from([1, 2, 3, 7, 1000]))
@example(content="\r\n\ufeff 👍 \x85", block_size=3)
def test_a_file_is_read_as_it_is(tmp_path_factory, content, block_size):
    path = write(tmp_path_factory.mktemp("read"), "any.name", content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "_BLOCK_SIZE", block_size)
        whole = load_text(path)
        pieces = list(read_texts(str(path), piece_size=10))
    assert whole == content.removeprefix("\ufeff")
    assert "".join(pieces) == whole
    assert all(pieces)


def test_a_small_file_is_one_text(tmp_path):
    content = f"one\n{END_OF_TEXT}\ntwo"
    assert list(read_texts(write(tmp_path, "a.txt", content))) == [content]


def test_a_folder_is_its_text_files_by_name(tmp_path):
    for name in ("b.txt", "a.md", "c.TXT", "d.py", "0.json"):
        write(tmp_path, name, name)
    write(tmp_path, "empty.txt", "")
    (tmp_path / "folder.txt").mkdir()
    write(tmp_path, "._a.txt", b"\0 what a Mac puts into an archive")
    assert list(read_texts(tmp_path)) == ["a.md", "b.txt", "c.TXT"]
    assert load_text(tmp_path) == "a.md\n\nb.txt\n\nc.TXT"


def test_standard_input_is_read(monkeypatch):
    for read in (load_text, lambda source: "".join(read_texts(source))):
        stdin = io.TextIOWrapper(io.BytesIO("größer\n".encode()), encoding="ascii")
        monkeypatch.setattr("sys.stdin", stdin)
        assert read("-") == "größer\n"
        assert not stdin.closed


@pytest.mark.parametrize(
    "read", [load_text, lambda source: list(read_texts(source))]
)
def test_what_is_not_text_is_refused(read, tmp_path, monkeypatch):
    monkeypatch.setattr(text, "_BLOCK_SIZE", 4)
    for name, content, message in [
        ("empty.txt", b"", "empty.txt is empty"),
        ("mark.txt", "\ufeff", "mark.txt is empty"),
        (
            "zero.bin",
            b"abcdef\0",
            "byte 6 is zero. If it is UTF-16, save it as UTF-8",
        ),
        ("latin.txt", "abc ü d".encode("latin-1"), "not UTF-8: see byte 4"),
        ("latin2.txt", "aé ü d".encode()[:-3] + b"\xff", "not UTF-8: see byte 4"),
        ("mark2.txt", b"\xef\xbb\xbfab\xff", "not UTF-8: see byte 5"),
        ("cut.txt", "abcd€".encode()[:-1], "not UTF-8: see byte 4"),
        ("utf16.txt", "abc".encode("utf-16"), "zero|not UTF-8"),
    ]:
        path = write(tmp_path, name, content)
        with pytest.raises(ValueError, match=message):
            read(path)
        path.unlink()
    with pytest.raises(ValueError, match=r"has no .txt or .md file"):
        read(tmp_path)
    with pytest.raises(ValueError, match="missing does not exist: check the path"):
        read(tmp_path / "missing")
    write(tmp_path, "a.txt", "")
    with pytest.raises(ValueError, match="is empty: there is no text to read"):
        read(tmp_path)


@pytest.mark.parametrize("read", [load_text, read_texts])
def test_an_empty_name_is_not_the_folder_we_are_in(read, tmp_path, monkeypatch):
    write(tmp_path, "secret.txt", "text")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ValueError, match="the path of the text is empty: name a file"
    ):
        read("")


def test_a_closed_standard_input_is_named(monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(
        ValueError, match="standard input is closed: name a file instead"
    ):
        load_text("-")


def test_an_empty_special_token_is_refused(tmp_path):
    with pytest.raises(ValueError, match="special_token is empty"):
        read_texts(write(tmp_path, "a.txt", "text"), special_token="")


# -- Where it is cut ---------------------------------------------------------------

SPECIAL = [END_OF_TEXT, "<|end of text|>", "\n---\n", "--", "aa", " ", "e"]
self_overlapping = st.lists(
    st.sampled_from(["-", "--", "\n---\n", "---\n", "\n", " ", "a", "aa", "b"])
).map("".join)


@examples(300)
@given(
    cut=st.one_of(cut_text(), cut_text(self_overlapping), cut_text(lines_of_code)),
    special=st.sampled_from(SPECIAL),
    size=st.integers(1, 60),
)
@example(("a  b\n\n c\r\n\r\nd", ["a  b\n", "\n c\r", "\n\r\nd"]), END_OF_TEXT, 3)
@example(("\n---\n---\n  x", ["\n---\n---\n", "  x"]), "\n---\n", 4)
@example(("-----\n\n a", ["-----\n", "\n a"]), "--", 3)
@example(("a<|end of text|>b", ["a<|end of", " text|>b"]), "<|end of text|>", 4)
def test_pieces_have_the_pretokens_and_words_of_the_whole(cut, special, size):
    whole, texts = cut
    pieces = list(cut_pieces(texts, special, size))
    assert "".join(pieces) == whole
    assert count_pretokens(pieces, [special]) == count_pretokens([whole], [special])
    words = [[w for part in found.split(special) for w in WordTokenizer.cut(part)]
             for found in (whole, *pieces)]  # fmt: skip
    assert words[0] == [word for found in words[1:] for word in found]


@pytest.mark.parametrize(
    ("line", "starts"),
    [
        (f"one line\nanother{END_OF_TEXT}", "o"),
        ("one line\n", "o\n"),
        ("one line\r\n", "o\r"),
        ("one line\n\n\n  ", "o\n"),
        ("one line without end ", "o "),
    ],
)
def test_a_long_file_comes_in_pieces_of_about_the_size_asked_for(
    line, starts, tmp_path, monkeypatch
):
    monkeypatch.setattr(text, "_BLOCK_SIZE", 100)
    content = line * 3000
    pieces = list(read_texts(write(tmp_path, "long.txt", content), piece_size=1000))
    assert "".join(pieces) == content
    assert all(800 < len(piece) <= 1100 for piece in pieces[:-1])
    assert {piece[0] for piece in pieces} == set(starts)


def test_pieces_are_cut_behind_special_tokens_first():
    texts = [f"one\n two{END_OF_TEXT}", "three\nfour\nfive"]
    assert list(cut_pieces(texts, END_OF_TEXT, 10)) == [
        texts[0],
        "three\nfour\nfive",
    ]


def test_text_without_a_place_to_cut_is_one_piece():
    texts = ["无空白" * 50] * 50
    assert list(cut_pieces(texts, END_OF_TEXT, 100)) == ["".join(texts)]


# -- The prose of this book --------------------------------------------------------


def test_prose_is_enough_and_clean():
    pieces = prose()
    assert sum(len(piece.encode()) for piece in pieces) >= 80_000
    assert len(set(pieces)) == len(pieces)
    for piece in pieces:
        assert len(piece) > 200
        assert not set(piece) & set("\r\t\ufffd\ufeff\0")


def test_prose_does_not_repeat_itself():
    lines = Counter(
        line for piece in prose() for line in piece.split("\n") if len(line) > 60
    )
    assert [line for line, times in lines.items() if times > 1] == []
