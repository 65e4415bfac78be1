"""The small world: what its stories say holds, and reads well enough to be said."""

import random
import re
from collections import Counter
from itertools import combinations, islice, pairwise, takewhile

import pytest

from llm.corpora.stories import (
    GrammarError,
    World,
    WorldError,
    sample_story,
    stories,
    story,
    story_grammar,
)
from llm.corpora.stories.grammar import (
    Call,
    Draw,
    Grammar,
    Marks,
    Pick,
    parse_rules,
    walk,
)
from llm.corpora.stories.story import WHOLE
from llm.corpora.stories.world import KINDS, PERSONS, is_girl, replay
from tests.house.notebooks import ROOT

WEATHERS = ("sun", "cloud", "wind", "snow")
DOGS = ("yes", "no")


@pytest.fixture(scope="module")
def many():
    return [sample_story(11, index) for index in range(3000)]


# --- Made to order ----------------------------------------------------------------


def test_a_story_can_be_made_again_and_alone(many):
    assert list(islice(stories(3), 5)) == [story(3, index) for index in range(5)]
    assert [s.text for s in many[:5]] == [story(11, index) for index in range(5)]
    assert len({story(seed) for seed in range(200)}) == 200


def test_the_world_is_as_large_as_promised():
    assert len(WHOLE.girls) >= 12 and len(WHOLE.boys) >= 12
    assert len(WHOLE.places) >= 12
    assert len(WHOLE.things) >= 24
    assert len(WHOLE.colours) >= 8 and len(WHOLE.qualities) >= 3


def test_all_plots_and_several_moods_occur(many):
    plots = Counter(s.plot for s in many)
    assert len(plots) == 9 and min(plots.values()) > len(many) / 9 / 1.5
    assert {"happy", "calm", "sad", "funny", "sorry", "wistful"} <= {
        s.mood for s in many
    }


