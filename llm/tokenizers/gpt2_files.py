"""GPT-2's two files: ids in `vocab.json`, merges in order in `merges.txt`.

Both write a byte as a character that can be seen: the space as Ġ, for instance.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from operator import itemgetter
from pathlib import Path

from llm.files import atomic_write
from llm.tokenizers.merges import Merge
from llm.tokenizers.pretokens import pretokenise
from llm.tokenizers.special import refuse_surrogates
from llm.tokenizers.storage import read_json, read_text

VERSION_LINE = "#version: 0.2"


def byte_alphabet() -> list[str]:
    """The character that stands for each byte.

    A byte that Latin-1 shows as a visible character is that character; the others,
    in order, are the characters from U+0100 on.

    >>> "".join(byte_alphabet()[byte] for byte in b" a\\n")
    'ĠaĊ'

    **Source:** Radford et al. 2019, `bytes_to_unicode` in `encoder.py`.
    """
    visible = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in visible else next(others)) for byte in range(256)]


_CHARACTER = byte_alphabet()
_BYTE = {character: byte for byte, character in enumerate(_CHARACTER)}


def spell(token: bytes) -> str:
    """Bytes in the alphabet of the files.

    >>> spell(" né".encode())
    'ĠnÃ©'
    """
    return "".join([_CHARACTER[byte] for byte in token])


def unspell(text: str) -> bytes:
    """The bytes of what `spell` wrote. Raises `ValueError` on any other text.

    >>> unspell("ĠnÃ©").decode()
    ' né'
    """
    try:
        return bytes([_BYTE[character] for character in text])
    except KeyError as error:
        raise ValueError(f"{error} in {text!r} stands for no byte") from None


def write(
    folder: str | Path,
    vocab: Mapping[bytes, int],
    merges: Iterable[Merge],
    special_tokens: Mapping[str, int],
) -> None:
    """Write both files; special tokens stand in `vocab.json` under their names."""
    special_ids = set(special_tokens.values())
    ids = {spell(token): id for token, id in vocab.items() if id not in special_ids}
    if clash := ids.keys() & special_tokens.keys():
        raise ValueError(
            f"special token {min(clash)!r} is how these files write another token: "
            "give it a name that no text has"
        )
    ids = dict(sorted({**ids, **special_tokens}.items(), key=itemgetter(1)))
    lines = [VERSION_LINE, *(f"{spell(a)} {spell(b)}" for a, b in merges)]
    Path(folder).mkdir(parents=True, exist_ok=True)
    with atomic_write(Path(folder, "vocab.json"), "w") as file:
        json.dump(ids, file, ensure_ascii=False)
    with atomic_write(Path(folder, "merges.txt"), "w") as file:
        file.write("\n".join(lines) + "\n")


def read(
    folder: str | Path, special_tokens: Collection[str] = ()
) -> tuple[list[bytes], list[Merge], list[str]]:
    """Tokens in the order of their ids, merges in theirs, names of special tokens.

    special_tokens: names to take as such; others are found by `is_special`.
    Raises `ValueError` for files that are missing, cut off or at odds.
    """
    names = _read_vocab(Path(folder, "vocab.json"))
    merges = _read_merges(Path(folder, "merges.txt"))
    made = {*_CHARACTER, *(spell(left + right) for left, right in merges)}
    special = [name for name in names if name not in made]
    for name in special:
        if name not in special_tokens and not is_special(name):
            raise ValueError(
                f"{folder}: no line of merges.txt makes {name!r}, which vocab.json "
                "has. Is merges.txt cut off? If this is a special token, name it: "
                f"special_tokens=[{name!r}]"
            )
    tokens = [unspell(name) if name in made else name.encode() for name in names]
    return tokens, merges, special


def is_special(name: str) -> bool:
    """Whether a name in `vocab.json` is none that merges could have made.

    Merges never cross from one pre-token to the next, and special tokens do.

    >>> is_special("<|endoftext|>"), is_special("Ġthe")
    (True, False)
    """
    if set(name) - _BYTE.keys():
        return True
    return len(list(pretokenise(unspell(name).decode(errors="ignore")))) > 1


def _read_vocab(path: Path) -> list[str]:
    """The names in the order of their ids."""
    ids = read_json(path)
    if not all(type(id) is int for id in ids.values()):
        raise ValueError(f"{path}: an id is not a whole number")
    if sorted(ids.values()) != list(range(len(ids))):
        raise ValueError(f"{path}: the ids do not count from 0 to {len(ids) - 1}")
    for name in ids:
        refuse_surrogates(name)
    return sorted(ids, key=ids.__getitem__)


def _read_merges(path: Path) -> list[Merge]:
    merges = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line or (number == 1 and line.startswith("#version")):
            continue
        left, _, right = line.partition(" ")
        try:
            merges.append((unspell(left), unspell(right)))
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from None
    return merges
