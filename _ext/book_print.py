"""Make the LaTeX build of the book look like a book.

- Sphinx's `manual` on top of `book` in place of the class `jupyterBook` (a wide
  text block that needs `bbm.sty`);
- the code font copied out of Matplotlib, so that print depends on no system font;
- boxes for theorems, exercises, solutions and margin notes, and proofs;
- chapters and parts under their own numbers, theorems and exercises numbered as on
  the site (8.1, not 1.8.1);
- preface, main matter and back matter.
"""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path

import book_edition
from book_figures import PrintFigures, RememberForms
from book_keep import PrintCells, PrintTokens
from book_numbers import chapter_number, part_number
from book_solutions import PrintExercises, inline, raw, take_solutions
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.builders.latex import LaTeXBuilder
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.writers.latex import LaTeXTranslator
from sphinx_jupyterbook_latex.nodes import RootHeader

log = logging.getLogger(__name__)
CODE_FONT = "DejaVuSansMono"
FALLBACK_FONT = "DejaVuSans"
FONT_FILES = [
    f"{CODE_FONT}{style}.ttf" for style in ("", "-Bold", "-Oblique", "-BoldOblique")
] + [f"{FALLBACK_FONT}.ttf"]
WEB_ONLY = {"genindex", "bibliography"}  # LaTeX makes its own
# What begins in place of a part.
MATTER = {"Appendices": r"\bkappendices", "Reference": r"\bkreference"}
# Characters: of a table on one line, between two columns, of a cell not to wrap, and
# of the longest line in a cell that is wrapped.
LINE, GAP, SHORT, WRAP = 80, 2, 24, 42
BOXED_ROWS = 4  # rows of a table in a box that stay together
INVISIBLE = {0x200D, 0xFE0F}  # joiner and emoji selector: nothing to print


def is_symbol(character: str) -> bool:
    """Whether not every font has it: Greek and beyond, but no dashes and quotes."""
    code_point = ord(character)
    punctuation = 0x2010 <= code_point <= 0x2027
    return code_point >= 0x370 and not punctuation and not character.isspace()


def chapter_counter(number: int | str) -> str:
    """What makes LaTeX count the next chapter as the site does; F is the sixth."""
    before = number - 1 if isinstance(number, int) else ord(number) - ord("A")
    return r"\setcounter{chapter}{%d}" % before


def unpack(node: nodes.Element) -> tuple[list[nodes.Node], list[nodes.Node]]:
    """The children of a box: those of its title, and the rest without sections."""
    title, body = [], []
    for child in node.children:
        if isinstance(child, nodes.title):
            title += child.children
        elif isinstance(child, nodes.section):
            body += child.children
        else:
            body.append(child)
    return title, body


def box(
    kind: str, head: list[nodes.Node], label: str, body: list
) -> nodes.container:
    return nodes.container(
        "",
        raw(r"\begin{bkbox}{%s}{" % kind),
        *head,
        raw("}" + label),
        *body,
        raw(r"\end{bkbox}"),
    )


class PrintGlyphs(SphinxPostTransform):
    """Print what a font lacks in a second font, or as a boxed code point.

    TeX finds out itself which font lacks what (`\\bkglyph` in bookstyle.inc); it
    needs to be told which characters to ask for.
    """

    default_priority = 900

    def run(self, **options) -> None:
        from fontTools.ttLib import TTFont

        out = Path(self.app.outdir)
        known = TTFont(out / f"{FALLBACK_FONT}.ttf").getBestCmap()
        characters = sorted(filter(is_symbol, set(self.document.astext())))
        lines = [
            r"\newunicodechar{%s}{%s}" % (c, self.printed(ord(c), known))
            for c in characters
        ]
        (out / "bookglyphs.inc").write_text(
            "\n".join([*lines, ""]), encoding="utf-8"
        )
        if boxed := "".join(c for c in characters if ord(c) not in known):
            log.info(
                "book_print: no glyph for %s, printed as boxed code points", boxed
            )

    def printed(self, code_point: int, known) -> str:
        if code_point in INVISIBLE:
            return ""
        return (
            r"\bkglyph{%04X}" if code_point in known else r"\bkmissing{%04X}"
        ) % (code_point)


