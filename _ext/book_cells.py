"""What leaves the reading flow of a notebook, and how its outputs are broken.

- A cell tagged `checked` holds assertions, and says in its first comment what they
  hold to. The site folds it into that line: "Checked ✓ the average stays above its
  floor in all three seeds"; print has the line alone.
- The code of a cell tagged `hide-input` is folded as "Figure code" on the site and
  left out in print; what it shows stays. Where it shows nothing, print says what is
  in the notebook there: the text, and the code that follows, may speak of it.
- Text that is not set in columns may be broken between words, on a phone too.
"""

from __future__ import annotations

import re

from book_nodes import is_code_cell
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

CHECKED, HIDDEN = "tag_checked", "tag_hide-input"
COLUMNS = re.compile(r"\S {2,}\S|^(?:tensor|array)\(|(?<=\()tensor\(\[\[")


class fold(nodes.General, nodes.Element):
    """What is shown only when its line is opened: `line` is the line."""


class FoldCells(SphinxPostTransform):
    """Fold or leave out what is not read; before myst-nb hides it in its own way."""

    default_priority = 190
    formats = ("html", "latex")

    def run(self, **options) -> None:
        for cell in list(self.document.findall(is_code_cell)):
            cell.attributes.pop("hide_mode", None)
            source = cell.children[0]
            if source.get("nb_element") != "cell_code_source":
                continue
            if CHECKED in cell["classes"]:
                self.leave(source, [tick(), nodes.Text(first_comment(source))])
            elif HIDDEN in cell["classes"]:
                self.leave(source, [nodes.Text(code_name(cell))])

    def leave(self, source: nodes.Element, line: list[nodes.Node]) -> None:
        """Fold the source under this line; in print, leave the line if it is ticked."""
        if self.app.builder.format == "html":
            kept = {"classes": source["classes"], "ids": source["ids"]}
            folded = fold("", *source.children, **kept)
            folded.insert(0, nodes.inline("", "", *line, classes=["llm-fold-line"]))
            source.replace_self(folded)
        elif len(line) > 1:
            source.replace_self(nodes.paragraph("", "", *line))
        elif len(source.parent.children) == 1 and (named := first_comment(source)):
            source.replace_self(unprinted(named))
        else:
            source.parent.remove(source)


def tick() -> nodes.strong:
    return nodes.strong("", "Checked ✓ ")


def unprinted(named: str) -> nodes.paragraph:
    """The line of LaTeX that stands for code by its name."""
    begin = nodes.raw("", r"\bkunprinted{", format="latex")
    end = nodes.raw("", "}", format="latex")
    return nodes.paragraph("", "", begin, nodes.Text(named), end)


def first_comment(source: nodes.Element) -> str:
    """What the comment says with which a cell begins, on one line."""
    lines = source.astext().strip().splitlines()
    comment = []
    while lines and lines[0].startswith("#"):
        comment.append(lines.pop(0).lstrip("# "))
    return " ".join(comment)


def code_name(cell: nodes.Element) -> str:
    """What the folded code is called: by its first comment, or by what it draws."""
    draws = any(cell.findall(nodes.image)) or "llm-figure" in cell.astext()
    return first_comment(cell.children[0]) or ("Figure code" if draws else "Code")


class BreakText(SphinxPostTransform):
    """Let lines be broken where no columns would be lost."""

    default_priority = 191
    formats = ("html",)

    def run(self, **options) -> None:
        for node in self.document.findall(nodes.literal_block):
            classes = set(node["classes"])
            if classes & {"text_plain", "stream"} and not COLUMNS.search(
                node.astext()
            ):
                node["classes"].append("llm-wraps")


def visit_fold(translator, node: fold) -> None:
    (line,) = (child for child in node.children if isinstance(child, nodes.inline))
    classes = " ".join(["llm-fold", *node["classes"]])
    anchor = "".join(f' id="{name}"' for name in node["ids"][:1])
    translator.body.append(f'<details class="{classes}"{anchor}><summary>')
    line.walkabout(translator)
    translator.body.append("</summary>\n")
    node.remove(line)


def depart_fold(translator, node: fold) -> None:
    translator.body.append("</details>\n")


def setup(app: Sphinx) -> dict:
    app.add_node(fold, html=(visit_fold, depart_fold))
    app.add_post_transform(FoldCells)
    app.add_post_transform(BreakText)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
