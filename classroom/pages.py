"""Pages that show a student's work: no scripts, nothing from the network."""

from __future__ import annotations

import re
from typing import Any

import bleach
from nbconvert.exporters import HTMLExporter
from nbconvert.filters import markdown2html as rendered
from nbformat import NotebookNode

TAGS = {
    *("a", "b", "blockquote", "br", "code", "del", "div", "em", "h1", "h2", "h3"),
    *("h4", "h5", "h6", "hr", "i", "li", "ol", "p", "pre", "span", "strong", "sub"),
    *("sup", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"
)


def markdown2html(source: str) -> str:
    """Markdown as HTML that only shows something.

    Formulas are left to MathJax, whose links would take any address.
    """
    html = re.sub(r'<a class="anchor-link"[^>]*>[^<]*</a>', "", rendered(source))
    html = bleach.clean(html, TAGS, {"a": ["href"]}, strip=True)
    return re.sub(r"\\href\b", r"\\text", html)


class FeedbackPage(HTMLExporter):
    """nbgrader's page of feedback, without its scripts; browsers shall refuse others."""

    def from_notebook_node(
        self, nb: NotebookNode, resources: dict | None = None, **options: Any
    ) -> tuple[str, dict]:
        html, resources = super().from_notebook_node(nb, resources, **options)
        html = re.sub(r"(?s)<script\b.*?</script>", "", html)
        meta = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        return html.replace("<head>", f"<head>\n{meta}", 1), resources
