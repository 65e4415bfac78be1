"""The stars of the exercises: read aloud as what they mean, and explained where the
first ones stand on a page."""

from __future__ import annotations

import re

from sphinx.application import Sphinx

MEANING = {
    "★": "one short step from the text",
    "★★": "several steps",
    "★★★": "hard: an idea of your own is needed",
}
TITLE = re.compile(r'(?<=<p class="admonition-title">)[^★\n]*★{1,3}')
STARS = re.compile("★{1,3}")
FIRST = re.compile(r'<div class="exercise admonition')
KEY = (
    '<p class="llm-stars-key">'
    + " · ".join(f"{stars} {meaning}" for stars, meaning in MEANING.items())
    + "</p>\n"
)


def with_meaning(found: re.Match) -> str:
    """Stars, with what they mean for who hears them or points at them."""
    meaning = MEANING[found[0]]
    count = ("one star", "two stars", "three stars")[len(found[0]) - 1]
    return (
        f'<span class="llm-stars" role="img" title="{meaning}" '
        f'aria-label="{count}: {meaning}">{found[0]}</span>'
    )


def explain_stars(app: Sphinx, pagename, templatename, context, doctree) -> None:
    body = context.get("body", "")
    marked = TITLE.sub(lambda title: STARS.sub(with_meaning, title[0]), body)
    if marked != body:
        context["body"] = FIRST.sub(lambda first: KEY + first[0], marked, count=1)


def setup(app: Sphinx) -> dict:
    app.connect("html-page-context", explain_stars)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