def test_the_texts_look_like_stories(many):
    words = sorted(len(s.text.split()) for s in many)
    assert words[len(words) // 50] > 60 and words[-len(words) // 50] < 165
    for s in many:
        assert s.text.isascii() and "\n" not in s.text and "  " not in s.text
        assert s.text[0].isupper() and s.text.endswith((".", '."', "!", '!"'))
        assert s.text.count('"') % 2 == 0
        assert not re.search(r"\ba (?!one-)[aeiou]", s.text.lower()), s.text
        assert not re.search(r"\ban (?!hour)[^aeiou]", s.text.lower()), s.text
        assert not re.search(r"[ ,][.,!?]|[{}<>\[\]|()%_=]", s.text), s.text
    assert sum('"' in s.text for s in many) > 0.9 * len(many)  # dialogue


# --- The text respects the state --------------------------------------------------


def simulate(events):
    """The rules of the world once more, written apart from `llm`."""
    at, owner, lying = {}, {}, {}
    for event in events:
        verb, rest = event.split(" ", 1)
        names = rest.split("|")
        if verb == "go":
            at[names[0]] = names[1]
        elif verb == "have":
            assert names[1] not in owner and names[1] not in lying, event
            owner[names[1]] = names[0]
        elif verb == "lie":
            assert names[0] not in owner and names[0] not in lying, event
            lying[names[0]] = (names[1], names[2])
        elif verb == "put":
            assert owner.pop(names[1]) == names[0], event
            lying[names[1]] = (at[names[0]], names[2])
        elif verb == "take":
            assert lying.pop(names[1])[0] == at[names[0]], event
            owner[names[1]] = names[0]
        elif verb == "come":
            lying.pop(names[1])
            owner[names[1]] = names[0]
        elif verb == "give":
            assert owner[names[2]] == names[0], event
            assert at[names[0]] == at[names[1]], event
            owner[names[2]] = names[1]
        else:
            assert verb in ("want", "content"), event
    return at, owner, lying


def test_nobody_gives_what_they_do_not_hold_or_where_they_are_not(many):
    for s in many:
        at, owner, lying = simulate(s.events)
        assert (at, owner, lying) == (s.state.where, s.state.holder, s.state.lies)


def test_a_lost_thing_is_found_where_it_was_left(many):
    lost = [s for s in many if s.plot == "lost"]
    for s in lost:
        spot = dict(s.questions)[f"Where was the {s.topic}?"]
        put = next(e for e in s.events if e.startswith("put"))
        assert put.endswith(f"|{spot}")
        assert len(re.findall(rf"\b{spot}\b", s.text)) == 2
    assert len(lost) > 200


def test_the_colour_never_changes(many):
    for s in many:
        if s.plot in ("lost", "stuck", "journey", "promise", "quarrel"):
            names = [n for e in s.events for n in e.partition(" ")[2].split("|")]
            looks = next(n for n in names if n.endswith(f" {s.topic}"))
            quality, colour = looks.removesuffix(f" {s.topic}").split()
            own = re.search(rf"\ba {quality} (\S+) {s.topic}\b", s.text)
            named = re.findall(rf"\b(?:the|[Mm]y|your) (\S+) {s.topic}\b", s.text)
            assert own[1] == colour and {*named} & {*WHOLE.colours} <= {colour}


def test_who_has_it_at_the_end_is_answered_as_the_state_has_it(many):
    asked = 0
    for s in many:
        for question, answer in s.questions:
            if re.fullmatch(r"Who has it at the end\?", question):
                held = {
                    who for thing, who in s.state.holder.items() if s.topic in thing
                }
                assert answer.removeprefix("the ") in held, s
                asked += 1
    assert asked > 500


def test_labels_are_about_the_story(many):
    for s in many:
        assert s.topic in s.text and s.topic in s.summary
        assert s.summary.endswith(".") and "{" not in s.summary
        assert len(s.questions) >= 3
        for question, answer in s.questions:
            assert (
                question.endswith("?") and answer and "{" not in question + answer
            )
            names = set(re.findall(r"[A-Z][a-z]+", answer))
            assert all(name in s.text for name in names)


def test_endings_depend_on_what_happened(many):
    kept = [s for s in many if s.plot == "promise"]
    in_time = {s.mood for s in kept if "was back in time" in s.summary}
    late = {s.mood for s in kept if "forgot to bring" in s.summary}
    assert in_time == {"proud"} and late == {"sorry", "relieved"}
    shared = {
        s.mood for s in many if s.plot == "journey" and "was shown" in s.summary
    }
    assert shared == {"happy"}


def test_a_pronoun_has_one_person_it_can_mean(many):
    """Only he who is the one boy so far is "he", and she who is the one girl "she"."""
    everyone = {*WHOLE.girls, *WHOLE.boys, *WHOLE.visitors}
    seen = Counter()
    for s in many:
        girls, boys = set(), set()
        for word in re.findall(r"[A-Za-z]+", s.text):
            if word in everyone:
                (girls if is_girl(word) else boys).add(word)
            elif word.lower() in ("she", "her"):
                assert len(girls) == 1, s.text
                seen["she"] += 1
            elif word.lower() in ("he", "him", "his"):
                assert len(boys) == 1, s.text
                seen["he"] += 1
    assert min(seen.values()) > 1000


# --- What a teacher would stumble over ---------------------------------------------


def quotes(text):
    return re.findall(r'"([^"]*)"', text)


def test_what_is_asked_ends_in_a_question_mark(many):
    asks = (
        r"(May|Could|Can|Will|Would|Is|Isn't|Why|Whose|Who|What|Where|How|Have)\b"
    )
    asked = 0
    for s in many:
        for quote in quotes(s.text):
            for sentence in re.findall(r"[^.!?]+[.!?,]?", quote):
                if re.match(asks, sentence.strip()):
                    exclaims = re.match(
                        r"(What a|What luck|What fun|How (kind|lovely|lucky))",
                        sentence.strip(),
                    )
                    assert exclaims or sentence.endswith("?"), s.text
                    asked += not exclaims
    assert asked > 1000


def test_a_tag_says_who_speaks_and_not_how(many):
    for s in many:
        tags = re.findall(
            r'[,.!?]" (said|asked|cried|called|thought) (.*?)[,.]', s.text
        )
        assert not [tag for _, tag in tags if re.search(r" \w+ly$", tag)], s.text


def test_what_is_done_fits_the_season(many):
    """Nobody builds a snowman in June, nor a sandcastle in January."""
    snowy = r"snow|snowman|snowball|snowplough|sledge|polar bears"
    sunny = r"sandcastle|paddle|butterflies|flowers|lambs|daisies|dragonflies"
    seen = Counter()
    for s in many:
        errand = re.search(r" to (?!the )[a-z].*?\. ", s.text)[0]
        winter = re.search(r"\bin (December|January|February)\b", s.text)
        if re.search(rf"\b({snowy})\b", errand):
            assert winter, s.text
            seen["snow"] += 1
        if re.search(rf"\b({sunny})\b", errand):
            assert not winter, s.text
            seen["sun"] += 1
    assert min(seen.values()) > 50


def test_winter_afternoons_are_short_and_august_has_no_school(many):
    """No clock strikes five on a playground in January."""
    seen = Counter()
    for s in many:
        if s.text.startswith("After school"):
            assert not re.search(r"\bin (August|December|January)\b", s.text)
            assert not re.search(
                r"^.*?(Saturday|Sunday).*? in ", s.text.split(",")[1]
            )
            seen["school"] += 1
        if re.search(r"\bafternoon in (December|January|February)\b", s.text):
            assert not re.search(
                r"\b(five|six)( o'clock)?\.|(past|to) (five|six)", s.text
            )
            seen["winter"] += 1
    assert min(seen.values()) > 40


def test_two_colours_that_are_compared_are_never_alike(many):
    """In a mix-up and where somebody seeks another one, nobody can take the two for
    each other: one is of the warm half, one of the cool."""
    warm, cool = {*KINDS["warm"]}, {*KINDS["cool"]}
    assert warm | cool == {*WHOLE.colours} and not warm & cool
    seen = Counter()
    for s in many:
        if s.plot == "mixup":
            colours = {
                a.split()[1] for q, a in s.questions if q.startswith("Which")
            }
        elif found := re.search(r"They found the (\S+) one", s.text):
            colours = {found[1], re.search(r"\ba \S+ (\S+) ", s.summary)[1]}
        else:
            continue
        assert len(colours & warm) == len(colours & cool) == 1, s.text
        seen[s.plot] += 1
    assert {*seen} == {"mixup", "owner"} and min(seen.values()) > 50


def test_the_tool_fits_what_the_thing_fell_into(many):
    """Nobody fishes in a hedge, nor sweeps in a well."""
    seen = Counter()
    for s in many:
        if s.plot == "stuck":
            answers = dict(s.questions)
            pit = answers["Where did it fall?"]
            tool = next(a for q, a in s.questions if re.match("What did Mrs? ", q))
            deep = not re.search("bush|hedge|branches", pit)
            reaches_down = re.search("fishing rod|boat hook|pole|rope", tool)
            assert bool(reaches_down) == deep, s.text
            seen[deep] += 1
    assert min(seen.values()) > 50


def test_a_note_for_everybody_names_no_child_and_no_door(many):
    notes = [note for s in many for note in re.findall(r'"(Found: .*?)"', s.text)]
    everyone = {*WHOLE.girls, *WHOLE.boys, *WHOLE.visitors}
    for note in notes:
        assert not {*re.findall(r"[A-Z]\w+", note)} & everyone
        assert not re.search(r"\d", note) and " Ask at the " in note
    assert len(notes) > 50


def test_a_promise_is_kept_at_the_hour_and_the_door_that_were_named(many):
    kept = [s for s in many if s.plot == "promise" and s.mood == "proud"]
    for s in kept:
        hour = re.search(r"[,] until ([a-z ']+)\.", s.text)[1]
        assert f" by {hour}. " in s.text
        home = re.search(r"from (\d+ \w+ \w+)", s.text)[1]
        assert s.text.count(home) == 2
        noon = re.search(r"lunch|eleven|twelve|to one", hour)
        assert bool(noon) == (" morning in " in s.text), s.text
    assert len(kept) > 100


def test_an_animal_that_was_refused_gets_amends(many):
    refused = [s for s in many if s.plot == "journey" and s.mood == "sorry"]
    for s in refused:
        amends = s.text.split(" thought, and ")[1]
        hurt = re.search(r"\b[Mm]y foot\b", s.text)
        helped = r"on the way home (stopped|knelt down) and helped it"
        assert re.match(helped if hurt else "on the way home gave it", amends)
    assert len(refused) > 80


def test_stories_end_in_many_ways(many):
    ends = Counter()
    for s in many:
        last = re.split(r'(?<=[.!?])"? (?=[A-Z"])', s.text)[-1]
        ends[" ".join(last.split()[:2])] += 1
        assert "after all" not in last
    assert max(ends.values()) < 0.25 * len(many)
    assert sum(n for end, n in ends.items() if end.startswith("For ")) < 0.1 * len(
        many
    )


def test_what_cannot_happen_is_refused():
    with pytest.raises(WorldError, match="Tom does not hold the kite"):
        replay(["have Mia|kite", "give Tom|Mia|kite"])
    with pytest.raises(WorldError, match="not in one place"):
        replay(["have Mia|kite", "go Mia|park", "go Tom|mill", "give Mia|Tom|kite"])
    with pytest.raises(WorldError, match="is not there"):
        replay(["lie kite|mill|a fence", "go Tom|park", "take Tom|kite"])
    with pytest.raises(WorldError, match="'fly' is no event"):
        replay(["fly Mia"])


def test_a_plot_that_is_none_is_refused():
    assert sample_story(0, 0, World(plots=("gift",))).plot == "gift"
    with pytest.raises(ValueError, match="'war' is no plot: choose from lost"):
        story(0, 0, World(plots=("war",)))


# --- The grammar ------------------------------------------------------------------


class Toys:
    """Two people, and their names."""

    def entities(self, kind):
        return ("Mia", "Tom")

    def forms(self, kind, name, form):
        return name

    def remember(self, memory, name, kind, entity):
        gone = [*filter(None, memory.get(f"drawn {kind}", "").split(", ")), entity]
        return {name: entity, f"drawn {kind}": ", ".join(sorted(gone))}


def toy(source):
    marks = Marks()
    return Grammar(parse_rules(source, marks), Toys(), marks)


def texts(made):
    return {text: p for p, text in walk(made, made.start, {})}


def test_alternatives_and_weights():
    made = toy("story:\n- 3x a[b|2x c]\n- d")
    assert texts(made) == pytest.approx({"ab": 0.25, "ac": 0.5, "d": 0.25})


def test_the_fork_moves_to_where_alternatives_part():
    made = toy("story:\n- the cat [sat|ran].\n- the c[ow|at] slept.")
    expected = {
        "the cat sat.": 0.25,
        "the cat ran.": 0.25,
        "the cow slept.": 0.25,
        "the cat slept.": 0.25,
    }
    assert texts(made) == pytest.approx(expected)
    assert all(not o.next for o in made.fork_at(made.start, {}).options)


def test_an_optional_word_is_told_from_what_follows():
    made = toy("story:\n- he ran[| fast] home.")
    assert set(texts(made)) == {"he ran home.", "he ran fast home."}


def test_nobody_is_drawn_twice_and_names_are_remembered():
    made = toy("story:\n- {a:person} met {b:person}. {a} waved.")
    assert texts(made) == pytest.approx(
        {"Mia met Tom. Mia waved.": 0.5, "Tom met Mia. Tom waved.": 0.5}
    )


def test_a_rule_may_depend_on_what_was_drawn():
    made = toy(
        "story:\n- {a:person} <likes {a}>.\nlikes Mia:\n- swims\nlikes Tom:\n- ran"
    )
    assert set(texts(made)) == {"Mia swims.", "Tom ran."}


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("story:\n- [a|b", "not closed"),
        ("story:\n- a]", "comes without a"),
        ("story:\n- {a", "no partner"),
        ("story:\n- <nothing>", "no rule 'nothing'"),
        ("story:\n- a\nstory:\n- b", "two rules 'story'"),
        ("story:\n- [ab|a][c|bc]", "two ways to write 'abc'"),
        ("story:\n- go\n- go", "two ways to write 'go'"),
        ("story:\n- {a:person}{b:person}{c:person}", "nothing of kind 'person'"),
    ],
)
def test_a_bad_grammar_is_refused(source, says):
    with pytest.raises(GrammarError, match=re.escape(says)):
        texts(toy(source))


