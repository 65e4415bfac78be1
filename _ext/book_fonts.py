"""The typefaces of the site, inside of its style sheet.

A page that is read from a disk may not load a font in every browser, and a font that
comes after its page makes the text jump. So the style sheet carries them
(`_ext/fonts`; `tools/make_fonts.py` makes them, and says where they are from).
"""

from __future__ import annotations

import base64
from pathlib import Path

from book_scripts import write_static
from sphinx.application import Sphinx

FONTS = Path(__file__).parent / "fonts"
SHEET = "book_fonts.css"
RIGHTS = """/* Cut from Source Serif 4 and Source Code Pro (Adobe; SIL Open Font License,
   scripts.sil.org/OFL), and from DejaVu Sans Mono (Bitstream Vera licence). */
"""
FACE = """@font-face {{ font-family: "{family}"; font-weight: {weight}; font-style: {style};
  font-display: swap; src: url(data:font/woff2;base64,{data}) format("woff2"); }}
"""


def face(path: Path) -> str:
    """The CSS that brings in one font; its file is called BookText-Bold.woff2."""
    family, style = path.stem.removeprefix("Book").split("-")
    return FACE.format(
        family=f"Book {family}",
        weight=600 if style == "Bold" else 400,
        style="italic" if style == "Italic" else "normal",
        data=base64.b64encode(path.read_bytes()).decode(),
    )


def write_sheet(app: Sphinx) -> None:
    if app.builder.format == "html":
        faces = map(face, sorted(FONTS.glob("*.woff2")))
        write_static(app, SHEET, RIGHTS + "".join(faces))


def setup(app: Sphinx) -> dict:
    app.connect("builder-inited", write_sheet)
    app.add_css_file(
        SHEET, priority=400
    )  # before the theme's: nothing waits for it
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
