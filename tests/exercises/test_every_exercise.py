"""Every right answer passes in each of its forms; every mistake gets its own hint."""

import importlib
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from book.exercises import Exercise
from book.exercises.exercise import Words

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    path.stem for path in (ROOT / "book/exercises").glob("chapter_*.py")
)
EXERCISES = {
    f"{module[-2:]}-{name}": value
    for module in MODULES
    for name, value in vars(
        importlib.import_module(f"book.exercises.{module}")
    ).items()
    if isinstance(value, Exercise)
}
pytestmark = pytest.mark.filterwarnings(  # of PyTorch's own forward derivatives
    "ignore:`torch.jit.script` is deprecated:DeprecationWarning"
)
CHECKS = 3  # with fresh inputs each


def each(of):
    """A parameter for each of the functions of each exercise, named for reading."""
    return [
        pytest.param(exercise, one, id=f"{label}-{i}")
        for label, exercise in EXERCISES.items()
        for i, one in enumerate(of(exercise))
    ]


RIGHTS = each(lambda e: e.rights)


@pytest.mark.parametrize(("exercise", "right"), RIGHTS)
def test_a_right_answer_passes_every_time(exercise, right):
    for _ in range(CHECKS):
        verdict = exercise(right)
        assert verdict, verdict.message
        assert verdict.message == exercise.praise


def parts(convert):
    """Convert the tensors of an answer, which may be one, or a tuple or list of them."""

    def converted(found):
        if isinstance(found, Tensor):
            return convert(found)
        if isinstance(found, (tuple, list)):
            return type(found)(map(converted, found))
        return found

    return converted


FORMS = {
    "list": parts(Tensor.tolist),
    "array": parts(Tensor.numpy),
    "float32": parts(lambda x: x.float() if x.is_floating_point() else x),
    "float64": parts(lambda x: x.double() if x.is_floating_point() else x),
    "transposed memory": parts(
        lambda x: x.mT.contiguous().mT if x.dim() > 1 else x
    ),
    "with a gradient": parts(
        lambda x: x.clone().requires_grad_() if x.is_floating_point() else x
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES)
def test_a_right_answer_passes_in_any_form(exercise, form):
    for right in exercise.rights:
        verdict = exercise(lambda *inputs, f=right: FORMS[form](f(*inputs)))
        assert verdict, f"{right.__name__} as {form}: {verdict.message}"


@pytest.mark.parametrize(("exercise", "mistake"), each(lambda e: e.mistakes))
def test_a_mistake_gets_its_own_hint_every_time(exercise, mistake):
    for _ in range(CHECKS):
        verdict = exercise(mistake.function)
        assert not verdict, "accepted"
        assert " at 0x" not in verdict.message
        if isinstance(mistake.source, Words):
            assert mistake.source.words in verdict.message
        else:
            assert verdict.source == mistake.source, verdict.message


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES)
def test_there_is_something_to_recognise(exercise):
    assert len(exercise.rights) >= 3
    assert len(exercise.mistakes) >= 10


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES)
def test_inputs_changed_in_place_are_noticed(exercise):
    def spoiling(*inputs):
        found = exercise.rights[0](*inputs)
        for x in inputs:
            if isinstance(x, Tensor):
                x.logical_not_() if x.dtype == torch.bool else x.sub_(1)
            elif isinstance(x, list):
                x.append(7)
            elif isinstance(x, (dict, set)):
                x.clear()
        return found

    touchable = [
        x
        for call in exercise.inputs()
        for x in call
        if isinstance(x, (Tensor, list, dict, set))
    ]
    verdict = exercise(spoiling)
    assert bool(verdict) != bool(touchable)
    if touchable:
        assert "is not what it was: whoever calls the function" in verdict.message


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES)
def test_the_empty_starter_is_told_what_to_do(exercise):
    def starter(*inputs): ...

    message = exercise(starter).message
    assert message == (
        "not yet: starter returns nothing; write its body, then run again"
    )


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES)
def test_an_error_is_reported_not_raised(exercise):
    def broken(*inputs):
        raise RuntimeError("size mismatch")

    message = exercise(broken).message
    assert message.startswith("broken stopped with RuntimeError: size mismatch")
    assert " at 0x" not in message


@pytest.mark.parametrize("wrong", ["a", {"b": 1}, object(), [["x"]], np.array("c")])
@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES)
def test_what_is_no_answer_is_refused_in_words(exercise, wrong):
    verdict = exercise(lambda *inputs: wrong)
    assert not verdict
    assert " at 0x" not in verdict.message
    assert "<lambda> returns" in verdict.message


ODD = {
    "a number": torch.tensor(0.5),
    "nothing": torch.zeros(0),
    "a row": torch.ones(3),
    "four axes": torch.ones(1, 2, 1, 3),
    "no number": torch.full((2, 2), torch.nan),
    "true": torch.ones(2, 2, dtype=torch.bool),
    "complex": torch.ones(2, 2) * 1j,
    "half": torch.ones(5, 5).half(),
    "sparse": torch.eye(4).to_sparse(),
    "two": (torch.ones(2), torch.ones(3)),
    "nested": [[1, 2], [3]],
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES)
def test_an_odd_answer_is_refused_and_raises_nothing(exercise, odd):
    verdict = exercise(lambda *inputs: odd)
    assert not verdict
    assert len(verdict.message) > 20


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES)
def test_a_check_draws_nothing_from_the_readers_generator(exercise):
    torch.manual_seed(3)
    random.seed(3)
    exercise(exercise.rights[0])
    after = torch.rand(()), random.random()
    torch.manual_seed(3)
    random.seed(3)
    assert after == (torch.rand(()), random.random())


def test_modules_are_those_of_the_chapters():
    chapters = [path.name[:2] for path in (ROOT / "chapters").glob("[0-9]*.ipynb")]
    assert sorted(chapters) == [module[-2:] for module in MODULES]
