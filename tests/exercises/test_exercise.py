"""The form of an exercise: what it recognises, and what it says where it cannot."""

import pytest
import torch

from book.exercises import exercise
from book.exercises.answers import (
    Exactly,
    Mask,
    Numbers,
    Pairs,
    Rows,
    Values,
    Weights,
    distinct,
)
from book.exercises.verdict import Verdict


def doubling():
    """A small exercise: twice the numbers, one mistake in one place."""

    @exercise("twice as much")
    def double():
        """`double(x)`: (N,) to (N,)."""
        yield (torch.rand(3) + 0.1,)
        yield (torch.zeros(0),)
        yield (torch.rand(2) - 2,)

    @double.right
    def twice(x):
        return 2 * x

    @double.mistake("the square is not the double")
    def square(x):
        return x**2

    @double.mistake(
        lambda x: f"for {len(x)} numbers: negative ones have lost their sign"
    )
    def without_sign(x):
        return 2 * x.abs()

    @double.symptom
    def huge(found, x):
        return "far too large" if found.numel() and found.abs().max() > 99 else None

    @double.forbids("do not add")
    def adding(step, x):
        return step.name == "add"

    return double


def test_a_mistake_is_recognised_by_what_it_gives():
    double = doubling()
    assert double(lambda x: x * x).message == "the square is not the double"
    assert double(lambda x: x.abs() * 2).message == (
        "for 2 numbers: negative ones have lost their sign"
    )


def test_the_call_where_it_shows_decides_if_the_others_are_right():
    """Right for the first call, and for the last one a mistake that has its hint."""
    double = doubling()
    assert double(lambda x: 2 * x if (x >= 0).all() else -2 * x).message == (
        "for 2 numbers: negative ones have lost their sign"
    )


def test_a_hint_is_not_given_for_what_happens_to_be_equal_in_one_call():
    """Where the mistake would have shown before, the answer was right."""
    double = doubling()
    verdict = double(lambda x: 2 * x if len(x) == 3 else x**2)
    assert "your answer is" in verdict.message
    assert verdict.source is None


def test_a_symptom_is_seen_where_no_mistake_is_recognised():
    assert doubling()(lambda x: 1000 + x).message == "do not add"
    assert doubling()(lambda x: x - 1000).message == "far too large"


def test_what_is_forbidden_is_refused_though_right():
    assert doubling()(lambda x: x + x).message == "do not add"


def test_the_same_words_name_and_inputs_of_the_first_difference():
    verdict = doubling()(lambda x: 2.5 * x.round(decimals=0))
    assert verdict.message.startswith("at position 0 your answer is ")


def test_numbers_that_look_equal_are_told_apart():
    assert distinct(1 / 3, 1 / 3 + 1e-6) == ("0.333333", "0.333334")
    assert distinct(0.25, 0.5) == ("0.25", "0.5")
    message = doubling()(lambda x: 2 * x * (1 + 1e-4)).message
    found, expected = message.split(" is ")[1].split(", expected ")
    assert found != expected


def test_a_tiny_difference_is_one():
    assert not doubling()(lambda x: 2 * x * (1 + 3e-5))
    assert doubling()(lambda x: 2 * x * (1 + 1e-7))


def test_the_shape_is_named_with_both_shapes():
    assert doubling()(lambda x: x[:1]).message.startswith(
        "<lambda> returns the shape (1,), expected (3,)"
    )


def test_whole_numbers_where_others_are_expected_are_named():
    assert "whole numbers (torch.int64)" in doubling()(lambda x: x.long()).message


def test_numbers_of_few_digits_are_named():
    message = doubling()(lambda x: 2 * x.half()).message
    assert "<lambda> returns numbers of few digits (torch.float16)" in message


def test_a_hidden_weight_is_zero_exactly():
    @exercise("hidden", Weights())
    def hide():
        yield (torch.tensor([1.0, 2.0]),)

    hide.right(lambda x: torch.tensor([1.0, 0.0]))
    assert hide(lambda x: [1, 0])
    assert hide(lambda x: [1, 1e-7]).message.startswith(
        "at position 1 the weight is 1e-07, expected 0 exactly"
    )
    assert "your answer is 0.5, expected 1" in hide(lambda x: [0.5, 0]).message
    assert "the shape (1,), expected (2,)" in hide(lambda x: [1]).message


def test_objects_are_said_by_their_names_and_functions_not_at_all():
    class Tool:
        def use(self): ...

    @exercise("used")
    def used():
        tool = Tool()
        yield (tool, tool.use, [tool])

    used.right(lambda tool, use, tools: 1)
    said = "(for tool = a Tool, tools = [a Tool])"
    assert used(lambda *inputs: 2).message.endswith(f"expected 1 {said}")

    def fails(tool, use, tools):
        raise KeyError(tool)

    assert used(fails).message == f"fails stopped with KeyError: a Tool {said}"


def test_writing_into_whole_numbers_has_its_remedy():
    @exercise("halved")
    def half():
        yield (torch.tensor([1, 2]),)

    half.right(lambda x: x / 2)
    assert half(lambda x: x.div_(2)).message.endswith(
        "compute something new instead of changing an input in place (for x = "
        "tensor([1, 2]))"
    )


def test_the_call_for_the_function_is_named():
    message = doubling()(torch.ones(3)).message
    assert message == (
        "hand over the function itself, without calling it: double(x) was called "
        "before the check"
    )


