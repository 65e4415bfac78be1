"""Mend the pages: roles that screen readers trust, citations as (Name, year), models
for the figures that run them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import sphinxcontrib.bibtex.plugin
from book_scripts import write_static
from sphinx.application import Sphinx
from sphinxcontrib.bibtex.style.referencing import BracketStyle
from sphinxcontrib.bibtex.style.referencing.author_year import (
    AuthorYearReferenceStyle,
)

from book.viz import checkpoints

# The entries of a bibliography are items of its list; their own role is deprecated,
# and no list may hold it.
ROLES = {'role="doc-biblioentry"': 'role="listitem"'}


def round_brackets() -> BracketStyle:
    return BracketStyle(left="(", right=")")


@dataclass
class RoundAuthorYear(AuthorYearReferenceStyle):
    """Citations as most papers of the field have them: (Vaswani et al., 2017)."""

    bracket_parenthetical: BracketStyle = field(default_factory=round_brackets)
    bracket_textual: BracketStyle = field(default_factory=round_brackets)
    bracket_author: BracketStyle = field(default_factory=round_brackets)
    bracket_label: BracketStyle = field(default_factory=round_brackets)
    bracket_year: BracketStyle = field(default_factory=round_brackets)


def mend_roles(app, pagename, templatename, context, doctree) -> None:
    """Replace roles that tell a screen reader something false."""
    for wrong, right in ROLES.items():
        if "body" in context:
            context["body"] = context["body"].replace(wrong, right)


def bring_models(app, pagename, templatename, context, doctree) -> None:
    """Load the shipped models that the figures of a page name, before the figures.

    A page that is read from a disk may load a script from beside it, and nothing else;
    so each model is one, in the site once for all its pages.
    """
    body = context.get("body", "")
    for name in checkpoints.named(body):
        script = f"checkpoints/{name}.js"
        write_static(app, script, checkpoints.as_script(name))
        address = context["pathto"](f"_static/{script}", resource=True)
        body = f'<script src="{address}"></script>{body}'
    if "body" in context:
        context["body"] = checkpoints.without_bytes(body)


def setup(app: Sphinx) -> dict:
    sphinxcontrib.bibtex.plugin.register_plugin(
        "sphinxcontrib.bibtex.style.referencing",
        "author_year_round",
        RoundAuthorYear,
    )
    app.add_config_value("comments_config", {}, "")  # Jupyter Book sets it always
    app.connect("html-page-context", mend_roles)
    app.connect("html-page-context", bring_models)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
