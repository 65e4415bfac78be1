"""How every figure of the book looks, and what every notebook starts from."""

from __future__ import annotations

import os
import random
import sys

import matplotlib as mpl
import numpy as np
import torch

# Okabe and Ito's colours for all kinds of sight, without the pale three.
BLUE = "#0072B2"  # training
VERMILLION = "#D55E00"  # validation
GREEN = "#009E73"
PURPLE = "#CC79A7"
GREY = "#767676"  # a baseline
BLACK = "#000000"  # the floor, dashed

AMOUNTS = "cividis"  # a colour map for what is never negative
SIGNED = "PuOr"  # a colour map around zero

STYLE = {
    "figure.figsize": (5.4, 3.0),
    "figure.constrained_layout.use": True,
    "savefig.bbox": "tight",
    "pdf.fonttype": 42,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "image.cmap": AMOUNTS,
    "image.interpolation": "nearest",
    # Colour never speaks alone: each line has its own dashes as well.
    "axes.prop_cycle": mpl.cycler(color=[BLUE, VERMILLION, GREEN, PURPLE, GREY])
    + mpl.cycler(linestyle=["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1))]),
}


def setup(seed: int = 0) -> None:
    """The first line of each chapter: the same numbers and look every time.

    Seeds Python, NumPy and PyTorch with `seed`, computes with one thread (the sums
    of two threads may differ in their last digits), prints two decimals, and draws
    in the style of the book: sharp PNG for the screen, PDF for print, the same
    bytes in every run.
    """
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


def in_notebook() -> bool:
    """Whether IPython runs this code."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and ipython.get_ipython() is not None