# --- No two derivations of one text: a proof for each fork of the whole world -----


def values_of(made):
    """Every text that each mark can stand for."""
    values, roles = {}, {}
    for rule in made.rules.values():
        for symbol in symbols_in(rule):
            if isinstance(symbol, Draw):
                roles.setdefault(symbol.name, set()).add(symbol.kind)
    for name, kinds in roles.items():
        for kind in kinds:
            for kind_there in kinds_of(kind):
                for entity in WHOLE.entities(kind_there):
                    for key, text in WHOLE.remember(
                        {}, name, kind_there, entity
                    ).items():
                        values.setdefault(key, set()).add(text)
                        if kind_there.split()[0] in PERSONS and key.startswith(
                            name
                        ):
                            his = key.lower().endswith("his")
                            values[key].add(f"{entity}'s" if his else entity)
    for rule in made.rules.values():
        for symbol in symbols_in(rule):
            deed = getattr(symbol, "deed", "")
            if "=" in deed:
                name, _, text = deed.partition("=")
                known = {text} if "{" not in text else values[text.strip("{}")]
                values.setdefault(name, set()).update(known)
    return values


def kinds_of(kind):
    """The kinds that a draw may name, whatever is remembered."""
    if "{place}" in kind:
        return [kind.replace("{place}", place) for place in WHOLE.places]
    if "{weather}" in kind:
        return [f"place {weather} {dog}" for weather in WEATHERS for dog in DOGS]
    return ["friend girl", "friend boy"] if "{" in kind else [kind]


