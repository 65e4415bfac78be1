"""What a page shows besides plots: tokens, texts, interactive figures, panels."""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from book.bundle import WIDTH, Bundle, escaped, wrapped
from book.viz.checkpoints import shipped
from book.viz.plots import visible
from llm.page import JS as SHARED_JS
from llm.page import figure as live_figure

JS = Path(__file__).parent / "js"
SHADES = ["#CFE3F1", "#F9DDC8", "#D3ECE4", "#F4E3EC"]  # pale forms of the palette
WIDGET = "application/vnd.jupyter.widget-view+json"
STRIP = "font-family:monospace;line-height:1.9"
PNG_DPI = 200  # twice the size at which it is shown


def tokens(pieces: Sequence[str]) -> Bundle:
    """Show how a text was cut: each piece in a box, blanks to be seen.

    >>> tokens(["The", " cat"]).data["text/plain"]
    'The|␣cat'
    """
    shown = [visible(piece) for piece in pieces]
    boxes = "<wbr>".join(
        f'<span style="background:{SHADES[i % len(SHADES)]};color:#111;'
        f'border:1px solid #666;border-radius:3px;padding:0 3px;margin-right:2px">'
        f"{html.escape(piece)}</span>"
        for i, piece in enumerate(shown)
    )
    return Bundle(
        {
            "text/html": f'<div style="{STRIP}">{boxes}</div>',
            "text/markdown": " ".join(map(code_span, shown)),
            "text/plain": "\n".join(joined(shown)),
        }
    )


def joined(pieces: Sequence[str]) -> list[str]:
    """The pieces with | between them, on lines of `WIDTH` where they fit."""
    lines = [""]
    for i, piece in enumerate(pieces):
        bar = "|" if i else ""
        if lines[-1] and len(lines[-1]) + len(bar + piece) > WIDTH:
            lines.append("")
        lines[-1] += bar + piece
    return lines


def passage(text: str) -> Bundle:
    """Show a text as a quotation, its lines broken to the width of the page.

    A long text that a cell ends in is shown so by itself (`setup`).

    >>> print(passage("word " * 20).data["text/plain"])
    word word word word word word word word word word word word word word word
    word word word word word
    """
    lines = text.strip("\n").splitlines() or [""]
    return Bundle(
        {
            "text/html": f"<blockquote><p>{'<br>'.join(map(html.escape, lines))}"
            "</p></blockquote>",
            "text/markdown": "\\\n".join(f"> {escaped(x)}" for x in lines),
            "text/plain": wrapped("\n".join(lines)),
        }
    )


def code_span(text: str) -> str:
    """Markdown for `text` as code, whatever backticks it holds."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence, pad = "`" * (longest + 1), " " if "`" in text else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def interactive(
    module: str | Path,
    state: Mapping[str, Any],
    *,
    alt: str,
    figure: Axes | Figure,
    files: Mapping[str, bytes] | None = None,
) -> Bundle:
    """A figure to play with: alive in JupyterLab and on the site, printed on paper.

    module: the name of a file in book/viz/js, or the path of another; llm/js/host.js
    says what it may do. state: what the module gets to see: strings, finite
    numbers, lists and dictionaries of these, tensors and arrays; numbers are
    rounded to five digits. alt: what is to be seen, and what it shows. figure: the
    picture for paper. files: bytes for the module, such as models from
    `llm.export.pack`; where they are those of a shipped checkpoint, the notebook is
    stored without them, and the site has them once for all its pages.

    Raises `ValueError` when the module is not of the form that the host expects, or
    the state holds a number that is not finite.
    """
    picture, files = Picture.of(figure), files or {}
    path = Path(module) if str(module).endswith(".js") else JS / f"{module}.js"
    page = live_figure(
        path,
        state,
        picture.html(alt),
        label=alt,
        files=files,
        folders=(JS, SHARED_JS),
        names={
            name: kept for name, data in files.items() if (kept := shipped(data))
        },
    )
    return picture.bundle({"text/html": page, "text/plain": alt})


class Picture(NamedTuple):
    """A drawn figure: for the screen, for paper, and its width on the screen."""

    png: bytes
    pdf: bytes
    width: int

    @classmethod
    def of(cls, figure: Axes | Figure) -> Picture:
        """Draw the figure, and close it: a notebook shall not show it once more."""
        figure = figure.figure if isinstance(figure, Axes) else figure
        png, pdf = io.BytesIO(), io.BytesIO()
        figure.savefig(png, format="png", dpi=PNG_DPI)
        figure.savefig(pdf, format="pdf")
        plt.close(figure)
        small, width = in_few_colours(png.getvalue())
        return cls(small, pdf.getvalue(), width // 2)

    def html(self, alt: str) -> str:
        """The picture as HTML that needs no other file."""
        source = f"data:image/png;base64,{base64.b64encode(self.png).decode()}"
        return f'<img alt="{html.escape(alt)}" width="{self.width}" src="{source}">'

    def bundle(self, data: dict[str, Any]) -> Bundle:
        """The bundle of `data` and this picture, for where data cannot be shown."""
        pictures = {"image/png": base64.b64encode(self.png).decode()}
        pictures["application/pdf"] = base64.b64encode(self.pdf).decode()
        return Bundle(data | pictures, {"image/png": {"width": self.width}})


def in_few_colours(png: bytes) -> tuple[bytes, int]:
    """The picture in at most 256 colours, which takes half the bytes, and its width."""
    picture, small = Image.open(io.BytesIO(png)).convert("RGB"), io.BytesIO()
    picture.quantize(256, dither=Image.Dither.NONE).save(
        small, "png", optimize=True
    )
    return small.getvalue(), picture.width


def panel(
    draw: Callable[..., Axes | Figure], *, alt: str, **controls: Any
) -> Bundle:
    """Widgets that redraw a figure in the live kernel; a picture everywhere else.

    draw: called with the values of the controls by name; returns a figure or its
    axes. alt: what is to be seen, and what it shows. controls: ipywidgets, by the
    names of the arguments of `draw`, in the order in which they shall stand.
    """
    import ipywidgets

    def picture() -> Picture:
        values = {name: control.value for name, control in controls.items()}
        return Picture.of(draw(**values))

    def redraw(change: Any) -> None:
        image.value = picture().png

    first = picture()
    image = ipywidgets.Image(value=first.png, format="png")
    image.layout.width, image.layout.max_width = f"{first.width}px", "100%"
    for name, control in controls.items():
        control.description = control.description or name
        control.observe(redraw, names="value")
    box = ipywidgets.VBox([*controls.values(), image])
    view = box._repr_mimebundle_()[WIDGET]
    return first.bundle(
        {WIDGET: view, "text/html": first.html(alt), "text/plain": alt}
    )