class PrintBoxes(SphinxPostTransform):
    """Make LaTeX boxes of theorems, exercises and margin notes."""

    default_priority = 198  # titles are resolved, the writer is still to come

    def run(self, **options) -> None:
        from sphinx_exercise.nodes import exercise_enumerable_node, exercise_node
        from sphinx_proof.nodes import NODE_TYPES, proof_node, unenumerable_node

        kinds = {node_class: kind for kind, node_class in NODE_TYPES.items()}
        for node in list(self.document.findall(nodes.Element)):
            if isinstance(node, proof_node):
                self.proof(node)
            elif isinstance(node, nodes.literal_block):
                self.listing(node)
            elif type(node) in kinds:
                self.theorem(node, kinds[type(node)])
            elif isinstance(node, unenumerable_node):
                self.theorem(node, node.get("realtype", "note"))
            elif isinstance(node, nodes.sidebar):
                self.plain(node, "margin")
            elif isinstance(node, (exercise_node, exercise_enumerable_node)):
                self.plain(node, "exercise", self.exercise_label(node))

    def plain(self, node: nodes.Element, kind: str, label: str = "") -> None:
        title, body = unpack(node)
        node.replace_self(box(kind, title, label, body))

    def exercise_label(self, node: nodes.Element) -> str:
        label = node["label"]
        long_form = rf"\label{{\detokenize{{{self.docname_of(node)}:{label}}}}}"
        return rf"\phantomsection\label{{exercise:{label}}}" + long_form

    def theorem(self, node: nodes.Element, kind: str) -> None:
        page = node.get("docname") or self.docname_of(node)
        numbers = self.env.toc_fignumbers.get(page, {})
        numbers = numbers.get(node.get("countertype", kind), {})
        number = numbers.get(node.get("ids", [""])[0], ())
        head = node.get("realtype", kind).title() + " " + ".".join(map(str, number))
        title, body = unpack(node)
        if title:
            title = [nodes.inline("", " "), *title]
        name = f"{page}:{node.get('label', '')}"
        label = rf"\phantomsection\label{{\detokenize{{{name}}}}}"
        node.replace_self(box(kind, [raw(head.strip()), *title], label, body))

    def proof(self, node: nodes.Element) -> None:
        parts = [
            part
            for child in node.children
            for part in (
                child.children if isinstance(child, nodes.admonition) else [child]
            )
        ]
        paragraphs = [part for part in parts if isinstance(part, nodes.paragraph)]
        if paragraphs and isinstance(paragraphs[0].children[0], nodes.Text):
            opening = paragraphs[0].children[0]
            text = opening.astext().removeprefix("Proof.").lstrip()
            paragraphs[0].replace(opening, nodes.Text(text))
            paragraphs[0].insert(0, inline(r"\bkproofname{}"))
        if parts and parts[-1] in paragraphs:
            parts[-1] += inline(r"\bkqed{}")
        else:
            parts.append(raw(r"\bkqed{}"))
        begin, end = raw(r"\begin{bkproof}"), raw(r"\end{bkproof}")
        node.replace_self(nodes.container("", begin, *parts, end))

    def listing(self, node: nodes.Element) -> None:
        """Give a listing outside notebook cells the width of a cell."""
        wrapped = "literal-block-wrapper" in node.parent.get("classes", [])
        top = node.parent if wrapped else node
        above = top.parent
        while above is not None:
            if {"cell_input", "cell_output"} & set(above.get("classes", [])):
                return
            above = above.parent
        place = top.parent.index(top)
        top.parent.insert(place + 1, raw(r"\end{adjustwidth}"))
        top.parent.insert(place, raw(r"\begin{adjustwidth}{5.4pt}{5.4pt}"))

    def docname_of(self, node: nodes.Node) -> str:
        while node is not None:
            name = node.get("docname") if isinstance(node, nodes.Element) else None
            if name in self.env.all_docs:
                return name
            node = node.parent
        return self.env.docname


