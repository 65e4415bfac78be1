"""The text of a page as plain characters: for search, and for what a tooltip says."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

from docutils import nodes

SIGNS = {
    "approx": "≈", "cdot": "·", "dots": "…", "ell": "ℓ", "epsilon": "ε", "ge": "≥",
    "infty": "∞", "int": "∫", "lambda": "λ", "le": "≤", "leftarrow": "←", "ne": "≠",
    "nabla": "∇", "odot": "⊙", "partial": "∂", "pm": "±", "prod": "∏", "sum": "∑",
    "rightarrow": "→", "sim": "∼", "times": "×", "to": "→", "top": "ᵀ",
}  # fmt: skip
COMMAND = re.compile(r"\\([A-Za-z]+)|\\(.)")
UPRIGHT = re.compile(r"\\(?:text|operatorname|math[a-z]+)\{([^{}]*)\}")
FRACTION = re.compile(r"\\[td]?frac(\d|\{[^{}]*\})(\w|\{[^{}]*\})")
ROOT = re.compile(r"\\sqrt\s*(\{[^{}]*\}|\w)")
RAISED = re.compile(r"([_^])(\{[^{}]*\}|[^{}\s])")
SMALL = {
    "_": str.maketrans("0123456789aeijklmnoprstux", "₀₁₂₃₄₅₆₇₈₉ₐₑᵢⱼₖₗₘₙₒₚᵣₛₜᵤₓ"),
    "^": str.maketrans("0123456789ijknT+-−", "⁰¹²³⁴⁵⁶⁷⁸⁹ⁱʲᵏⁿᵀ⁺⁻⁻"),
}


def plain_math(tex: str) -> str:
    r"""A formula of the running text in characters.

    >>> plain_math(r"e^{x_i} / \\sum_j e^{x_j}".replace("\\\\", "\\"))
    'e^(xᵢ) / ∑ⱼ e^(xⱼ)'
    >>> plain_math(r"-\\ln p \\le \\tfrac12 \\sqrt{\\beta_2}".replace("\\\\", "\\"))
    '−ln p ≤ 1/2 √(β₂)'
    """
    text = UPRIGHT.sub(r"\1", tex)
    text = FRACTION.sub(lambda m: f"{group(m[1])}/{group(m[2])}", text)
    text = ROOT.sub(lambda m: f"√{group(m[1])}", COMMAND.sub(sign, text))
    before = None
    while before != text:
        before, text = text, RAISED.sub(raised, text)
    text = re.sub(r"[{}]", "", text).replace("-", "−")
    return re.sub(r"\s+", " ", text).strip()


def group(tex: str) -> str:
    """What stands in braces, in brackets if it is more than a sign or a number."""
    inside = tex.strip("{}")
    return inside if len(inside) == 1 or inside.isdigit() else f"({inside})"


def sign(command: re.Match) -> str:
    """The character of a command, its name, or what a space is."""
    name = command[1]
    if name is None:
        return " " if command[2] in ",;: " else command[2].replace("!", "")
    if name in SIGNS:
        return SIGNS[name]
    if name in ("left", "right"):
        return ""
    if name == "sqrt":
        return command[0]
    try:
        return unicodedata.lookup(f"GREEK SMALL LETTER {name}")
    except KeyError:
        return name


def raised(found: re.Match) -> str:
    """An index or exponent in small characters, or in brackets behind its mark."""
    where, inside = found[1], found[2].strip("{}")
    table = SMALL[where]
    if all(ord(character) in table or character == "ᵀ" for character in inside):
        return inside.translate(table)
    return f"{where}{inside}" if len(inside) == 1 else f"{where}({inside})"


def pieces(
    node: nodes.Node, leave_out: Callable[[nodes.Node], bool]
) -> Iterator[str]:
    """The text below a node, in order; a space stands between two blocks."""
    if leave_out(node):
        return
    if isinstance(node, nodes.Text):
        yield node.astext()
    elif isinstance(node, nodes.math):
        yield plain_math(node.astext())
    else:
        for child in node.children:
            yield from pieces(child, leave_out)
        if not isinstance(node, nodes.Inline):
            yield " "


def plain_text(
    node: nodes.Node, leave_out: Callable[[nodes.Node], bool] = lambda node: False
) -> str:
    """The text of a node on one line, without the nodes that `leave_out` names."""
    return re.sub(r"\s+", " ", "".join(pieces(node, leave_out))).strip()
