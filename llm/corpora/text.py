"""Text from a file, a folder or standard input, and the prose of this book."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path

import regex

PROSE = Path(__file__).parents[2] / "data" / "prose"
STANDARD_INPUT = Path("-")

_BLOCK_SIZE = 1 << 20  # bytes
# "(?r)" searches from the end.
_LINE_END = regex.compile(r"(?r)(?<=\S)\r?\n")
_WHITE_SPACE = regex.compile(r"(?r)(?<=\S)\s")


def read_texts(
    source: str | Path,
    *,
    special_token: str = "<|endoftext|>",
    piece_size: int = 1 << 22,
) -> Iterator[str]:
    """Read UTF-8 text in pieces, so that it need not fit into memory.

    source: a file; a folder, for the `.txt` and `.md` files directly in it, by name,
        but for hidden ones; or "-", for standard input. Line ends stay as they are.
    piece_size: characters. A longer file comes in pieces of about this size, which
        joined are the file. `cut_pieces` says where they are cut.

    Raises `ValueError` if there is no text at `source`, and, when it comes to it,
    for a byte that is zero or not UTF-8.
    """
    if not special_token:
        raise ValueError(
            "special_token is empty: leave it out if the text has none"
        )
    files = _files(source)
    texts = (cut_pieces(_decode(f), special_token, piece_size) for f in files)
    return _not_empty(source, (piece for pieces in texts for piece in pieces))


def load_text(source: str | Path) -> str:
    """Read all of a text; between the files of a folder comes a blank line.

    Takes and raises what `read_texts` does.
    """
    texts = ("".join(_decode(file)) for file in _files(source))
    return "\n\n".join(_not_empty(source, filter(None, texts)))


def prose() -> list[str]:
    """The essays and fables written for this book, one text each.

    Raises `ValueError` if the folder `data/prose` of the repository is not there.
    """
    return [load_text(file) for file in _files(PROSE)]


def cut_pieces(
    texts: Iterable[str], special_token: str, piece_size: int
) -> Iterator[str]:
    """Join `texts`, and cut them anew into pieces of about `piece_size` characters.

    Each cut is behind a special token; where there is none, before a line end; on
    a very long line, before white space; and never between two white spaces.
    Tokenizers cut there too, since none of their words and pre-tokens goes on from
    a visible character to white space. So they find in the pieces what they would
    find in the whole. (Behind a special token, if they know it as one.)

    >>> list(cut_pieces(["one two", "\\nthree\\n\\nfour", " five"], "|", 9))
    ['one two\\nthree', '\\n\\nfour five']
    """
    waiting, enough = "", piece_size
    for text in texts:
        waiting += text
        if len(waiting) < enough:
            continue
        place = _last_cut(waiting, special_token)
        if place > 0:
            yield waiting[:place]
        waiting = waiting[place:]
        enough = max(piece_size, 2 * len(waiting))
    if waiting:
        yield waiting


def _last_cut(text: str, special_token: str) -> int:
    """The last place where `text` may be cut; 0 if there is none."""
    # From the left, as tokenizers look: of "-----" the last "--" is at 2, not at 3.
    *ended, rest = text.split(special_token)
    if ended:
        return len(text) - len(rest)
    # The end of the text may hold the first part of a special token.
    end = max(0, len(text) - len(special_token))
    for cut in (_LINE_END, _WHITE_SPACE):
        if found := cut.search(text, endpos=end):
            return found.start()
    return 0


def _files(source: str | Path) -> list[Path]:
    """The one file, or the text files of a folder."""
    if source == "":
        raise ValueError("the path of the text is empty: name a file or a folder")
    path = Path(source)
    if path == STANDARD_INPUT:
        return [path]
    if not path.exists():
        raise ValueError(f"{path} does not exist: check the path")
    if not path.is_dir():
        return [path]
    files = sorted(filter(_is_text_file, path.iterdir()))
    if not files:
        raise ValueError(f"{path} has no .txt or .md file directly in it: add one")
    return files


def _is_text_file(path: Path) -> bool:
    """Is this one of the files that a folder is read for? Hidden ones are not."""
    ending = path.suffix.lower() in (".txt", ".md")
    return ending and not path.name.startswith(".") and not path.is_dir()


def _decode(path: Path) -> Iterator[str]:
    """The text of a file, block by block, without a byte order mark."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset = 0
    for block in _blocks(path):
        if b"\0" in block:
            where = offset + block.index(b"\0")
            raise ValueError(
                f"{path} is not text: byte {where} is zero. If it is UTF-16, save it "
                "as UTF-8"
            )
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            where = offset + len(block) - len(error.object) + error.start
            raise ValueError(
                f"{path} is not UTF-8: see byte {where}. Save it as UTF-8"
            ) from None
        yield text if offset else text.removeprefix("\ufeff")
        offset += len(block)


def _blocks(path: Path) -> Iterator[bytes]:
    """The bytes of a file in blocks, an empty one at its end."""
    standard_input = path == STANDARD_INPUT
    if standard_input and sys.stdin is None:
        raise ValueError("standard input is closed: name a file instead of -")
    with (
        nullcontext(sys.stdin.buffer) if standard_input else path.open("rb") as file
    ):
        while block := file.read(_BLOCK_SIZE):
            yield block
    yield b""


def _not_empty(source: str | Path, texts: Iterable[str]) -> Iterator[str]:
    """Hand `texts` on. Raises `ValueError` at their end if there were none."""
    empty = True
    for text in texts:
        empty = False
        yield text
    if empty:
        raise ValueError(f"{source} is empty: there is no text to read")
