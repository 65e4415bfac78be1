"""What holds of every checker of every chapter."""

import pytest

from book.exercises import chapter_01, chapter_08, chapter_09

CHECKERS = [
    pytest.param(checker, id=f"{module.__name__[-2:]}-{name}")
    for module in (chapter_01, chapter_08, chapter_09)
    for name, checker in vars(module).items()
    if getattr(checker, "is_checker", False)
]


def test_all_of_them_are_found():
    assert len(CHECKERS) == 17


@pytest.mark.parametrize("check", CHECKERS)
def test_the_empty_starter_is_told_what_to_do(check):
    def starter(*inputs): ...

    assert "not yet: starter returns nothing" in check(starter).message


@pytest.mark.parametrize("check", CHECKERS)
def test_an_error_is_reported_not_raised(check):
    def broken(*inputs):
        raise RuntimeError("size mismatch")

    assert (
        "broken stopped with RuntimeError: size mismatch" in check(broken).message
    )
