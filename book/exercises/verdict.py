"""What a checker says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Verdict:
    """Passed or not, and why, in a sentence; true in an `if` when it passed."""

    passed: bool
    message: str
    source: Any = field(default=None, repr=False, compare=False)  # of the message

    def __bool__(self) -> bool:
        return self.passed

    def __repr__(self) -> str:
        return f"{'✓' if self.passed else '✗'} {self.message}"


class Wrong(Exception):
    """Raised while an answer is looked at: it is wrong, and the text says how.

    source: what the text came from: a hint, a symptom or a rule; None if it is general.
    """

    def __init__(self, text: str, source: Any = None):
        super().__init__(text)
        self.source = source
