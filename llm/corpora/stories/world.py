"""The small world: who and what there is, how it is called, and what may happen."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

NAMES = tomllib.loads((files(__package__) / "world.toml").read_text("utf-8"))
KINDS: dict[str, tuple[str, ...]] = {
    kind: tuple(names) for kind, names in NAMES["kinds"].items()
}
PLACES: dict[str, dict] = NAMES["places"]
THINGS: dict[str, dict] = NAMES["things"]
TOYS = tuple(name for name, thing in THINGS.items() if "personal" not in thing)
GIRLS, BOYS = tuple(NAMES["girls"]), tuple(NAMES["boys"])
VISITORS = (*NAMES["late_girls"], *NAMES["late_boys"])
HOUSE_NUMBERS = tuple(map(str, range(1, 200)))
PERSONS = ("girl", "boy", "friend", "visitor")


@dataclass(frozen=True)
class World:
    """What there is to draw from, and how much of the grammar is used.

    girls, boys, visitors (who come by towards the end), things, colours, qualities,
    places: names. plots: names of plots, None for all.
    most: how many there are at most of every other kind, the first ones: streets,
        creatures, spots in a place … None for all.
    keep: of every list of alternatives with n entries, how many are kept, the first
        ones: a function from the name of the rule ("" for inline choices) and n.
        None keeps all. With few names and few alternatives a world is small enough
        to write down all its stories, which is how the oracle is proved.
    """

    girls: tuple[str, ...] = GIRLS
    boys: tuple[str, ...] = BOYS
    visitors: tuple[str, ...] = VISITORS
    things: tuple[str, ...] = tuple(THINGS)
    colours: tuple[str, ...] = KINDS["colour"]
    qualities: tuple[str, ...] = KINDS["quality"]
    places: tuple[str, ...] = tuple(PLACES)
    plots: tuple[str, ...] | None = None
    most: int | None = None
    keep: Callable[[str, int], int] | None = None

    def entities(self, kind: str) -> tuple[str, ...]:
        """The names of all entities of a kind.

        "spot park": the spots in the park; "place snow yes": where one goes in snow
        with a dog; "friend girl": whom a girl meets.
        """
        kind, _, which = kind.partition(" ")
        if kind == "spot":
            return tuple(PLACES[which]["spots"][: self.most])
        chosen = {
            "girl": self.girls,
            "boy": self.boys,
            "friend": self.boys if which == "girl" else self.girls,
            "visitor": self.visitors,
            "thing": self.things,
            "toy": tuple(t for t in self.things if t in TOYS) or self.things,
            "colour": self.colours,
            "warm": self._shades("warm"),
            "cool": self._shades("cool"),
            "quality": self.qualities,
            "place": _places_for(which, self.places),
            "number": HOUSE_NUMBERS[: self.most],
        }
        return chosen[kind] if kind in chosen else KINDS[kind][: self.most]

    def _shades(self, hue: str) -> tuple[str, ...]:
        """The colours of one half; its first if this world has none of them."""
        return tuple(c for c in KINDS[hue] if c in self.colours) or KINDS[hue][:1]

    def kinds(self) -> tuple[str, ...]:
        """Every kind but the spots, of which each place has its own."""
        return ("girl", "boy", "visitor", "place", "thing", "toy", *KINDS)

    def forms(self, kind: str, name: str, form: str) -> str:
        """The word that a draw of this entity writes."""
        if kind.startswith("place"):
            return _place_forms(name)[form]
        return _said(name) if form == "said" else name

    def remember(
        self, memory: Mapping[str, str], name: str, kind: str, entity: str
    ) -> dict[str, str]:
        """What a draw adds to the memory: who it is, its forms, what was drawn."""
        drawn = memory.get(f"drawn {kind}")
        all_drawn = sorted([*drawn.split(", "), entity]) if drawn else [entity]
        new = {name: entity, f"drawn {kind}": ", ".join(all_drawn)}
        if kind.startswith("place"):
            new |= {f"{name}.{f}": text for f, text in _place_forms(entity).items()}
        if kind == "relative":
            said = _said(entity)
            new |= {
                f"{name}.said": said,
                f"{name}.Said": said[0].upper() + said[1:],
            }
        if kind.split()[0] in PERSONS:
            cast = f"{memory.get('cast', '')} {name}={entity}".strip()
            new |= {"cast": cast, **_cast_forms(cast)}
        return new


def is_girl(name: str) -> bool:
    """Is this the name of a girl? All others are boys."""
    return name in NAMES["girls"] or name in NAMES["late_girls"]


@cache
def _place_forms(name: str) -> dict[str, str]:
    at = f"{PLACES[name]['at']} the {name}"
    return {"at": at, "to": f"to the {name}", "At": at[0].upper() + at[1:]}


def _places_for(which: str, places: tuple[str, ...]) -> tuple[str, ...]:
    """Where one goes in a weather, with or without a dog: "snow yes".

    If there is no such place, everywhere.
    """
    weather, _, dog = which.partition(" ")
    fit = tuple(
        place
        for place in places
        if ("snow" in PLACES[place] or weather != "snow")
        and not (dog == "yes" and PLACES[place].get("no_dogs"))
    )
    return fit or places


def _said(relative: str) -> str:
    """What one calls a relative of one's own.

    >>> _said("aunt Dot"), _said("big sister")
    ('Aunt Dot', 'my big sister')
    """
    named = relative.startswith(("aunt ", "uncle "))
    return relative[0].upper() + relative[1:] if named else f"my {relative}"


def two_forms(errand: str) -> tuple[str, str]:
    """What one is to do, and what one did.

    >>> two_forms("look/looked for shells")
    ('look for shells', 'looked for shells')
    """
    pairs = r"(\w+)/(\w+)"
    return re.sub(pairs, r"\1", errand), re.sub(pairs, r"\2", errand)


def errand_rules() -> str:
    """For each weather and place a rule "errand snow park": what one goes there to do.

    What was done in the end is remembered: {did}.
    """
    return "\n".join(
        _rule(f"errand {weather} {name}", [_errand(text) for text in errands])
        for name, place in PLACES.items()
        for weather, errands in _errands(place).items()
    )


def _errand(text: str) -> str:
    to_do, did = two_forms(text)
    return f"(did={did}){to_do}"


def _errands(place: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """What one does at a place, for each weather."""
    usual = place["errands"]
    sun = usual + place.get("sun", [])
    snow = place.get("snow", usual)
    return {"sun": sun, "cloud": usual, "wind": usual, "snow": snow}


def use_rules() -> str:
    """For each thing a rule "use kite": what somebody did with "the kite"."""
    return "\n".join(
        _rule(
            f"use {name}",
            [
                re.sub(r"\bit\b", f"the {name}", use, count=1)
                for use in thing["uses"]
            ],
        )
        for name, thing in THINGS.items()
    )


def _rule(name: str, texts: Iterable[str]) -> str:
    return "\n".join([f"{name}:", *(f"- {text}" for text in texts)])


@cache
def _cast_forms(cast: str) -> dict[str, str]:
    """The names and pronouns of everyone in the story so far.

    A pronoun stands for the only girl or the only boy there is; where there are two
    of them, the name stands instead, so that nobody has to guess.

    >>> forms = _cast_forms("hero=Mia friend=Tom")
    >>> forms["hero.He"], forms["friend.him"]
    ('She', 'him')
    >>> forms = _cast_forms("hero=Mia friend=Ada")
    >>> forms["hero.He"], forms["friend.his"]
    ('Mia', "Ada's")
    """
    people = dict(entry.split("=") for entry in cast.split())
    forms = {}
    for role, name in people.items():
        girl = is_girl(name)
        alone = sum(is_girl(other) == girl for other in people.values()) == 1
        he, him, his = ("she", "her", "her") if girl else ("he", "him", "his")
        forms[role] = name
        forms[f"{role}.names"] = f"{name}'s"
        forms[f"{role}.he"] = he if alone else name
        forms[f"{role}.He"] = he.capitalize() if alone else name
        forms[f"{role}.him"] = him if alone else name
        forms[f"{role}.same"] = "girl" if girl else "boy"
        forms[f"{role}.his"] = his if alone else f"{name}'s"
        forms[f"{role}.His"] = (
            forms[f"{role}.his"].capitalize() if alone else f"{name}'s"
        )
    return forms


# --- What happens -----------------------------------------------------------------


class WorldError(ValueError):
    """Something happened that cannot happen in this world."""


@dataclass
class State:
    """Who is where, who holds what, where a thing lies, who wants what.

    where: person -> place; holder: thing -> person; lies: thing -> (place, spot);
    wants: person -> thing. A thing is named by its looks, "small red kite".
    """

    where: dict[str, str] = field(default_factory=dict)
    holder: dict[str, str] = field(default_factory=dict)
    lies: dict[str, tuple[str, str]] = field(default_factory=dict)
    wants: dict[str, str] = field(default_factory=dict)

    def happen(self, verb: str, *names: str) -> None:
        """Let an event happen. Raises `WorldError` if it cannot."""
        if verb not in EVENTS:
            raise WorldError(
                f"{verb!r} is no event: choose from {', '.join(EVENTS)}"
            )
        EVENTS[verb](self, *names)

    def go(self, person: str, place: str) -> None:
        self.where[person] = place

    def have(self, person: str, thing: str) -> None:
        """The story says that somebody holds a thing of which it has not spoken."""
        self._refuse(
            thing in self.holder or thing in self.lies, f"{thing} is known"
        )
        self.holder[thing] = person

    def lie(self, thing: str, place: str, spot: str) -> None:
        """The story says where a thing lies of which it has not spoken."""
        self._refuse(
            thing in self.holder or thing in self.lies, f"{thing} is known"
        )
        self.lies[thing] = (place, spot)

    def put(self, person: str, thing: str, spot: str) -> None:
        self._needs(person, thing)
        del self.holder[thing]
        self.lies[thing] = (self.where[person], spot)

    def take(self, person: str, thing: str) -> None:
        self._refuse(thing not in self.lies, f"{thing} lies nowhere")
        place, _ = self.lies.pop(thing)
        self._refuse(self.where[person] != place, f"{person} is not there: {place}")
        self.holder[thing] = person

    def give(self, giver: str, taker: str, thing: str) -> None:
        self._needs(giver, thing)
        apart = self.where.get(giver) != self.where.get(taker)
        self._refuse(apart, f"{giver} and {taker} are not in one place")
        self.holder[thing] = taker

    def come(self, person: str, thing: str) -> None:
        """A thing comes to somebody from where it lay, and nobody knows how."""
        self._refuse(thing not in self.lies, f"{thing} lies nowhere")
        del self.lies[thing]
        self.holder[thing] = person

    def want(self, person: str, thing: str) -> None:
        self.wants[person] = thing

    def content(self, person: str) -> None:
        """Somebody no longer wants anything."""
        self.wants.pop(person, None)

    def _needs(self, person: str, thing: str) -> None:
        self._refuse(
            self.holder.get(thing) != person, f"{person} does not hold the {thing}"
        )

    @staticmethod
    def _refuse(wrong: bool, why: str) -> None:
        if wrong:
            raise WorldError(why)


EVENTS: dict[str, Callable[..., None]] = {
    verb: getattr(State, verb)
    for verb in (
        "go",
        "have",
        "lie",
        "put",
        "take",
        "give",
        "come",
        "want",
        "content",
    )
}


def replay(events: Iterable[str]) -> State:
    """What the world is like after these events, "give Mia|Tom|small red kite" …

    Raises `WorldError` at the first that cannot happen.
    """
    state = State()
    for event in events:
        verb, _, names = event.partition(" ")
        state.happen(verb, *names.split("|"))
    return state
