"""One source of truth: what a chapter quotes from `llm` is what stands there.

A top-level function or class of a chapter whose name exists at the top level of a
module of `llm` is a quotation, and equals its source character for character. A
deliberately wrong variant needs another name. Every public definition of a module
that the course teaches is quoted once, in its birthplace (`BIRTHPLACES`), as soon
as that chapter exists.

    python -m tests.house.quotes    # every taught definition: birthplace and length
"""

from __future__ import annotations

import ast
import difflib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.house.notebooks import (
    PACKAGE,
    Cell,
    Notebook,
    module_name,
    modules,
    segment,
    top_level,
)

# What fits on a screen, docstring included.
MOST_LINES = 60
REPAIR = "python tools/refresh_quotes.py"

# Where each public definition is quoted: a chapter for a whole module, or one for
# each name, "*" for all others. None: machinery that no chapter quotes in full.
BIRTHPLACES: dict[str, int | dict[str, int | None] | None] = {
    "": None,
    "__main__": None,
    "cli": None,
    "cli.corpus": None,
    "cli.errors": None,
    "cli.evaluate": None,
    "cli.export": None,
    "cli.options": None,
    "cli.sample": None,
    "cli.tokenize": None,
    "cli.train": None,
    "runs": None,
    "check": {
        "look_at_the_batch": 17,
        "gradient_flow": 17,
        "overfit_one_batch": 17,
        "below_floor": 17,
        "*": None,
    },
    "bugs": {  # the frame, and two of the mistakes; the museum shows the others
        "Bug": 17,
        "bug": 17,
        "replaced": 17,
        "mask_off_by_one": 17,
        "softmax_twice": 17,
        "*": None,
    },
    "corpora": None,
    "curve": None,
    "export": None,
    "files": None,
    "memory": None,
    "page": None,
    "style": None,
    "oracle": None,
    "ngram": {"BigramTable": 1, "WindowModel": 7, "*": 2},
    "tokenizers": None,
    "tokenizers.base": None,
    "tokenizers.lookup": None,
    "tokenizers.characters": 3,
    "tokenizers.words": 3,
    "tokenizers.bytes": 3,
    "tokenizers.special": {"special_pattern": 4, "split_at_special": 4, "*": None},
    "tokenizers.pretokens": {"find_pretokens": 4, "pretokenise": 4, "*": None},
    "tokenizers.merges": 4,
    "tokenizers.rows": 4,
    "tokenizers.incremental": 4,
    "tokenizers.bpe": {"BPETokenizer": 4, "PretokenIds": 4, "*": None},
    "tokenizers.pieces": None,
    "tokenizers.score_files": None,
    "tokenizers.wordpiece": 5,
    "tokenizers.unigram": 5,
    "tokenizers.bert": 5,
    "tokenizers.gpt2_files": None,
    "tokenizers.merge_files": None,
    "tokenizers.storage": None,
    "data": {
        "split": 6,
        "split_documents": 6,
        "document_hash": 6,
        "window": 6,
        "WindowDataset": 6,
        "LanguageModelDataset": 6,
        "write_ids": 6,
        "write_header": None,
        "ResumableSampler": 6,
        "pack": 6,
        "best_fit": 6,
        "same_document": 6,
        "filled": None,
        "Batches": 6,
        "DocumentBatches": 6,
        "documents": 6,
        "windows": 6,
        "encode_documents": 6,
        "between_words": None,
        "get_batch": 6,
        "windows_at": 6,
        "Supply": None,
        "as_ids": None,
        "check_at_least": None,
        "check_documents": None,
        "check_length": None,
    },
    "fast": 19,
    "fast.attention": 19,
    "fast.functions": 19,
    "fast.layers": 19,
    "fast.linear": 19,
    "fast.decode": 23,
    "fast.optim": 19,
    "layers": {
        "Embedding": 7,
        "LearnedPositions": 11,
        "RotaryPositions": 11,
        "NormedRotaryPositions": 15,
        "normed": 15,
        "rotary_speeds": 11,
        "LayerNorm": 12,
        "RMSNorm": 12,
        "FeedForward": 12,
        "SwiGLU": 12,
        "gelu_exact": 12,
        "gelu_tanh": 12,
        "silu": 12,
        "swiglu_width": 12,
        "make_dropout": 12,
        "check_rotation": None,
        "check_ids": None,
        "check_range": None,
    },
    "autograd": 7,
    "positions": {"check_in_a_row": None, "*": 11},
    "attention": {
        "check_mask": None,
        "softmax": 8,
        "attention_weights": 8,
        "attention": 8,
        "causal_mask": 9,
        "check_heads": 10,
        "unrotated": 10,
        "MultiHeadAttention": 10,
        "KVCache": 16,
    },
    "model": {
        "TransformerBlock": 12,
        "GPTConfig": 13,
        "GPT": 13,
        "check_config": None,
        "check_sizes": None,
        "refuse_idle_settings": None,
        "visible": 16,
        "new_caches": None,
        "check_input": None,
        "check_no_targets": None,
        "check_positions": None,
        "initialise": 13,
        "gpt2": 13,
        "llama": 13,
        "assemble": 13,
        "build": None,
        "at_most": None,
        "n_bytes": None,
        "check_described": None,
        "parts_of": None,
        "outline": None,
        "NothingDrawn": None,
        "sizes": None,
        "cross_entropy": 13,
    },
    "count": 13,
    "optim": {
        "warmup_cosine": 15,
        "warmup_stable_decay": 15,
        "clip_gradients": 14,
        "check_settings": None,
        "*": 14,
    },
    "train": {
        "train": 15,
        "training_step": 15,
        "accumulate": 15,
        "*": None,
    },
    "distributed": {
        "autocast": 19,
        "my_share": 20,
        "sum_gradients": 20,
        "*": None,
    },
    "checkpoints": {"save_checkpoint": 15, "load_checkpoint": 15, "*": None},
    "sampling": {"unchanged": None, "check_finite": None, "*": 16},
    "processors": 16,
    "beam": {"check_search": None, "*": 16},
    "generate": {
        "first_ids": None,
        "right_padded": None,
        "check_request": None,
        "stream": None,
        "generate": None,
        "*": 16,
    },
    "evaluate": {
        "distinct_share": 16,
        "held_out_loss": 15,
        "row_losses": 15,
        "above_the_floor": 15,
        "mean_and_error": 18,
        "count_bytes": 18,
        "below_the_floor": 18,
        "*": None,
    },
    "intervals": {
        "normal_quantile": None,
        "student_quantile": None,
        "check_rows": None,
        "check_share": None,
        "*": 18,
    },
    "scores": {"check_references": None, "*": 18},
}


