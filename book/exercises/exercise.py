"""An exercise, its right answers and its mistakes: one object, called as the checker.

A mistake is written once, as the function a mistaken reader would write, under the
hint that names it:

    @exercise("positive, and each row sums to one")
    def softmax():
        "`softmax(scores)`: scores (..., S) to weights (..., S)."
        yield (torch.randn(3, 5),)  # the inputs of one call; as many as tell

    @softmax.right
    def shifted(scores):
        e = (scores - scores.amax(-1, keepdim=True)).exp()
        return e / e.sum(-1, keepdim=True)

    @softmax.mistake("the columns sum to one; the sum runs over the last axis")
    def columns(scores):
        return scores.softmax(0)

`softmax(answer)` calls the answer on the inputs, compares it with the first right one,
and where they differ looks for the mistake that gives the same as the answer does. Four
other things can be wrong, and are registered in the same way:

- a `symptom`, where many mistakes show in one sign (weights that are not numbers): a
  function of the answer and the inputs that returns the hint, or None;
- a call that the text `forbids`, even if it gives the right numbers;
- an answer that no hint names: `refused`, with the words it is refused with;
- inputs that are not what they were: that is asked of every answer.

tests/exercises/test_every_exercise.py demands of every mistake its own hint, and of
every right answer, in each form it can take, a pass.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from random import Random
from typing import Any

import torch
from torch import Tensor

from book.exercises.answers import Kind, Numbers
from book.exercises.verdict import Verdict, Wrong
from book.exercises.watch import Rule, Watch

Function = Callable[..., Any]
Hint = str | Callable[..., str]  # of the inputs

OF_NO_IDS = (
    "the tensor of an empty list holds floats; where ids are meant, say so: "
    "torch.tensor(ids, dtype=torch.long)"
)
REMEDIES = {  # what an error of PyTorch means to somebody who meets it here
    "view size is not compatible": (
        "a tensor need not lie in memory row by row (it may be a transpose, or a part "
        "of another one): reshape takes any, view does not"
    ),
    "can't be cast to the desired output type": (
        "a tensor of whole numbers has no room for others: compute something new instead "
        "of changing an input in place"
    ),
    "a view of a leaf Variable": "compute something new, change no input in place",
    "does not require grad": "no gradient is recorded here; work it out by hand",
    "\"bincount_cpu\" not implemented for 'Float'": OF_NO_IDS,
    "tensors used as indices must be": OF_NO_IDS,
    "Expected dtype int": OF_NO_IDS,
    "only applicable to index tensor": OF_NO_IDS,
}


@dataclass(frozen=True, eq=False)
class Mistake:
    """What a mistaken reader writes, and the source of what he is told."""

    function: Function
    source: Any  # a hint, a symptom, a rule, or the words of a general message

    @property
    def is_recognised(self) -> bool:
        """Recognised by what it gives, not by a sign."""
        return isinstance(self.source, str) or inspect.isfunction(self.source)


@dataclass(frozen=True)
class Words:
    """Words of a general message, with which an answer is refused."""

    words: str


@dataclass(eq=False)
class Symptom:
    """A sign that many mistakes share; `see(answer, *inputs)` is its hint, or None."""

    see: Function
    mistakes: list[Mistake]

    def mistake(self, function: Function) -> Function:
        """Register what somebody writes in whose answer the sign shows."""
        self.mistakes.append(Mistake(function, self))
        return function


@dataclass
class Outcome:
    """What came of one call: the parts of the answer, or what went wrong."""

    parts: tuple[Any, ...] = ()
    error: str = ""
    empty: bool = False
    changed: str = ""  # the name of an input that is not what it was
    broken: list[Rule] = field(default_factory=list)


def exercise(
    praise: str, answer: Kind | None = None
) -> Callable[[Function], Exercise]:
    """Make an exercise of the function that yields the inputs of each call."""
    return lambda inputs: Exercise(inputs, praise, answer or Numbers())


def random_numbers() -> Random:
    """Random numbers of Python for inputs: fresh in every check, and not the reader's.

    Their seed is drawn from PyTorch, which the check has seeded for itself.
    """
    return Random(int(torch.randint(10**6, ())))


class Exercise:
    """Called with the reader's function, it says whether that is right, or how wrong.

    inputs: yields one tuple of inputs for each call, fresh ones every time; its name
    and docstring are those of the exercise. answer: how an answer is read and compared.
    """

    def __init__(self, inputs: Function, praise: str, answer: Kind):
        self.__name__, self.__doc__ = inputs.__name__, inputs.__doc__
        self.inputs, self.praise, self.kind = inputs, praise, answer
        self.rights: list[Function] = []
        self.mistakes: list[Mistake] = []
        self.symptoms: list[Symptom] = []
        self.rules: list[Rule] = []
        self.checks = 0

    def right(self, function: Function) -> Function:
        """Register a right answer; the first is what others are compared with."""
        self.rights.append(function)
        return function

    def mistake(self, hint: Hint) -> Callable[[Function], Function]:
        """Register what a mistaken reader writes, and the hint that names the mistake.

        hint: the text, or a function of the inputs that returns it.
        """

        def register(function: Function) -> Function:
            self.mistakes.append(Mistake(function, hint))
            return function

        return register

    def symptom(self, see: Function) -> Symptom:
        """Register a sign: `see(answer, *inputs)` returns the hint, or None."""
        self.symptoms.append(Symptom(see, self.mistakes))
        return self.symptoms[-1]

    def forbids(
        self, hint: str, *, calls: bool = False
    ) -> Callable[[Function], Rule]:
        """Register what the text forbids: see `Rule`; looked at where all is right."""

        def register(broken: Function) -> Rule:
            self.rules.append(Rule(hint, broken, self._under, calls))
            return self.rules[-1]

        return register

    def refused(self, words: str) -> Callable[[Function], Function]:
        """Register a wrong answer that no hint names, and words of what is said."""

        def register(function: Function) -> Function:
            return self._under(function, Words(words))

        return register

    def _under(self, function: Function, source: Any) -> Function:
        self.mistakes.append(Mistake(function, source))
        return function

    def __call__(self, function: Function) -> Verdict:
        """Check the reader's function, on inputs that are fresh in every call."""
        self.checks += 1
        with torch.random.fork_rng(devices=[]):  # the reader's seed is the reader's
            torch.manual_seed(self.checks)
            try:
                self._look_at(function)
            except Wrong as wrong:
                return Verdict(False, str(wrong), wrong.source)
        return Verdict(True, self.praise)

    def _look_at(self, function: Function) -> None:
        if not callable(function):
            raise Wrong(
                f"hand over the function itself, without calling it: "
                f"{self.__name__}({self._signature()}) was called before the check"
            )
        calls = list(self.inputs())
        answers = [self._call(function, inputs) for inputs in calls]
        _not_yet(function, answers)
        expected = [self._call(self.rights[0], inputs) for inputs in calls]
        for first in range(len(calls)):
            if not self._same(answers[first], expected[first]):
                self._name_the_mistake(function, calls, answers, expected, first)
        _keep_the_rules(answers)
        for answer in answers:
            if answer.changed:
                raise Wrong(_about_change(answer.changed), _about_change)

    def _call(self, function: Function, inputs: Sequence[Any]) -> Outcome:
        """Call a function on copies of the inputs, watch it, and read its answer."""
        copies = [copied(x) for x in inputs]
        watch, outcome = Watch(self.rules, inputs), Outcome()
        try:
            with watch if self.rules else nullcontext():
                found = function(*copies)
        except Exception as error:
            outcome.error = _about_error(error)
        else:
            outcome.empty = found is None or found is ...
            try:
                if not outcome.empty:
                    outcome.parts = self.kind.read(found, *inputs)
            except Wrong as wrong:
                outcome.error = str(wrong)
        names = self._parameters()
        changed = [
            n
            for n, a, b in zip(names, copies, inputs, strict=False)
            if _differ(a, b)
        ]
        outcome.changed, outcome.broken = "".join(changed[:1]), watch.broken
        return outcome

    def _same(self, a: Outcome, b: Outcome) -> bool:
        return not a.error and not a.empty and self._alike(a, b)

    def _alike(self, a: Outcome, b: Outcome, part: int | None = None) -> bool:
        """The same answer, or the same error; of all parts or of one."""
        if a.error or b.error:
            return a.error == b.error
        one = slice(None) if part is None else slice(part, part + 1)
        ours, theirs = a.parts[one], b.parts[one]
        return len(ours) == len(theirs) and all(map(self.kind.same, ours, theirs))

    def _name_the_mistake(
        self,
        function: Function,
        calls: list[Sequence[Any]],
        answers: list[Outcome],
        expected: list[Outcome],
        first: int,
    ) -> None:
        """Raise `Wrong` with the hint that fits; `first`: the first wrong answer."""
        inputs, answer, right = calls[first], answers[first], expected[first]
        if mistake := self._recognised(
            calls, answers, first, self._part(answer, right)
        ):
            hint = mistake.source
            raise Wrong(hint if isinstance(hint, str) else hint(*inputs), hint)
        _keep_the_rules(answers)
        name = function_name(function)
        if answer.empty:
            raise Wrong(f"{name} returns nothing{self._where(inputs)}")
        for symptom in self.symptoms if not answer.error else ():
            if text := symptom.see(*answer.parts, *inputs):
                raise Wrong(text, symptom)
        if answer.error:
            raise Wrong(f"{name} {answer.error}{self._where(inputs)}")
        text = self.kind.difference(name, answer.parts, right.parts)
        raise Wrong(text + self._where(inputs))

    def _recognised(
        self,
        calls: list[Sequence[Any]],
        answers: list[Outcome],
        first: int,
        part: int | None,
    ) -> Mistake | None:
        """The mistake that answers as the reader does.

        Best in everything; else, in the part that is wrong, at every call; else at all
        calls up to the first where it is wrong, and there in numbers.
        """

        def theirs(mistake: Mistake, i: int) -> Outcome:
            if (mistake, i) not in outcomes:
                outcomes[mistake, i] = self._call(mistake.function, calls[i])
            return outcomes[mistake, i]

        outcomes: dict[tuple[Mistake, int], Outcome] = {}
        known = [
            mistake
            for mistake in self.mistakes
            if mistake.is_recognised
            and self._alike(answers[first], theirs(mistake, first), part)
        ]
        everywhere, so_far = range(len(calls)), range(first + 1)
        for places, one in ((everywhere, None), (everywhere, part), (so_far, part)):
            for mistake in known:
                definite = self._is_definite(theirs(mistake, first), part)
                if (definite or places is everywhere) and all(
                    self._alike(answers[i], theirs(mistake, i), one) for i in places
                ):
                    return mistake
        return None

    def _part(self, answer: Outcome, right: Outcome) -> int | None:
        """The first part of the answer that is wrong."""
        if answer.error or len(answer.parts) != len(right.parts):
            return None
        return next(
            i for i in range(len(right.parts)) if not self._alike(answer, right, i)
        )

    def _is_definite(self, outcome: Outcome, part: int | None) -> bool:
        """No infinities and no numbers that are none: they come from many mistakes."""
        parts = outcome.parts if part is None else outcome.parts[part : part + 1]
        return all(map(self.kind.is_finite, parts))

    def _parameters(self) -> list[str]:
        return list(inspect.signature(self.rights[0]).parameters)

    def _signature(self) -> str:
        return ", ".join(self._parameters())

    def _where(self, inputs: Sequence[Any]) -> str:
        """For which inputs, as far as they can be said in a few words."""
        said = [
            f"{name} = {value}"
            for name, x in zip(self._parameters(), inputs, strict=False)
            if len(value := _in_words(x)) <= 60 and value and "\n" not in value
        ]
        return f" (for {', '.join(said)})" if said else ""


