"""The student's names, as the tests outside the sandbox see them.

A name that neither a test nor a given cell defines is looked up in the student's
notebook. Numbers, strings, lists, dicts and tensors come as copies; anything else,
a function, a module, an object of a class, comes as a `Remote`, which is used like
the object itself: called, indexed, iterated over, asked for attributes. It equals
nothing, is neither true nor false, and no gradient flows through a call.
"""

from __future__ import annotations

import builtins
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import torch

from classroom.sandbox.limits import SandboxEnded
from classroom.sandbox.process import Sandbox
from classroom.sandbox.wire import pack, unpack

# Errors of the student's code that the tests may wait for, by their names.
KNOWN = {
    name: error
    for name, error in vars(builtins).items()
    if isinstance(error, type)
    and issubclass(error, Exception)
    and not issubclass(error, UnicodeError | Warning | ExceptionGroup)
}


class StudentError(Exception):
    """The student's code raised an error of another kind, or ended altogether."""


class Missing(NameError):
    """A test asks for a name that the student's notebook does not define."""


class Remote:
    """An object in the sandbox."""

    def __init__(self, ask: Callable[..., Any], key: int, start: int) -> None:
        self.__dict__.update(_ask=ask, _key=key, _start=start)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("call", self, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._ask("attribute", self, name)

    def __getitem__(self, key: Any) -> Any:
        return self._ask("item", self, key)

    def __len__(self) -> int:
        return self._ask("length", self)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._ask("list", self))

    def __bool__(self) -> bool:
        raise TypeError(f"{self} is neither true nor false")

    def __setattr__(self, name: str, value: Any) -> None:
        raise TypeError(f"a test cannot set {name} of {self}")

    def __repr__(self) -> str:
        return f"<the student's {type(self).__name__}>"


class Namespace(dict):
    """The names of the tests; a missing one is asked of the student."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(__name__="__main__")  # as in a notebook
        self.sandbox = sandbox
        self.given: dict[str, Any] = {}
        self.kept: frozenset[str] = frozenset()  # what tests define for themselves

    def share(self) -> None:
        """What is defined by now comes from given cells: both sides have it."""
        self.given = dict(self)

    def __missing__(self, name: str) -> Any:
        if name.startswith("__") or hasattr(builtins, name):
            raise KeyError(name)  # Python goes on to look among its own
        if name in self.kept:  # whatever the student calls by this name
            raise Missing(
                f"the test above, which defines {name!r}, did not get so far"
            )
        try:
            return self.ask("name", name)
        except KeyError:
            raise Missing(f"name {name!r} is not defined") from None

    def ask(self, action: str, *args: Any, **kwargs: Any) -> Any:
        """Let the student's side do something, and return or raise what comes of it.

        Its random numbers follow from ours, so that a seed in a test decides both.
        """
        seed = int(torch.randint(2**62, ()))
        operands = [pack(list(args), self._refer), pack(kwargs, self._refer)]
        try:
            answer = self.sandbox.ask("ask", action, seed, *operands)
        except SandboxEnded as ended:
            raise StudentError(f"this test has ended Python: {ended}") from None
        if isinstance(answer, list) and len(answer) == 2 and answer[0] == "ok":
            return unpack(answer[1], self._resolve)
        raise _error(answer)

    def _refer(self, thing: Any) -> list:
        """How to name to the student's side what is not plain data."""
        if isinstance(thing, Remote):
            if thing._start != self.sandbox.starts:
                raise StudentError(
                    f"{thing} was lost when a test above ended Python"
                )
            return ["handle", thing._key]
        name = getattr(thing, "__name__", type(thing).__name__)
        if self.given.get(name) is thing:
            return ["name", name]
        if dataclasses.is_dataclass(thing) and self.given.get(name) is type(thing):
            return ["new", name, pack(dataclasses.asdict(thing), self._refer)]
        raise TypeError(
            f"a test cannot hand {name} to the student's code: use numbers, "
            f"strings, lists, dicts, tensors, and what a given cell defines"
        )

    def _resolve(self, kind: str, key: Any, name: Any) -> Remote:
        if kind != "handle":
            raise ValueError(f"{kind!r} is not for the student to use")
        if not str(name).isidentifier():
            raise ValueError("a type has a name")
        kind = type(
            str(name)[:50], (Remote,), {}
        )  # messages name the student's type
        return kind(self.ask, int(key), self.sandbox.starts)


def _error(answer: Any) -> Exception:
    """The error that the student's side reports, with the lines it comes from."""
    if not isinstance(answer, list) or len(answer) != 4 or answer[0] != "error":
        return StudentError("no answer")
    kind, message = str(answer[1])[:50], str(answer[2])[:500]
    error = (
        KNOWN[kind](message)
        if kind in KNOWN
        else StudentError(f"{kind}: {message}")
    )
    lines = answer[3] if isinstance(answer[3], list) else []
    error.lines = [str(line)[:200] for line in lines[:5]]
    return error
