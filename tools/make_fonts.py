"""Make the typefaces of the site, as small as the book needs them.

    npm pack source-serif@4.5.1 source-code-pro@2.42.0    # and unpack both
    pip install brotli==1.1.0                             # for WOFF2
    python tools/make_fonts.py source-serif/package source-code-pro/package

Text and code are Source Serif and Source Code Pro; the signs that they lack are DejaVu
Sans Mono's, which comes with Matplotlib. Their licences allow cut-down copies under
another name, so each gets the name under which `_ext/book_fonts.py` brings it in.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

FONTS = Path(__file__).resolve().parents[1] / "_ext/fonts"
DEJAVU = Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSansMono.ttf")
LATIN = [*range(0x20, 0x7F), *range(0xA0, 0x180), *range(0x370, 0x400)]
MARKS = [*range(0x2010, 0x2040), *range(0x2070, 0x209D), *range(0x2190, 0x219A)]
SIGNS = [*range(0x2500, 0x25A0), *map(ord, "⁻ᵀ∎␣★☆☐✓✗✔►▷◂▸▾●○⟨⟩⏎⇥‖√∞≤≥≠≈−∈∝∑∂ℓ⊤⊙")]
FEATURES = ["ccmp", "kern", "liga", "lnum", "locl", "mark", "tnum"]


def cut(source: Path, name: str) -> None:
    """Write `_ext/fonts/NAME.woff2`: the signs of the book, out of a whole font."""
    options = Options(flavor="woff2", hinting=False, layout_features=FEATURES)
    options.name_IDs = [0, 1, 2, 4, 6, 13, 14]  # its makers, its names, its licence
    font = TTFont(source)
    subsetter = Subsetter(options)
    text = [] if source == DEJAVU else LATIN + MARKS
    subsetter.populate(unicodes=text + SIGNS)
    subsetter.subset(font)
    for record in font["name"].names:
        if record.nameID in (1, 4, 6):
            record.string = name if record.nameID == 6 else name.replace("-", " ")
    font.flavor = "woff2"
    font.save(FONTS / f"{name}.woff2", reorderTables=False)


def main(serif: Path, code: Path) -> None:
    for style, name in {
        "Regular": "Regular",
        "It": "Italic",
        "Semibold": "Bold",
    }.items():
        cut(serif / f"WOFF2/TTF/SourceSerif4-{style}.ttf.woff2", f"BookText-{name}")
    cut(code / "WOFF2/TTF/SourceCodePro-Regular.ttf.woff2", "BookCode-Regular")
    cut(DEJAVU, "BookSigns-Regular")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
