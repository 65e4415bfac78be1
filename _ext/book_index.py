"""An index made from the chapters, for the site and for print.

- What stands in bold in the running text is a term that is introduced there: it
  becomes an entry. Bold that begins a point of a list or ends in a full stop is a
  heading, and the fixed sections (goals, checks, practice, exercises) introduce none.
- A public name of `llm` becomes one where a chapter quotes its source, in its
  birthplace (tests/house/quotes.py).
- The glossary brings its own, as Sphinx makes them.

On the site an entry leads to sections, by their numbers; in print, to pages.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator

from book_nodes import ancestors, headings_above, within
from book_numbers import chapter_number
from book_terms import NOTATION, by_form, glossary_terms
from book_texts import plain_text
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms import SphinxTransform
from sphinx_exercise.nodes import (
    exercise_enumerable_node,
    exercise_node,
    solution_node,
)

sys.path.insert(0, str(NOTATION.parent))

from tests.house.quotes import birthplace, package_definitions

TASKS = (exercise_node, exercise_enumerable_node, solution_node)
FIXED = {"Goals", "Check", "In practice", "Exercises"}
# What is bold for another reason, chapter by chapter.
NO_TERMS: dict[int, set[str]] = {
    4: {"frequent", "longest"},
    8: {"my word", "one head", "your left neighbour", "your word"},
    9: {"one", "you predicted"},
    10: {"merge", "split"},
    12: {"add", "likeness", "size"},
    13: {"floor", "frozen", "placeholders"},
    14: {"Adam and AdamW tie", "gradient descent and momentum"},
    15: {"constant, then down", "reference"},
    16: {"how diverse", "how right", "impossible", "lost"},
}
# What a sentence shortens.
IN_FULL = {
    "clipping": "gradient clipping",
    "decoupled": "weight decay, decoupled",
    "feed-forward": "feed-forward layer",
    "greedy": "greedy decoding",
    "held-out": "held-out text",
    "locally typical sampling": "typical sampling",
}
NAME = re.compile(r"(\S+) \((llm[\w.]*)\)")


def anchor(kind: str, name: str) -> str:
    return f"{kind}-{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}"


# ------------------------------------------------------------------------ the terms
def in_a_fixed_part(node: nodes.Node) -> bool:
    """Whether a node stands in an exercise, a solution or one of the fixed sections."""
    return bool(FIXED & {*headings_above(node)}) or within(node, TASKS)


def before(node: nodes.Node) -> str:
    """What stands in the paragraph before a node."""
    siblings = node.parent.children
    return "".join(s.astext() for s in siblings[: siblings.index(node)]).strip()


def introduces(strong: nodes.strong) -> bool:
    """Whether bold text introduces a term, by where and how it stands."""
    text, paragraph = strong.astext(), strong.parent
    if not isinstance(paragraph, nodes.paragraph) or in_a_fixed_part(strong):
        return False
    if isinstance(paragraph.parent, nodes.list_item) and not before(strong):
        return False
    if any(strong.findall(nodes.math)) or any(strong.findall(nodes.literal)):
        return False
    return (
        len(text) > 1
        and not text.endswith((".", ":", "?"))
        and not text[0].isdigit()
    )


def entry_of(text: str, glossary: dict[str, str], prose: str) -> str:
    """How a term stands in the index: as in the glossary, without article, and in small
    letters if the prose has it so.

    >>> entry_of("Queries", {"queries": "query"}, "")
    'query'
    >>> entry_of("Dropout", {}, "with dropout"), entry_of("Muon", {}, "with Muon")
    ('dropout', 'Muon')
    """
    text = re.sub(r"^(?:the|an?) ", "", " ".join(text.split()))
    if text.lower() in glossary:
        return glossary[text.lower()]
    small = text[0].lower() + text[1:]
    if is_common(small.split()[0], prose):
        text = small
    return IN_FULL.get(text.lower(), text)


def is_common(word: str, prose: str) -> bool:
    """Whether a word has a small letter in the middle of sentences more often than not.

    >>> is_common("adam", "With Adam, optim.adam and Adam."), is_common("top", "a top-k")
    (False, True)
    """
    name = word[0].upper() + word[1:]
    inside = r"(?<=[a-z,] ){}(?!\w)"
    small, large = (
        len(re.findall(inside.format(re.escape(w)), prose)) for w in (word, name)
    )
    return small > large


def is_code(node: nodes.Node) -> bool:
    return isinstance(node, (nodes.literal, nodes.literal_block))


def introduced(
    document: nodes.document, number: int | None, glossary: dict[str, str]
) -> Iterator[tuple[nodes.strong, str]]:
    """The bold text that introduces a term in a chapter, and its entry."""
    prose, seen = plain_text(document, is_code), set()
    for strong in document.findall(nodes.strong):
        if not introduces(strong):
            continue
        entry = entry_of(strong.astext(), glossary, prose)
        none = map(str.lower, NO_TERMS.get(number, ()))
        if entry.lower() not in none and entry not in seen:
            seen.add(entry)
            yield strong, entry


# ------------------------------------------------------------------------ the names
def born(number: int) -> dict[str, str]:
    """The public names that this chapter quotes, and their entries."""
    return {
        source.name: f"{source.name} ({source.where})"
        for sources in package_definitions().values()
        for source in sources
        if source.public and birthplace(source) == number
    }


def defined(code: str) -> list[str]:
    """The functions and classes at the top level of a piece of code."""
    try:
        body = ast.parse(code).body
    except SyntaxError:  # magic, or code that is wrong on purpose
        return []
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [node.name for node in body if isinstance(node, kinds)]


def quoted(
    document: nodes.document, names: dict[str, str]
) -> Iterator[tuple[nodes.container, str, str]]:
    """The sources of cells that quote one of the names, with it and its entry."""
    for cell in document.findall(nodes.container):
        if cell.get("nb_element") != "cell_code_source":
            continue
        for name in defined(cell.astext()):
            if name in names:
                yield cell, name, names[name]


# ------------------------------------------------------------------------- entries
def index_node(entry: str, target: str) -> addnodes.index:
    entries = [("single", entry.replace(";", ","), target, "", None)]
    return addnodes.index(entries=entries, inline=True)


class MakeEntries(SphinxTransform):
    """Put the entries into a chapter, before Sphinx gathers them (850)."""

    default_priority = 800

    def apply(self, **options) -> None:
        number = chapter_number(self.env.docname)
        if not isinstance(number, int):  # an appendix introduces nothing
            return
        self.env.note_dependency(str(NOTATION))
        glossary = by_form(glossary_terms(NOTATION.read_text(encoding="utf-8")))
        for strong, entry in list(introduced(self.document, number, glossary)):
            strong["ids"] = [anchor("index", entry)]
            place = strong.parent.index(strong)
            strong.parent.insert(place, index_node(entry, strong["ids"][0]))
        for cell, name, entry in list(quoted(self.document, born(number))):
            cell["ids"] = cell["ids"] or [anchor("code", name)]
            cell.append(index_node(entry, cell["ids"][0]))


# ------------------------------------------------------------------------- the site
def sections_around(doctree: nodes.document, target: str) -> list[nodes.section]:
    """The sections in which something with this anchor stands, from the inside."""
    for node in doctree.findall(nodes.Element):
        if target in node["ids"]:
            return [
                a for a in (node, *ancestors(node)) if isinstance(a, nodes.section)
            ]
    return []


class Places:
    """What an address in the index is called: `8.9`, `glossary`, or its page."""

    def __init__(self, app: Sphinx):
        self.env: BuildEnvironment = app.env
        uri = app.builder.get_target_uri
        self.docnames = {uri(name): name for name in self.env.found_docs}
        self.doctrees: dict[str, nodes.document] = {}

    def link(self, address: str) -> dict[str, str]:
        """The address, its label, and the heading of its section."""
        page, _, target = address.partition("#")
        docname = self.docnames[page]
        if target.startswith("term-"):
            return {"url": address, "label": "glossary", "heading": ""}
        if docname not in self.doctrees:
            self.doctrees[docname] = self.env.get_doctree(docname)
        numbers = self.env.toc_secnumbers.get(docname, {})
        title = self.env.titles[docname].astext()
        for section in sections_around(self.doctrees[docname], target):
            if number := numbers.get(f"#{section['ids'][0]}"):
                label = ".".join(map(str, number))
                return {
                    "url": address,
                    "label": label,
                    "heading": section[0].astext(),
                }
        label = ".".join(map(str, numbers.get("", ()))) or title
        return {"url": address, "label": label, "heading": title}


def entry(name: str, links: Iterable, places: Places) -> dict:
    """An entry for the page; of several places in a section, the first is enough."""
    found = {}
    for _, address in links:
        link = places.link(address)
        found.setdefault(link["label"], link)
    match = NAME.fullmatch(name)
    named = {"name": match[1], "module": match[2]} if match else {"name": name}
    return {"module": "", **named, "links": list(found.values())}


def entries_of(group: Iterable, places: Places) -> Iterator[dict]:
    """The entries under a letter, those that Sphinx has put below another one too."""
    for name, (links, below, _) in group:
        if links:
            yield entry(name, links, places)
        for suffix, links in below:
            yield entry(f"{name} {suffix}", links, places)


def label_entries(app: Sphinx, pagename, templatename, context, doctree) -> None:
    if pagename == "genindex" and "genindexentries" in context:
        places = Places(app)
        context["letters"] = [
            (letter, list(entries_of(group, places)))
            for letter, group in context["genindexentries"]
        ]


def setup(app: Sphinx) -> dict:
    app.add_transform(MakeEntries)
    app.connect("html-page-context", label_entries)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
