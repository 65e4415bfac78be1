"""{try}: words that set a figure, and what is refused."""

import doctest

import book_try
import pytest
from book_try import parsed


def test_examples_in_docstrings_are_true():
    assert doctest.testmod(book_try).failed == 0


@pytest.mark.parametrize(
    "text",
    [
        "one hole",
        "<masks?mask=hole>",
        "one hole <masks>",
        "one hole <masks?>",
        "one hole <masks?mask>",
        "one hole <masks?mask=hole> here",
        "one *hole* <masks?mask=hole&place=before>",
    ],
)
def test_a_form_that_says_too_little_is_refused(text):
    with pytest.raises(ValueError):
        parsed(text)