def symbols_in(rule):
    for _, row in rule.alternatives:
        for symbol in row:
            yield symbol
            if isinstance(symbol, Pick):
                yield from symbols_in(symbol)


def tokens(template):
    """Letters and marks."""
    return re.findall(r"%\([^)]*\)s|.", template)


def clashes(rows, values):
    """Pairs of options that some memory could make begin alike to the end of one."""
    groups = {}
    for row in rows:
        groups.setdefault(row[0] if row else "", []).append(row[1:])
    for first, second in combinations(groups, 2):
        if "%(" not in first + second:
            continue
        for a in beginnings(first, groups[first], values):
            for b in beginnings(second, groups[second], values):
                if (a.startswith(b) or b.startswith(a)) and not two_people(
                    first, second
                ):
                    yield a, b
    for rest in groups.values():
        if len(rest) > 1:
            yield from clashes(rest, values)


def beginnings(first, rests, values):
    """What texts begin with that begin with a mark, or with a letter."""
    words = values[first[2:-2]] if first.startswith("%(") else {first}
    letters = {
        "".join(takewhile(lambda token: len(token) == 1, rest[:12]))
        for rest in rests
    }
    return {word + more for word in words for more in letters}


def two_people(first, second):
    """Different roles are different people, and only one of them can be "he"."""
    names = [t[2:-2].split(".")[0] for t in (first, second) if t.startswith("%(")]
    people = {"hero", "friend", "third"}
    return len({*names}) == 2 and {*names} <= people


