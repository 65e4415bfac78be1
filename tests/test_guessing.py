"""The guessing game: what each player expects, and what a guess costs in the page."""

import math
from collections import Counter

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from book.viz import guessing
from llm.corpora import story
from llm.oracle import ParseError, log_prob
from llm.tokenizers.pretokens import pretokenise
from tests.figure_parts import state_of
from tests.javascript import computed

mpl.use("Agg")
READ = [story(0, i) for i in range(40)]
TOLD = [story(1, 0), story(1, 1)]


@pytest.fixture(scope="module")
def state():
    return guessing.packed(TOLD, READ)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def players_at(state, number=0):
    """Each word of a story that is asked, and what each player gave it and guessed."""
    told = state["stories"][number]
    for piece, asked in zip(told["pieces"], told["asked"], strict=True):
        if asked:
            yield (
                piece,
                [(p, named(state["words"], guesses)) for p, *guesses in asked],
            )


def named(words, guesses):
    """[word, probability, …] as pairs with the words themselves."""
    return [(words[i], p) for i, p in zip(guesses[::2], guesses[1::2], strict=True)]


# --- What the page is told --------------------------------------------------------


def test_words_are_asked_and_signs_are_not(state):
    for told, text in zip(state["stories"], TOLD, strict=True):
        assert "".join(told["pieces"]) == text
        for piece, asked in zip(told["pieces"], told["asked"], strict=True):
            assert bool(asked) == any(sign.isalnum() for sign in piece)
        seen = told["pieces"][: told["begin"]]
        assert "." in seen[-1] and not any("." in piece for piece in seen[:-1])


def test_no_player_gives_more_than_everything(state):
    for piece, players in players_at(state):
        for p, guesses in players:
            assert 0 < p <= 1 + 1e-6
            assert sum(q for _, q in guesses) <= 1 + 1e-5
            assert sorted((q for _, q in guesses), reverse=True) == [
                q for _, q in guesses
            ]
            for word, q in guesses:
                if guessing.word_of(word) == guessing.word_of(piece):
                    assert math.isclose(p, q, rel_tol=1e-6)


def test_the_truth_about_all_pieces_is_the_probability_of_the_story():
    total = sum(
        math.log(probs[piece])
        for piece, probs in zip(
            pretokenise(TOLD[0]), guessing.truth(TOLD[0]), strict=True
        )
    )
    assert math.isclose(total, log_prob(TOLD[0]), abs_tol=1e-6)


def test_the_first_player_goes_by_how_often_a_word_came(state):
    counts = Counter(guessing.word_of(p) for t in READ for p in pretokenise(t))
    n = sum(counts.values()) - counts[""]
    for piece, players in players_at(state):
        p, _ = players[0]
        share = counts[guessing.word_of(piece)] / n
        assert abs(p - share) < 0.002 + 0.05 * share


def test_who_sees_more_is_less_surprised(state):
    costs = [[], [], [], []]
    for number in (0, 1):
        for _, players in players_at(state, number):
            for k, (p, _) in enumerate(players):
                costs[k].append(-math.log(p))
    one, two, four, oracle = (sum(c) / len(c) for c in costs)
    assert one > two > four > oracle > 0


def test_a_word_is_a_word_however_it_is_written():
    merged = guessing.of_words(
        {" The": 0.25, " the": 0.125, "the": 0.125, "?": 0.5}
    )
    assert merged == {"the": 1.0}
    assert (
        guessing.usual_spellings(["The cat. The dog and the cow"])["the"] == "The"
    )


def test_a_text_that_is_no_story_is_refused():
    with pytest.raises(ParseError):
        guessing.packed(["It was a dark and stormy night."], READ[:2])


def test_the_figure_and_its_small_form():
    full = guessing.guessing_game(TOLD[:1], READ)
    assert {"image/png", "application/pdf", "text/html"} <= full.data.keys()
    assert (state_of(full)["small"], state_of(full)["offer"]) == (False, False)
    small = guessing.small_game(n_stories=1, n_read=20)
    assert (state_of(small)["small"], state_of(small)["offer"]) == (True, True)


# --- What a guess costs -----------------------------------------------------------


def test_the_page_reads_a_guess(tmp_path):
    texts = ["", " , ", "Horse", "horse, bear,HORSE ,dog", "a  b"]
    found = computed(
        tmp_path, "guessing", "return input.texts.map(guessed);", texts=texts
    )
    assert found == [[], [], ["horse"], ["horse", "bear", "dog"], ["a  b"]]


def test_what_the_reader_gives_sums_to_one(tmp_path):
    """Whatever is guessed, over all words that could come."""
    common = {"horse": 0.1, "bear": 0.2, "dog": 0.3, "the": 0.4}
    guesses = [[], ["horse"], ["horse", "bear"], ["dog", "the", "bear", "horse"]]
    code = """return input.guesses.map((words) => [0, 0.3, 0.99].map((sure) =>
        Object.entries(input.common).map(([w, u]) => given(words, sure, w, u))));"""
    found = computed(tmp_path, "guessing", code, guesses=guesses, common=common)
    for of_guess in found:
        for probs in of_guess:
            assert math.isclose(sum(probs), 1)
            assert all(p > 0 for p in probs)
    assert found[0][2] == list(
        common.values()
    )  # who guesses nothing is sure of nothing
    assert math.isclose(found[1][1][0], 0.3 + 0.7 * 0.1)
    assert math.isclose(found[2][1][1], 0.3 / 2 + 0.7 * 0.2)


def test_a_story_is_played_to_its_end(tmp_path, state):
    code = """
    const game = new Game(input.state.stories[0]), at = [game.at];
    game.guess([game.word(game.at).toLowerCase()], 0.5);
    game.guess(["zebra"], 0.5);
    at.push(game.at);
    const means = game.means(), sums = game.sums(), offers = game.offers(input.state.words);
    game.show(10);
    const shown = game.at;
    game.show(9999);
    game.guess(["late"], 0.5);
    const paid = [...game.paid], over = game.over;
    game.again();
    return { at, means, sums, offers, shown, paid, over, again: [game.at, game.paid.size] };
    """
    found = computed(tmp_path, "guessing", code, state=state)
    told = state["stories"][0]
    places = [t for t, asked in enumerate(told["asked"]) if asked]
    places = [t for t in places if t >= told["begin"]]
    assert found["at"] == [places[0], places[2]]
    assert found["shown"] == places[12]
    common = [told["asked"][t][0][0] for t in places]
    expected = [[places[0], 0.5 + 0.5 * common[0]], [places[1], 0.5 * common[1]]]
    assert found["paid"] == [pytest.approx(pair) for pair in expected]
    assert found["over"] and found["again"] == [places[0], 0]
    of_all = [[p for _, p in expected]]
    of_all += [[told["asked"][t][k][0] for t in places[:2]] for k in range(4)]
    assert found["means"] == pytest.approx(
        [-sum(map(math.log, probs)) / 2 for probs in of_all]
    )
    assert [s[0] for s in found["sums"]] == [0] * 5
    assert [s[-1] / 2 for s in found["sums"]] == pytest.approx(found["means"])
    assert found["sums"][0][1] == pytest.approx(-math.log(expected[0][1]))
    counted = told["asked"][places[2]][:-1]
    likely = {state["words"][w] for _, *g in counted for w in g[::2]}
    assert set(found["offers"]) <= likely and len(found["offers"]) >= 3