class PrintTables(SphinxPostTransform):
    """Set the columns of numbers to the right, wrap what is long, and keep a line of
    emphasis, the caption of `viz.table`, on the page of its table.

    Sphinx sets all columns alike; whether numbers stand in one is known from
    Markdown, where the rule under the header says so.
    """

    default_priority = 199  # boxes are made, and no table in one may be broken

    def run(self, **options) -> None:
        for table in list(self.document.findall(nodes.table)):
            place = table.parent.index(table)
            if spec := column_spec(table):
                table.parent.insert(place, addnodes.tabular_col_spec(spec=spec))
            if place and is_caption(table.parent[place - 1]):
                table.parent.insert(place, raw(r"\nopagebreak"))
            if spec and is_boxed(table):
                break_rows(table, spec)
            for entry in table.findall(nodes.entry):
                if not entry.astext():  # an empty paragraph would be a line more
                    entry.clear()


def is_caption(node: nodes.Node) -> bool:
    """Whether it is a paragraph of nothing but emphasis."""
    return (
        isinstance(node, nodes.paragraph)
        and len(node) == 1
        and isinstance(node[0], nodes.emphasis)
    )


def is_boxed(table: nodes.table) -> bool:
    """Whether it stands in a box, where LaTeX breaks no table over pages."""
    return isinstance(table.parent, nodes.Admonition)


def break_rows(table: nodes.table, spec: str) -> None:
    """Break a long table into several of the same columns, one below the other."""
    body = next(table.findall(nodes.tbody))
    starts = range(BOXED_ROWS, len(body) - 2, BOXED_ROWS)
    rows, place = list(body.children), table.parent.index(table) + 1
    cuts = [*starts, len(rows)]
    if len(cuts) == 1:
        return
    table["classes"].append("borderless")  # no rule between the parts
    body[:] = rows[: cuts[0]]
    more = []
    for first, last in pairwise(cuts):
        group = next(table.findall(nodes.tgroup)).copy()
        widths = [c.copy() for c in table.findall(nodes.colspec)]
        group += [*widths, nodes.tbody("", *rows[first:last])]
        below = nodes.table("", group, classes=list(table["classes"]))
        columns = addnodes.tabular_col_spec(spec=spec)
        more += [raw(r"\bkgoeson"), columns, below]
    table.parent[place:place] = more


def column_spec(table: nodes.table) -> str:
    """The columns as LaTeX has them: l or r where each cell fits on one line, and
    else shares of the page, \\X to the left and \\Z to the right. Which is which is
    known from Markdown; "" leaves to Sphinx what says nothing about it, and fits."""
    rows = [row.children for row in table.findall(nodes.row)]
    columns = [[e.astext() for e in c] for c in zip(*rows, strict=False)]
    right = ["text-right" in entry["classes"] for entry in rows[0]]
    if all({"text-left", "text-right"} & set(e["classes"]) for e in rows[0]):
        lines = fewest_lines(columns)
        widths = [width(column, lines) for column in columns]
    else:
        lines = 1 if fits([max(map(len, column)) for column in columns]) else 2
        if lines == 1 or {"longtable", "colwidths-given"} & set(table["classes"]):
            return ""
        widths = [min(max(map(len, column)), WRAP) for column in columns]
    if lines == 1:
        return "".join("r" if r else "l" for r in right)
    whole = sum(widths) + GAP * len(widths)
    return "".join(
        rf"\{'Z' if r else 'X'}{{{w + GAP}}}{{{whole}}}"
        for r, w in zip(right, widths, strict=True)
    )


def fits(widths: list[int]) -> bool:
    return sum(widths) + GAP * len(widths) <= LINE


