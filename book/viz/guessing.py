"""The guessing game: a story uncovered word by word, and what each word cost whom.

The reader guesses; models that count and the oracle have guessed before. All
probabilities are those of a word, its capital letters aside, given that a word comes
next: the signs behind a word are uncovered with it, and cost nobody anything.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from torch import Tensor

from book.bundle import Bundle
from book.viz.page import interactive
from llm.corpora import story
from llm.data import documents
from llm.ngram import KneserNey, NGramCounts
from llm.oracle import BLANK_LINE, start
from llm.oracle.pieces import cutter, next_pieces
from llm.style import BLACK, BLUE, GREY, STYLE, VERMILLION
from llm.tokenizers import BPETokenizer
from llm.tokenizers.pretokens import pretokenise

# Each player's name, what it goes by, and how many words in a row it has counted.
PLAYERS = (
    ("1-gram", "how often each word comes", 1),
    ("2-gram", "sees the word before", 2),
    ("4-gram", "sees the three words before", 4),
    ("oracle", "knows how the stories are made", None),
)
N_GUESSES = 3  # of each player for each word
IN_PICTURE = 16  # words
LOOKS = (
    (GREY, "s", ":"),
    (BLUE, "^", "-."),
    (VERMILLION, "o", "-"),
    (BLACK, "D", "--"),
)
ALT = (
    "A story with its next word covered, a field for a guess, and the surprise in "
    "nats of the reader, of models that count words, and of the oracle."
)
Expected = dict[str, float]  # the probability of each word


def guessing_game(
    stories: Sequence[str],
    read: Sequence[str],
    *,
    alt: str = ALT,
    small: bool = False,
    offer: bool = False,
) -> Bundle:
    """Guess a story word by word, against models that count and the oracle.

    stories: whole ones, none of them among `read`, which are those that the models
    count. alt: as in `interactive`. small: without what the players expected of each
    word, for a page that shows what the book is like. offer: begin with words to
    pick below the field.

    Raises `ParseError` for a text that is no story.
    """
    state = packed(stories, read)
    picture = word_by_word(state)
    state |= {"small": small, "offer": offer}
    return interactive("guessing", state, alt=alt, figure=picture)


def small_game(n_stories: int = 2, n_read: int = 400) -> Bundle:
    """The game in its small form, for another page: stories of the usual supply."""
    stories = [story(1, i) for i in range(n_stories)]
    read = [story(0, i) for i in range(n_read)]
    return guessing_game(stories, read, small=True, offer=True)


# --- What the page is told --------------------------------------------------------


def packed(stories: Sequence[str], read: Sequence[str]) -> dict[str, Any]:
    """What each player expects of each word, as the page wants it.

    Returns `players`: name and what it goes by; `words`; and `stories`, each with
    `name`, `pieces`, `begin` (pieces to be seen at first) and `asked`: for each piece
    None, or for each player the probability of the word that came, and its
    likeliest guesses, [word, probability, …], a word by its place in `words`.
    """
    number: dict[str, int] = {}  # of each word that is shown
    spelling = usual_spellings((*stories, *read))
    told = []
    for text, expected in zip(stories, all_expected(stories, read), strict=True):
        pieces = list(pretokenise(text))
        asked = [
            players and [row(number, word_of(piece), p) for p in players]
            for piece, players in zip(pieces, expected, strict=True)
        ]
        begin = 1 + next(i for i, piece in enumerate(pieces) if "." in piece)
        name = " ".join(text.split()[:4]).rstrip(",") + " …"
        told.append(
            {"name": name, "pieces": pieces, "begin": begin, "asked": asked}
        )
    players = [[name, goes_by] for name, goes_by, _ in PLAYERS]
    words = [spelling.get(word, word) for word in number]
    return {"players": players, "words": words, "stories": told}


def row(number: dict[str, int], word: str, expected: Expected) -> list[float]:
    """The probability of the word that came, and the likeliest guesses."""
    best = sorted(expected, key=lambda w: (-expected[w], w))[:N_GUESSES]
    guesses = [(number.setdefault(w, len(number)), expected[w]) for w in best]
    return [expected[word], *(value for guess in guesses for value in guess)]


def word_of(piece: str) -> str:
    """The word that a piece of text is, "" for signs.

    >>> word_of(" The"), word_of('."')
    ('the', '')
    """
    word = piece.strip().casefold()
    return word if word[:1].isalnum() else ""


def usual_spellings(texts: Iterable[str]) -> dict[str, str]:
    """How each word is written most often."""
    counts = Counter(
        piece.strip() for text in texts for piece in pretokenise(text)
    ).most_common()
    return {word_of(piece): piece for piece, _ in reversed(counts)}


# --- What is expected -------------------------------------------------------------


def all_expected(
    stories: Sequence[str], read: Sequence[str]
) -> Iterator[list[list[Expected] | None]]:
    """For each story, for each piece that is a word, what each player expected."""
    texts = [list(pretokenise(text)) for text in (*read, *stories)]
    known = [
        "",
        *sorted({piece for text in texts for piece in text}),
    ]  # "": the end
    number = {piece: i for i, piece in enumerate(known)}
    ids = [[number[piece] for piece in text] for text in texts]
    x, y = documents(ids[: len(read)], 0, context_length=max(map(len, ids)) + 1)
    models = [
        KneserNey(NGramCounts(x, y, n, len(known))) for _, _, n in PLAYERS if n
    ]
    for text, pieces in zip(stories, ids[len(read) :], strict=True):
        before = torch.tensor([[0, *pieces[:-1]]])
        came = [word_of(known[i]) for i in pieces]
        expected = [by_a_model(m(before)[0].exp(), known, came) for m in models]
        expected.append(by_the_oracle(text))
        yield [
            list(players) if word else None
            for word, *players in zip(came, *expected, strict=True)
        ]


def by_a_model(
    probs: Tensor, known: Sequence[str], came: Sequence[str]
) -> list[Expected]:
    """At each place the likeliest words, and the one that came, given that one comes.

    probs: (T, V), of each of the `known` pieces.
    """
    kinds = [word_of(piece) for piece in known]
    words = sorted({*kinds} - {""})
    place = {word: i for i, word in enumerate(words)}
    is_word = torch.tensor([kind != "" for kind in kinds])
    kind = torch.tensor([place[kind] for kind in kinds if kind])
    shares = torch.zeros(len(probs), len(words))
    shares.index_add_(1, kind, probs[:, is_word])
    shares /= shares.sum(1, keepdim=True)
    best = shares.topk(N_GUESSES).indices.tolist()
    return [
        {words[i]: float(row[i]) for i in (*top, place.get(word, 0))}
        for row, top, word in zip(shares, best, came, strict=True)
    ]


def by_the_oracle(text: str) -> list[Expected]:
    """The probability of each word that could have come, at each place of a story.

    Raises `ParseError` for a text that is none.
    """
    return [of_words(pieces) for pieces in truth(text)]


def truth(text: str) -> Iterator[Expected]:
    """The probability of each piece that could have come, at each place of a story."""
    cut = cutter(BPETokenizer([], ()), BLANK_LINE)  # into pre-tokens
    cursor, last = start(), ""
    for piece in pretokenise(text):
        yield next_pieces(cursor, last, cut)
        cursor, last = cursor.read(piece), piece
    cursor.read(BLANK_LINE)


def of_words(pieces: Expected) -> Expected:
    """Of the probabilities of pieces those of words, given that a word comes.

    >>> of_words({" The": 0.25, " the": 0.125, " cat": 0.125, ".": 0.5})
    {'the': 0.75, 'cat': 0.25}
    """
    total: Expected = defaultdict(float)
    for piece, p in pieces.items():
        total[word_of(piece)] += p
    total.pop("", None)
    return {word: p / sum(total.values()) for word, p in total.items()}


# --- For paper --------------------------------------------------------------------


def word_by_word(state: dict[str, Any]) -> Figure:
    """What the first words that are asked cost each player."""
    story = state["stories"][0]
    places = [t for t, asked in enumerate(story["asked"]) if asked]
    places = [t for t in places if t >= story["begin"]][:IN_PICTURE]
    with mpl.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(6.4, 3.2))
        for k, (name, _) in enumerate(state["players"]):
            colour, marker, dashes = LOOKS[k]
            nats = [-math.log(story["asked"][t][k][0]) for t in places]
            look = {"color": colour, "linestyle": dashes, "marker": marker}
            ax.plot(nats, label=name, markersize=4, lw=1, **look)
        words = [story["pieces"][t].strip() for t in places]
        ax.set_xticks(range(len(places)), words, rotation=60, ha="right")
        ax.set_ylabel("surprise in nats")
        ax.legend(
            ncols=len(state["players"]), loc="lower left", bbox_to_anchor=(0, 1)
        )
    return figure
