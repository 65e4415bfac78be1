"""Turn the MyST of a chapter into Markdown that every notebook viewer shows.

A form that is not known here is an error, so that no reader ever sees raw markup: a
new directive or role is taught by one more method, `directive_…` or `role_…`.
"""

from __future__ import annotations

import ast
import csv
import io
import re
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from book.bundle import escaped
from book.predictions import BLANK, fields
from book.workbook.book import Book
from book.workbook.labels import THEOREMS, Label, chapter_of, numbered
from book.workbook.markup import (
    EQUATION,
    Code,
    Directive,
    Piece,
    Prose,
    Untaught,
    parse,
)

# What prose is made of besides words. The first that fits is taken whole.
TOKEN = re.compile(
    rf"(?P<equation>{EQUATION.pattern})"
    r"|(?P<role>\{(?P<name>[\w:.+-]+)\}(?P<tick>`+)(?P<content>.+?)(?P=tick))"
    r"|(?P<code>(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`))"
    r"|(?P<math>(?<![\\$])\$(?!\s)[^$]+?(?<![\s\\])\$)"
    r"|(?P<note>\[\^(?P<mark>[^\]\s]+)\](?P<defines>:)?)"
    r"|(?P<link>(?P<bang>!?)\[(?P<text>[^\[\]]*)\]\(<?(?P<target>[^\s()<>]+)>?\))",
    re.S,
)
# Lines that say something to Sphinx and nothing to the reader.
TARGET = re.compile(r"\((?P<label>[^\s()]+)\)=\s*")
SILENT = re.compile(r"%.*|\+\+\+.*|\{[.#][^{}]*\}\s*")
NAMED = re.compile(r"(?P<text>.*\S)\s*<(?P<label>[^<>]+)>", re.S)
# What stands before the first word of a sentence.
SENTENCE = re.compile(r"(?:\A|\n\s*\n|[.!?…]\s+|\n?[-*+>#|]+ |\d+\. )[(*_“]*\Z")
ATTRIBUTES = re.compile(r"(?<=[\])])\{[.#][^{}]*\}")
MYST = re.compile(r"\{\{.*?\}\}|\\label\{")
REMOTE = re.compile(r"[a-z][a-z0-9+.-]*:")

BOXES = [
    "note",
    "tip",
    "hint",
    "important",
    "warning",
    "caution",
    "attention",
    "danger",
    "error",
    "seealso",
]


