"""Read a chapter as plain data, without running it."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from book.notebooks import python_of

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = ROOT / "chapters"
PACKAGE = ROOT / "llm"

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_FENCE = re.compile(r"^(`{3,}|:{3,}|~{3,})")


@dataclass(frozen=True)
class Cell:
    """One cell; `number` counts all cells of the notebook from 1."""

    number: int
    kind: str
    source: str
    tags: frozenset[str] = frozenset()
    outputs: tuple[dict, ...] = ()
    count: int | None = None
    metadata: dict = field(default_factory=dict)
    id: str = ""

    @property
    def name(self) -> str:
        """How a complaint calls it: by its place, and by its execution count."""
        count = f" (In [{self.count}])" if self.count is not None else ""
        return f"cell {self.number}{count}"

    @property
    def python(self) -> str:
        """The source with IPython's magics blanked out, line for line."""
        if self.source.startswith("%%"):
            return ""
        return python_of(self.source)

    def tree(self) -> ast.Module | None:
        """The syntax tree of a code cell, or None where it is not Python."""
        try:
            return ast.parse(self.python)
        except SyntaxError:
            return None


@dataclass(frozen=True)
class Notebook:
    path: Path
    cells: tuple[Cell, ...]

    @property
    def number(self) -> int | None:
        """The number of the chapter, or None for an appendix."""
        digits = re.match(r"\d+", self.path.name)
        return int(digits.group()) if digits else None

    @property
    def code(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.kind == "code"]

    @property
    def markdown(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.kind == "markdown"]


def read(path: str | Path) -> Notebook:
    """The notebook in the file `path`."""
    path = Path(path)
    raw = json.loads(path.read_text(encoding="utf-8"))
    cells = [_cell(i, cell) for i, cell in enumerate(raw["cells"], start=1)]
    return Notebook(path, tuple(cells))


def _cell(number: int, raw: dict) -> Cell:
    metadata = raw.get("metadata", {})
    return Cell(
        number=number,
        kind=raw["cell_type"],
        source=text(raw["source"]),
        tags=frozenset(metadata.get("tags", ())),
        outputs=tuple(raw.get("outputs", ())),
        count=raw.get("execution_count"),
        metadata=metadata,
        id=raw.get("id", ""),
    )


def text(value: str | list[str]) -> str:
    """Notebooks store a text whole or as a list of lines."""
    return value if isinstance(value, str) else "".join(value)


def chapters(folder: Path = CHAPTERS) -> list[Path]:
    """The chapters and appendices that exist, in order."""
    return sorted(folder.glob("*.ipynb"))


def modules(package: Path = PACKAGE) -> list[Path]:
    """Every Python file of the package, in order."""
    return sorted(package.rglob("*.py"))


def module_name(path: Path, package: Path = PACKAGE) -> str:
    """The name below the package: `attention`, `tokenizers.bpe`; its own is ""."""
    parts = path.relative_to(package).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def top_level(tree: ast.Module | None) -> Iterator[Definition]:
    """The functions and classes at the top level of a module or a cell."""
    for node in tree.body if tree else ():
        if isinstance(node, Definition):
            yield node


def span(node: Definition, lines: list[str]) -> tuple[int, int]:
    """Where a definition starts and ends, with its decorators and last comments."""
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)]) - 1
    last = node.end_lineno
    for i, line in enumerate(lines[last:], start=last + 1):
        if re.match(r"\s+#", line):
            last = i
        elif line.strip():
            break
    return first, last


def segment(node: Definition, source: str) -> str:
    """The text of a definition, character for character."""
    lines = source.split("\n")
    return "\n".join(lines[slice(*span(node, lines))])


def prose_lines(source: str) -> Iterator[str]:
    """The lines of Markdown outside fenced code; what a directive says is prose."""
    open_fences: list[tuple[str, bool]] = []
    for line in source.splitlines():
        mark = _FENCE.match(line.strip())
        in_code = bool(open_fences) and open_fences[-1][1]
        if mark and open_fences and _closes(line, open_fences[-1][0]):
            open_fences.pop()
        elif mark and not in_code:
            open_fences.append((mark[1], _holds_code(line)))
        elif not in_code:
            yield line


def _closes(line: str, fence: str) -> bool:
    bare = line.strip()
    return set(bare) == set(fence) and len(bare) >= len(fence)


def _holds_code(line: str) -> bool:
    directive = re.search(r"\{([\w:-]+)\}", line)
    return directive is None or directive[1] in {"code-cell", "code-block", "math"}


def headings(cells: Iterable[Cell]) -> list[tuple[int, str, Cell]]:
    """Every heading as (level, text, cell), in order."""
    found = []
    for cell in cells:
        for line in prose_lines(cell.source) if cell.kind == "markdown" else ():
            if mark := re.match(r"(#{1,6})\s+(.*\S)", line):
                found.append((len(mark[1]), mark[2], cell))
    return found
