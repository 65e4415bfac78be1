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
from functools import cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.sign import NotebookNotary

from book.workbook.book import Book
from book.workbook.chapters import Chapter
from book.workbook.folder import Change, update
from llm.files import atomic_write

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = ROOT / "book/workbook/jupyter"  # a JupyterLab for readers
# For Binder, beside the notebooks: what runs them. The first cell does the rest.
ONLINE = {"torch", "jupyterlab", "ipykernel", "ipywidgets"}
WHEELS = "--extra-index-url https://download.pytorch.org/whl/cpu"


@cache
def workbooks(online: bool = False) -> dict[str, NotebookNode]:
    """Every workbook and its solutions, by file name.

    online: with a first cell that installs what is needed.
    """
    book = Book.of(ROOT, online)
    notebooks: dict[str, NotebookNode] = {}
    for path in sorted((ROOT / "chapters").glob("*.ipynb")):
        notebooks |= Chapter(path, book).notebooks()
    return notebooks


def write_all(folder: Path, notebooks: dict[str, NotebookNode]) -> None:
    """Write the notebooks into a folder that is nobody's own."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, notebook in notebooks.items():
        with atomic_write(folder / name, "w") as file:
            nbformat.write(notebook, file)


def write_online(folder: Path) -> None:
    """Write what Colab and Binder open: notebooks, and what Binder must install."""
    write_all(folder, workbooks(online=True))
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    needed = [line for line in lines if line.partition("==")[0] in ONLINE]
    (folder / "requirements.txt").write_text("\n".join([WHEELS, *needed, ""]))
    (folder / "runtime.txt").write_text("python-3.11\n")


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


def open_lab(options: list[str]) -> int:
    """Become JupyterLab, so that Ctrl-C reaches it; Windows can't, and waits for it."""
    command = [sys.executable, "-m", "jupyterlab", *options]
    if os.name == "posix":
        os.execve(sys.executable, command, environment())
    return subprocess.run(command, env=environment()).returncode


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
    return open_lab([*arguments.lab, str(arguments.folder)])


if __name__ == "__main__":
    sys.exit(main())
