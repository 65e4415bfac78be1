"""An Atom feed of the chapters, where the site has an address.

An entry is a chapter; it was updated when git last saw it change.
"""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

from book_addresses import addresses
from sphinx.application import Sphinx

from book.contents import Chapter, parts

ROOT = Path(__file__).resolve().parents[1]
FILE = "feed.xml"
LICENCE = "CC BY 4.0"


def updated(page: str) -> datetime:
    """When a chapter changed last; the time of its file where there is no git."""
    path = ROOT / f"{page}.ipynb"
    asked = ["git", "log", "-1", "--format=%cI", "--", str(path)]
    try:
        said = subprocess.run(
            asked, cwd=ROOT, capture_output=True, text=True, check=True
        )
        return datetime.fromisoformat(said.stdout.strip())
    except (OSError, ValueError, subprocess.CalledProcessError):
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def feed(site: str, title: str, author: str, chapters: list[Chapter]) -> bytes:
    """The feed of a book at the address `site`, which ends in a slash."""
    from feedgen.feed import FeedGenerator  # needed where there is an address only

    made = FeedGenerator()
    made.id(site)
    made.title(title)
    made.author(name=author)
    made.link(href=site, rel="alternate")
    made.link(href=site + FILE, rel="self")
    made.rights(LICENCE)
    times = [updated(chapter.page) for chapter in chapters]
    made.updated(max(times))
    for chapter, time in zip(chapters, times, strict=True):
        entry = made.add_entry(order="append")
        address = f"{site}{chapter.page}.html"
        entry.id(address)
        entry.title(f"{chapter.number}. {chapter.title}")
        entry.link(href=address)
        entry.summary(chapter.line)
        entry.updated(time)
    return made.atom_str(pretty=True)


def point(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """Tell the reader's program on each page that there is a feed."""
    context["metatags"] = context.get("metatags", "") + (
        '<link rel="alternate" type="application/atom+xml" '
        f'title="{app.config.project}" href="{addresses()["site"]}{FILE}">'
    )


def write(app: Sphinx, error: Exception | None) -> None:
    if error is not None or app.builder.format != "html":
        return
    chapters = [c for part in parts() for c in part.chapters if c.page]
    text = feed(
        addresses()["site"], app.config.project, app.config.author, chapters
    )
    Path(app.outdir, FILE).write_bytes(text)


def setup(app: Sphinx) -> dict:
    if addresses()["site"]:
        app.connect("html-page-context", point)
        app.connect("build-finished", write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
