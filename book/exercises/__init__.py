"""The exercises of the chapters, one module each: see `book.exercises.exercise`.

An exercise is called with what the reader wrote and returns a `Verdict`: passed or not,
and a sentence that says what is wrong.
"""

from book.exercises.exercise import Exercise, exercise
from book.exercises.verdict import Verdict

__all__ = ["Exercise", "Verdict", "exercise"]