def function_name(function: Function) -> str:
    return getattr(function, "__name__", "your function")


def without_addresses(text: str) -> str:
    """Objects and functions in a text by their names, not by where they lie in memory.

    >>> without_addresses("<bound method A.f of <m.A object at 0x7f>>")
    'A.f'
    >>> without_addresses("<m.A object at 0x7f>, <function f at 0x8f>")
    'a A, f'
    """
    text = re.sub(r"<[\w.<>]*?(\w+) object at 0x\w+>", r"a \1", text)
    return re.sub(
        r"<(?:bound method|function|built-in method) (\S+) (?:of [^<>]*|at 0x\w+)>",
        r"\1",
        text,
    )


def _in_words(x: Any) -> str:
    """An input as it is named in a message; nothing for a function."""
    if inspect.isroutine(x):
        return ""
    return f"{x:.4g}" if isinstance(x, float) else without_addresses(str(x))


def copied(x: Any) -> Any:
    """A copy whose change is not felt; models are handed over as they are."""
    if isinstance(x, Tensor):
        return x.clone()  # as it lies in memory
    if isinstance(x, dict):
        return {key: copied(value) for key, value in x.items()}
    return type(x)(map(copied, x)) if type(x) in (list, set) else x


def _differ(a: Any, b: Any) -> bool:
    """Is a copy, or what it holds, no longer what it was?"""
    if a is b or type(a) is not type(b):
        return a is not b
    if isinstance(a, Tensor):
        return a.shape != b.shape or not torch.equal(a, b)
    if isinstance(a, dict):
        return list(a) != list(b) or any(_differ(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) != len(b) or any(map(_differ, a, b))
    return a != b


def _not_yet(function: Function, answers: Iterable[Outcome]) -> None:
    if all(answer.empty for answer in answers):
        raise Wrong(
            f"not yet: {function_name(function)} returns nothing; write its body, then "
            f"run again"
        )


def _keep_the_rules(answers: Iterable[Outcome]) -> None:
    for answer in answers:
        for rule in answer.broken:
            raise Wrong(rule.hint, rule)


def _about_error(error: Exception) -> str:
    remedies = [r for words, r in REMEDIES.items() if words in str(error)]
    lines = str(error).splitlines() or [""]
    words = without_addresses(lines[0])[:300]
    said = f"stopped with {type(error).__name__}: {words}"
    return "; ".join([said, *remedies])


def _about_change(name: str) -> str:
    return (
        f"the answer is right, but `{name}` is not what it was: whoever calls the "
        f"function still needs it. Work on a copy ({name}.clone() of a tensor, "
        f"copy.deepcopy({name}) of anything else), or compute something new instead of "
        f"changing it in place"
    )
