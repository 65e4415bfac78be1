"""Figures that compute in a page: from plain modules in `js/` to HTML that needs
nothing else, no kernel, no server and no network.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

JS = Path(__file__).parent / "js"
IMPORT = re.compile(r'^import \{ ([\w, ]+) \} from "\./(\w+)\.js";\n', re.M)
SHARED = re.compile(r"^export \{ ([\w, ]+) \};\s*\Z", re.M)
DRAWS = re.compile(r"^export default \{ render \};?\s*\Z", re.M)
NOT_PLAIN = re.compile(r"^\s*(export|import)\b|\bimport\(|</script|<!--", re.M)


def figure(
    module: Path,
    state: Mapping[str, Any],
    inside: str,
    *,
    label: str,
    files: Mapping[str, bytes] | None = None,
    folders: Sequence[Path] = (JS,),
    names: Mapping[str, str] | None = None,
) -> str:
    """The HTML of a figure that comes to life where it stands.

    module: draws it; js/host.js says how. state: what it gets to see, see `as_json`.
    inside: HTML that is there until it lives, and where it cannot. label: what it is,
    for who does not see it. files: bytes that it gets to see, by name. folders: where
    its imports are looked for. names: those of `files` that a site keeps in files of
    its own, and under which name.

    Raises `ValueError` as `bundled` and `as_json` do.
    """
    stored = "".join(
        embedded(name, data, (names or {}).get(name))
        for name, data in (files or {}).items()
    )
    return (
        f'<div class="llm-figure" data-module="{module.stem}" role="group" '
        f'aria-label="{html.escape(label)}">'
        f'{inside}<script type="application/json">{as_json(state)}</script>{stored}'
        f"</div><script>{bundled(module, folders)}</script>"
    )


def embedded(name: str, data: bytes, checkpoint: str | None = None) -> str:
    """Bytes in a page, for `model.get(name)`.

    >>> embedded("weights", b"abc")
    '<script type="text/plain" data-name="weights">YWJj</script>'
    """
    kept = f' data-checkpoint="{checkpoint}"' if checkpoint else ""
    text = base64.b64encode(data).decode()
    return f'<script type="text/plain" data-name="{name}"{kept}>{text}</script>'


def as_json(state: Mapping[str, Any]) -> str:
    """`state` as JSON that no page can take for markup, the same in every run.

    Strings, finite numbers, lists and dictionaries of these, tensors and arrays;
    numbers are rounded to five digits. Raises `ValueError` for others.
    """
    try:
        text = json.dumps(
            rounded(state), sort_keys=True, separators=(",", ":"), allow_nan=False
        )
    except ValueError as error:
        raise ValueError(
            "the state of a figure may hold finite numbers only; "
            "leave out infinities and NaN, or give None"
        ) from error
    return text.replace("<", "\\u003c")


def rounded(value: Any) -> Any:
    """The same value with lists for tensors, and five digits to each float."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, Mapping):
        return {str(key): rounded(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(entry) for entry in value]
    return value


# --- From modules to one script ---------------------------------------------------


def bundled(module: Path, folders: Sequence[Path] = (JS,)) -> str:
    """The script of a figure: the host, what its module imports, and the module.

    Each import stands in a function of its own, before whatever imports it, so that
    no name of one meets a name of another. All of it comes with every figure: some
    ten kilobytes, and each figure lives whichever others are on the page, in
    whatever order the cells of a notebook are run.

    Raises `ValueError` for a module that is not of the form which this can read.
    """
    source = module.read_text(encoding="utf-8")
    parts = [scoped(path) for path in imports(module, folders)]
    body, found = DRAWS.subn("return { render };", without_imports(source))
    if found != 1:
        raise ValueError(
            f"{module.name} must be a plain module: `export default {{ render }};` "
            "as its last line, and no other export"
        )
    check_plain(module, body)
    host = (JS / "host.js").read_text(encoding="utf-8")
    return host.replace("/* the modules */", "\n".join([*parts, body]))


def scoped(path: Path) -> str:
    """A shared module as one statement: `shared.name = (() => { …; return {…}; })();`"""
    source = without_imports(path.read_text(encoding="utf-8"))
    body, found = SHARED.subn(r"return { \1 };", source)
    if found != 1:
        raise ValueError(
            f"{path.name} must be a plain module: one `export {{ … }};`, as its last "
            "line"
        )
    check_plain(path, body)
    return f"shared.{path.stem} = (() => {{\n{body}}})();"


def without_imports(source: str) -> str:
    """Each import as a look at what stands in front."""
    return IMPORT.sub(r"const { \1 } = shared.\2;\n", source)


def check_plain(path: Path, body: str) -> None:
    """Raises `ValueError` for what does not work in the middle of a script."""
    found = NOT_PLAIN.search(body)
    if found:
        raise ValueError(
            f"{path.name} must be a plain module: “{found[0].strip()}” cannot stand in "
            'it; imports are written import { a, b } from "./name.js"; on one line'
        )


def imports(module: Path, folders: Sequence[Path]) -> list[Path]:
    """The modules that one needs, each behind those that it needs itself."""
    found: dict[str, Path] = {}

    def visit(path: Path, above: Iterable[str]) -> None:
        for _, name in IMPORT.findall(path.read_text(encoding="utf-8")):
            if name in above:
                raise ValueError(f"{name}.js imports itself by way of {path.name}")
            if name not in found:
                needed = found_in(folders, name, path)
                visit(needed, {*above, name})
                found[name] = needed

    visit(module, {module.stem})
    return list(found.values())


def found_in(folders: Sequence[Path], name: str, importer: Path) -> Path:
    for folder in folders:
        if (folder / f"{name}.js").is_file():
            return folder / f"{name}.js"
    raise ValueError(f"{importer.name} imports {name}.js, which is not there")
