"""Run the modules of a page in Node."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from book.viz.page import JS as FIGURES
from llm import page

FOLDERS = (FIGURES, page.JS)


def computed(
    folder: Path,
    module: str,
    code: str,
    files: Mapping[str, bytes] | None = None,
    **values: Any,
) -> Any:
    """What `code` returns behind a module, with its names and those of its imports.

    files: bytes as `files.name`; values: as `input.name`.
    """
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no Node.js here to run the modules of the pages")
    path = page.found_in(FOLDERS, module, Path("test"))
    parts = [page.scoped(part) for part in page.imports(path, FOLDERS)]
    source = page.without_imports(path.read_text(encoding="utf-8"))
    body = page.DRAWS.sub("", page.SHARED.sub("", source))
    for name, data in (files or {}).items():
        (folder / f"{name}.bin").write_bytes(data)
    (folder / "input.json").write_text(json.dumps(values), encoding="utf-8")
    (folder / "run.cjs").write_text(
        "const shared = {}, fs = require('fs');\n"
        + "\n".join(parts)
        + f"\n{body}\n"
        "const bytes = (name) => new Uint8Array(fs.readFileSync(name + '.bin'));\n"
        f"const files = Object.fromEntries({json.dumps(list(files or {}))}"
        ".map((name) => [name, bytes(name)]));\n"
        "const input = JSON.parse(fs.readFileSync('input.json', 'utf8'));\n"
        f"process.stdout.write(JSON.stringify((() => {{{code}}})()) ?? 'null');",
        encoding="utf-8",
    )
    run = subprocess.run(
        [node, "run.cjs"], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)
