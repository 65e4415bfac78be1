"""The puzzles of appendix A: the right answer passes in any form, and no other does."""

import doctest
import itertools
import re

import numpy as np
import pytest
import torch

from book.exercises import puzzle
from book.exercises.appendix_a import PUZZLES, shapes
from book.exercises.puzzle import ERRORS, LETTERS, VALUE, Answer, read
from tests.house import notebooks

NUMBERED = [pytest.param(p, id=str(n)) for n, p in shapes.by_number.items()]
(APPENDIX,) = notebooks.CHAPTERS.glob("appendix_a_*.ipynb")


def test_examples_in_docstrings_are_true():
    tried = doctest.testmod(puzzle)
    assert tried.attempted > 0 == tried.failed


def test_there_are_twenty_five_of_three_kinds():
    assert len(PUZZLES) == 25
    kinds = [p.right.kind for p in PUZZLES]
    assert min(map(kinds.count, ("shape", "value", "error"))) >= 3


def forms(answer: Answer) -> list:
    """The ways in which somebody may write an answer."""
    if answer.kind == "error":
        kind = answer.content
        return [f"error: {kind}", f"Error ({kind})", f"  ERROR {kind.upper()} "]
    if answer.kind == VALUE:
        numbers = answer.content
        return [
            numbers,
            numbers.tolist(),
            numbers.numpy(),
            numbers.float(),
            str(numbers.tolist()),
            f"tensor({numbers.tolist()})",
        ]
    sizes = answer.content
    letters = {size: letter for letter, size in LETTERS.items()}
    return [
        sizes,
        list(sizes),
        torch.Size(sizes),
        np.array(sizes, dtype=int),
        str(sizes),
        str(torch.Size(sizes)),
        str(sizes).replace(" ", ""),
        f"({', '.join(letters.get(s, str(s)) for s in sizes)})",
    ]


@pytest.mark.parametrize("puzzle", NUMBERED)
def test_the_right_answer_passes_in_any_form(puzzle):
    for written in forms(puzzle.right):
        verdict = puzzle(written)
        assert verdict, (written, verdict.message)
        assert verdict.message == puzzle.why


@pytest.mark.parametrize("puzzle", NUMBERED)
def test_a_mistake_gets_its_own_hint_in_any_form(puzzle):
    assert len(puzzle.mistakes) >= 3
    for mistake, hint in puzzle.wrong:
        for written in forms(mistake) if mistake.content != "" else ["error"]:
            verdict = puzzle(written)
            assert not verdict and verdict.message == hint, written


@pytest.mark.parametrize("puzzle", NUMBERED)
def test_no_two_mistakes_are_the_same(puzzle):
    answers = [puzzle.right, *(answer for answer, _ in puzzle.wrong)]
    for one, other in itertools.combinations(answers, 2):
        assert not one.same(other), (one, other)


SIZES = (0, 1, 2, 3, 4, 5, 6, 7, 10, 12, 24)
GUESSES = [
    *(sizes for n in range(4) for sizes in itertools.product(SIZES, repeat=n)),
    *itertools.permutations((2, 3, 4, 5, 6), 4),
    *(f"error: {kind}" for kind in ERRORS),
    *(0.0, 0.25, 1 / 3, 0.5, 1.0, 2, 3.5, [0, 1], [2, 3], [3, 2], [4, 5, 6, 7]),
    *(
        "RuntimeError",
        IndexError,
        ValueError("?"),
        "?",
        "",
        "B T",
        "(N,)",
        -1,
        (-1, 3),
    ),
    *(None, [], {}, object(), "yes", True, torch.zeros(2, 5), (2.5, 1), ["B", 5]),
]


@pytest.mark.parametrize("puzzle", NUMBERED)
def test_no_other_answer_passes_and_the_right_one_is_not_said(puzzle):
    for guess in GUESSES:
        verdict = puzzle(guess)
        try:
            right = read(guess, puzzle.asks).same(puzzle.right)
        except Exception as error:
            assert type(error).__name__ == "Wrong", (guess, error)
            right = False
        assert bool(verdict) == right, (guess, verdict.message)
        if not right:
            assert len(verdict.message) > 20
            if puzzle.right.kind == "shape" and len(puzzle.right.content) > 1:
                assert str(puzzle.right.content) not in verdict.message


def test_an_error_is_read_from_what_pytorch_says():
    for given in PUZZLES:
        if given.right.kind == "error":
            names = {"torch": torch, "F": torch.nn.functional}
            exec(given.given, names)
            with pytest.raises((RuntimeError, IndexError, ValueError)) as caught:
                eval(given.asked, names)
            assert given(caught.value)
            assert given(str(caught.value))
            told = given(type(caught.value))
            assert not told and "which?" in told.message


def test_several_are_checked_together_and_those_without_answer_left_out():
    verdict = shapes({1: (3,), 2: ..., 3: (4, 3)})
    assert not verdict
    first, *lines = verdict.message.splitlines()
    assert first == "1 of 3 are right"
    assert [line[:4] for line in lines] == ["✓ 1:", "✗ 3:"]
    assert shapes({1: (3,), 4: "B, V"})
    assert shapes({1: ..., 2: ...}).message.startswith("not yet: ")
    assert "no puzzle 26" in shapes({26: 1}).message
    assert "dictionary" in shapes((3,)).message


def test_the_appendix_asks_what_is_checked():
    """The lines of each puzzle stand in its text, in order, under its number."""
    text = "\n".join(cell.source for cell in notebooks.read(APPENDIX).markdown)
    asked = re.findall(
        r"\*\*(\d+)\.\*\* Predict ([^\n]*):\n\n```python\n(.*?)\n```", text, re.S
    )
    what = {"shape": "the shape", VALUE: "which number, or numbers"}
    assert asked == [
        (str(n), what[p.asks], f"{p.given}\n{p.asked}")
        for n, p in shapes.by_number.items()
    ]


def test_the_appendix_names_the_letters_and_the_errors_as_the_check_does():
    notebook = notebooks.read(APPENDIX)
    text = "\n".join(cell.source for cell in notebook.cells)
    row = "B, T, S, C, H, D, V = 2, 5, 6, 12, 3, 4, 7"
    assert row in text
    assert dict(zip("BTSCHDV", (2, 5, 6, 12, 3, 4, 7), strict=True)) == LETTERS
    for kind, (means, _) in ERRORS.items():
        assert f"| {kind} | {means} |" in text
