"""The small world: who and what there is, how it is called, and what may happen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache

GIRLS = (
    "Mia", "Ada", "Lily", "Nora", "Ruth", "Zoe", "Ivy", "Clara", "Rosa", "Tess",
    "Elsa", "Judy", "Anna", "Maya", "Vera", "Kim", "Lotte", "Wanda", "Alma", "Dora",
    "Bess", "Carol", "Edith", "Fay",
)  # fmt: skip
BOYS = (
    "Tom", "Ben", "Sam", "Leo", "Max", "Finn", "Otto", "Hugo", "Karl", "Noah",
    "Paul", "Emil", "Jack", "Ravi", "Luis", "Pete", "Anton", "Bruno", "Omar",
    "Kofi", "Abel", "Bob", "Cecil", "Dan",
)  # fmt: skip
PEOPLE = tuple(name for pair in zip(GIRLS, BOYS, strict=True) for name in pair)

# those who come by towards the end
LATE_GIRLS = ("Greta", "Holly", "Ines", "Jill", "Kate", "Lena", "Molly", "Nell")
LATE_BOYS = ("Eric", "Felix", "Gus", "Hans", "Ian", "Joe", "Kurt", "Lars")
VISITORS = LATE_GIRLS + LATE_BOYS

# those who play a part, and those who only pass by
HELPERS = (
    "baker", "miller", "gardener", "farmer", "fisherman", "shepherd", "beekeeper",
    "ferryman", "tailor", "postman", "cobbler", "painter", "sailor", "plumber",
    "blacksmith", "carpenter", "drummer", "juggler", "potter", "weaver", "clown",
    "dentist", "goatherd", "roofer", "barber", "butcher", "cook", "doctor",
    "driver", "fiddler", "glazier", "hatter", "locksmith", "mason",
    "night watchman", "piper", "sexton", "skipper", "teacher", "tinker",
)  # fmt: skip
PASSERS = (
    "broker", "captain", "chemist", "conductor", "cowherd", "cyclist", "diver",
    "duke", "fireman", "florist", "giant", "grocer", "guard", "hermit", "hiker",
    "jeweller", "judge", "king", "knight", "lawyer", "lion tamer", "magician",
    "mayor", "monk", "nurse", "philosopher", "pilot", "poet", "professor", "queen",
    "ranger", "rider", "singer", "skater", "soldier", "spy", "stoker", "tourist",
    "trumpeter", "waiter", "wizard", "writer", "zoo keeper",
)  # fmt: skip
CREATURES = (
    "badger", "beaver", "boar", "cat", "cockerel", "crow", "dog", "donkey", "duck",
    "dwarf goat", "ferret", "fox", "goose", "hare", "hedgehog", "hen", "hyena",
    "jackal", "lamb", "lynx", "magpie", "marten", "moose", "mouse", "newt", "hawk",
    "parrot", "peacock", "pig", "pony", "rabbit", "raccoon", "ram", "raven",
    "sheep", "skunk", "squirrel", "stork", "swan", "toad", "turkey", "tortoise",
    "walrus", "wolf", "wombat", "zebra",
)  # fmt: skip
ANIMALS = (
    "bat", "bear cub", "blackbird", "bullfinch", "bulldog", "calf", "camel",
    "canary", "chicken", "cuckoo", "dachshund", "dormouse", "dove", "dragonfly",
    "finch", "gander", "gecko", "gnu", "goat", "grasshopper", "greyhound", "gull",
    "guinea pig", "hamster", "heron", "hippo", "jackdaw", "kingfisher", "kitten",
    "lizard", "llama", "mole", "monkey", "mule", "nightingale", "panda",
    "partridge", "pelican", "penguin", "pigeon", "polecat", "poodle", "puppy",
    "quail", "rat", "reindeer", "robin", "rook", "seal", "sparrow", "starling",
    "swallow", "tapir", "terrier", "thrush", "tomcat", "vole", "vulture", "warthog",
    "weasel", "woodpecker", "wren", "yak",
)  # fmt: skip
COLOURS = (
    "red", "blue", "green", "yellow", "white", "black", "brown", "pink", "purple",
    "grey", "golden", "silver", "turquoise", "violet", "scarlet", "lilac", "beige",
    "bronze", "crimson", "copper", "mauve", "jade", "maroon",
    "navy", "khaki", "ruby", "sandy", "tawny", "rust-red", "sky-blue", "snow-white",
)  # fmt: skip

SIZES = (
    "small", "big", "tiny", "large", "little", "huge", "giant",
    "middling", "mighty", "dainty", "bulky", "slim",
)  # fmt: skip

THINGS = (
    "kite", "ball", "drum", "lantern", "hat", "scarf", "basket", "boat", "bell",
    "key", "cup", "parasol", "bucket", "whistle", "teapot", "blanket", "jar",
    "flute", "wagon", "mirror", "spoon", "pillow", "clock", "doll", "map", "mitten",
    "book", "puzzle", "trumpet", "sledge", "tent", "globe",
)  # fmt: skip

# name: in or at it, to it, and where in it a thing can lie
PLACES = {
    "park": ("in", "to", (
        "under a bench", "beside the pond", "behind the oak", "on the swing",
        "next to the fountain", "behind the bandstand", "under the slide",
        "beside a rose bed")),
    "market": ("at", "to", (
        "under a stall", "behind the fish cart", "between two barrels",
        "on the steps", "beside the pump", "under the awning", "next to the scales",
        "behind the cheese van")),
    "beach": ("on", "to", (
        "behind a rock", "under a boat", "beside the pier", "on a heap of seaweed",
        "between two dunes", "beside a sand castle", "under the jetty",
        "next to a crab pot")),
    "orchard": ("in", "to", (
        "under a plum tree", "against a ladder", "on the low wall",
        "beside the beehives", "behind the pear tree", "under the cherry tree",
        "next to a basket", "in the long grass")),
    "barn": ("in", "to", (
        "on a bale of straw", "behind the cart", "under the stairs",
        "next to the calf", "beside the door", "in the hay loft",
        "under the plough", "behind the milk churns")),
    "school": ("at", "to", (
        "under a desk", "behind the coats", "on the window sill",
        "beside the piano", "in the corner", "beside the skeleton",
        "under the blackboard", "next to the fish tank")),
    "library": ("in", "to", (
        "between two shelves", "on the reading chair", "under the big table",
        "behind the globe", "beside the stove", "under the stairs",
        "on top of the dictionary", "next to the ladder")),
    "meadow": ("in", "to", (
        "in the tall grass", "under the willow", "on a flat stone",
        "beside the brook", "behind the fence", "next to a molehill",
        "behind the hay cart", "beside the old well")),
    "mill": ("at", "to", (
        "on a sack of flour", "under the wheel", "behind the millstone",
        "beside the donkey", "against the gate", "under the hoist",
        "behind the scales", "beside the mill race")),
    "harbour": ("at", "to", (
        "on a coil of rope", "behind the crates", "under a net", "beside the crane",
        "next to an anchor", "on the slipway", "beside the fish hall",
        "under a bollard")),
    "forest": ("in", "to", (
        "under a fir tree", "on a mossy stump", "behind the ferns",
        "inside a hollow log", "beside a spring", "under a bramble",
        "between two roots", "next to an anthill")),
    "station": ("at", "to", (
        "under the clock", "on a trunk", "behind the ticket office",
        "beside the track", "next to a lamp post", "under a bench",
        "beside the weighing machine", "behind the mail bags")),
    "garden": ("in", "to", (
        "behind the roses", "under the bean poles", "beside the rain barrel",
        "on the wheelbarrow", "next to the shed", "under the rhubarb",
        "behind the compost", "beside the gnome")),
    "bridge": ("on", "to", (
        "under a plank", "beside the toll box", "behind the railing",
        "on a milestone", "next to a bollard", "under the arch",
        "behind the signpost", "beside the life belt")),
    "lighthouse": ("at", "to", (
        "on the spiral stairs", "under the lamp", "behind the fog horn",
        "beside the flag pole", "next to a telescope", "behind the oil drums",
        "under the porthole", "next to the log book")),
    "castle": ("at", "to", (
        "on the drawbridge", "behind a cannon", "under the archway",
        "beside the well", "next to the stone lion", "under a suit of armour",
        "behind the throne", "in the dungeon")),
}  # fmt: skip

HOME = "home"


@dataclass(frozen=True)
class World:
    """What there is to draw from, and how much of the grammar is used.

    people … creatures: names. plots: names of
    plots, None for all.
    keep: of every list of alternatives with n entries, how many are kept, the first
        ones: a function from the name of the rule ("" for inline choices) and n.
        None keeps all. With few names and few alternatives a world is small enough
        to write down all its stories, which is how the oracle is proved.
    """

    people: tuple[str, ...] = PEOPLE
    things: tuple[str, ...] = THINGS
    colours: tuple[str, ...] = COLOURS
    sizes: tuple[str, ...] = SIZES
    places: tuple[str, ...] = tuple(PLACES)
    helpers: tuple[str, ...] = HELPERS
    animals: tuple[str, ...] = ANIMALS
    visitors: tuple[str, ...] = VISITORS
    passers: tuple[str, ...] = PASSERS
    creatures: tuple[str, ...] = CREATURES
    plots: tuple[str, ...] | None = None
    n_spots: int = 8
    keep: Callable[[str, int], int] | None = None

    def entities(self, kind: str) -> Mapping[str, str] | tuple[str, ...]:
        """The names of all entities of a kind."""
        if kind.startswith("spot "):
            return PLACES[kind.removeprefix("spot ")][2][: self.n_spots]
        kinds = {
            "person": self.people,
            "thing": self.things,
            "colour": self.colours,
            "size": self.sizes,
            "place": self.places,
            "helper": self.helpers,
            "visitor": self.visitors,
            "passer": self.passers,
            "maker": self.passers,
            "lifter": self.passers,
            "creature": self.creatures,
            "pet": self.animals,
            "walker": self.animals,
        }
        return kinds[kind]

    def forms(self, kind: str, name: str, form: str) -> str:
        """The word that a draw of this entity writes."""
        return _place_forms(name)[form] if kind == "place" else name

    def remember(
        self, memory: Mapping[str, str], name: str, kind: str, entity: str
    ) -> dict[str, str]:
        """What a draw adds to the memory: who it is, its forms, and that it is gone."""
        gone = memory.get(f"drawn {kind}", "")
        new = {
            name: entity,
            f"drawn {kind}": ", ".join(
                sorted(filter(None, [*gone.split(", "), entity]))
            ),
        }
        if kind == "place":
            new |= {f"{name}.{f}": text for f, text in _place_forms(entity).items()}
        if kind in ("person", "visitor"):
            cast = f"{memory.get('cast', '')} {name}={entity}".strip()
            new |= {"cast": cast, **_cast_forms(cast)}
        return new


def is_girl(name: str) -> bool:
    """Is this the name of a girl? All others are boys."""
    return name in GIRLS or name in LATE_GIRLS


@cache
def _place_forms(name: str) -> dict[str, str]:
    at, to, _ = PLACES[name]
    forms = {"at": f"{at} the {name}", "to": f"{to} the {name}"}
    return {**forms, "At": forms["at"].capitalize(), "the": f"the {name}"}


@cache
def _cast_forms(cast: str) -> dict[str, str]:
    """The names and pronouns of everyone in the story so far.

    A pronoun stands for the only girl or the only boy there is; where there are two
    of them, the name stands instead, so that nobody has to guess.

    >>> forms = _cast_forms("hero=Mia friend=Tom")
    >>> forms["hero.He"], forms["friend.him"]
    ('She', 'him')
    >>> forms = _cast_forms("hero=Mia friend=Ada")
    >>> forms["hero.He"], forms["friend.his"], forms["friend.own"]
    ('Mia', "Ada's", 'the')
    """
    people = dict(entry.split("=") for entry in cast.split())
    forms = {}
    for role, name in people.items():
        girl = is_girl(name)
        alone = sum(is_girl(other) == girl for other in people.values()) == 1
        he, him, his = ("she", "her", "her") if girl else ("he", "him", "his")
        forms[role] = name
        forms[f"{role}.he"] = he if alone else name
        forms[f"{role}.He"] = he.capitalize() if alone else name
        forms[f"{role}.him"] = him if alone else name
        forms[f"{role}.his"] = his if alone else f"{name}'s"
        forms[f"{role}.own"] = his if alone else "the"
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
