"""Shipped checkpoints on pages: which bytes they are, and where a page has them from.

A notebook that is run holds the bytes of its figures, wherever it is run. As it is
stored, it holds only the names of those that are shipped in data/checkpoints anyway:
`tools/run_notebooks.py` takes the bytes out, and the site puts them into files of its
own (`_ext/book_pages.py`). A page that is read from a disk may not open other files,
but it may load scripts, so these files are scripts.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "data/checkpoints"
STORED = re.compile(
    r'(<script type="text/plain"[^>]* data-checkpoint="([\w.-]+)">)[^<]*'
)


def shipped(data: bytes, folder: Path = FOLDER) -> str | None:
    """The name of the checkpoint that consists of these bytes, None if there is none."""
    for path in sorted(folder.glob("*.safetensors")):
        if path.stat().st_size == len(data) and path.read_bytes() == data:
            return path.stem
    return None


def without_bytes(page: str) -> str:
    """HTML without the bytes of shipped checkpoints; their names stay."""
    return STORED.sub(r"\1", page)


def named(page: str) -> list[str]:
    """The shipped checkpoints that HTML names, each once."""
    return sorted({name for _, name in STORED.findall(page)})


def as_script(name: str, folder: Path | None = None) -> str:
    """The script that gives the bytes of a checkpoint to the figures of a page.

    Raises `ValueError` for a name that none has: the page is older than its models.
    """
    path = (folder or FOLDER) / f"{name}.safetensors"
    if not path.is_file():
        raise ValueError(
            f"a figure was drawn with {name}, which is no longer in {FOLDER.name}; run "
            "the notebook again"
        )
    text = base64.b64encode(path.read_bytes()).decode()
    return f'(globalThis.llmCheckpoints ??= {{}})["{name}"] = "{text}";\n'
