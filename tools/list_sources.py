"""Write data/SOURCES.md: what every file in data/ is, and its checksum.

python tools/list_sources.py            # write it
python tools/list_sources.py --check    # is it up to date?
"""

from __future__ import annotations

import hashlib
import sys
from fnmatch import fnmatch
from pathlib import Path

from llm.files import atomic_write

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "data" / "SOURCES.md"

HEAD = """\
# What is in `data/`, and where it comes from

Nothing here was taken from elsewhere. The folder `prose` holds essays and fables
that were written for this book; `llm.corpora.prose()` reads them. They are licensed
under [CC BY 4.0](https://creativecommons.org/licenses/by/4.0/), like the text of
the book. The folder `checkpoints` holds what takes too long to be trained in a
chapter, named by what it is: weights, and the record of their training, each made by
the script named beside it, from texts that this repository writes itself, and licensed
like the code. (`time_to_loss.json` has no model: it is a record of seconds and losses
on a text of a megabyte that is not here.) `llm.export.load_packed` reads the models,
and so do the pages.

This list is made by `python tools/list_sources.py`; the tests compare it with the
files.

| file | title, or how it is made | bytes | sha256 |
|---|---|---:|---|
"""


MAKERS = {
    "stories_laptop*": "tools/train_laptop_model.py",
    "time_to_loss.json": "benchmarks/time_to_loss.py --changes",
    "stories_unmasked*": "tools/train_unmasked_story_model.py",
    "stories_transformer_2layer*": "tools/train_two_layer_story_model.py",
    "stories_samplers.json": "tools/measure_samplers.py",
    "stories_optimizers.json": "tools/compare_optimizers.py",
    "stories_training_runs.json": "tools/record_training_runs.py",
    "museum.json": "tools/record_museum.py",
    "stories_norm_placements*": "tools/compare_norm_placements.py",
    "stories_*": "tools/train_small_story_models.py",
}


def title(path: Path) -> str:
    """The first line of a text; for what was trained, the command that remakes it.

    Raises `ValueError` for a checkpoint that nothing in `MAKERS` makes.
    """
    if path.parent.name == "checkpoints":
        for pattern, script in MAKERS.items():
            if fnmatch(path.name, pattern):
                return f"`python {script}`"
        raise ValueError(f"say in MAKERS which script makes {path.name}")
    return path.read_text(encoding="utf-8").partition("\n")[0]


def listing() -> str:
    """The whole of SOURCES.md for the files that are there."""
    rows, total = [], 0
    for path in sorted((ROOT / "data").glob("*/**/*")):
        if not path.is_file():
            continue
        content = path.read_bytes()
        total += len(content)
        name = path.relative_to(ROOT / "data").as_posix()
        checksum = hashlib.sha256(content).hexdigest()
        rows.append(
            f"| `{name}` | {title(path)} | {len(content):,} | `{checksum}` |"
        )
    return HEAD + "\n".join(rows) + f"\n\n{len(rows)} files, {total:,} bytes.\n"


def main(arguments: list[str]) -> int:
    if arguments == ["--check"]:
        current = (
            SOURCES.exists() and SOURCES.read_text(encoding="utf-8") == listing()
        )
        if not current:
            print(
                "data/SOURCES.md is out of date: run python tools/list_sources.py"
            )
        return not current
    with atomic_write(SOURCES, "w") as file:
        file.write(listing())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
