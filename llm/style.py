"""The look of every picture: colours, and settings of Matplotlib."""

from __future__ import annotations

import matplotlib as mpl

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
