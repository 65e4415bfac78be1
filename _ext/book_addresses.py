"""Take the addresses of the book from one place, `[tool.book]` in pyproject.toml.

While an address is empty, what needs it is left out: nothing points at an example.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from sphinx.application import Sphinx

from book.workbook.book import addresses as read_addresses

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"


def addresses() -> dict[str, str]:
    """The table `[tool.book]`: site, repository, branch, colab, binder, workbook."""
    return read_addresses(PYPROJECT)


def theme_options(book: dict[str, str]) -> dict:
    """The buttons of the theme that the addresses `book` allow.

    Those that open a notebook elsewhere are ours (`book_workbook`).
    """
    repository = book["repository"]
    return {
        "repository_url": repository,
        "repository_branch": book["branch"],
        "use_repository_button": bool(repository),
        "use_issues_button": bool(repository),
        "use_edit_page_button": bool(repository),
    }


def site_settings(book: dict[str, str]) -> dict:
    """The Sphinx settings of a site that has an address; none while it has none."""
    if not book["site"]:
        return {}
    return {
        "html_baseurl": book["site"],
        "ogp_site_url": book["site"],
        "ogp_image": "_static/share.png",
        "ogp_image_alt": "A causal mask, and what the book promises",
        "ogp_social_cards": {"enable": False},  # one picture for all pages
        "sitemap_url_scheme": "{link}",
        "notfound_urls_prefix": urlsplit(book["site"]).path,
    }


def configure(app: Sphinx, config) -> None:
    book = addresses()
    config.html_theme_options.update(theme_options(book))
    for name, value in site_settings(book).items():
        config[name] = value


def setup(app: Sphinx) -> dict:
    if addresses()["site"]:
        for extension in (
            "sphinxext.opengraph",
            "sphinx_sitemap",
            "notfound.extension",
        ):
            app.setup_extension(extension)
    app.connect("config-inited", configure, priority=100)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
