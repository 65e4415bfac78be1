"""Every plot and interactive figure of the book, and the one style they share.

Computed data comes in, a picture comes out. Nothing below imports this package.
"""

from llm.viz.machines import machines_panel, three_machines
from llm.viz.page import Bundle, interactive, panel, passage, tokens
from llm.viz.plots import curve, heatmap
from llm.viz.style import BLACK, BLUE, GREEN, GREY, PURPLE, VERMILLION, setup

__all__ = [
    "BLACK",
    "BLUE",
    "GREEN",
    "GREY",
    "PURPLE",
    "VERMILLION",
    "Bundle",
    "curve",
    "heatmap",
    "interactive",
    "machines_panel",
    "panel",
    "passage",
    "setup",
    "three_machines",
    "tokens",
]
