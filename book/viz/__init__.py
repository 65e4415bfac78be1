"""Every plot and interactive figure of the book, and the one style they share.

Computed data comes in, a picture comes out. What only one chapter shows stands in a
module of its own, imported by name.
"""

from book.bundle import Bundle
from book.viz.merges_figure import merge_player
from book.viz.page import interactive, panel, passage, tokens
from book.viz.plots import heatmap
from book.viz.said import predict, with_prediction
from book.viz.style import setup
from book.viz.tables import table
from llm.curve import curve
from llm.style import BLACK, BLUE, GREEN, GREY, PURPLE, VERMILLION

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
    "merge_player",
    "panel",
    "passage",
    "predict",
    "setup",
    "table",
    "tokens",
    "with_prediction",
]
