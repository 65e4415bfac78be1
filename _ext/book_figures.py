"""Figures in print: room for them, a text in their place, and where they are alive."""

from __future__ import annotations

from book_addresses import addresses
from book_keep import figure_height
from book_nodes import ancestors
from book_solutions import inline, raw
from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform

LIVE = "bk-live"
ESCAPED = {ord(c): rf"\{c}" for c in "#%&_"}  # what TeX takes for its own


class RememberForms(SphinxPostTransform):
    """Before print takes the picture of what a cell shows: keep what the other forms
    say of it, which is what there is to be seen, and whether one can play with it.
    """

    default_priority = 3  # myst-nb takes one form at 4

    def run(self, **options) -> None:
        for bundle in self.document.findall(is_bundle):
            text = "".join(form.astext() for form in forms(bundle, "text/plain"))
            for image in bundle.findall(nodes.image):
                image["alt"] = image.get("alt") or text
            if any("llm-figure" in x.astext() for x in forms(bundle, "text/html")):
                for figure in figures_of(bundle):
                    figure["classes"].append(LIVE)


def figures_of(bundle: nodes.container) -> list[nodes.figure]:
    """The figures in one of its forms, and those of which it is the picture."""
    around = [a for a in ancestors(bundle) if isinstance(a, nodes.figure)]
    return [*bundle.findall(nodes.figure), *around]


def is_bundle(node: nodes.Node) -> bool:
    """Whether it holds one output in several forms."""
    return (
        isinstance(node, nodes.container)
        and node.get("nb_element") == "mime_bundle"
    )


def forms(bundle: nodes.container, kind: str) -> list[nodes.Element]:
    return [form for form in bundle.children if form.get("mime_type") == kind]


class PrintFigures(SphinxPostTransform):
    """Say of each figure how tall it is, what is to be seen, and where it is alive."""

    default_priority = 197

    def run(self, **options) -> None:
        for page in list(self.document.findall(addnodes.start_of_file)):
            for figure in list(page.findall(nodes.figure)):
                if images := list(figure.findall(nodes.image)):
                    self.prepare(page["docname"], figure, images[0])

    def prepare(
        self, docname: str, figure: nodes.figure, image: nodes.image
    ) -> None:
        before = r"\bktall{%dpt}\bkalt{%s}" % (
            figure_height(figure),
            text_string(image.get("alt", "")),
        )
        figure.parent.insert(figure.parent.index(figure), raw(before))
        if LIVE in figure["classes"]:
            for caption in figure.findall(nodes.caption):
                caption += inline(live_line(addresses()["site"], docname, figure))


def text_string(text: str) -> str:
    """A text as PDF has it, in hexadecimal digits.

    >>> text_string("aé")
    'FEFF006100E9'
    """
    return ("\ufeff" + " ".join(text.split())).encode("utf-16-be").hex().upper()


def live_line(site: str, docname: str, figure: nodes.figure) -> str:
    """Where the figure can be played with: its address, or else its notebook."""
    if not site:
        name = docname.rsplit("/", 1)[-1] + ".ipynb"
        return r"\bklive{\texttt{%s}}" % name.replace("_", r"\_\allowbreak{}")
    place = f"#{figure['ids'][0]}" if figure["ids"] else ""
    address = f"{site}{docname}.html{place}".translate(ESCAPED)
    return r"\bklive{\href{%s}{\texttt{%s}}}" % (address, address)
