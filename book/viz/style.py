"""How every figure of the book looks, and what every notebook starts from."""

from __future__ import annotations

import ctypes
import os
import random
import re
import sys
from typing import Any

import matplotlib as mpl
import numpy as np
import torch

from book.bundle import WIDTH
from book.viz.page import passage
from llm.style import STYLE


def setup(seed: int = 0) -> None:
    """The first line of each chapter: the same numbers and look every time.

    Seeds Python, NumPy and PyTorch with `seed`, computes with one thread (the sums
    of two threads may differ in their last digits), prints two decimals of tensors
    and four digits of a number, shows a long text as a passage, and draws in the style
    of the book: sharp PNG for the screen, PDF for print, the same bytes in every run.
    Memory that has been used once is kept (`keep_memory`).
    """
    keep_memory()
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    torch.set_printoptions(precision=2, sci_mode=False, linewidth=80)
    np.set_printoptions(precision=2, suppress=True, linewidth=80)
    os.environ["SOURCE_DATE_EPOCH"] = "0"  # no date of today inside a PDF
    mpl.rcParams.update(STYLE)
    if in_notebook():
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("retina", "pdf")
        show_readably(sys.modules["IPython"].get_ipython())


def keep_memory() -> None:
    """Have the C library keep up to 256 MiB that are free, for the next tensors.

    Linux's own gives a block of more than 32 MiB back at once and asks for it anew at
    the next step; to clear those pages takes a third of the time of a small training.
    Elsewhere nothing changes.
    """
    mallopt = sys.platform == "linux" and getattr(
        ctypes.CDLL(None), "mallopt", None
    )
    if mallopt:
        trim_threshold, mmap_max = -1, -4  # as in malloc.h
        mallopt(mmap_max, 0)
        mallopt(trim_threshold, 256 * 2**20)


def in_notebook() -> bool:
    """Whether IPython runs this code."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and ipython.get_ipython() is not None


def show_readably(shell: Any) -> None:
    """Have IPython show floats with four digits, and break the lines of long texts."""
    formatters = shell.display_formatter.formatters
    for kind in (float, np.float64, np.float32, np.float16):
        formatters["text/plain"].for_type(kind, lambda x, p, _: p.text(digits(x)))
    formatters["text/plain"].for_type(str, plain_text)
    for mime in ("text/html", "text/markdown"):
        formatters[mime].for_type(
            str, lambda text, mime=mime: as_passage(text, mime)
        )


def digits(number: float) -> str:
    """The number with the four digits that count, and still a float to look at.

    >>> digits(7.6246189861593985), digits(2.0), digits(1187.25), digits(3e-7)
    ('7.625', '2.0', '1187.2', '3e-07')
    """
    text = f"{number:.1f}" if 1000 <= abs(number) < 1e6 else f"{number:.4g}"
    return text if re.search("[.en]", text) else f"{text}.0"


def as_passage(text: str, mime: str) -> str | None:
    """A long text in this form; a short one is shown as Python writes it."""
    return passage(text).data[mime] if len(repr(text)) > WIDTH else None


def plain_text(text: str, printer: Any, cycle: bool) -> None:
    """The same in plain text; inside of a list, each as Python writes it."""
    alone = len(printer.stack) == 1
    printer.text((alone and as_passage(text, "text/plain")) or repr(text))
