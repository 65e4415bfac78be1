"""Hand out the printed book: the PDF that `make pdf` has left, beside the pages.

The theme's own button prints the page that is open. In its place stands a link to the
whole book as PDF, on the site that is built after it (`make pdf`, then `make book`);
without a PDF there is no such link.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from sphinx.application import Sphinx

FILE = "llm-from-scratch.pdf"
BUILT = Path(__file__).resolve().parents[1] / "_build" / FILE


def link(address: str) -> dict:
    """The button that opens the book as PDF."""
    return {
        "type": "link",
        "url": address,
        "text": "Book as PDF",
        "icon": "fas fa-file-pdf",
        "tooltip": "Open the whole book as PDF",
        "label": "book-pdf-button",
    }


def mend_buttons(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """Put the book in place of the printed page; leave out a group with nothing in it."""
    groups = context.get("header_buttons", [])
    for group in groups:
        if group.get("label") != "download-buttons":
            continue
        buttons = [b for b in group["buttons"] if b["type"] != "javascript"]
        if BUILT.exists():
            buttons.append(link(context["pathto"](FILE, 1)))
        group["buttons"] = buttons
    groups[:] = [group for group in groups if group.get("buttons") != []]


def bring(app: Sphinx, error: Exception | None) -> None:
    """Copy the PDF to the pages."""
    if error is None and app.builder.format == "html" and BUILT.exists():
        shutil.copyfile(BUILT, Path(app.outdir, FILE))


def setup(app: Sphinx) -> dict:
    app.connect("html-page-context", mend_buttons, priority=700)  # workbook: 600
    app.connect("build-finished", bring)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
