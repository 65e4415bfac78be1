"""`{try}`: words in the text that set the controls of a figure on the page.

    {try}`One hole <masks?mask=hole&place=before>`: day 4 may look at day 5.

In the angle brackets stands the module of the figure (book/viz/js), and what it is
told. On the site the script try.js makes a button of the words; the host of the
figure (host.js) hears it. Without scripts, and in print, they are words.
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from urllib.parse import parse_qsl

from book_scripts import add_script
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxRole

SCRIPTS = Path(__file__).parent / "try"
FORM = re.compile(r"(?P<words>.+?)\s*<(?P<figure>\w+)\?(?P<values>[^<>]+)>", re.S)


class offer(nodes.Inline, nodes.TextElement):
    """Words that set a figure: the name of its module in `figure`, the rest in
    `values`."""


def parsed(text: str) -> tuple[str, str, str]:
    """The words, the figure and what it is told; raise `ValueError` for another form.

    >>> parsed("One hole <masks?mask=hole&place=before>")
    ('One hole', 'masks', 'mask=hole&place=before')
    """
    found = FORM.fullmatch(text.strip())
    if found is None:
        raise ValueError(
            f"write words <figure?name=value&name=value>, not {text!r}"
        )
    if "*" in found["words"]:
        raise ValueError(
            f"the words of a button are plain, without asterisks, not {text!r}"
        )
    parse_qsl(found["values"], strict_parsing=True)
    return found["words"], found["figure"], found["values"]


class TryRole(SphinxRole):
    def run(self) -> tuple[list[nodes.Node], list]:
        try:
            words, figure, values = parsed(self.text)
        except ValueError as error:
            message = self.inliner.reporter.error(f"try: {error}", line=self.lineno)
            return [
                self.inliner.problematic(self.rawtext, self.rawtext, message)
            ], [message]
        node = offer("", "", nodes.Text(words), figure=figure, values=values)
        return [node], []


def visit_offer(translator, node: offer) -> None:
    figure, values = html.escape(node["figure"]), html.escape(node["values"])
    translator.body.append(
        f'<span class="llm-try" data-figure="{figure}" data-values="{values}">'
    )


def depart_offer(translator, node: offer) -> None:
    translator.body.append("</span>")


def leave_alone(translator, node: offer) -> None:
    """In print the words are words."""


def setup(app: Sphinx) -> dict:
    app.add_node(
        offer,
        html=(visit_offer, depart_offer),
        latex=(leave_alone, leave_alone),
    )
    app.add_role("try", TryRole())
    add_script(app, SCRIPTS / "try.js", offer)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