def test_at_every_fork_no_option_begins_another_whatever_is_remembered():
    made = story_grammar()
    values, forks = values_of(made), 0
    for point in made._points.values():
        for fork in point.forks.values():
            forks += 1
            if any(option.varies for option in fork.options):
                rows = [tokens(option.template) for option in fork.options]
                assert not list(clashes(rows, values)), rows
            plain = sorted(o.template for o in fork.options if not o.varies)
            assert not [a for a, b in pairwise(plain) if b.startswith(a)]
            assert sum(o.probability for o in fork.options) == pytest.approx(1)
    assert forks > 1000


def test_the_proof_would_notice():
    values = {"hero": {"Mia", "Theo"}}
    assert list(clashes([tokens("%(hero)s"), tokens("Theo sat")], values))
    assert not list(clashes([tokens("%(hero)s ran"), tokens("There sat")], values))


def test_random_texts_of_small_worlds_keep_the_rules_too():
    rng = random.Random(0)
    for _ in range(20):
        girls = tuple(rng.sample(WHOLE.girls, 2))
        boys = tuple(rng.sample(WHOLE.boys, 2))
        world = World(
            girls=girls, boys=boys, places=("park", "farm"), plots=("lost", "mixup")
        )
        s = sample_story(rng.randrange(99), 0, world)
        assert s.plot in ("lost", "mixup")
        assert {*s.state.where} <= {*girls, *boys}


