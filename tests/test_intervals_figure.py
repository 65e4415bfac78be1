"""The page compares two recipes as Python does, and draws its experiments fairly."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import torch

from book.viz.intervals import WAYS, compared, intervals_figure
from llm.intervals import normal_quantile, student_quantile
from tests.figure_parts import state_of
from tests.javascript import computed

mpl.use("Agg")
TOKENS = [40, 55, 61, 70, 48, 90]
FACTORS = {
    "many": normal_quantile(0.975),
    "few": [student_quantile(0.975, n) for n in range(1, 12)],
}


def costs(seed: int) -> list[list[float]]:
    generator = torch.Generator().manual_seed(seed)
    rows = 20 + 5 * torch.rand(6, len(TOKENS), generator=generator)
    return rows.double().round(decimals=3).tolist()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("n", [2, 3, 6])
def test_an_interval_of_the_page_is_that_of_the_package(tmp_path, way, n):
    usual, other = costs(1)[:n], costs(2)[:n]
    if way == "stories":
        usual, other = usual[:1], other[:1]
    found = computed(
        tmp_path, "intervals", "return compared(input.asked);",
        asked={"usual": usual, "other": other, "tokens": TOKENS, "way": way,
               "factors": FACTORS},
    )  # fmt: skip
    expected = compared(*map(torch.tensor, (usual, other, TOKENS)), way)
    assert [found[k] for k in ("middle", "low", "high")] == pytest.approx(
        tuple(expected), abs=1e-5
    )


def test_what_an_experiment_looks_at_is_drawn_without_putting_back(tmp_path):
    found = computed(
        tmp_path,
        "intervals",
        """const roll = dice(3), sizes = { seeds: 3, stories: 10, nSeeds: 20,
          nStories: 100 };
        return Object.fromEntries(Object.keys(WAYS).map((way) =>
          [way, [...Array(300).keys()].map(() => drawn({ way, ...sizes }, roll))]));""",
    )
    for way, picks in found.items():
        n = 1 if way == "stories" else 3
        for pick in picks:
            assert len(set(pick["usual"])) == len(set(pick["other"])) == n
            assert (pick["usual"] == pick["other"]) is (way == "paired")
            assert way == "paired" or not set(pick["usual"]) & set(pick["other"])
            assert len(set(pick["stories"])) == 10
        seen = torch.tensor([pick["usual"][0] for pick in picks])
        assert (
            torch.bincount(seen, minlength=20).min() > 3
        )  # every run has its turn


def test_the_page_gets_the_record_and_the_factors():
    bundle = intervals_figure(
        {"usual": costs(1), "other": costs(2)}, TOKENS, "other"
    )
    plt.close("all")
    state = state_of(bundle)
    assert state["costs"]["other"] == costs(2) and state["recipe"] == "other"
    assert state["factors"]["few"][1] == pytest.approx(4.3027, abs=1e-3)


def test_an_unknown_way_is_refused():
    with pytest.raises(
        ValueError, match="'mean' is none of stories, apart, paired"
    ):
        compared(*map(torch.tensor, (costs(1), costs(2), TOKENS)), "mean")
