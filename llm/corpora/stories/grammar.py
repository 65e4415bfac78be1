"""A grammar that writes by making choices, and so can be read backwards.

It is a set of rules, each a list of alternatives. An alternative is text with
marks in it:

    [went|ran]            one of these, inline
    <animal>              one alternative of the rule of that name
    <use {thing}>         the same, for a name that depends on what was drawn before
    {hero:person}         draw somebody, remember who, write the name
    {place:place/to}      draw a place and write it in another form: "to the park"
    {hero}, {hero.he}     write what is remembered
    (weather=rain)        remember, and write nothing
    (give hero friend)    an event: it is recorded, and nothing is written

At every fork of the way the options are texts of which none is the beginning of
another. So whoever reads knows, letter by letter, which option was taken, a text has
one derivation at most, and its probability is a product with one factor for each
fork. Where alternatives begin alike, the fork moves to where they part.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from random import Random
from typing import Protocol

Memory = Mapping[str, str]  # what is remembered: name -> text

MOST_OPTIONS = 4000  # of one fork; more means that alternatives never part


class GrammarError(ValueError):
    """A grammar that is not well-formed, or not unambiguous."""


# --- Symbols: what the text of an alternative is made of --------------------------


@dataclass(frozen=True, eq=False, repr=False)
class Pick:
    """One of several alternatives: each a weight and a row of symbols."""

    alternatives: tuple[tuple[float, Symbols], ...]


@dataclass(frozen=True, eq=False, repr=False)
class Call:
    """The alternatives of a rule, whose name may hold {marks}."""

    rule: str


@dataclass(frozen=True, eq=False, repr=False)
class Draw:
    """One entity of a kind that was not drawn before, to be remembered as `name`."""

    name: str
    kind: str
    form: str


@dataclass(frozen=True, eq=False, repr=False)
class Do:
    """Something that happens without a word."""

    deed: str


Symbol = str | Pick | Call | Draw | Do  # a string is text to be written
Symbols = tuple[Symbol, ...]

# Inside such a string, a mark like {hero} is one character of the private use area,
# so that the beginnings of two texts can be compared letter by letter.
_FIRST_MARK = 0xE000
_MARK = re.compile("[\ue000-\uf8ff]")


class Marks:
    """Numbers the marks of a grammar."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def letter(self, name: str) -> str:
        """The one character that stands for {name}."""
        if name not in self.names:
            self.names.append(name)
        return chr(_FIRST_MARK + self.names.index(name))

    def name(self, letter: str) -> str:
        return self.names[ord(letter) - _FIRST_MARK]

    def template(self, text: str) -> str:
        """`text` for the % operator and a memory."""
        text = text.replace("%", "%%")
        return _MARK.sub(lambda found: f"%({self.name(found[0])})s", text)


_TOKEN = re.compile(
    r"[\[\]|]|<[^<>]*>|\{(?:[^{}]|\{[^{}]*\})*\}|\([^()]*\)|[^\[\]|<>{}()]+"
)


def parse_text(text: str, marks: Marks) -> Symbols:
    """The symbols of an alternative. Raises `GrammarError` where it is malformed."""
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != text:
        raise GrammarError(f"a bracket has no partner in {text!r}")
    symbols, rest = _parse_row(tokens, marks)
    if rest:
        raise GrammarError(f"{rest[0]!r} comes without a [ in {text!r}")
    return symbols


def _parse_row(tokens: list[str], marks: Marks) -> tuple[Symbols, list[str]]:
    """Symbols up to a | or ] or the end, and the tokens from there."""
    symbols: list[Symbol] = []
    while tokens and tokens[0] not in ("|", "]"):
        token, tokens = tokens[0], tokens[1:]
        if token == "[":
            symbol, tokens = _parse_pick(tokens, marks)
        else:
            symbol = _parse_token(token, marks)
        if isinstance(symbol, str) and symbols and isinstance(symbols[-1], str):
            symbols[-1] += symbol
        else:
            symbols.append(symbol)
    return tuple(symbols), tokens


def _parse_pick(tokens: list[str], marks: Marks) -> tuple[Pick, list[str]]:
    """The alternatives up to the closing bracket, and the tokens behind it."""
    rows = []
    while True:
        row, tokens = _parse_row(tokens, marks)
        rows.append(_weighted(row))
        if not tokens:
            raise GrammarError("a [ is not closed")
        token, tokens = tokens[0], tokens[1:]
        if token == "]":
            return Pick(tuple(rows)), tokens


