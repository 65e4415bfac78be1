"""Execute the chapters in place and write them in one canonical form.

    python tools/run_notebooks.py                # all chapters
    python tools/run_notebooks.py chapters/08*   # some
    python tools/run_notebooks.py --clean        # canonical form, without running
    python tools/run_notebooks.py --check        # are they in canonical form?

Canonical form, so that a diff shows only what changed: no timestamps and no
metadata of an editor, cell ids that stay (missing ones are made from the content),
execution counts 1 to n, streams merged, carriage returns played, no state of
widgets, no bytes of models that are shipped in data/checkpoints anyway; the code of
solutions folded in JupyterLab, as it is on the site.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
import time
from pathlib import Path

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from book.notebooks import METADATA  # noqa: E402
from book.viz.checkpoints import without_bytes  # noqa: E402
from llm.files import atomic_write  # noqa: E402
from tests.house import shapes  # noqa: E402

KEPT = {"mystnb", "tags"}
SOLUTION = re.compile(r"\{solution-(start|end)\}")
WIDGET = "application/vnd.jupyter.widget-view+json"


def play(text: str) -> str:
    """What a terminal shows after carriage returns.

    >>> play("1 %\\r50 %\\r100 %")
    '100 %'
    """
    return re.sub(r"^.*\r(?=[^\n])", "", text.replace("\r\n", "\n"), flags=re.M)


def clean(notebook: NotebookNode) -> None:
    """Bring a notebook into canonical form."""
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    seen: set[str] = set()
    count, solution = 0, False
    for cell in notebook.cells:
        kept = {
            key: cell.metadata[key] for key in sorted(KEPT & set(cell.metadata))
        }
        cell.metadata = nbformat.from_dict(kept)
        cell["id"] = own_id(cell, seen)
        seen.add(cell["id"])
        if cell.cell_type == "code":
            count += 1
            clean_code(cell, count)
            if solution:
                cell.metadata["jupyter"] = {"source_hidden": True}
        elif marks := SOLUTION.findall(cell.source):
            solution = marks[-1] == "start"


def own_id(cell: NotebookNode, seen: set[str]) -> str:
    """The id of a cell: the one it has, or one made from its content."""
    if cell.get("id") and cell["id"] not in seen:
        return cell["id"]
    return hashlib.sha1(f"{len(seen)}{cell.source}".encode()).hexdigest()[:8]


def clean_code(cell: NotebookNode, count: int) -> None:
    """Give a code cell its count, and its outputs their stored form."""
    outputs: list[NotebookNode] = []
    for output in cell.outputs:
        data = output.get("data", {})
        data.pop(WIDGET, None)  # dead without its kernel
        if "text/html" in data:
            data["text/html"] = without_bytes(data["text/html"])
        if "execution_count" in output:
            output.execution_count = count
        if output.output_type == "stream":
            same = outputs and outputs[-1].get("name") == output.name
            if same:
                outputs[-1].text = play(outputs[-1].text + output.text)
                continue
            output.text = play(output.text)
        outputs.append(output)
    cell.outputs = outputs
    cell.execution_count = count


def execute(path: Path) -> NotebookNode:
    """Run a notebook in its folder, with this Python; its shape comments are checked."""
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    options = shapes.kernel(path)
    client = NotebookClient(
        notebook,
        timeout=900,
        kernel_name="python3",
        store_widget_state=False,
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
        extra_arguments=options["extra_arguments"],
    )
    return client.execute(env=options["env"])


def write(notebook: NotebookNode, path: Path) -> None:
    clean(notebook)
    with atomic_write(path, "w") as file:
        nbformat.write(notebook, file)


def is_canonical(path: Path) -> bool:
    text = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)
    clean(notebook)
    return nbformat.writes(notebook).rstrip("\n") == text.rstrip("\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("paths", nargs="*", type=Path)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="only look")
    what.add_argument("--clean", action="store_true", help="do not run")
    arguments = parser.parse_args()
    paths = arguments.paths or sorted((ROOT / "chapters").glob("*.ipynb"))
    if arguments.check:
        bad = [path.name for path in paths if not is_canonical(path)]
        if bad:
            print(f"not in canonical form: {', '.join(bad)}; run `make notebooks`")
        return bool(bad)
    for path in map(Path.resolve, paths):
        start = time.perf_counter()
        stored = (
            nbformat.read(path, as_version=4) if arguments.clean else execute(path)
        )
        write(stored, path)
        print(f"{path.name}  {time.perf_counter() - start:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
