"""What we use of a notebook that somebody has sent: sources, names, pasted pictures.

Everything else, outputs, ids, versions, may be as odd as it wants: JupyterLab opens
such notebooks, so people have them.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from classroom.course import check_notebook, read_bytes

OURS = "classroom"  # our place in the metadata of cells and notebooks
# Of the metadata what names a cell; all else, tags twice or a slide's number, is
# nobody's business here, right or wrong.
USED = ("nbgrader", OURS)
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
PICTURES = {
    "image/png": b"\x89PNG\r\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
}


class SentExporter(NotebookExporter):
    """Reads a submission as `sent_notebook` does, where nbgrader would insist on what
    nobody uses."""

    def from_file(
        self, file_stream: TextIO, resources: dict | None = None, **options: object
    ) -> tuple[str, dict]:
        notebook = sent_notebook(file_stream.buffer.read())
        return self.from_notebook_node(notebook, resources=resources, **options)


def sent_notebook(data: bytes) -> NotebookNode:
    """A notebook of which every cell is code or text, without outputs.

    Raises `ValueError`, in words, if the sources of its cells cannot be read.
    """
    sent = check_notebook(data)
    notebook = new_notebook(cells=[_cell(cell) for cell in sent["cells"]])
    notebook.metadata = _node(sent.get("metadata"))
    notebook.metadata.kernelspec = NotebookNode(KERNEL)
    return notebook


def read_sent(path: Path) -> NotebookNode:
    """A notebook that somebody works on. Raises `ValueError` that says why not."""
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    try:
        return sent_notebook(read_bytes(path.resolve()))
    except ValueError as error:
        raise ValueError(
            f"{path} is not a Jupyter notebook, or is damaged: {error}"
        ) from None


def named_assignment(notebook: NotebookNode) -> str:
    """The assignment that a notebook says it belongs to; empty if it says none."""
    said = notes_in(notebook).get("assignment")
    return said if isinstance(said, str) else ""


def notes_in(thing: NotebookNode) -> Mapping:
    """What stands in our place in the metadata of a cell or a notebook."""
    found = thing.metadata.get(OURS)
    return found if isinstance(found, Mapping) else {}


def _cell(cell: Mapping) -> NotebookNode:
    source = _writable("".join(cell.get("source") or ""))
    if cell["cell_type"] == "code":
        return new_code_cell(source, metadata=_node(cell.get("metadata")))
    text = new_markdown_cell(source, metadata=_node(cell.get("metadata")))
    if pictures := _pictures(cell.get("attachments")):
        text.attachments = pictures
    return text


def _writable(text: str) -> str:
    """A text without what no file can hold: halves of characters."""
    return text.encode(errors="replace").decode()


def _node(values: object) -> NotebookNode:
    """What we use of metadata, as nbformat has it; empty if it is no dict."""
    all_of_it = values if isinstance(values, Mapping) else {}
    plain = {key: all_of_it[key] for key in USED if key in all_of_it}
    text = _writable(json.dumps(plain, ensure_ascii=False))
    return json.loads(text, object_hook=NotebookNode)


def _pictures(pasted: object) -> NotebookNode:
    """The pictures that were pasted into a text; only what is one, by its bytes."""
    found = NotebookNode()
    for name, bundle in pasted.items() if isinstance(pasted, Mapping) else ():
        for kind, data in bundle.items() if isinstance(bundle, Mapping) else ():
            lines = data if isinstance(data, list) else [data]
            if kind in PICTURES and _is_picture(kind, lines):
                whole = "".join("".join(lines).split())
                found[_writable(name)] = NotebookNode({kind: whole})
    return found


def _is_picture(kind: str, lines: list) -> bool:
    try:
        content = base64.b64decode("".join("".join(lines).split()), validate=True)
    except (TypeError, ValueError, binascii.Error):
        return False
    return content.startswith(PICTURES[kind])
