"""Checkers for the exercises of the chapters, one module each.

A checker takes what the reader wrote and returns a `Verdict`: passed or not, and a
sentence that says what is wrong.
"""

from book.exercises.verdict import Verdict

__all__ = ["Verdict"]
