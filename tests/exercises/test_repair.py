"""What is said to a reader's repair of a run that lost the state of its optimizer."""

import pytest

from book.exercises import chapter_15

LOST = [0.5, 0.7, 0.65, *[0.6] * 28]
GONE = [0.5, 0.49, *[0.51] * 19]


def test_a_run_without_the_jump_passes():
    assert chapter_15.repaired(lambda n: GONE[: n + 1], LOST)


@pytest.mark.parametrize(
    ("losses", "words"),
    [
        (None, "not yet: repaired returns nothing"),
        (GONE[1:], "21 numbers, and not 20"),
        (LOST, "21 numbers, and not 31"),
        ([0.49, *GONE[1:]], "begin with the parameters that were saved"),
        ([0.5, 0.5, *GONE[2:]], "the first update changes nothing"),
        (LOST[:21], "the loss still jumps"),
        ([0.5, 0.49, *[0.62] * 19], "the loss still jumps"),
    ],
)
def test_what_is_wrong_with_a_repair_is_said(losses, words):
    verdict = chapter_15.repaired(lambda n: losses, LOST)
    assert not verdict
    assert words in verdict.message
