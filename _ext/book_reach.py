"""What the Tab key comes to: one copy button for the code in sight, and what scrolls.

Formulas have no menu, so they are no stops (`mathjax3_config`); the script reach.js
sees to the rest.
"""

from __future__ import annotations

from pathlib import Path

from book_scripts import add_script
from docutils import nodes
from sphinx.application import Sphinx

SCRIPTS = Path(__file__).parent / "reach"


def setup(app: Sphinx) -> dict:
    add_script(app, SCRIPTS / "reach.js", nodes.document)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