@dataclass
class Plain:
    """Writes Markdown for one file, and keeps in mind what it has cited."""

    book: Book
    file: str
    cited: set[str] = field(default_factory=set)
    pictures: dict[str, Path] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)  # code that takes a prediction

    # Blocks -----------------------------------------------------------------------

    def markdown(self, source: str) -> str:
        """The text of a cell, or the body of a directive, in plain Markdown."""
        return spaced(map(self.piece, parse(source)))

    def piece(self, piece: Piece) -> str:
        if isinstance(piece, Prose):
            return self.prose(piece.text)
        if isinstance(piece, Code):
            return piece.text
        return textwrap.indent(self.directive(piece), piece.indent)

    def directive(self, piece: Directive) -> str:
        name = re.sub(r"\W", "_", piece.name)
        if piece.name in BOXES:
            return box(piece.name.title(), self.markdown(piece.body))
        if piece.name.removeprefix("prf:") in THEOREMS:
            return self.theorem(piece)
        write = getattr(self, f"directive_{name}", None)
        if write is None:
            raise Untaught(
                f"the workbook does not know the directive {piece.name!r}"
            )
        return write(piece)

    def theorem(self, piece: Directive) -> str:
        kind = piece.name.removeprefix("prf:").title()
        number = f" {self.number(piece)}" if numbered(piece) else ""
        title = f" ({self.inline(piece.argument)})" if piece.argument else ""
        return box(f"{kind}{number}{title}", self.markdown(piece.body))

    def number(self, piece: Directive) -> str:
        return self.book.label(self.label_of(piece)).number

    def label_of(self, piece: Directive) -> str:
        name = piece.options.get("name") or piece.options.get("label")
        if not name:
            raise Untaught(f"{piece.name!r} has a number, so give it a name")
        return name

    def captioned(
        self, kind: str, piece: Directive, caption: str, body: str
    ) -> str:
        """A numbered block under its title."""
        if not caption:
            return body
        label = self.book.label(self.label_of(piece))
        return f"{self.caption(label, caption)}\n\n{body}"

    def caption(self, label: Label, text: str, anchored: bool = False) -> str:
        """ "**Figure 8.2.** A query meets a key …", to which links can jump."""
        place = "" if anchored else anchor(label)
        return (
            f"{place}**{label.kind.title()} {label.number}.** {self.inline(text)}"
        )

    def directive_admonition(self, piece: Directive) -> str:
        return box(self.inline(piece.argument), self.markdown(piece.body))

    directive_topic = directive_sidebar = directive_margin = directive_admonition

    def directive_dropdown(self, piece: Directive) -> str:
        body = self.markdown(piece.body)
        return f"<details>\n<summary>{piece.argument}</summary>\n\n{body}\n\n</details>"

    def directive_predict(self, piece: Directive) -> str:
        """The question; `viz.predict`, in a cell below it, takes the answer."""
        for asked in fields(piece.options):
            choices = " or ".join(f'"{choice}"' for choice in asked.choices)
            kind = choices or asked.unit or "a number"
            hint = f"{asked.label} ({kind})" if asked.label else kind
            self.asked.append(f'viz.predict("{asked.name}", ...)  # {hint}')
        return box("Predict", self.markdown(piece.body))

    def directive_prf_proof(self, piece: Directive) -> str:
        return f"*Proof.* {self.markdown(piece.body)} ∎"

    def directive_only(self, piece: Directive) -> str:
        return self.markdown(piece.body) if "html" in piece.argument.split() else ""

    def directive_raw(self, piece: Directive) -> str:
        return piece.body if piece.argument == "html" else ""

    def directive_index(self, piece: Directive) -> str:
        return ""

    def directive_math(self, piece: Directive) -> str:
        return self.equation(piece.body, piece.options.get("label"))

    def directive_code_block(self, piece: Directive) -> str:
        caption = piece.options.get("caption", "")
        body = f"```{piece.argument}\n{piece.body}\n```"
        return self.captioned("listing", piece, caption, body)

    directive_code = directive_sourcecode = directive_code_block

    def directive_literalinclude(self, piece: Directive) -> str:
        path = self.book.chapters / piece.argument
        code = path.read_text(encoding="utf-8").rstrip()
        if name := piece.options.get("pyobject"):
            code = definition(code, name)
        caption = piece.options.get("caption", "")
        body = f"```{piece.options.get('language', 'python')}\n{code}\n```"
        return self.captioned("listing", piece, caption, body)

    def directive_figure(self, piece: Directive) -> str:
        """The picture travels inside the notebook, as an attachment."""
        path = picture(self.book.chapters / piece.argument)
        self.pictures[path.name] = path
        shown = f"![{piece.options.get('alt', '')}](attachment:{path.name})"
        if piece.name == "image":
            return shown
        caption = self.caption(self.book.label(self.label_of(piece)), piece.body)
        return f"{shown}\n\n{caption}"

    directive_image = directive_figure

    def directive_table(self, piece: Directive) -> str:
        body = self.markdown(piece.body)
        return self.captioned("table", piece, piece.argument, body)

    def directive_list_table(self, piece: Directive) -> str:
        body = table(
            [list(map(self.markdown, row)) for row in list_rows(piece.body)]
        )
        return self.captioned("table", piece, piece.argument, body)

    def directive_csv_table(self, piece: Directive) -> str:
        rows = list(csv.reader(io.StringIO(piece.body)))
        if header := piece.options.get("header"):
            rows = [*csv.reader([header]), *rows]
        body = table([list(map(self.inline, row)) for row in rows])
        return self.captioned("table", piece, piece.argument, body)

    def directive_glossary(self, piece: Directive) -> str:
        """Terms stand at the margin, what they mean below them, indented."""
        terms = re.split(r"\n(?=\S)", piece.body.strip())
        split = [term.partition("\n") for term in terms]
        return "\n".join(
            f"- **{self.inline(name)}**: {self.inline(' '.join(meaning.split()))}"
            for name, _, meaning in split
        )

    # Lines and words --------------------------------------------------------------

    def prose(self, text: str) -> str:
        """Without the lines that are for Sphinx, and with plain words for roles."""
        lines = []
        for line in text.split("\n"):
            if target := TARGET.fullmatch(line):
                label = self.book.labels.get(target["label"])
                lines += [anchor(label), ""] if label and label.place else []
            elif not SILENT.fullmatch(line):
                lines.append(line)
        return self.inline("\n".join(map(self.titled, lines)))

    def titled(self, line: str) -> str:
        """The title of a chapter under its number, as on the site."""
        number = chapter_of(self.file)
        return (
            f"# {number}. {line[2:]}" if number and line.startswith("# ") else line
        )

    def inline(self, text: str) -> str:
        """Words of Markdown, with roles, labels and links made plain."""
        parts, end = [], 0
        for token in TOKEN.finditer(text):
            parts.append(self.words(text[end : token.start()]))
            parts.append(self.token(token))
            end = token.end()
        return "".join([*parts, self.words(text[end:])])

    def words(self, text: str) -> str:
        """What lies between the tokens."""
        if left := MYST.search(text):
            raise Untaught(f"the workbook does not know {left[0]!r}")
        return ATTRIBUTES.sub("", text)

    def token(self, token: re.Match) -> str:
        if token["equation"]:
            return self.equation(token["formula"], token["label"])
        if token["role"]:
            starts = bool(SENTENCE.search(token.string[: token.start()]))
            return self.role(token["name"], token["content"].strip(), starts)
        if token["note"]:
            return f"<sup>{token['mark']}</sup>" + (" " if token["defines"] else "")
        if token["link"]:
            return self.link(token)
        return token[0]

    def equation(self, formula: str, label: str | None) -> str:
        tag = rf"\tag{{{self.book.label(label).number}}}" if label else ""
        between = "\n" if "\n" in formula.strip() else " "
        return (
            f"$${between}{formula.strip()}{between}{tag}".rstrip() + f"{between}$$"
        )

    def link(self, token: re.Match) -> str:
        """[text](target): to another page, to a label, or out into the world."""
        text, target = token["text"], token["target"]
        path, _, name = target.partition("#")
        if token["bang"]:
            return self.directive_image(Directive("image", target, {"alt": text}))
        if REMOTE.match(target):
            return token[0]
        if name:
            return self.reference(self.book.label(name), self.inline(text), True)
        return self.linked(self.inline(text), self.book.page(Path(path).stem))

    def role(self, name: str, content: str, starts: bool) -> str:
        write: Callable[..., str] | None
        write = getattr(self, "role_" + re.sub(r"\W", "_", name), None)
        if write is None:
            raise Untaught(f"the workbook does not know the role {name!r}")
        return write(content, starts)

    def role_cite_p(self, content: str, starts: bool) -> str:
        return self.book.works.parenthetical(self.keys(content))

    def role_cite_t(self, content: str, starts: bool) -> str:
        return self.book.works.textual(self.keys(content))

    role_cite = role_cite_p

    def keys(self, content: str) -> list[str]:
        keys = [key.strip() for key in content.split(",")]
        self.cited |= set(keys)
        return keys

    def role_numref(self, content: str, starts: bool) -> str:
        """ "figure 8.4", with a capital where it begins a sentence."""
        named = NAMED.fullmatch(content)
        label = self.book.label(named["label"] if named else content)
        text = named["text"] if named else f"{label.kind} %s"
        for place in ("%s", "{number}"):
            text = text.replace(place, label.number)
        text = text.replace("{name}", label.title)
        return self.reference(label, text, starts or bool(named))

    role_prf_ref = role_numref

    def role_ref(self, content: str, starts: bool) -> str:
        named = NAMED.fullmatch(content)
        label = self.book.label(named["label"] if named else content)
        number = f"{label.kind} {label.number}"
        return self.reference(
            label, (named and named["text"]) or label.title or number
        )

    def role_eq(self, content: str, starts: bool) -> str:
        return f"({self.book.label(content).number})"

    def role_doc(self, content: str, starts: bool) -> str:
        named = NAMED.fullmatch(content)
        page = self.book.page(Path(named["label"] if named else content).stem)
        return self.linked(named["text"] if named else page.title, page)

    def role_term(self, content: str, starts: bool) -> str:
        named = NAMED.fullmatch(content)
        return named["text"] if named else content

    role_index = role_abbr = role_term

    def role_said(self, content: str, starts: bool) -> str:
        return escaped(BLANK)

    def role_try(self, content: str, starts: bool) -> str:
        return content.rpartition("<")[0].strip()

    def role_math(self, content: str, starts: bool) -> str:
        return f"${content}$"

    def role_kbd(self, content: str, starts: bool) -> str:
        return f"<kbd>{content}</kbd>"

    def role_sub(self, content: str, starts: bool) -> str:
        return f"<sub>{content}</sub>"

    def role_sup(self, content: str, starts: bool) -> str:
        return f"<sup>{content}</sup>"

    def reference(self, label: Label, text: str, starts: bool = True) -> str:
        """`text`, or what the label is called, as a link to its place."""
        if not text:
            text = label.title or f"{label.kind} {label.number}"
        if starts and text[:1].islower() and text.startswith(label.kind):
            text = text[0].upper() + text[1:]
        return self.linked(text, label)

    def linked(self, text: str, label: Label) -> str:
        """`text` as a link, where there is something to open."""
        address = self.book.address(label)
        if label.file == self.file:
            address = f"#{label.place}" if label.place else ""
        return f"[{text}]({address})" if address else text