def _weighted(row: Symbols) -> tuple[float, Symbols]:
    """Take the weight, like 3x, from the beginning of an alternative."""
    found = (
        re.match(r"(\d+)x ", row[0]) if row and isinstance(row[0], str) else None
    )
    if not found:
        return 1.0, row
    return float(found[1]), tuple(filter(None, (row[0][found.end() :], *row[1:])))


def _parse_token(token: str, marks: Marks) -> Symbol:
    inside = token[1:-1]
    if token[0] == "<":
        return Call(inside)
    if token[0] == "(":
        return Do(inside)
    if token[0] != "{":
        return token
    name, colon, kind = inside.partition(":")
    kind, _, form = kind.partition("/")
    return Draw(name, kind, form) if colon else marks.letter(name)


def parse_rules(source: str, marks: Marks) -> dict[str, Pick]:
    """Read rules: a line `name:`, then alternatives that begin with `- `.

    `- 3x text` weighs three times as much. An indented line goes on with the one
    above it, behind a space, unless that breaks off at a | or [. `#` begins a comment
    line.

    >>> rules = parse_rules("pet:\\n- 3x cat\\n- dog", Marks())
    >>> rules["pet"].alternatives
    ((3.0, ('cat',)), (1.0, ('dog',)))
    """
    found: dict[str, list[str]] = {}
    name = ""
    for line in source.splitlines():
        begins, line = not line.startswith(" "), line.strip()
        if not line or line.startswith("#"):
            continue
        if begins and line.endswith(":") and not line.startswith("- "):
            name = line[:-1]
            if name in found:
                raise GrammarError(f"there are two rules {name!r}")
            found[name] = []
        elif line.startswith("- "):
            found[name].append(line[2:])
        else:
            above = found[name][-1]
            found[name][-1] += line if above.endswith(("|", "[")) else f" {line}"
    return {name: _parse_rule(texts, marks) for name, texts in found.items()}


def _parse_rule(texts: list[str], marks: Marks) -> Pick:
    return Pick(tuple(_weighted(parse_text(text, marks)) for text in texts))


# --- The grammar ------------------------------------------------------------------


class Words(Protocol):
    """What a grammar draws from."""

    def entities(self, kind: str) -> Mapping[str, str]:
        """Name -> the word that its draw writes, for all entities of a kind."""

    def forms(self, kind: str, name: str, form: str) -> str:
        """The word that a draw writes in a certain form."""

    def remember(self, memory: Memory, name: str, kind: str, entity: str) -> dict:
        """What a draw adds to the memory."""


@dataclass(eq=False, repr=False, slots=True)
class Option:
    """One way to go on from a fork.

    probability: of taking it; surprise: its −ln, in nats.
    head: as much of its text as tells it from the other options; plain_head: does
        it hold no marks?
    template: all of its text, up to the next fork; varies: does it hold marks?
    deeds: what happens in it, in order: (name, kind, entity) for a draw, or a deed.
    remembers: does any deed change the memory?
    next: where the way goes on; None at the end of a story.
    """

    probability: float
    surprise: float
    head: str
    plain_head: bool
    template: str
    varies: bool
    deeds: tuple[tuple[str, str, str] | str, ...]
    remembers: bool
    next: Point | None


@dataclass(eq=False, repr=False, slots=True)
class Fork:
    """Options of which one is taken, and two ways to find one.

    cumulative: the probabilities summed up, without the last sum.
    by_letter: the options whose text begins with a certain letter; "" for those
        that begin with a mark.
    """

    options: list[Option]
    cumulative: list[float]
    by_letter: dict[str, list[Option]]


@dataclass(eq=False, repr=False, slots=True)
class Point:
    """A place between two words of the grammar: the symbols still to come.

    reads: what its fork depends on in the memory; forks: one for each value of it.
    fork: the fork, where it depends on nothing.
    """

    symbols: Symbols
    reads: tuple[str, ...] = ()
    forks: dict[tuple[str, ...], Fork] = field(default_factory=dict)
    fork: Fork | None = None


