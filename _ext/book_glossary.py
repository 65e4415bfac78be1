"""Link each term of the glossary where a chapter first uses it, with its definition.

On the site alone, and in the running text: not in code, formulas, links, headings,
captions, nor in the goals, the checks and the exercises. Where a chapter links a term
by itself ({term}`…`), that is the place. The definitions are in one script for all
pages, `terms_text.js`; from there terms/terms.js makes them the titles of the links,
and shows them to whoever points at a link or comes to it by keyboard. Without scripts
the links lead to the glossary, as they always do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from book_index import TASKS
from book_nodes import ancestors, headings_above, within
from book_numbers import chapter_number
from book_scripts import add_static, write_static
from book_terms import by_form, forms
from book_texts import plain_text
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

SCRIPT = Path(__file__).parent / "terms/terms.js"
# Words of everyday language, too: they are linked where a chapter introduces them in
# bold, and nowhere else, for elsewhere they may mean what they mean to everybody.
EVERYDAY = {
    "attention", "block", "floor", "head", "interpolation", "key", "leak", "mask", "merge",
    "packing", "position", "query", "sampler", "score", "smoothing", "surprise", "target",
    "value", "weight", "window",
}  # fmt: skip
# Names in which a term stands without being meant alone.
NAMES = ["batch normalisation", "character tokenizer", "gradient descent"]
FIXED = {"Goals", "Check", "Exercises"}
INLINE = (nodes.emphasis, nodes.strong)
CLASS = "llm-term"
TEXTS = "terms_text.js"


def definitions(doctree: nodes.document) -> Iterator[tuple[str, str, str]]:
    """The terms of a glossary, their anchors and definitions in plain characters."""
    for glossary in doctree.findall(addnodes.glossary):
        for item in glossary.findall(nodes.definition_list_item):
            names = [
                child for child in item.children if isinstance(child, nodes.term)
            ]
            for name in names:
                text = plain_text(name, is_index)
                yield text, name["ids"][0], plain_text(item.children[-1])


def is_index(node: nodes.Node) -> bool:
    return isinstance(node, addnodes.index)


def pattern(terms: list[str]) -> re.Pattern:
    """A pattern for all forms of all terms, the longest first.

    >>> found = pattern(["mask", "causal mask", "KV cache"])
    >>> found.findall("Causal masks, the mask's kv cache, a KV\\ncache, un-masked")
    ['Causal masks', 'mask', 'KV\\ncache']
    """
    alternatives = sorted(
        (f for t in terms for f in forms(t)), key=len, reverse=True
    )
    return re.compile(
        rf"(?<![\w-])(?:{'|'.join(map(either_case, alternatives))})(?![\w-])"
    )


def either_case(form: str) -> str:
    """A form as a pattern, which may begin with a capital letter."""
    first, rest = form[0], re.sub(r"\\? ", r"\\s+", re.escape(form[1:]))
    return f"[{first.upper()}{first}]{rest}" if first.isalpha() else re.escape(form)


def is_running_text(paragraph: nodes.paragraph) -> bool:
    """Whether a paragraph stands below a heading that is no fixed part's."""
    headings = headings_above(paragraph)
    shown = any(
        a.get("nb_element") == "cell_code_output" for a in ancestors(paragraph)
    )
    fixed = FIXED & {*headings}
    return len(headings) > 1 and not (fixed or shown or within(paragraph, TASKS))


def texts(doctree: nodes.document) -> Iterator[nodes.Text]:
    """The pieces of running text, in order."""
    for paragraph in doctree.findall(nodes.paragraph):
        if not is_running_text(paragraph):
            continue
        for text in list(paragraph.findall(nodes.Text)):
            around = text.parent
            while isinstance(around, INLINE):
                around = around.parent
            if around is paragraph:
                yield text


def may_be_linked(name: str, words: str, text: nodes.Text) -> bool:
    """Whether a term in a text is that term: bold is taken as a whole, and an everyday
    word only where it is introduced, in bold with an entry in the index."""
    bold = isinstance(text.parent, nodes.strong)
    introduced = any(i.startswith("index-") for i in text.parent["ids"])
    return (not bold or words == text.astext()) and (
        introduced or name not in EVERYDAY
    )


class LinkTerms(SphinxPostTransform):
    """Link the terms, after the references are resolved."""

    default_priority = 150
    formats = ("html",)

    def run(self, **options) -> None:
        if not isinstance(chapter_number(self.env.docname), int):
            return
        self.known = known_terms(self.app)
        self.term_of = by_form(list(self.known))
        found = pattern([*self.known, *NAMES])
        self.seen = set(self.explained())
        for text in texts(self.document):
            self.link(text, found)

    def explained(self) -> Iterator[str]:
        """Mark the links to terms that the chapter has; yield the terms."""
        names = {anchor: name for name, (_, anchor, _) in self.known.items()}
        for reference in list(self.document.findall(nodes.reference)):
            page, _, anchor = reference.get("refuri", "").partition("#")
            if page and anchor in names:
                reference["classes"].append(CLASS)
                yield names[anchor]

    def link(self, text: nodes.Text, found: re.Pattern) -> None:
        """Make links of the terms in a text that were not used before."""
        content, made, at = text.astext(), [], 0
        for match in found.finditer(content):
            name = self.term_of.get(re.sub(r"\s+", " ", match[0]).lower())
            if name in (None, *self.seen) or not may_be_linked(
                name, match[0], text
            ):
                continue
            self.seen.add(name)
            made += [
                nodes.Text(content[at : match.start()]),
                self.made(name, match[0]),
            ]
            at = match.end()
        if made:
            text.parent.replace(text, [*made, nodes.Text(content[at:])])

    def made(self, name: str, words: str) -> nodes.reference:
        docname, anchor, _ = self.known[name]
        address = self.app.builder.get_relative_uri(self.env.docname, docname)
        return nodes.reference(
            "", words, internal=True, refuri=f"{address}#{anchor}", classes=[CLASS]
        )


def known_terms(app: Sphinx) -> dict[str, tuple[str, str, str]]:
    """Of each term: the page of the glossary, the anchor, the definition."""
    if not hasattr(app, "book_glossary"):
        objects = app.env.get_domain("std").objects
        pages = {
            docname for (kind, _), (docname, _) in objects.items() if kind == "term"
        }
        app.book_glossary = {
            name: (docname, anchor, definition)
            for docname in sorted(pages)
            for name, anchor, definition in definitions(
                app.env.get_doctree(docname)
            )
        }
    return app.book_glossary


def bring_script(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """Bring the scripts to the pages that link terms."""
    if re.search(rf'<a class="[^"]*{CLASS}', context.get("body", "")):
        for name in (TEXTS, SCRIPT.name):
            app.add_js_file(name, loading_method="defer")


def write_texts(app: Sphinx) -> None:
    """Write the definitions, by the anchors of their terms."""
    if app.builder.format == "html":
        by_anchor = {anchor: text for _, anchor, text in known_terms(app).values()}
        texts = json.dumps(by_anchor, ensure_ascii=False, separators=(",", ":"))
        write_static(app, TEXTS, f"globalThis.llmTerms = {texts};\n")


def setup(app: Sphinx) -> dict:
    app.add_post_transform(LinkTerms)
    add_static(app, SCRIPT.parent)
    app.connect("env-check-consistency", lambda app, env: write_texts(app))
    app.connect("html-page-context", bring_script)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
