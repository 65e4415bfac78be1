"""The museum: what its record says is so, and each wrong diagnosis is told why."""

import json
from pathlib import Path

import pytest
import record_museum
import torch

from book import copying, museum
from book.exercises import chapter_17
from book.viz import museum as figure
from llm import bugs
from tests.javascript import computed

RECORD = json.loads(record_museum.PATH.read_text(encoding="utf-8"))
BY_FUNCTION = {bug.wrong.__name__: bug for bug in bugs.BUGS}


# ------------------------------------------------------------------ the record
def test_every_bug_has_a_run_and_a_pair_of_lines():
    assert list(RECORD["bugs"]) == [bug.name for bug in bugs.BUGS]
    assert list(figure.LINES) == list(BY_FUNCTION)
    assert all(right != wrong for right, wrong in figure.LINES.values())
    assert RECORD["checks"] == [*museum.CHECKS, museum.BELOW]


def test_every_check_fires_for_some_bug_and_for_no_healthy_seed():
    assert len(RECORD["healthy"]) == 3
    assert not any(run["fired"] for run in RECORD["healthy"])
    fired = {name for run in RECORD["bugs"].values() for name in run["fired"]}
    assert fired == set(RECORD["checks"])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_false_alarm_on_a_healthy_seed(seed):
    with bugs.none():
        assert not any(museum.verdicts(seed).values())


@pytest.mark.parametrize(
    "bug",
    [
        bugs.latest_merge_first,
        bugs.ends_not_predicted,
        bugs.softmax_over_queries,
        bugs.norm_over_positions,
        bugs.micro_batches_averaged,
        bugs.rotation_of_neighbours,
    ],
    ids=lambda bug: bug.name,
)
def test_the_checks_say_what_is_on_record(bug):
    said = museum.verdicts_with(bug)
    on_record = RECORD["bugs"][bug.name]["fired"].keys() - {museum.BELOW}
    assert {name for name, text in said.items() if text} == on_record


def test_the_record_can_be_made_again():
    """The first steps of the healthy run; a run is one of `STEPS` updates."""
    assert RECORD["steps"] == museum.STEPS
    settings = museum.config()
    model = museum.new_model(0, dropout=0.1)
    with bugs.none():
        optimizer = museum.train.make_optimizer(model, settings)
        losses = [
            museum.train.timed_step(
                model, optimizer, museum.Supply(), step, settings
            )["loss"]
            for step in range(5)
        ]
    assert losses == pytest.approx(RECORD["healthy"][0]["loss"][:5], rel=1e-2)


def test_what_training_does_not_go_through_has_the_healthy_curve():
    with bugs.temperature_multiplies():
        run = museum.trained(0, 11)
    with bugs.none():
        healthy = museum.trained(0, 11)
    assert run.loss == healthy.loss


def test_the_record_is_listed():
    sources = Path(__file__).parents[1] / "data/SOURCES.md"
    assert record_museum.PATH.name in sources.read_text(encoding="utf-8")


# ---------------------------------------------------------------- the language
def test_a_text_costs_the_sum_of_its_surprises():
    rows, costs = copying.sample(50, 9, seed=3, p_end=0.2)
    assert {len(row) for row in rows} >= {1, 2, 9}
    for row, cost in zip(rows, costs.tolist(), strict=True):
        p, seen = 1.0, [copying.END, *row]
        for t in range(1, len(seen)):
            if seen[t - 1] == copying.AGAIN and t >= 2:
                assert seen[t] == seen[t - 2]
                continue
            p *= float(copying.table()[seen[t - 1], seen[t]])
            p *= 0.8 if t >= 2 else 1
        if len(row) < 9:
            p *= 0.2
        assert cost == pytest.approx(-float(torch.tensor(p).log()), rel=1e-4)


def test_the_same_seed_gives_the_same_texts():
    assert copying.sample(3, 8, 5)[0] == copying.sample(3, 8, 5)[0]
    assert torch.allclose(copying.table().sum(1), torch.ones(copying.VOCAB_SIZE))
    assert copying.spelled([0, 1, 2, -100]) == "·?a "


# ------------------------------------------------------------------- the page
def test_the_page_says_which_checks_fire(tmp_path):
    said = computed(
        tmp_path,
        "museum",
        """const checks = ["one", "two"];
        return [{}, { two: "why" }, { one: "a", two: "b" }].map((fired) =>
          verdict({ fired }, checks)).concat([[-1, 2, 9].map(share)]);""",
    )
    assert said[0][0] == "No check fires. "
    assert said[1] == ["1 of 2 fire. “two”: ", "why"]
    assert said[2] == ["2 of 2 fire. “one”: ", "a"]
    assert said[3] == [0, 0.5, 1]


def test_a_record_without_a_bug_and_an_unknown_name_are_refused():
    with pytest.raises(ValueError, match="no bug 'special tokens"):
        figure.museum_figure(RECORD | {"bugs": {}})
    with pytest.raises(ValueError, match="name='haunted'"):
        figure.museum_figure(RECORD, "haunted")


# --------------------------------------------------------------- the patients
def test_the_right_diagnoses_pass_and_half_of_them_do_not():
    right = {a: chapter_17.name_of(b) for a, b in chapter_17.PATIENTS.items()}
    assert chapter_17.diagnoses(right)
    assert len(right) == 10 and set(right.values()) < set(chapter_17.suspects())
    assert "1 right so far. Patient B has no diagnosis" in str(
        chapter_17.diagnoses({"A": right["A"]}).message
    )
    assert "not yet" in chapter_17.diagnoses({}).message
    unknown = chapter_17.diagnoses(right | {"C": "a cold"}).message
    assert "“a cold” is none of the suspects" in unknown


def test_every_wrong_diagnosis_is_excluded_by_something():
    for function in chapter_17.PATIENTS.values():
        truth = chapter_17.name_of(function)
        for claim in chapter_17.suspects():
            if claim != truth:
                assert "look at the whole curve" not in chapter_17.excluded(
                    claim, truth
                ), (claim, truth)
