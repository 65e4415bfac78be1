"""The terms of the glossary, and the forms in which a sentence has them."""

from __future__ import annotations

import re
from pathlib import Path

NOTATION = Path(__file__).resolve().parents[1] / "notation.md"
GLOSSARY = re.compile(r"^:::\{glossary\}\n(.*?)^:::$", re.M | re.S)


def glossary_terms(source: str) -> list[str]:
    r"""The terms that a page in Markdown defines: what stands at the left edge.

    >>> glossary_terms(":::{glossary}\nLayerNorm\nRMSNorm\n  Two ways.\n:::\n")
    ['LayerNorm', 'RMSNorm']
    """
    blocks = GLOSSARY.findall(source)
    lines = [line for block in blocks for line in block.splitlines()]
    return [line.strip() for line in lines if line and not line.startswith(" ")]


def forms(term: str) -> set[str]:
    """A term, its plural, or its singular where it is a plural.

    >>> sorted(forms("query")), sorted(forms("batch")), sorted(forms("logits"))
    (['queries', 'query'], ['batch', 'batches'], ['logit', 'logits'])
    """
    if re.search(r"[^aeious]s$", term):
        return {term, term[:-1]}
    if re.search(r"[^aeiou]y$", term):
        return {term, f"{term[:-1]}ies"}
    return {
        term,
        f"{term}es" if re.search(r"(?:[sx]|[cs]h)$", term) else f"{term}s",
    }


def by_form(terms: list[str]) -> dict[str, str]:
    """The term to which a form in small letters belongs."""
    return {form.lower(): term for term in terms for form in forms(term)}
