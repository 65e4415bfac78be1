"""Pictures on a phone, and in the dark.

Each picture stands in a box that knows its width. A narrow page makes it smaller until
its letters have 11 pixels, and no further: then the box moves sideways.

In the dark, the style sheet turns the pictures over: white becomes black, and a colour
stays what it is, only lighter. In a map of amounts, dark would then be bright. Such a
picture gets a twin, in which the ground and the letters around the map change, and
nothing within it.
"""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image
from sphinx.application import Sphinx

from llm.style import AMOUNTS

PICTURE = re.compile(
    r'(?P<link><a class="[^"]*image-reference"[^>]*>)?'
    r'(?P<img><img [^>]*src="[^"]*_images/(?P<name>[^"/]+\.png)"[^>]*>)(?(link)</a>)'
)
PREDICTED = re.compile(
    r'(<div class="llm-predicted)("><span[^>]*><img [^>]*width="(\d+)")'
)
ALONE = re.compile(
    r'(?<=<div class="output text_html">)\s*(<img [^>]*width="(\d+)"[^>]*>)'
)
WIDTH = re.compile(r'\bwidth[:=] *"?(\d+)')
LETTERS = (206, 214, 221)  # the text of a page in the dark
NEAR = 6  # of 255: still a colour of the map, where its picture has fewer colours


def is_map(picture: np.ndarray) -> bool:
    """Whether a tenth of a picture (H, W, 3) has colours of the map of amounts."""
    dots = picture[::4, ::4].reshape(-1, 3).astype(int)  # (n, 3)
    colours = (mpl.colormaps[AMOUNTS](range(256))[:, :3] * 255).round().astype(int)
    coloured = dots[np.ptp(dots, axis=1) > NEAR]
    far = np.abs(coloured[:, None] - colours).max(axis=2).min(axis=1)
    return (far <= NEAR).sum() > 0.1 * len(dots)


def along_rows(open_to: np.ndarray, found: np.ndarray) -> np.ndarray:
    """What is reached from `found` by steps to the left and right: (H, W) of bool."""
    walls = ~open_to
    walls[:, 0] = True  # of the numbers below; no row goes on in the next
    runs = walls.cumsum().reshape(walls.shape)
    reached = np.bincount(runs[found], minlength=runs.max() + 1) > 0
    return open_to & reached[runs]


def around(picture: np.ndarray) -> np.ndarray:
    """Where the picture (H, W, 3) is without colour, from its corner to the map: (H, W)."""
    grey = np.pad(np.ptp(picture.astype(int), axis=2) <= 1, 1, constant_values=True)
    found, before = np.zeros_like(grey), -1
    found[0, 0] = True
    while found.sum() > before:
        before = found.sum()
        found = along_rows(grey, found)
        found = along_rows(grey.T, found.T).T
    return found[1:-1, 1:-1]


def twin(picture: np.ndarray) -> Image.Image:
    """The picture (H, W, 3) with light letters on no ground, around its map."""
    outside = around(picture)
    made = np.dstack([picture, np.full(outside.shape, 255, np.uint8)])
    made[outside, :3] = LETTERS
    made[outside, 3] = 255 - picture[outside, 0]
    return Image.fromarray(made, "RGBA")


def twin_beside(source: Path, made: Path) -> bool:
    """Make the twin of a picture; False if it needs none."""
    picture = np.asarray(Image.open(source).convert("RGB"))
    if not is_map(picture):
        return False
    made.parent.mkdir(parents=True, exist_ok=True)
    twin(picture).save(made, optimize=True)
    return True


def with_twin(app: Sphinx, img: str, name: str) -> str:
    """An <img>, and behind it that of its twin; the style sheet shows one of them."""
    sources = {file: path for path, file in app.builder.images.items()}
    other = f"{Path(name).stem}-dark.png"
    made = Path(app.outdir, app.builder.imagedir, other)
    if name not in sources or not twin_beside(
        Path(app.srcdir, sources[name]), made
    ):
        return img
    img = img.replace("<img ", '<img loading="lazy" ', 1)  # who sees one loads one
    light = img.replace("<img ", '<img class="dark-light llm-map" ', 1)
    dark = img.replace("<img ", '<img class="dark-light llm-map-dark" ', 1)
    return light + dark.replace(name, other)


def with_boxes(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """Put each picture of a page into its box, with its twin where it needs one."""
    if doctree is None or "body" not in context:
        return

    def boxed(found: re.Match) -> str:
        shown = with_twin(app, found["img"], found["name"])
        width = WIDTH.search(found["img"])
        whole = found[0].replace(found["img"], shown)
        if width is None:
            return whole
        return f'<span class="llm-wide" style="--w:{width[1]}px">{whole}</span>'

    body = PICTURE.sub(boxed, context["body"])
    body = ALONE.sub(r'<span class="llm-wide" style="--w:\2px">\1</span>', body)
    context["body"] = PREDICTED.sub(r'\1 llm-wide" style="--w:\3px\2', body)


def setup(app: Sphinx) -> dict:
    app.connect("html-page-context", with_boxes)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