def spaced(parts: Iterable[str]) -> str:
    """The parts that say something, with an empty line between them."""
    lean = (part.strip("\n") for part in parts)
    return "\n\n".join(part for part in lean if part.strip())


def anchor(label: Label) -> str:
    """The place of a label that is no heading."""
    if label.kind in ("exercise", "section"):
        return ""
    return f'<a id="{label.anchor}"></a>'


def box(title: str, body: str) -> str:
    """A block quotation with a bold head. A formula in it stands on one line:
    JupyterLab takes the marks of the quotation for part of the formula."""
    body = EQUATION.sub(lambda m: " ".join(m[0].split()), body)
    text = f"**{title}**\n\n{body}" if title else body
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def list_rows(body: str) -> list[list[str]]:
    """The cells of a `list-table`: a row begins with `* -`, a cell with `  -`."""
    rows: list[list[str]] = []
    for line in body.split("\n"):
        if line.startswith("* -"):
            rows.append([line[3:].strip()])
        elif line.startswith("  -"):
            rows[-1].append(line[3:].strip())
        elif line.strip():
            rows[-1][-1] += "\n" + line.strip()
    return rows


def table(rows: list[list[str]]) -> str:
    """Rows of cells as a table of Markdown; the first row is its head."""
    flat = [
        [" ".join(cell.split()).replace("|", r"\|") for cell in r] for r in rows
    ]
    lines = [f"| {' | '.join(row)} |" for row in flat]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])


def picture(path: Path) -> Path:
    """The file of a picture; `name.*` leaves its kind to the reader of the page."""
    if path.suffix == ".*":
        found = [path.with_suffix(s) for s in (".png", ".svg", ".jpg")]
        path = next(filter(Path.exists, found), path)
    if not path.exists():
        raise Untaught(f"there is no picture {path.name}")
    return path


def definition(code: str, name: str) -> str:
    """The text of one function or class of a module."""
    nodes = {getattr(n, "name", ""): n for n in ast.parse(code).body}
    return ast.get_source_segment(code, nodes[name]) or ""