def width(column: list[str], n_lines: int) -> int:
    """Characters that it needs beside the others, its head on so many lines.

    >>> width(["loss (nats per token)", "1.5"], 1)
    21
    >>> width(["loss (nats per token)", "1.5"], 3)
    7
    """
    head, *body = column
    longest = max(map(len, body), default=0)
    if n_lines > 1 and longest > SHORT:
        return WRAP
    words = max(map(len, head.split()), default=0)
    return max(longest, words, -(-len(head) // n_lines))


def fewest_lines(columns: list[list[str]]) -> int:
    """Lines of the longest head with which the table fits on the page, at most 4."""
    tried = (n for n in range(1, 4) if fits([width(c, n) for c in columns]))
    return next(tried, 4)


class PrintStructure(SphinxPostTransform):
    """Preface, parts and chapters under their own numbers, back matter."""

    default_priority = (
        750  # after sphinx-jupyterbook-latex (700) has made the parts
    )

    def run(self, **options) -> None:
        self.preface()
        solutions = take_solutions(self.document)
        for section in list(self.document.findall(nodes.section)):
            if caption_of(section) == "Reference":
                place = section.parent.index(section)
                section.parent[place:place] = solutions
            self.number(section)
        for start in list(self.document.findall(addnodes.start_of_file)):
            if start.get("docname") in WEB_ONLY:
                start.parent.remove(start)
            elif number := chapter_number(start.get("docname", "")):
                start.insert(0, raw(chapter_counter(number)))

    def preface(self) -> None:
        """Make the preface of the first page of the site."""
        root = next(self.document.findall(nodes.section))
        place = root.first_child_matching_class(nodes.title) + 1
        root.insert(
            place,
            raw(
                r"\chapter*{Preface}\addcontentsline{toc}{chapter}{Preface}"
                r"\markboth{Preface}{Preface}"
            ),
        )
        for header in list(self.document.findall(RootHeader)):
            section = [raw(r"\section*{"), *header.children, raw("}")]
            header.replace_self(nodes.container("", *section))

    def number(self, section: nodes.section) -> None:
        """Give a part its number; begin the back matter in place of a part."""
        caption = caption_of(section)
        if caption in MATTER:
            section[0] = raw(MATTER[caption])
        elif part := part_number(caption):
            section[0] = nodes.title("", part[1])
            section.parent.insert(0, raw(r"\setcounter{part}{%d}" % (part[0] - 1)))


def caption_of(section: nodes.section) -> str:
    """The caption of the part that the section begins, or "" for another section."""
    is_titled = bool(section.children) and isinstance(section[0], nodes.title)
    caption = section[0].astext() if is_titled else ""
    return caption if section.get("docname") == caption else ""


TRANSFORMS = [
    PrintBoxes,
    PrintCells,
    PrintExercises,
    PrintFigures,
    PrintGlyphs,
    PrintStructure,
    PrintTables,
    PrintTokens,
    RememberForms,
]


def configure(app: Sphinx, config) -> None:
    config["latex_theme"] = "manual"
    config["latex_docclass"] = {"manual": "book"}
    config["jblatex_load_imgconverter"] = (
        False  # needs ImageMagick; figures ship as PDF
    )
    config["jblatex_show_tocs"] = False


def prepare(app: Sphinx) -> None:
    if not isinstance(app.builder, LaTeXBuilder):
        return
    import matplotlib

    fonts, out = Path(matplotlib.get_data_path(), "fonts/ttf"), Path(app.outdir)
    out.mkdir(parents=True, exist_ok=True)
    for name in FONT_FILES:
        shutil.copy(fonts / name, out / name)
    book_edition.write(out / "bookedition.inc")
    for transform in TRANSFORMS:
        app.add_post_transform(transform)


def with_plain_hyphens(visit):
    """The method `visit_index` of Sphinx, with hyphens that are characters.

    The index of a term that LaTeX reads twice, as in a glossary, has a blank after
    each command: with one for the hyphen it would be another entry.
    """

    def visit_index(self, node: addnodes.index) -> None:
        start = len(self.body)
        try:
            visit(self, node)
        finally:
            written = self.body[start:]
            self.body[start:] = [
                x.replace(r"\sphinxhyphen{}", "-") for x in written
            ]

    return visit_index


def number_by_chapter(depth: int):
    """Set the depth of figure numbers: LaTeX counts the part, the site does not."""

    def set_depth(app: Sphinx, env) -> list[str]:
        if isinstance(app.builder, LaTeXBuilder):
            app.config.numfig_secnum_depth = depth
        return []

    return set_depth


def setup(app: Sphinx) -> dict:
    LaTeXTranslator.visit_index = with_plain_hyphens(LaTeXTranslator.visit_index)
    app.connect("config-inited", configure, priority=900)
    app.connect("builder-inited", prepare, priority=900)
    app.connect("env-get-updated", number_by_chapter(1), priority=1)
    app.connect("env-get-updated", number_by_chapter(2), priority=999)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