class Grammar:
    """Rules and the words they draw from, made ready to write and to read.

    Raises `GrammarError` for two derivations of one text, when it first comes to
    the fork where they begin.
    """

    def __init__(self, rules: dict[str, Pick], words: Words, marks: Marks) -> None:
        self.rules, self.words, self.marks = rules, words, marks
        self._points: dict[Symbols, Point] = {}
        self.start = self.point((Call("story"),))

    def point(self, symbols: Symbols) -> Point:
        """The place where these symbols are to come; one object for each place."""
        if symbols not in self._points:
            self._points[symbols] = Point(symbols)
        return self._points[symbols]

    def fork_at(self, point: Point, memory: Memory) -> Fork:
        """The fork at a place, which is built when it is first needed."""
        if point.fork is not None:
            return point.fork
        key = tuple([memory.get(name, "") for name in point.reads])
        return point.forks.get(key) or self._build(point, memory)

    def write(self, rng: Random) -> str:
        """Write one story."""
        random, memory, texts = rng.random, {}, []
        point: Point | None = self.start
        while point is not None:
            fork = point.fork or self.fork_at(point, memory)
            option = fork.options[bisect_right(fork.cumulative, random())]
            if option.remembers:
                memory = self.after(option, memory)
            texts.append(
                option.template % memory if option.varies else option.template
            )
            point = option.next
        return "".join(texts)

    def wander(self, rng: Random) -> Iterator[Option]:
        """The options that `write` takes with the same random numbers."""
        memory: Memory = {}
        point: Point | None = self.start
        while point is not None:
            fork = self.fork_at(point, memory)
            option = fork.options[bisect_right(fork.cumulative, rng.random())]
            memory = self.after(option, memory)
            yield option
            point = option.next

    def say(self, rule: str, memory: Memory) -> str:
        """What a rule without choices writes. Raises `GrammarError` for a choice."""
        way = _Way(1.0, "", (), (Call(rule),), memory)
        while way.rest:
            (way,) = self._ways(way, [])
        return self.marks.template(way.text) % memory

    def after(self, option: Option, memory: Memory) -> Memory:
        """What is remembered once an option has been taken."""
        new = {**memory}
        for deed in option.deeds:
            new.update(self._news(new, deed))
        return new

    def _news(self, memory: Memory, deed: tuple | str) -> Memory:
        """What a deed adds to the memory, or puts in the place of what was there."""
        if isinstance(deed, tuple):
            return self.words.remember(memory, *deed)
        name, equals, value = deed.partition("=")
        return {name: self._fill(value, memory, [])} if equals else {}

    def _fill(self, text: str, memory: Memory, reads: list[str]) -> str:
        """Replace the {marks} of a name by what is remembered."""
        if "{" not in text:
            return text
        names = re.findall(r"{([^{}]*)}", text)
        reads += names
        for name in names:
            text = text.replace(f"{{{name}}}", memory[name])
        return text

    # Building a fork

    def _build(self, point: Point, memory: Memory) -> Fork:
        """The fork at a place, as what is remembered has it."""
        reads = list(point.reads)
        ways = self._ways(_Way(1.0, "", (), point.symbols, memory), reads)
        while short := _beginnings(ways):
            if len(ways) > MOST_OPTIONS:
                raise GrammarError(f"alternatives do not part: {short[0].text!r} …")
            for way in short:
                if not way.rest:
                    raise GrammarError(
                        f"two ways to write {self.shown(way.text)!r}"
                    )
                ways.remove(way)
                ways += self._ways(way, reads)
        fork = self._fork(ways)
        if set(reads) != set(point.reads):  # the keys get longer: begin again
            point.reads = tuple(dict.fromkeys(reads))
            point.forks.clear()
        if not point.reads:
            point.fork = fork
        point.forks[tuple([memory.get(name, "") for name in point.reads])] = fork
        return fork

    def _ways(self, way: _Way, reads: list[str]) -> list[_Way]:
        """All ways to take the next choice, each gone on to the choice after it."""
        symbol, rest = way.rest[0], way.rest[1:]
        ways = []
        alternatives = self._alternatives(symbol, way, reads)
        total = sum(weight for weight, _, _ in alternatives)
        for weight, symbols, deeds in alternatives:
            new = _Way(
                way.probability * weight / total,
                way.text,
                way.deeds,
                symbols + rest,
                way.memory,
            )
            for deed in deeds:
                self._happen(new, deed)
            ways.append(self._go_on(new))
        return ways

    def _alternatives(
        self, symbol: Symbol, way: _Way, reads: list[str]
    ) -> list[tuple]:
        """The weight, symbols and deeds of each."""
        if isinstance(symbol, Draw):
            return self._draws(symbol, way, reads)
        if isinstance(symbol, Call):
            needed: list[str] = []
            name = self._fill(symbol.rule, way.memory, needed)
            reads += [n for n in needed if n not in way.known]
            if name not in self.rules:
                raise GrammarError(f"there is no rule {name!r}")
            symbol = self.rules[name]
        assert isinstance(symbol, Pick)
        return [(weight, row, ()) for weight, row in symbol.alternatives]

    def _draws(self, draw: Draw, way: _Way, reads: list[str]) -> list[tuple]:
        needed: list[str] = []
        kind = self._fill(draw.kind, way.memory, needed)
        needed.append(f"drawn {kind}")
        reads += [n for n in needed if n not in way.known]
        drawn = way.memory.get(f"drawn {kind}", "").split(", ")
        left = [e for e in self.words.entities(kind) if e not in drawn]
        if not left:
            raise GrammarError(f"nothing of kind {kind!r} is left to draw")
        return [
            (
                1.0,
                (self.words.forms(kind, entity, draw.form),),
                ((draw.name, kind, entity),),
            )
            for entity in left
        ]

    def _go_on(self, way: _Way) -> _Way:
        """Add to the text of a way all that comes without a choice."""
        while way.rest:
            symbol = way.rest[0]
            if isinstance(symbol, str):
                way.text += symbol
            elif isinstance(symbol, Do):
                self._happen(way, symbol.deed)
            elif isinstance(symbol, Call) and self._only(symbol.rule) is not None:
                way.rest = (symbol, *self._only(symbol.rule), *way.rest[1:])
            elif isinstance(symbol, Pick) and len(symbol.alternatives) == 1:
                way.rest = (symbol, *symbol.alternatives[0][1], *way.rest[1:])
            else:
                break
            way.rest = way.rest[1:]
        return way

    def _only(self, name: str) -> Symbols | None:
        """The one alternative of a rule that has no other."""
        rule = self.rules.get(name)
        return (
            rule.alternatives[0][1]
            if rule and len(rule.alternatives) == 1
            else None
        )

    def _happen(self, way: _Way, deed: tuple | str) -> None:
        news, said = self._news(way.memory, deed), isinstance(deed, str)
        way.known |= {k for k, v in news.items() if said or way.memory.get(k) != v}
        way.memory = {**way.memory, **news}
        way.deeds = (*way.deeds, deed)

    def _fork(self, ways: list[_Way]) -> Fork:
        heads = _heads([way.text for way in ways])
        options = [self._option(way, heads[way.text]) for way in ways]
        by_letter: dict[str, list[Option]] = {}
        for way, option in zip(ways, options, strict=True):
            letter = "" if _MARK.match(way.text) else way.text[:1]
            by_letter.setdefault(letter, []).append(option)
        sums = list(accumulate(option.probability for option in options))
        return Fork(options, sums[:-1], by_letter)

    def _option(self, way: _Way, head: str) -> Option:
        return Option(
            probability=way.probability,
            surprise=-math.log(way.probability),
            head=head,
            plain_head=not _MARK.search(head),
            template=self.marks.template(way.text)
            if _MARK.search(way.text)
            else way.text,
            varies=bool(_MARK.search(way.text)),
            deeds=way.deeds,
            remembers=any(isinstance(d, tuple) or "=" in d for d in way.deeds),
            next=self.point(way.rest) if way.rest else None,
        )

    def shown(self, text: str) -> str:
        """Text with its marks as they are written in a grammar."""
        return _MARK.sub(lambda found: f"{{{self.marks.name(found[0])}}}", text)


