"""`{predict}`: a box that asks the reader for a number or a choice, and keeps it.

    ```{predict}
    :name: last_two | average | looking_back
    :label: the last two words | the average | may look back
    :unit: of 100 lists
    Three readers guess the price. How often is each of them right?
    ```

Each name is a field; `|` stands between the names, and between the labels. With
`:choices: the first | the second` a field is a choice, without it a number. On the
site the script predict.js makes a small form of the box, keeps the answers in the
browser, and shows them wherever the page has a place for one: in a table
(`viz.table(…, said=…)`), in a figure (`viz.with_prediction`), in the text
({said}`average`). Without scripts, and in print, there is a ruled line for a pencil.
"""

from __future__ import annotations

import html
from pathlib import Path
from typing import ClassVar

from book_scripts import add_script
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole

from book.predictions import BLANK, Field, fields

SCRIPTS = Path(__file__).parent / "predict"


class prediction(nodes.General, nodes.Element):
    """The box: its children are the question; `fields` is what it asks for."""


class said(nodes.Inline, nodes.Element):
    """A place in the text for what was predicted under `name`."""


class Predict(SphinxDirective):
    has_content = True
    option_spec: ClassVar = {
        "name": directives.unchanged_required,
        "label": directives.unchanged,
        "unit": directives.unchanged,
        "choices": directives.unchanged,
    }

    def run(self) -> list[nodes.Node]:
        try:
            asked = fields(self.options)
        except (KeyError, ValueError) as error:
            raise self.error(f"predict: {error}") from error
        node = prediction("", *self.parse_content_to_nodes(), fields=asked)
        self.set_source_info(node)
        return [node]


class SaidRole(SphinxRole):
    """{said}`name`: what the reader predicted, in the middle of a sentence."""

    def run(self) -> tuple[list[nodes.Node], list]:
        return [said("", name=self.text)], []


# The site --------------------------------------------------------------------------


def visit_prediction(translator, node: prediction) -> None:
    translator.body.append(
        '<form class="llm-predict" aria-label="Predict">'
        '<p class="llm-predict-title">Predict</p>\n'
    )


def depart_prediction(translator, node: prediction) -> None:
    asked = "".join(map(html_field, node["fields"]))
    translator.body.append(
        f'<div class="llm-predict-fields">{asked}</div></form>\n'
    )


def html_field(field: Field) -> str:
    """One field, with a ruled line where the script puts what takes the answer."""
    name, label, unit, choices = (
        html.escape(x) for x in (*field[:3], " | ".join(field.choices))
    )
    ruled = '<span class="llm-predict-line"></span>'
    if choices:
        ruled = "".join(
            f'<span class="llm-predict-choice">☐ {html.escape(choice)}</span>'
            for choice in field.choices
        )
    shown = f'<span class="llm-predict-label">{label}</span>' if label else ""
    return (
        f'<div class="llm-predict-field" data-name="{name}" data-label="{label}" '
        f'data-unit="{unit}" data-choices="{choices}">{shown}'
        f'<span class="llm-predict-answer">{ruled}</span>'
        f'<span class="llm-predict-unit">{unit}</span></div>'
    )


def visit_said(translator, node: said) -> None:
    name = html.escape(node["name"])
    blank = f'<span class="llm-said" data-said="{name}">{BLANK}</span>'
    translator.body.append(blank)
    raise nodes.SkipNode


# Print -----------------------------------------------------------------------------


def visit_prediction_latex(translator, node: prediction) -> None:
    translator.body.append("\n" + r"\begin{bkbox}{predict}{Predict}" + "\n")


def depart_prediction_latex(translator, node: prediction) -> None:
    lines = [latex_field(field, translator.encode) for field in node["fields"]]
    translator.body.append(
        "\n\n" + "\n\n".join(lines) + "\n" + r"\end{bkbox}" + "\n"
    )


def latex_field(field: Field, encode) -> str:
    """A field as a ruled line, or as boxes to tick."""
    answer = r"\bkanswer{}"
    if field.choices:
        answer = r"\quad ".join(r"\bktick{}~" + encode(c) for c in field.choices)
    parts = [encode(field.label), answer, encode(field.unit)]
    return r"\noindent " + r"\enspace ".join(filter(None, parts))


def visit_said_latex(translator, node: said) -> None:
    translator.body.append(r"\bkanswer{}")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict:
    app.add_node(
        prediction,
        html=(visit_prediction, depart_prediction),
        latex=(visit_prediction_latex, depart_prediction_latex),
    )
    app.add_node(said, html=(visit_said, None), latex=(visit_said_latex, None))
    app.add_directive("predict", Predict)
    app.add_role("said", SaidRole())
    add_script(app, SCRIPTS / "predict.js", prediction)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
