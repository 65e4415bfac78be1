"""The walks of the page are those of `llm.optim`, over the same bowl."""

import pytest
import torch

from book.viz import bowl
from tests.javascript import computed

WALKS = [
    ("descent", 1.9, 100, 0),
    ("descent", 2.05, 30, 35),
    ("momentum", 1.0, 100, 0),
    ("momentum", 0.3, 1000, 60),
    ("adam", 0.1, 100, 0),
    ("adam", 0.02, 10, 45),
]


@pytest.fixture(scope="module")
def of_the_page(tmp_path_factory):
    names = ("optimizer", "rate", "condition", "angle")
    return computed(
        tmp_path_factory.mktemp("bowl"),
        "bowl",
        """return input.walks.map((settings) => {
          const { points, losses } = walk(settings);
          return { points, losses, since: reached(losses) };
        });""",
        walks=[dict(zip(names, settings, strict=True)) for settings in WALKS],
    )


@pytest.mark.parametrize("i", range(len(WALKS)))
def test_a_walk_of_the_page_is_that_of_our_optimizer(i, of_the_page):
    way, losses = bowl.walk(*WALKS[i])
    found = {n: torch.tensor(of_the_page[i][n], dtype=torch.float64)
             for n in ("points", "losses")}  # fmt: skip
    torch.testing.assert_close(found["points"], way, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(found["losses"], losses, rtol=1e-9, atol=1e-12)


def test_the_goal_of_the_page_is_reached_where_the_loss_stays_below(of_the_page):
    for settings, page in zip(WALKS, of_the_page, strict=True):
        losses = bowl.walk(*settings)[1]
        above = (losses > 1e-6 * losses[0]).nonzero().max() + 1
        assert page["since"] == (above if above < len(losses) else -1)
    assert {page["since"] == -1 for page in of_the_page} == {True, False}


def test_the_curvatures_are_those_that_are_asked_for():
    for angle in (0, 35, 90):
        found = torch.linalg.eigvalsh(bowl.bowl(50, angle))
        torch.testing.assert_close(found, torch.tensor([0.02, 1.0]).double())
    assert bowl.bowl(50)[0, 0] == 1  # the steep direction is the first parameter


def test_an_unknown_optimizer_is_refused():
    with pytest.raises(ValueError, match="'newton' is none of descent, momentum"):
        bowl.bowl_figure("newton")