@dataclass(eq=False, repr=False, slots=True)
class _Way:
    """An option while its fork is being built."""

    probability: float
    text: str
    deeds: tuple
    rest: Symbols
    memory: Memory
    known: frozenset[str] = frozenset()  # names remembered since the fork


def _beginnings(ways: list[_Way]) -> list[_Way]:
    """The ways whose text is the beginning of another's, or of everything: empty."""
    ranked = sorted(ways, key=lambda way: way.text)
    short = [a for a, b in pairwise(ranked) if b.text.startswith(a.text)]
    return short if len(ways) > 1 or ways[0].text else ways[:]


def _heads(texts: list[str]) -> dict[str, str]:
    """As much of each text as tells it from all others.

    >>> _heads(["a red ball", "a red bell", "a kite"])
    {'a kite': 'a k', 'a red ball': 'a red ba', 'a red bell': 'a red be'}
    """
    ranked = sorted(texts)
    shared = [0, *(_shared(a, b) for a, b in pairwise(ranked)), 0]
    return {
        text: text[: max(before, behind) + 1]
        for text, before, behind in zip(ranked, shared, shared[1:], strict=False)
    }


def _shared(a: str, b: str) -> int:
    """How many letters two texts have in common from their beginning."""
    pairs = zip(a, b, strict=False)
    return next(
        (i for i, (x, y) in enumerate(pairs) if x != y), min(len(a), len(b))
    )


def walk(grammar: Grammar, point: Point, memory: Memory) -> Iterator[tuple]:
    """Every story from a place on: its probability and text, one by one.

    Only for worlds that are small enough: see `World`.
    """
    fork = grammar.fork_at(point, memory)
    for option in fork.options:
        then = grammar.after(option, memory)
        text = option.template % then if option.varies else option.template
        if option.next is None:
            yield option.probability, text
            continue
        for probability, rest in walk(grammar, option.next, then):
            yield option.probability * probability, text + rest
