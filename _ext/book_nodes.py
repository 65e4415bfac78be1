"""Questions about the tree of a page that several extensions ask."""

from __future__ import annotations

from collections.abc import Iterator

from docutils import nodes


def ancestors(node: nodes.Node) -> Iterator[nodes.Element]:
    """What a node stands in, from the inside."""
    while (node := node.parent) is not None:
        yield node


def within(node: nodes.Node, kind: type | tuple[type, ...]) -> bool:
    """Whether a node is of this kind, or stands in one that is."""
    return any(isinstance(n, kind) for n in (node, *ancestors(node)))


def headings_above(node: nodes.Node) -> list[str]:
    """The headings of the sections in which a node stands, from the inside."""
    return [
        section[0].astext()
        for section in ancestors(node)
        if isinstance(section, nodes.section)
        and len(section)
        and isinstance(section[0], nodes.title)
    ]


def is_code_cell(node: nodes.Node) -> bool:
    """Whether it is a cell of code, with its source or without."""
    return (
        isinstance(node, nodes.container)
        and node.get("nb_element") == "cell_code"
        and bool(node.children)
    )


def shows_code(node: nodes.Node) -> bool:
    """Whether it is a cell of code whose source has not been folded or left out."""
    return (
        is_code_cell(node)
        and isinstance(node[0], nodes.container)
        and node[0].get("nb_element") == "cell_code_source"
    )
