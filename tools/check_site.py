"""Check the built site without a browser: links, anchors, pictures, what it loads,
how many bytes a page is, whether each work in the bibliography is cited.

Usage: python tools/check_site.py [_build/html]
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADS = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "link": "href",
}
REMOTE = ("http:", "https:", "//")
CSS_LOAD = re.compile(r"""(?:url\(|@import\s)\s*["']?((?:https?:)?//[^"')]+)""")
MODELS = "_static/checkpoints/"
MOST, MOST_WITH_MODELS = (
    1_500_000,
    3_000_000,
)  # bytes of a page: text, pictures, models
NOT_LOADED = {"canonical", "next", "prev", "search", "index", "author"}


class Page(HTMLParser):
    """What a page defines, points to and loads."""

    def __init__(self, text: str):
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.works: list[str] = []
        self.pictures: list[tuple[str, str | None]] = []
        self.loads: list[str] = CSS_LOAD.findall(text)
        self.feed(text)

    def has(self, anchor: str) -> bool:
        return not anchor or unquote(anchor) in self.ids

    def handle_starttag(self, tag: str, attributes: list) -> None:
        values = dict(attributes)
        self.ids |= {values[key] for key in ("id", "name") if values.get(key)}
        if values.get("class") == "citation":
            self.works.append(values["id"])
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        if tag == "img":
            self.pictures.append((values.get("src", ""), values.get("alt")))
        if tag in LOADS and values.get("rel") not in NOT_LOADED:
            self.loads.append(values.get(LOADS[tag]) or "")


def is_remote(address: str) -> bool:
    return address.startswith(REMOTE)


def link_faults(file: Path, page: Page, pages: dict[Path, Page]) -> Iterator[str]:
    for link in page.links:
        parts = urlsplit(link)
        if parts.scheme or is_remote(link):
            continue
        target = (
            (file.parent / unquote(parts.path)).resolve() if parts.path else file
        )
        if not target.exists():
            yield f"broken link {link}"
        elif target in pages and not pages[target].has(parts.fragment):
            yield f"no such anchor {link}"


def picture_faults(file: Path, page: Page) -> Iterator[str]:
    for source, alt in page.pictures:
        name = source[:60]
        inside = source.startswith("data:") or is_remote(source)
        if (
            not inside
            and not (file.parent / unquote(urlsplit(source).path)).exists()
        ):
            yield f"missing picture {name}"
        if alt is None or not alt.strip() or re.search(r"\.(png|svg|jpe?g)$", alt):
            yield f"no alt text for {name}"


def weight_faults(file: Path, page: Page) -> Iterator[str]:
    """Is a page, with its pictures and models, larger than it may be? What all pages
    share, a browser loads once."""
    models = [address for address in page.loads if MODELS in address]
    parts = {*models, *(source for source, _ in page.pictures)}
    # Of a picture and its twin in the dark (_ext/book_boxes.py) a browser loads one.
    local = {part for part in parts if not part.startswith("data:")}
    local = {part for part in local if not part.endswith("-dark.png")}
    paths = [file, *(file.parent / unquote(urlsplit(part).path) for part in local)]
    n_bytes = sum(path.stat().st_size for path in paths if path.is_file())
    most = MOST_WITH_MODELS if models else MOST
    if n_bytes > most:
        yield f"{n_bytes:,} bytes with its pictures and models, at most {most:,}"


def uncited(pages: dict[Path, Page]) -> Iterator[str]:
    """Works of the bibliography that no other page cites."""
    listing = next((f for f in pages if f.name == "bibliography.html"), None)
    cited = {
        unquote(urlsplit(link).fragment)
        for file, page in pages.items()
        if file != listing
        for link in page.links
        if urlsplit(link).path.endswith("bibliography.html")
    }
    for work in pages[listing].works if listing else []:
        if work not in cited:
            yield f"bibliography.html: nobody cites the work #{work}"


def faults(root: Path) -> list[str]:
    """What is wrong with the site in the folder `root`: one line each."""
    files = [file.resolve() for file in sorted(root.rglob("*.html"))]
    pages = {file: Page(file.read_text(encoding="utf-8")) for file in files}
    found = []
    for file, page in pages.items():
        if file.name == "404.html":  # its links are absolute, made for the server
            continue
        lines = [*link_faults(file, page, pages), *picture_faults(file, page)]
        lines += weight_faults(file, page)
        lines += [
            f"loads {address}" for address in page.loads if is_remote(address)
        ]
        found += [f"{file.relative_to(root.resolve())}: {line}" for line in lines]
    found += uncited(pages)
    for file in sorted(root.rglob("*.css")):
        for address in CSS_LOAD.findall(file.read_text(encoding="utf-8")):
            found.append(f"{file.relative_to(root)}: loads {address}")
    return found if files else [f"no page in {root}; run `make book` first"]


def main() -> int:
    found = faults(Path(sys.argv[1] if len(sys.argv) > 1 else "_build/html"))
    print(
        "\n".join(found)
        or "The site is whole: links, anchors, pictures, alt texts."
    )
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
