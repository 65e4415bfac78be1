"""What a checker says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from book.bundle import html_prose, markdown_prose, wrapped


@dataclass(frozen=True)
class Verdict:
    """Passed or not, and why, in a sentence; true in an `if` when it passed."""

    passed: bool
    message: str
    source: Any = field(default=None, repr=False, compare=False)  # of the message

    def __bool__(self) -> bool:
        return self.passed

    @property
    def mark(self) -> str:
        return "✓" if self.passed else "✗"

    def __repr__(self) -> str:
        """Readable to its last word: long lines are broken between words."""
        return wrapped(f"{self.mark} {self.message}", "  ")

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        kind = "llm-passed" if self.passed else "llm-not-yet"
        said = html_prose(self.message).replace("\n", "<br>")
        return {
            "text/html": f'<p class="llm-verdict {kind}">{self.mark} {said}</p>',
            "text/markdown": f"{self.mark} {markdown_prose(self.message)}",
            "text/plain": repr(self),
        }


class Wrong(Exception):
    """Raised while an answer is looked at: it is wrong, and the text says how.

    source: what the text came from: a hint, a symptom or a rule; None if it is general.
    """

    def __init__(self, text: str, source: Any = None):
        super().__init__(text)
        self.source = source
