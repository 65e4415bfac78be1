"""Recorded runs and their faults: what the page says is what the record holds."""

import json
from pathlib import Path

import pytest
import record_training_runs
import torch

from book import small_stories
from book.viz import diagnosis
from tests.javascript import computed

RECORD = json.loads(record_training_runs.PATH.read_text(encoding="utf-8"))


# ------------------------------------------------------------------- the page
@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    """What the page says to each claim about each fault."""
    return computed(
        tmp_path_factory.mktemp("diagnosis"),
        "diagnosis",
        """const names = Object.keys(input.signs);
        return names.map((fault) => [...names, ""].map((claim) =>
          verdict(claim, fault, input.signs)));""",
        signs=diagnosis.SIGNS,
    )


def test_a_right_claim_is_told_its_sign_and_a_wrong_one_its_own(verdicts):
    for i, of_fault in enumerate(verdicts):
        signs = list(diagnosis.SIGNS.values())
        *said, asked = of_fault
        assert said[i][0].startswith("Right") and said[i][1] == signs[i]
        for j, (mark, text) in enumerate(said):
            if j != i:
                assert mark.startswith("Not") and text.lower().endswith(
                    signs[j].lower()
                )
        assert asked[1].startswith("Nothing is chosen yet")


def test_a_value_outside_of_its_axis_stays_at_the_edge(tmp_path):
    found = computed(
        tmp_path,
        "diagnosis",
        "return [[0.1, 10], [1, 100]].flatMap((limits) =>"
        " [0, 1, 10, 1e9].map((x) => share(x, limits, true)));",
    )
    assert found[:4] == pytest.approx([0, 0.5, 1, 1])
    assert found[4:] == pytest.approx([0, 0, 0.5, 1])


def test_each_letter_has_another_fault_and_none_gives_itself_away():
    letters = diagnosis.in_order()
    assert sorted(letters.values()) == sorted(diagnosis.SIGNS)
    assert list(letters.values()) != list(diagnosis.SIGNS)
    for name, run in RECORD["runs"].items():
        assert max(diagnosis.shown(run)["rate"]) == 1, name


def test_a_record_without_a_run_is_refused():
    less = RECORD | {"runs": {"healthy": RECORD["runs"]["healthy"]}}
    with pytest.raises(ValueError, match="no run 'bad batches'"):
        diagnosis.diagnosis_figure(less)
    with pytest.raises(ValueError, match="letter='Z' is none of A, B"):
        diagnosis.diagnosis_figure(RECORD, "Z")


# ------------------------------------------------------------ the signs are true
def last(name, what="held_out"):
    return RECORD["runs"][name][what][-1]


def held_out(name):
    return torch.tensor([loss for _, loss in RECORD["runs"][name]["held_out"]])


def trained(name):
    return torch.tensor(RECORD["runs"][name]["loss"])


def norms(name):
    return torch.tensor(RECORD["runs"][name]["grad_norm"])


def test_the_signs_are_those_of_the_runs():
    floor, healthy = RECORD["floor"], held_out("healthy")
    assert (healthy > floor).all() and (trained("healthy")[-20:] > floor).all()
    assert norms("healthy")[-20:].mean() < norms("healthy")[20:40].mean() / 1.5
    high, low = held_out("rate too high"), held_out("rate too low")
    assert (high[4:12] > 3.5).all() and high[-1] < high[11] - 0.5
    assert norms("rate too high").max() > 10
    assert (low.diff() < 0).all() and low[-1] > 10 * floor
    assert norms("rate too low").max() < 2 * norms("rate too low").min()
    turned = held_out("overfitting")
    assert turned[-1] > turned.min() + 0.3
    assert trained("overfitting")[-1] < floor / 2
    leaked = "targets not shifted"
    assert trained(leaked)[40] < floor / 10 and held_out(leaked)[4] < floor / 10
    heart = held_out("held-out texts in training")
    assert heart[3] > floor > 3 * heart[-1]
    kept = "gradients never zeroed"
    assert held_out(kept)[5] > healthy[5] + 0.3
    assert norms(kept)[-20:].mean() > 3 * norms("healthy")[-20:].mean()
    lost = trained("optimizer not saved") - trained("healthy")
    assert lost[:100].abs().max() < 1e-6 and lost[101:105].mean() > 0.1
    assert lost[125:].abs().mean() < 0.05
    bad = trained("bad batches")
    assert (bad[120:123] > bad[0]).all() and bad[123] > 0.8
    assert norms("bad batches")[120:123].max() > 2
    level = RECORD["runs"]["rate never lowered"]
    assert len(set(level["rate"][25:])) == 1
    assert last("rate never lowered")[1] > healthy[-1] + 0.05


# ------------------------------------------------------------------ the record
def test_the_record_can_be_made_again():
    """The first steps of a healthy run, and of one with a fault."""
    for name in ("healthy", "gradients never zeroed"):
        run = record_training_runs.faults(RECORD["steps"])[name]
        run.steps = 8
        found = run.record()
        recorded = RECORD["runs"][name]
        assert found["loss"] == pytest.approx(recorded["loss"][:8], rel=1e-2)
        assert found["rate"] == recorded["rate"][:8]


def test_targets_are_changed_only_where_there_is_one():
    x, y = torch.tensor([[3, 1, 2]]), torch.tensor([[1, 2, -100]])
    assert record_training_runs.unshifted(x, y)[1].tolist() == [[3, 1, -100]]
    same = record_training_runs.shuffled_once(5, 4, x, y)
    assert torch.equal(same[1], y)
    mixed = record_training_runs.shuffled_once(5, 7, x, y)[1]
    assert mixed[0, 2] == -100 and (mixed[0, :2] >= 0).all()


# ------------------------------------------------------------------ small stories
def test_small_stories_are_stories_with_a_known_floor():
    (x, y), floor = small_stories.small_held_out(3)
    assert x.shape == y.shape and len(floor) == 3
    texts = {small_stories.small_story(i) for i in range(200)}
    held = {
        small_stories.small_story(i, small_stories.HELD_OUT) for i in range(200)
    }
    assert len(texts) == 200 and not texts & held


def test_a_supply_of_few_stories_begins_anew():
    supply = small_stories.small_supply(16)
    assert torch.equal(supply.batch(0)[0], supply.batch(2)[0])
    assert not torch.equal(supply.batch(0)[0], supply.batch(1)[0])


def test_a_seed_gives_the_same_small_model():
    a, b = (small_stories.small_model(4).state_dict() for _ in range(2))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_the_record_is_listed():
    sources = Path(__file__).parents[1] / "data/SOURCES.md"
    assert record_training_runs.PATH.name in sources.read_text(encoding="utf-8")
