"""How every figure of the book looks, and what every notebook starts from."""

from __future__ import annotations

import os
import random
import sys

import matplotlib as mpl
import numpy as np
import torch

from llm.style import STYLE


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
