"""Search that shows the sections and the words in them, from a disk too.

Sphinx's own search knows which pages hold a word, and fetches each for an excerpt,
which a browser refuses to do for pages on a disk. So the text of all sections is
written to a script, `booktext.js`, which the search page alone loads; search.js looks
through it. No other page loads anything for the search.

What is drawn or printed by code is not searched, and neither is folded code, nor the
solutions: who looks for a word shall not be told an answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from book_cells import fold
from book_numbers import chapter_number
from book_scripts import add_static
from book_texts import plain_text
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx_exercise.nodes import solution_node

FOLDER = Path(__file__).parent / "search"
SCRIPT = FOLDER / "search.js"
TEXTS = "booktext.js"
NOT_SEARCHED = {"genindex", "search"}
LEFT_OUT = (
    addnodes.index,
    addnodes.toctree,
    fold,
    nodes.comment,
    nodes.image,
    nodes.math_block,
    nodes.raw,
    nodes.section,
    nodes.title,
    solution_node,
)

Section = tuple[str, str, str, str, str]  # anchor, number, title, text, code


def leave_out(node: nodes.Node) -> bool:
    """Whether the text of a node belongs to no section, or to another one."""
    if isinstance(node, nodes.Element):
        shown = node.get("nb_element") == "cell_code_output"
        return shown or isinstance(node, (*LEFT_OUT, addnodes.glossary))
    return False


def is_no_prose(node: nodes.Node) -> bool:
    return isinstance(node, nodes.literal_block) or leave_out(node)


def code_blocks(node: nodes.Node) -> Iterator[str]:
    """The code below a node, block by block."""
    if isinstance(node, nodes.literal_block):
        yield plain_text(node)
    elif not leave_out(node):
        for child in node.children:
            yield from code_blocks(child)


def own_texts(section: nodes.section) -> tuple[str, str]:
    """The prose and the code that stand in a section and in none of its sections."""
    prose = (plain_text(child, is_no_prose) for child in section.children)
    code = (block for child in section.children for block in code_blocks(child))
    return " ".join(filter(None, prose)), " ".join(code)


def terms(section: nodes.section) -> Iterator[Section]:
    """The terms of a glossary in a section, as if each were one."""
    for glossary in section.children:
        if not isinstance(glossary, addnodes.glossary):
            continue
        for item in glossary.findall(nodes.definition_list_item):
            *names, definition = item.children
            names = [name for name in names if isinstance(name, nodes.term)]
            title = ", ".join(plain_text(name, leave_out) for name in names)
            yield names[0]["ids"][0], "", title, plain_text(definition), ""


def sections(doctree: nodes.document, numbers: dict) -> Iterator[Section]:
    """The sections of a page in order. numbers: of each, by its anchor with a #."""
    for section in doctree.findall(nodes.section):
        anchor = section["ids"][0] if section.parent is not doctree else ""
        number = ".".join(map(str, numbers.get(f"#{anchor}" if anchor else "", ())))
        title = section.next_node(nodes.title)
        if title is None or title.parent is not section:
            continue
        yield anchor, number, plain_text(title), *own_texts(section)
        yield from terms(section)


def place(docname: str) -> str:
    """How a page is called beside its title: by its kind and number.

    >>> place("chapters/08_attention"), place("chapters/appendix_f_guide"), place("index")
    ('Chapter 8', 'Appendix F', '')
    """
    number = chapter_number(docname)
    kind = "Chapter" if isinstance(number, int) else "Appendix"
    return f"{kind} {number}" if number else ""


def collect(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Keep the text of a page; its references have their numbers by now."""
    if app.builder.name == "html" and docname not in NOT_SEARCHED:
        numbers = app.env.toc_secnumbers.get(docname, {})
        found = [s for s in sections(doctree, numbers) if s[2]]
        app.book_texts[docname] = found


def pages(app: Sphinx) -> Iterator[dict]:
    """What is searched, in the order of the book."""
    env, builder = app.env, app.builder
    for docname in sorted(env.found_docs - NOT_SEARCHED, key=reading_order(app)):
        if (
            docname not in app.book_texts
        ):  # not written again, as it has not changed
            env.get_and_resolve_doctree(docname, builder)
        yield {
            "url": builder.get_target_uri(docname),
            "place": place(docname),
            "title": env.titles[docname].astext(),
            "sections": app.book_texts[docname],
        }


def reading_order(app: Sphinx):
    """The place of a page in the table of contents, as a key to sort by."""
    order = ["index"]
    for docname in order:
        order += [
            d for d in app.env.toctree_includes.get(docname, ()) if d not in order
        ]
    return lambda docname: order.index(docname) if docname in order else len(order)


def write_texts(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.name == "html":
        texts = json.dumps(
            list(pages(app)), ensure_ascii=False, separators=(",", ":")
        )
        file = Path(app.outdir, TEXTS)
        file.write_text(f"globalThis.llmBookText = {texts};\n", encoding="utf-8")


def begin(app: Sphinx) -> None:
    app.book_texts = {}
    app.builder.search = False  # neither its index nor its page


def search_page(app: Sphinx) -> Iterator[tuple[str, dict, str]]:
    yield "search", {}, "search.html"


def setup(app: Sphinx) -> dict:
    add_static(app, FOLDER)
    app.connect("builder-inited", begin)
    app.connect("doctree-resolved", collect, priority=900)
    app.connect("html-collect-pages", search_page)
    app.connect("build-finished", write_texts)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
