"""What only the first page has: buttons to start with, the guessing game, a card for
each chapter. Print has none of it, nor the sections of the game and of the cards; the
table of contents says what there is.

    ```{start}         the buttons
    ```{game}          guess a story, against models and the oracle
    ```{cards}         every chapter, also those that are planned
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator

from book_addresses import addresses
from book_nodes import ancestors
from book_pdf import BUILT, FILE
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective

from book.contents import Chapter, Part, parts
from book.viz.guessing import small_game

Address = Callable[[str], str]  # of a page, from the first one


class front(nodes.General, nodes.Element):
    """A part of the first page; `kind` says which."""


class PrintWithout(SphinxPostTransform):
    """Leave out in print the sections that speak of what only a page can show."""

    default_priority = 5  # before they are counted
    formats = ("latex",)

    def run(self, **options) -> None:
        for node in list(self.document.findall(front)):
            if node["kind"] in SECTIONS:
                section = next(
                    a for a in ancestors(node) if isinstance(a, nodes.section)
                )
                section.parent.remove(section)


class Front(SphinxDirective):
    """One of the directives; it takes nothing."""

    def run(self) -> list[nodes.Node]:
        return [front("", kind=self.name)]


# --- The buttons ------------------------------------------------------------------


def buttons(address: Address) -> str:
    """Where to begin: the first chapter, the command, the PDF, the code."""
    first = next(c for part in parts() for c in part.chapters if c.page)
    links = [("Start reading", address(first.page)), ("Run it", "#run-it")]
    if BUILT.exists():
        links.append(("Book as PDF", FILE))
    if repository := addresses()["repository"]:
        links.append(("Code", repository))
    shown = "\n".join(
        f'<a href="{html.escape(to)}">{html.escape(words)}</a>'
        for words, to in links
    )
    return f'<nav class="llm-start" aria-label="Where to begin">\n{shown}\n</nav>\n'


def game(address: Address) -> str:
    return f'<div class="llm-game">{small_game().data["text/html"]}</div>\n'


# --- The cards --------------------------------------------------------------------


def cards(address: Address) -> str:
    """All chapters, part by part."""
    return "\n".join(line for part in parts() for line in of_part(part, address))


def of_part(part: Part, address: Address) -> Iterator[str]:
    name = f"llm-part-{part.number}"
    yield f'<section aria-labelledby="{name}"><h3 id="{name}">Part {roman(part.number)}'
    yield f' – {html.escape(part.title)}</h3>\n<ol class="llm-cards">'
    yield from (card(chapter, address) for chapter in part.chapters)
    yield "</ol></section>"


def card(chapter: Chapter, address: Address) -> str:
    """A chapter: its number, title and line; how long it takes, or that it is planned."""
    title, line = (in_html(text) for text in (chapter.title, chapter.line))
    times, kind = "planned", ' class="planned"'
    if chapter.page:
        title = f'<a href="{address(chapter.page)}">{title}</a>'
        times = f"{chapter.minutes} min to read · {chapter.seconds} s to run"
        kind = ""
    return (
        f'<li{kind} value="{chapter.number}"><h4><span>{chapter.number}</span> {title}'
        f"</h4><p>{line}</p><p>{times}</p></li>"
    )


def in_html(text: str) -> str:
    """Words with `code` in them.

    >>> in_html("`a < b` & c")
    '<code>a &lt; b</code> &amp; c'
    """
    return re.sub("`(.+?)`", r"<code>\1</code>", html.escape(text, quote=False))


def roman(number: int) -> str:
    """
    >>> [roman(n) for n in (1, 4, 8)]
    ['I', 'IV', 'VIII']
    """
    ones = ["", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"]
    return "X" * (number // 10) + ones[number % 10]


# --- Sphinx -----------------------------------------------------------------------

KINDS = {"start": buttons, "game": game, "cards": cards}
SECTIONS = {"game", "cards"}  # those that have a section of their own


def on_the_site(draw: Callable[[Address], str]) -> Callable:
    """What writes a node into a page: `draw`, given where other pages are."""

    def visit(translator, node: nodes.Element) -> None:
        builder = translator.builder
        here = builder.current_docname
        translator.body.append(draw(lambda p: builder.get_relative_uri(here, p)))
        raise nodes.SkipNode

    return visit


def visit(translator, node: front) -> None:
    on_the_site(KINDS[node["kind"]])(translator, node)


def leave_out(translator, node: front) -> None:
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict:
    app.add_post_transform(PrintWithout)
    app.add_node(front, html=(visit, None), latex=(leave_out, None))
    for kind in KINDS:
        app.add_directive(kind, Front)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
