"""When do two outputs of a cell say the same? nbval asks this through conftest.py.

Sums on other processors differ in their last bits, so that 1.23 may print as 1.24.
Two texts are equal here when they agree outside of their decimal numbers, and the
numbers agree to 2 % or to 0.011. Integers, words and shapes must match exactly.
"""

from __future__ import annotations

import math
import re

RELATIVE, ABSOLUTE = 0.02, 0.011
DECIMAL = re.compile(r"[-+]?\d+\.\d*(?:[eE][-+]?\d+)?")


def words(text: str) -> str:
    """The text without its decimal numbers and the blanks that align them."""
    return re.sub(r" *# *", " # ", re.sub(r" +", " ", DECIMAL.sub("#", text)))


def close(a: str, b: str) -> bool:
    """Whether two outputs say the same.

    >>> close("loss 1.23", "loss 1.24"), close("loss 1.23", "loss 1.43")
    (True, False)
    """
    if words(a) != words(b):
        return False
    pairs = zip(DECIMAL.findall(a), DECIMAL.findall(b), strict=True)
    return all(
        math.isclose(float(x), float(y), rel_tol=RELATIVE, abs_tol=ABSOLUTE)
        for x, y in pairs
    )


def align(fresh: list[dict], stored: list[dict]) -> None:
    """Where a fresh output says what the stored one says, take the stored one."""
    for new, old in zip(fresh, stored, strict=False):
        pairs = [(new, old, "text")]
        data, kept = new.get("data") or {}, old.get("data") or {}
        pairs += [(data, kept, mime) for mime in data if mime.startswith("text/")]
        for a, b, key in pairs:
            texts = isinstance(a.get(key), str) and isinstance(b.get(key), str)
            if texts and close(a[key], b[key]):
                a[key] = b[key]
