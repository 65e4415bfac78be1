"""The contents beside the text follow the reader (contents/contents.js)."""

from __future__ import annotations

from pathlib import Path

from book_scripts import add_script
from docutils import nodes
from sphinx.application import Sphinx

SCRIPT = Path(__file__).parent / "contents/contents.js"


def setup(app: Sphinx) -> dict:
    # The theme lists a page's sections; scripts that are deferred run in order, and
    # the theme's stands at the end of the page.
    add_script(app, SCRIPT, nodes.section)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
