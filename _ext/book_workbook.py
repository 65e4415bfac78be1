"""Hand out the workbook: by the download button, and to Colab and Binder.

What a reader can run is not the chapter, which is MyST, but the plain copy of it that
`book/workbook` makes. It lies in `workbook/` beside the pages. With a repository in
`[tool.book]`, a copy that installs what it needs is written to `_build/online`, which
CI puts on a branch of its own; the buttons of Colab and Binder open it there.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from book_addresses import addresses
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

import make_workbook  # noqa: E402

from book.workbook.book import Book  # noqa: E402
from book.workbook.labels import SOLUTIONS, Label  # noqa: E402

log = logging.getLogger(__name__)
# Sphinx's names of kinds where they differ from ours.
KINDS = {"listing": "code-block", "equation": "displaymath"}


def is_chapter(pagename: str) -> bool:
    return (ROOT / f"{pagename}.ipynb").exists()


def downloads(pagename: str, prefix: str) -> list[dict]:
    """The buttons that download the workbook and its solutions."""
    stem = Path(pagename).name
    files = [("Workbook", stem), ("Solutions", stem + SOLUTIONS)]
    return [
        {
            "type": "link",
            "url": f"{prefix}/{name}.ipynb",
            "text": text,
            "icon": "fas fa-download",
            "tooltip": f"Download the {text.lower()} as a notebook",
            "label": f"download-{text.lower()}-button",
        }
        for text, name in files
        if f"{name}.ipynb" in make_workbook.workbooks()
    ]


def launches(book: dict[str, str], stem: str) -> list[dict]:
    """The buttons that open the workbook elsewhere; they need a repository."""
    if not book["repository"]:
        return []
    place = urlsplit(book["repository"]).path.strip("/").removesuffix(".git")
    branch, file = book["workbook"], f"{stem}.ipynb"
    colab = f"{book['colab']}/github/{place}/blob/{branch}/{file}"
    binder = f"{book['binder']}/v2/gh/{place}/{branch}?urlpath=lab/tree/{file}"
    logos = "_static/images/logo_colab.png", "_static/images/logo_binder.svg"
    return [
        {
            "type": "link",
            "url": url,
            "text": name,
            "icon": logo,
            "tooltip": f"Open the workbook on {name}",
        }
        for name, url, logo in zip(
            ("Colab", "Binder"), (colab, binder), logos, strict=True
        )
        if book[name.lower()]
    ]


def mend_buttons(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """Give a chapter the buttons of its workbook in place of those of its source."""
    if not is_chapter(pagename) or "header_buttons" not in context:
        return
    prefix = context["pathto"]("workbook", 1)
    for group in context["header_buttons"]:
        if group.get("label") == "download-buttons":
            kept = [b for b in group["buttons"] if b["type"] != "link"]
            group["buttons"] = [*downloads(pagename, prefix), *kept]
    if buttons := launches(addresses(), Path(pagename).name):
        group = {
            "type": "group",
            "tooltip": "Run this chapter elsewhere",
            "icon": "fas fa-rocket",
            "buttons": buttons,
            "label": "launch-buttons",
        }
        context["header_buttons"].insert(0, group)


# Numbers ---------------------------------------------------------------------------


def number_on_the_site(env: BuildEnvironment, label: Label, docname: str) -> str:
    """The number that Sphinx gives to what has this label; "" if it gives none."""
    kinds = env.toc_fignumbers.get(docname, {})
    numbers = kinds.get(KINDS.get(label.kind, label.kind), {})
    place = f"equation-{label.anchor}" if label.kind == "equation" else label.anchor
    return ".".join(map(str, numbers.get(place, ())))


def wrong_numbers(env: BuildEnvironment) -> Iterator[str]:
    """Where the workbook would count otherwise than the site."""
    for label in Book.of(ROOT).labels.values():
        docname = f"chapters/{label.page}"
        if label.kind in ("chapter", "section") or not is_chapter(docname):
            continue
        ours, theirs = label.number, number_on_the_site(env, label, docname)
        if ours != theirs:
            yield f"{label.name} is {ours} in the workbook and {theirs} on the site"


def write(app: Sphinx, error: Exception | None) -> None:
    """Write the notebooks that the buttons hand out."""
    if error is not None or app.builder.format != "html":
        return
    for complaint in wrong_numbers(app.env):
        log.warning("book_workbook: %s", complaint)
    make_workbook.write_all(
        Path(app.outdir) / "workbook", make_workbook.workbooks()
    )
    if addresses()["repository"]:
        make_workbook.write_online(Path(app.outdir).parent / "online")


def setup(app: Sphinx) -> dict:
    app.connect("html-page-context", mend_buttons, priority=600)  # the theme: 501
    app.connect("build-finished", write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