# --- Every pair of words that can stand side by side --------------------------------


MARK = re.compile("([\ue000-\uf8ff])")


def in_words(text):
    """Words, and the signs between them."""
    return re.findall(r"[A-Za-z]+(?:['-][A-Za-z]+)*'?|[^A-Za-z ]", text)


class Neighbours:
    """What a grammar can write, two words at a time: all of it, not a sample.

    Of each row of symbols: the words it can begin and end with, and whether it can
    be empty. `pairs` collects all neighbours; a sign like a comma is a word, too.
    """

    def __init__(self, made):
        self.made, self.values, self.known = made, values_of(made), {}
        self.pairs = set()
        self.ends(Call("story"))

    def ends(self, symbol):
        """First words, last words, can it be empty? Of one symbol."""
        if isinstance(symbol, str):
            parts = [part for part in MARK.split(symbol) if part]
            if len(parts) > 1:
                return self.ends_of_row(parts)
            marks, letter = self.made.marks, parts[0]
            texts = self.values[marks.name(letter)] if MARK.match(letter) else parts
            return self.ends_of_texts(texts)
        if isinstance(symbol, Draw):
            kinds = kinds_of(symbol.kind)
            names = [
                (kind, name) for kind in kinds for name in WHOLE.entities(kind)
            ]
            return self.ends_of_texts([WHOLE.forms(*n, symbol.form) for n in names])
        if isinstance(symbol, Pick):
            return self.ends_of_any([row for _, row in symbol.alternatives])
        if isinstance(symbol, Call):
            if symbol.rule not in self.known:
                pattern = re.sub(r"\\\{.*?\\\}", ".*", re.escape(symbol.rule))
                rules = [
                    r
                    for n, r in self.made.rules.items()
                    if re.fullmatch(pattern, n)
                ]
                rows = [row for rule in rules for _, row in rule.alternatives]
                self.known[symbol.rule] = self.ends_of_any(rows)
            return self.known[symbol.rule]
        return set(), set(), True

    def ends_of_texts(self, texts):
        rows = [in_words(text) for text in texts]
        for row in rows:
            self.pairs |= {*pairwise(row)}
        full = [row for row in rows if row]
        return {r[0] for r in full}, {r[-1] for r in full}, len(full) < len(rows)

    def ends_of_any(self, rows):
        found = [self.ends_of_row(row) for row in rows]
        firsts, lasts, empty = zip(*found, strict=True)
        return set().union(*firsts), set().union(*lasts), any(empty)

    def ends_of_row(self, row):
        firsts, lasts, empty = set(), set(), True
        for symbol in row:
            first, last, nothing = self.ends(symbol)
            self.pairs |= {(a, b) for a in lasts for b in first}
            firsts |= first if empty else set()
            lasts = lasts | last if nothing else last
            empty = empty and nothing
        return firsts, lasts, empty


@pytest.fixture(scope="module")
def neighbours():
    return Neighbours(story_grammar()).pairs


def test_all_pairs_are_read(many, neighbours):
    """Whatever stands side by side in a story is among the pairs that are read."""
    for s in many:
        assert {*pairwise(in_words(s.text))} <= neighbours, s.text
    assert len(neighbours) > 10_000


def never_together():
    path = ROOT / "tests" / "never_in_stories.txt"
    words, pairs = set(), set()
    for line in path.read_text(encoding="utf-8").splitlines():
        parts = line.split()
        if len(parts) == 2:
            pairs.add((parts[0], parts[1]))
        elif not line.startswith("#"):
            words |= {*parts}
    return words, pairs


def test_no_story_can_say_what_a_teacher_would_not_read_aloud(neighbours):
    words, pairs = never_together()
    said = {(a.lower(), b.lower()) for a, b in neighbours}
    assert not {word for pair in said for word in pair} & words
    assert not said & pairs
    assert len(words) > 200 and len(pairs) > 60


def test_the_article_fits_whatever_follows(neighbours):
    for article, word in neighbours:
        if article.lower() == "a":
            assert word[0].lower() not in "aeiou", word
        if article.lower() == "an":
            assert word[0].lower() in "aeiou" or word == "hour", word
