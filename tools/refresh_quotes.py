"""Rewrite the definitions that chapters quote, as they stand in `llm` now.

    python tools/refresh_quotes.py                   # all chapters
    python tools/refresh_quotes.py chapters/08*      # some
    python tools/refresh_quotes.py --check           # only say what differs

Everything else stays: the rest of the cell, outputs, metadata, the form of the
file. A definition whose name exists in `llm` is taken for a quotation; a variant
needs another name. Execute a chapter again after its quotations have changed.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from llm.files import atomic_write  # noqa: E402
from tests.house import quotes  # noqa: E402
from tests.house.notebooks import Cell, chapters, read, span  # noqa: E402


def refreshed(path: Path, package: quotes.Package) -> tuple[dict, list[str]]:
    """The notebook's JSON with every quotation as in `package`, and what changed.

    Raises `ValueError` where a quotation cannot be replaced.
    """
    raw = json.loads(path.read_text(encoding="utf-8"))
    notebook = read(path)
    changed = []
    for cell in notebook.code:
        source, names = _refreshed_cell(notebook, cell, package)
        if names:
            stored = raw["cells"][cell.number - 1]
            whole = isinstance(stored["source"], str)
            stored["source"] = source if whole else source.splitlines(keepends=True)
            changed += [f"{path.name}, {cell.name}: {name}" for name in names]
    return raw, changed


def _refreshed_cell(
    notebook: quotes.Notebook, cell: Cell, package: quotes.Package
) -> tuple[str, list[str]]:
    lines = cell.source.split("\n")
    names = []
    one = quotes.Notebook(notebook.path, (cell,))
    for quote in reversed(quotes.quotes(one, package)):
        source = quotes.source_of(quote, package)
        if source is None:
            places = " and ".join(s.where for s in package[quote.name])
            raise ValueError(f"{quote.where}: {quote.name} exists in {places}")
        if source.text != quote.text:
            lines[slice(*span(quote.node, lines))] = source.text.split("\n")
            names.append(quote.name)
    return "\n".join(lines), names[::-1]


def save(path: Path, raw: dict) -> None:
    """Write the notebook as nbformat does, whole or not at all."""
    ending = "\n" * path.read_text(encoding="utf-8").endswith("\n")
    with atomic_write(path, "w") as file:
        file.write(json.dumps(raw, indent=1, ensure_ascii=False) + ending)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("chapters", nargs="*", type=Path)
    parser.add_argument("--check", action="store_true", help="change nothing")
    options = parser.parse_args(arguments)
    package = quotes.package_definitions()
    n_changed = 0
    for path in options.chapters or chapters():
        try:
            raw, changed = refreshed(_existing(path), package)
        except (OSError, ValueError, KeyError) as error:
            print(f"{path}: {error}", file=sys.stderr)
            return 2
        if changed and not options.check:
            save(_existing(path), raw)
        n_changed += len(changed)
        for line in changed:
            print(f"{'differs' if options.check else 'refreshed'}: {line}")
    if not n_changed:
        print("every quotation is as it stands in llm")
    return int(options.check and n_changed > 0)


def _existing(path: Path) -> Path:
    """`08_attention.ipynb` means the one in `chapters/`."""
    inside = ROOT / "chapters" / path.name
    return inside if not path.exists() and inside.exists() else path


if __name__ == "__main__":
    sys.exit(main())
