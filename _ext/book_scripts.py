"""Scripts of our own, on the pages that have something for them to do, and no others."""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx


def add_static(app: Sphinx, folder: Path) -> None:
    """Have what lies in a folder copied beside the static files of the site."""

    def configure(app: Sphinx, config) -> None:
        config.html_static_path.append(str(folder))

    app.connect("config-inited", configure)


def write_static(app: Sphinx, name: str, text: str) -> None:
    """Write a file that was made when the book was built beside the static files."""
    file = Path(app.outdir, "_static", name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def add_script(app: Sphinx, script: Path, needed_by: type[nodes.Node]) -> None:
    """Bring a script to each page on which a node of this class stands.

    Its folder is copied beside the static files, so nothing else shall lie there.
    """

    def bring(app: Sphinx, pagename, templatename, context, doctree) -> None:
        if doctree is not None and any(doctree.findall(needed_by)):
            app.add_js_file(script.name, loading_method="defer")

    add_static(app, script.parent)
    app.connect("html-page-context", bring)
