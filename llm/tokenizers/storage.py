"""The file of a tokenizer: one JSON object, one token to a line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from llm.files import atomic_write

FORMAT = "llm tokenizer"
VERSION = 1

_ESCAPE = re.compile(rb"\\(\\|x[0-9a-f]{2})")


def readable(token: bytes) -> str:
    r"""Bytes as text: what is not UTF-8 as `\xNN`, and a backslash as two.

    >>> print(readable("é".encode()), readable(b"\xc3"), readable(b"\\"))
    é \xc3 \\
    """
    return token.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")


def from_readable(text: str) -> bytes:
    r"""The bytes that `readable` wrote. Raises `ValueError` if it did not.

    >>> from_readable(r"\xc3")
    b'\xc3'
    """
    data = text.encode(errors="replace")
    token = _ESCAPE.sub(lambda m: bytes([int(m[1][1:] or b"5c", 16)]), data)
    if readable(token) != text:
        raise ValueError(f"{text!r} is not how this format writes a token")
    return token


def write_fields(path: str | Path, fields: dict[str, Any]) -> None:
    """Write strings and lists as JSON, whole or not at all."""
    fields = {"format": FORMAT, "version": VERSION, **fields}
    lines = [f'"{name}": {_one_to_a_line(value)}' for name, value in fields.items()]
    with atomic_write(path, "w") as file:
        file.write("{\n" + ",\n".join(lines) + "\n}\n")


def _one_to_a_line(value: Any) -> str:
    if not isinstance(value, list) or not value:
        return json.dumps(value, ensure_ascii=False)
    items = ",\n".join(json.dumps(item, ensure_ascii=False) for item in value)
    return f"[\n{items}\n]"


def read_text(path: str | Path) -> str:
    """Read a UTF-8 file, without a byte order mark. Raises `ValueError` if it is
    none."""
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise ValueError(f"{path} is not a file: check the path") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 at byte {error.start}") from None


def read_json(path: str | Path) -> dict[str, Any]:
    """Read a JSON object. Raises `ValueError` if there is none at `path`."""
    text = read_text(path)
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"{path} is not JSON, or not all of it is there") from None
    if not isinstance(fields, dict):
        raise ValueError(
            f"{path} holds a JSON {type(fields).__name__}, not an object"
        )
    return fields


def read_fields(path: str | Path) -> dict[str, Any]:
    """Read what `write_fields` wrote. Raises `ValueError` on any other file."""
    fields = read_json(path)
    if fields.get("format") != FORMAT:
        raise ValueError(f"{path} is JSON, but not the file of a tokenizer")
    if fields.get("version") != VERSION:
        version = fields.get("version")
        raise ValueError(
            f"{path} has version {version!r} of the format; this program reads "
            f"version {VERSION}: save the tokenizer again"
        )
    return fields


def strings(fields: dict[str, Any], name: str) -> list[str]:
    """The field `name`. Raises `ValueError` if it is not a list of strings."""
    value = fields.get(name)
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise ValueError(f"its {name!r} is not a list of strings")
    return value


def list_of_numbers(fields: dict[str, Any], name: str) -> list[float]:
    """The field `name`. Raises `ValueError` if it is not a list of numbers."""
    value = fields.get(name)
    if not isinstance(value, list) or not all(
        type(v) in (int, float) for v in value
    ):
        raise ValueError(f"its {name!r} is not a list of numbers")
    return value


def string_pairs(fields: dict[str, Any], name: str) -> list[tuple[str, str]]:
    """The field `name`. Raises `ValueError` if it is not a list of string pairs."""
    value = fields.get(name)
    if not isinstance(value, list) or not all(map(_is_string_pair, value)):
        raise ValueError(f"its {name!r} is not a list of pairs of strings")
    return [(left, right) for left, right in value]


def _is_string_pair(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 2:
        return False
    return isinstance(value[0], str) and isinstance(value[1], str)