def test_an_input_changed_in_place_is_named():
    assert "`x` is not what it was" in doubling()(lambda x: x.mul_(2)).message


@pytest.mark.parametrize(
    "spoil",
    [
        lambda table, seen, rows: table[0].clear(),
        lambda table, seen, rows: table[0].update(a=2),
        lambda table, seen, rows: seen.add(9),
        lambda table, seen, rows: rows[1].mul_(2),
    ],
)
def test_what_an_input_holds_may_not_change_either_and_is_never_felt(spoil):
    @exercise("counted")
    def count():
        shared = [{"a": 1}], {3}, [torch.ones(1), torch.ones(2)]
        yield shared
        yield shared

    def by_size(table, seen, rows):
        return [sum(t.get("a", 0) for t in table), len(seen), float(rows[1].sum())]

    def spoiling(*inputs):
        found = by_size(*inputs)
        spoil(*inputs)
        return found

    count.right(by_size)
    assert count(by_size)
    assert "the answer is right, but `" in count(spoiling).message


@pytest.mark.parametrize(
    "use",
    [
        torch.bincount,
        lambda ids: torch.ones(3)[ids],
        lambda ids: torch.ones(3).index_add(0, ids, torch.ones(len(ids))),
        lambda ids: torch.nn.functional.one_hot(ids, 3),
    ],
)
def test_ids_of_an_empty_list_are_floats_and_have_their_remedy(use):
    @exercise("used")
    def used():
        yield ([],)

    used.right(lambda ids: 1)
    message = used(lambda ids: use(torch.tensor(ids))).message
    assert message.endswith("torch.tensor(ids, dtype=torch.long) (for ids = [])")


def test_a_known_error_has_its_remedy():
    @exercise("flat")
    def flat():
        yield (torch.rand(3, 2).T,)

    flat.right(lambda x: x.reshape(-1))
    message = flat(lambda x: x.view(-1)).message
    assert "stopped with RuntimeError: view size is not compatible" in message
    assert message.endswith("reshape takes any, view does not")


def test_answers_are_read_from_any_container():
    assert Numbers().read([[1, 2.5]])[0].tolist() == [[1, 2.5]]
    assert Numbers().read([torch.ones(2), [0, 1]])[0].tolist() == [[1, 1], [0, 1]]
    assert Mask().read([[True, False]])[0].dtype == torch.bool
    assert Values("one").read(torch.tensor([2.0])) == (2.0,)
    assert Rows().read((torch.tensor([[1, 2]]), [2, 3])) == (([1, 2], [2, 3]),)
    assert Rows().read(([[1, 2]], torch.tensor([]))) == (([1, 2], []),)
    assert Pairs().read(torch.tensor([[0, 1], [0, 1]])) == ({(0, 1)},)


def test_inputs_are_fresh_at_every_check_and_the_same_in_every_session():
    seen = []
    for double in (doubling(), doubling()):
        for _ in range(2):
            double(lambda x: seen.append(x) or 2 * x)
    first, second = seen[0], seen[3]
    assert not torch.equal(first, second)
    assert torch.equal(seen[6], first)
    assert torch.equal(seen[9], second)


HINT = "stopped with `view(<x>)`: *this* has $no$ end, " * 5 + "and here it is"


def test_a_verdict_can_be_read_to_its_last_word_everywhere():
    verdict = Verdict(False, HINT)
    lines = repr(verdict).splitlines()
    assert lines[0].startswith("✗ stopped") and lines[1].startswith("  ")
    assert max(map(len, lines)) <= 76
    assert repr(verdict).split() == f"✗ {HINT}".split()
    forms = verdict._repr_mimebundle_()
    assert forms["text/plain"] == repr(verdict)
    assert "<code>view(&lt;x&gt;)</code>: *this*" in forms["text/html"]
    assert r"`view(<x>)`\: \*this\* has \$no\$" in forms["text/markdown"]


def test_a_verdict_of_several_lines_keeps_them():
    assert repr(Verdict(True, "one\ntwo")).splitlines() == ["✓ one", "two"]
    assert (
        "one<br>two" in Verdict(True, "one\ntwo")._repr_mimebundle_()["text/html"]
    )


def test_nothing_for_some_inputs_only_is_told_with_the_inputs():
    @exercise("halved")
    def half():
        """`half(x)`: a number."""
        yield (4.0,)
        yield (5.0,)

    @half.right
    def halved(x):
        return x / 2

    message = half(lambda x: x / 2 if x < 5 else None).message
    assert message == "<lambda> returns nothing (for x = 5)"
    assert half(lambda x: None).message.startswith("not yet: <lambda> returns")


def test_exactly_is_to_the_last_bit_of_what_is_returned():
    @exercise("thirds", Exactly())
    def third():
        """`third(x)`: (N,) to (N,)."""
        yield (torch.tensor([1.0, 2.0], dtype=torch.float64),)

    @third.right
    def divided(x):
        return x / 3

    assert third(lambda x: x / 3) and third(lambda x: (x / 3).float())
    assert third(lambda x: (x / 3).tolist())
    message = third(lambda x: (x / 3).float().double()).message
    assert message.startswith(
        "at position 0 your answer is 0.33333334, expected 0.33333333"
    )
