"""The dials of the page turn as `RotaryPositions` does."""

import math

import pytest
import torch

from book.viz import dial
from llm.layers import RotaryPositions
from tests.figure_parts import state_of
from tests.javascript import computed

QUERY = [1.0, 0.8, -0.6, 0.9, 0.2, 0.5, 0.7, -0.3]
KEY = [0.9, -0.4, 0.8, 0.6, -0.5, 0.7, 0.1, 0.8]
PLACES = [(0, 0), (7, 5), (1007, 1005), (5, 7), (256, 3)]


@pytest.fixture(scope="module")
def of_the_page(tmp_path_factory):
    return computed(
        tmp_path_factory.mktemp("dial"),
        "dial",
        """const { query, key, base } = input;
        return input.places.map(([at, of]) => ({
          shares: shares({ query, key, base }, at, of),
          angles: turned(query, at, base)
            .map((q, i) => between(q, turned(key, of, base)[i])),
        }));""",
        query=QUERY, key=KEY, base=10_000, places=PLACES,
    )  # fmt: skip


def score(at, of):
    rotary = RotaryPositions(8, 2000)
    q, k = (torch.tensor([x]) for x in (QUERY, KEY))
    q, k = rotary(q, torch.tensor([at])), rotary(k, torch.tensor([of]))
    return float((q * k).sum()) / math.sqrt(8)


@pytest.mark.parametrize("i", range(len(PLACES)))
def test_the_score_of_the_page_is_that_of_the_layer(i, of_the_page):
    found = of_the_page[i]["shares"]
    assert sum(found) == pytest.approx(score(*PLACES[i]), abs=1e-4)
    ours = dial.shares(torch.tensor(QUERY), torch.tensor(KEY), *PLACES[i], 10_000.0)
    assert found == pytest.approx(ours.tolist(), abs=1e-4)


def test_shifting_both_changes_no_angle_and_no_score(of_the_page):
    here, shifted = of_the_page[1], of_the_page[2]
    assert shifted["shares"] == pytest.approx(here["shares"], abs=1e-9)
    assert shifted["angles"] == pytest.approx(here["angles"], abs=1e-6)
    assert all(-180 <= angle < 180 for angle in here["angles"])
    assert sum(of_the_page[3]["shares"]) != pytest.approx(
        sum(here["shares"]), abs=0.1
    )


def test_the_page_is_told_vectors_and_places():
    bundle = dial.rotation_dial(QUERY, KEY, at=3, of=1)
    state = state_of(bundle)
    assert (state["at"], state["of"], state["base"]) == (3, 1, 10_000)
    assert state["query"] == pytest.approx(QUERY)
    assert bundle.data["text/plain"] == dial.ALT
    assert "image/png" in bundle.data and "application/pdf" in bundle.data


@pytest.mark.parametrize(
    ("query", "key", "at", "message"),
    [([1.0] * 3, [1.0] * 3, 0, "even number"), ([1.0] * 4, [1.0] * 2, 0, "even"),
     ([0.0, 1, 0, 1], [1.0] * 4, 0, "needs a length"), (QUERY, KEY, 300, "from 0")],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(query, key, at, message):
    with pytest.raises(ValueError, match=message):
        dial.rotation_dial(query, key, at=at)