@dataclass(frozen=True)
class Source:
    """A top-level definition of the package."""

    module: str
    name: str
    text: str

    @property
    def n_lines(self) -> int:
        return self.text.count("\n") + 1

    @property
    def public(self) -> bool:
        return not self.name.startswith("_")

    @property
    def where(self) -> str:
        return f"llm.{self.module}" if self.module else "llm"


@dataclass(frozen=True)
class Quote:
    """A definition in a chapter whose name exists in the package."""

    notebook: Notebook
    cell: Cell
    node: ast.AST
    name: str
    text: str

    @property
    def where(self) -> str:
        return f"{self.notebook.path.name}, {self.cell.name}"


Package = dict[str, list[Source]]


def package_definitions(package: Path = PACKAGE) -> Package:
    """The definitions of each name, by syntax alone: nothing is imported."""
    found: Package = defaultdict(list)
    for path in modules(package):
        module = module_name(path, package)
        source = path.read_text(encoding="utf-8")
        for node in top_level(ast.parse(source)):
            found[node.name].append(
                Source(module, node.name, segment(node, source))
            )
    return dict(found)


def quotes(notebook: Notebook, package: Package) -> list[Quote]:
    """What the chapter quotes, in order."""
    return [
        Quote(notebook, cell, node, node.name, segment(node, cell.source))
        for cell in notebook.code
        for node in top_level(cell.tree())
        if node.name in package
    ]


def source_of(quote: Quote, package: Package) -> Source | None:
    """What is quoted; among several of one name, the one born in this chapter."""
    sources = package[quote.name]
    if len(sources) == 1:
        return sources[0]
    equal = [s for s in sources if s.text == quote.text]
    born = [s for s in sources if birthplace(s) == quote.notebook.number]
    return next(iter(equal or born), None)


def birthplace(source: Source) -> int | None:
    """The chapter that quotes this definition, or None where none does."""
    place = BIRTHPLACES.get(source.module)
    if isinstance(place, dict):
        return place.get(source.name, place.get("*"))
    return place


def wrong_quotes(notebook: Notebook, package: Package) -> list[str]:
    """Quotations that differ from the package, or do not fit on a screen."""
    complaints = []
    for quote in quotes(notebook, package):
        source = source_of(quote, package)
        if source is None or source.text != quote.text:
            complaints.append(_difference(quote, source, package))
        elif source.n_lines > MOST_LINES:
            complaints.append(
                f"{quote.where}: {quote.name} has {source.n_lines} lines and does "
                f"not fit on a screen ({MOST_LINES}): split it in {source.where}"
            )
    return complaints


