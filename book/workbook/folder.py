"""The reader's folder: new versions go in, and nothing the reader wrote is lost.

What counts as the reader's is the text: the sources of the cells, empty cells aside.
To have run a notebook is no change of it; but outputs are kept as long as the text
they belong to is the newest. For each notebook, a file of its own beside them
(`.versions.json`) remembers the text that was put there.

    in the folder              what happens
    nothing                    it is written, also when the reader has deleted it
    the newest text            nothing; or newer outputs, if nobody has run it
    an older text of ours      the new one takes its place
    a text the reader changed  stays; a new version is put beside it, once
    a chapter that is gone     is removed if unchanged, else it stays
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbformat import NotebookNode

from llm.files import atomic_write

VERSIONS = ".versions.json"


class Change(NamedTuple):
    """What was done about one notebook: `what` is a word or two, `written` its file."""

    name: str
    what: str
    written: Path | None = None

    def __str__(self) -> str:
        beside = ""
        if self.written is not None and self.written.name != self.name:
            beside = f"; the new version is beside it, in {self.written.name}"
        return f"{self.name}: {self.what}{beside}"


def update(folder: Path, notebooks: dict[str, NotebookNode]) -> list[Change]:
    """Bring the notebooks, by name, into the reader's folder; say what was done."""
    folder.mkdir(parents=True, exist_ok=True)
    versions = read_versions(folder)
    changes = []
    for name, notebook in notebooks.items():
        entry = versions.setdefault(name, {})
        changes += place(folder / name, notebook, entry)
    for name in sorted(set(versions) - set(notebooks)):
        changes += retire(folder / name, versions.pop(name))
    with atomic_write(folder / VERSIONS, "w") as file:
        json.dump(versions, file, indent=1, sort_keys=True)
    return changes


def place(path: Path, notebook: NotebookNode, entry: dict) -> Iterator[Change]:
    """One notebook; `entry` remembers what was put there before."""
    new, there = text_of(notebook), read_text_of(path)
    if there == new:
        if entry.get("bytes") == bytes_of(path):  # nobody has run it
            write(path, notebook, entry)
        entry["text"] = new
    elif not path.exists() or (there and there == entry.get("text")):
        what = "new" if not entry else "again" if not path.exists() else "renewed"
        write(path, notebook, entry)
        yield Change(path.name, what, path)
    elif new not in (entry.get("text"), entry.get("beside", {}).get("text")):
        beside = free(path, entry.get("beside", {}))
        entry["beside"] = {"name": beside.name}
        write(beside, notebook, entry["beside"])
        yield Change(path.name, "yours, and left as it is", beside)


def write(path: Path, notebook: NotebookNode, entry: dict) -> None:
    """Write the notebook whole or not at all, and remember what was written."""
    with atomic_write(path, "w") as file:
        nbformat.write(notebook, file)
    entry.update(text=text_of(notebook), bytes=bytes_of(path))


def free(path: Path, last: dict) -> Path:
    """`name.new.ipynb`, or the first number behind it that is not the reader's."""
    for number in count(1):
        ending = ".new" if number == 1 else f".new-{number}"
        beside = path.with_name(f"{path.stem}{ending}{path.suffix}")
        ours = (
            beside.name == last.get("name") and read_text_of(beside) == last["text"]
        )
        if ours or not beside.exists():
            return beside
    raise AssertionError


def retire(path: Path, entry: dict) -> Iterator[Change]:
    """What to do with a notebook that the book no longer has."""
    if not path.exists():
        return
    if read_text_of(path) == entry.get("text"):
        path.unlink()
        yield Change(path.name, "removed; the book no longer has it")
    else:
        yield Change(path.name, "no longer in the book; yours, and left as it is")


def text_of(notebook: NotebookNode) -> str:
    """A checksum of what the cells say. Empty cells come and go unnoticed."""
    cells = [
        (cell.cell_type, cell.source.strip())
        for cell in notebook.cells
        if cell.source.strip()
    ]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()


def read_text_of(path: Path) -> str:
    """The same of a file; "" if there is none, or none that can be read."""
    try:
        return text_of(nbformat.read(path, as_version=4))
    except Exception:  # nbformat raises whatever a damaged file leads it to
        return ""


def bytes_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_versions(folder: Path) -> dict[str, dict]:
    """What was put into the folder before; nothing if that is not known."""
    try:
        versions = json.loads((folder / VERSIONS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return versions if isinstance(versions, dict) else {}
