"""Each bug is there while its block lasts, and gone without a trace behind it.

That each changes something that can be seen is shown in test_mutations.py, where
tests fail because of it.
"""

import inspect
import sys
import types
from dataclasses import asdict

import pytest
import torch

import llm.attention
import llm.model
from llm import bugs, check
from llm.checkpoints import load_model, read_json, weights
from llm.data import Batches
from llm.fast import speed_up
from llm.model import GPTConfig, build
from llm.train import TrainConfig, train

SIZES = dict(vocab_size=11, context_length=8, d_model=16, n_layers=1, n_heads=2)
IDS = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6]])
NO_NUMBERS = {"the mask hides the position itself", "the mask is upside down"}
each_bug = pytest.mark.parametrize("bug", bugs.BUGS, ids=lambda bug: bug.name)


def everything():
    """All that the modules of the package and the classes that are seams hold."""
    ours = {name: m for name, m in sys.modules.items() if name.startswith("llm")}
    owners = {f"{c}": c for m in ours.values() for c in vars(m).values()}
    classes = {name: c for name, c in owners.items() if inspect.isclass(c)}
    return {
        (owner, name): value
        for owner, there in (ours | classes).items()
        for name, value in vars(there).items()
    }


def some_model(architecture="gpt2", **sizes):
    torch.manual_seed(0)
    return build(GPTConfig(architecture=architecture, **{**SIZES, **sizes}))


def test_there_are_enough_and_each_says_what_it_is():
    assert len(bugs.BUGS) >= 24
    assert len({bug.name for bug in bugs.BUGS}) == len(bugs.BUGS)
    assert len({bug.wrong for bug in bugs.BUGS}) == len(bugs.BUGS)
    for bug in bugs.BUGS:
        assert getattr(bugs, bug.wrong.__name__) is bug
        assert bug.symptom.endswith(".") and bug.part and bug.seams
        assert len(inspect.getsource(bug.wrong).splitlines()) <= 14


@each_bug
def test_a_bug_replaces_its_seams_and_puts_everything_back(bug):
    before = everything()
    with pytest.raises(ZeroDivisionError), bug():
        assert not before.items() <= everything().items()
        raise ZeroDivisionError
    after = everything()
    assert after.keys() == before.keys()
    assert all(after[place] is value for place, value in before.items())


def test_a_name_imported_meanwhile_is_put_right_as_well(monkeypatch):
    late = types.ModuleType("late")
    with bugs.mask_off_by_one():
        monkeypatch.setitem(sys.modules, "late", late)
        exec("from llm.attention import causal_mask as other_name", vars(late))
        assert late.other_name(2).all()
    assert late.other_name is llm.attention.causal_mask
    assert not late.other_name(2).all()


@pytest.mark.parametrize(
    "other", [bugs.mask_missing, bugs.scale_dropped, bugs.none]
)
def test_one_bug_at_a_time(other):
    with bugs.scale_dropped():
        with pytest.raises(
            ValueError, match=r"“the scale is dropped” is on; leave"
        ):
            other().__enter__()
        with pytest.raises(ValueError, match="one bug at a time"), other():
            pass
    with bugs.mask_missing(), pytest.raises(check.CheckFailed, match="missing"):
        check.causality(some_model(), IDS[0], 11)
    check.causality(some_model(), IDS[0], 11)


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_without_a_bug_the_plain_way_gives_what_the_quick_way_gives(architecture):
    def losses():
        supply = Batches(torch.arange(99) % 11, 8, 4, seed=0)
        config = TrainConfig(steps=5, batch_size=4, device="cpu")
        records = train(some_model(architecture), supply, None, config)
        return torch.tensor([record["loss"] for record in records])

    with bugs.none():
        plain = losses()
    torch.testing.assert_close(losses(), plain, rtol=1e-5, atol=1e-5)


def test_a_quick_model_has_the_bug_too_however_it_was_made():
    model = speed_up(some_model().eval())
    before = model(IDS)
    with bugs.scale_by_width():
        assert not torch.equal(model(IDS), before)
    assert torch.equal(model(IDS), before)


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
@each_bug
def test_no_bug_gets_into_a_checkpoint(tmp_path, bug, architecture):
    """What was trained with it computes rightly afterwards, and so does what was
    saved; or nothing was."""
    supply = Batches(torch.arange(99) % 11, 8, 4, seed=0)
    config = TrainConfig(steps=2, batch_size=4, device="cpu", micro_batch_size=2)
    with bug():
        model = some_model(architecture, dropout=0.1)
        try:
            train(model, supply, None, config, run=tmp_path)
        except ValueError as error:
            assert "nan" in str(error) and bug.name in NO_NUMBERS
            assert not list(tmp_path.glob("checkpoint-*"))
            return
    folder = tmp_path / "checkpoint-000002"
    assert read_json(folder / "config.json")["model"] == asdict(model.config)
    if bug is bugs.weights_not_tied and architecture == "gpt2":
        with pytest.raises(ValueError, match="another model"):
            load_model(folder)
        return
    loaded = load_model(folder)
    assert weights(loaded).keys() == weights(some_model(architecture)).keys()
    torch.testing.assert_close(loaded(IDS), model.eval()(IDS), rtol=0, atol=0)
