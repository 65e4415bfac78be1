"""Make the workbook: the chapters as plain notebooks, in a folder of the reader's own.

    python tools/make_workbook.py          # into workbook/
    python tools/make_workbook.py --lab    # and open them in JupyterLab

What the reader has changed stays; a new version is put beside it
(`book/workbook/folder.py`). What is written after `--lab` goes to JupyterLab, for
instance `--no-browser`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.sign import NotebookNotary

from book.workbook.chapters import Chapter
from book.workbook.folder import Change, update
from book.workbook.plain import Book

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = ROOT / "book/workbook/jupyter"  # a JupyterLab for readers


def workbooks(root: Path = ROOT, **settings) -> dict[str, NotebookNode]:
    """Every workbook and its solutions, by file name."""
    book = Book.of(root, **settings)
    notebooks: dict[str, NotebookNode] = {}
    for path in sorted((root / "chapters").glob("*.ipynb")):
        notebooks |= Chapter(path, book).notebooks()
    return notebooks


def trust(changes: list[Change]) -> None:
    """Let JupyterLab run what moves in the figures that we have written here."""
    notary = NotebookNotary()
    for change in changes:
        if change.written is not None:
            notary.sign(nbformat.read(change.written, as_version=4))


def environment() -> dict[str, str]:
    """For JupyterLab: without the teachers' buttons, which stay where they are."""
    paths = [str(SETTINGS), *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")])]
    return {**os.environ, "JUPYTER_CONFIG_PATH": os.pathsep.join(paths)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "workbook")
    parser.add_argument("--lab", nargs=argparse.REMAINDER, metavar="OPTION")
    arguments = parser.parse_args()
    changes = update(arguments.folder, workbooks())
    trust(changes)
    print("\n".join(map(str, changes)) or "The workbook is up to date.", flush=True)
    if arguments.lab is None:
        return 0
    lab = [
        sys.executable,
        "-m",
        "jupyterlab",
        *arguments.lab,
        str(arguments.folder),
    ]
    return subprocess.run(lab, env=environment()).returncode


if __name__ == "__main__":
    sys.exit(main())
