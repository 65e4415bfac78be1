"""Scripts of our own, on the pages that have something for them to do, and no others."""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx


def add_script(app: Sphinx, script: Path, needed_by: type[nodes.Node]) -> None:
    """Bring a script to each page on which a node of this class stands.

    Its folder is copied beside the static files, so nothing else shall lie there.
    """

    def configure(app: Sphinx, config) -> None:
        config.html_static_path.append(str(script.parent))

    def bring(app: Sphinx, pagename, templatename, context, doctree) -> None:
        if doctree is not None and any(doctree.findall(needed_by)):
            app.add_js_file(script.name, loading_method="defer")

    app.connect("config-inited", configure)
    app.connect("html-page-context", bring)