def _difference(quote: Quote, source: Source | None, package: Package) -> str:
    if source is None:
        places = " and ".join(s.where for s in package[quote.name])
        return (
            f"{quote.where}: {quote.name} exists in {places} and equals neither; "
            "give it another name, or copy the one you mean"
        )
    diff = difflib.unified_diff(
        source.text.splitlines(),
        quote.text.splitlines(),
        f"{source.where}.{source.name}",
        quote.where,
        lineterm="",
    )
    return "\n".join(
        [
            f"{quote.where}: {quote.name} is not what stands in {source.where}.",
            f"If it is a quotation, run: {REPAIR} {quote.notebook.path.name}",
            "If it is a variant, or wrong on purpose, give it another name.",
            *diff,
        ]
    )


def misplaced_quotes(notebooks: Iterable[Notebook], package: Package) -> list[str]:
    """Definitions quoted twice, or in another chapter than their birthplace."""
    seen: dict[Source, Quote] = {}
    complaints = []
    for notebook in notebooks:
        for quote in quotes(notebook, package):
            source = source_of(quote, package)
            if source is None:
                continue
            if source in seen:
                complaints.append(
                    f"{quote.where}: {quote.name} is already quoted in "
                    f"{seen[source].where}; import it from {source.where}"
                )
            seen.setdefault(source, quote)
            home = birthplace(source)
            if home not in (None, notebook.number):
                complaints.append(
                    f"{quote.where}: {quote.name} belongs to chapter {home} "
                    "(BIRTHPLACES in tests/house/quotes.py); import it here, "
                    "or move its birthplace"
                )
    return complaints


def missing_quotes(notebooks: Iterable[Notebook], package: Package) -> list[str]:
    """Public definitions that the chapter they were born in does not quote."""
    notebooks = list(notebooks)
    by_number = {n.number: n for n in notebooks if n.number is not None}
    quoted = {
        source_of(quote, package) for n in notebooks for quote in quotes(n, package)
    }
    return [
        f"{by_number[home].path.name}: does not quote {source.where}.{source.name}"
        ", whose birthplace it is (BIRTHPLACES in tests/house/quotes.py)"
        for sources in package.values()
        for source in sources
        if source.public and source not in quoted
        if (home := birthplace(source)) in by_number
    ]


def unplaced(package: Package) -> list[str]:
    """Modules and public names of the package that `BIRTHPLACES` does not know."""
    complaints = set()
    for source in (s for sources in package.values() for s in sources if s.public):
        place = BIRTHPLACES.get(source.module, _of_package(source.module))
        if place == "unknown":
            complaints.add(
                f"{source.where}: in which chapter is this module born? "
                "Add it to BIRTHPLACES in tests/house/quotes.py (None = in none)"
            )
        elif isinstance(place, dict) and not {source.name, "*"} & place.keys():
            complaints.add(
                f"{source.where}.{source.name}: in which chapter is it born? "
                f'Add it to BIRTHPLACES["{source.module}"] in tests/house/quotes.py'
            )
    return sorted(complaints)


def _of_package(module: str) -> int | str | None:
    """`corpora.text` is born where `corpora` is, unless modules of it are listed."""
    top = module.split(".")[0]
    listed = any(name.startswith(f"{top}.") for name in BIRTHPLACES)
    return "unknown" if listed else BIRTHPLACES.get(top, "unknown")


def stale(package: Package) -> list[str]:
    """Names in `BIRTHPLACES` that their module no longer defines."""
    defined = {(s.module, s.name) for sources in package.values() for s in sources}
    existing = {module for module, _ in defined}
    return [
        f"llm.{module} has no {name}: remove it from BIRTHPLACES"
        for module, place in BIRTHPLACES.items()
        if isinstance(place, dict) and module in existing
        for name in place
        if name != "*" and (module, name) not in defined
    ]


def main() -> None:
    """Print every definition that a chapter will quote, with its length."""
    for sources in package_definitions().values():
        for source in sources:
            if source.public and (home := birthplace(source)) is not None:
                long = source.n_lines > MOST_LINES
                note = "  does not fit on a screen" if long else ""
                name = f"{source.where}.{source.name}"
                print(f"{home:3} {source.n_lines:4}  {name}{note}")


if __name__ == "__main__":
    main()
