"""Stories of a small part of the world: short runs of training come near their floor.

The same plots as everywhere, with few names, and of every list of alternatives the
first two. So a model of one layer learns in a few hundred steps what there is to
learn, and the floor is known as exactly as that of all stories.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from llm.corpora import World, story
from llm.data import DocumentBatches, documents
from llm.model import GPT, GPTConfig, build
from llm.oracle import surprises
from llm.runs import end_mark
from llm.tokenizers import END_OF_TEXT, BPETokenizer

PLOTS = (
    "lost", "trade", "gift", "stuck", "mixup", "journey", "promise", "quarrel", "owner",
)  # fmt: skip
VOCAB_SIZE, CONTEXT_LENGTH, BATCH_SIZE = 900, 208, 8
LEARN, HELD_OUT = 0, 1  # seeds of the stories


def few(name: str, n: int) -> int:
    """All ways that a plot can go; of every other list the first two."""
    return n if name.split(" ")[0] in PLOTS else min(n, 2)


SMALL = World(
    girls=("Mia", "Lily", "Nora", "Ada"),
    boys=("Leo", "Tom", "Finn", "Ben"),
    visitors=("Greta", "Felix"),
    things=("kite", "drum", "cup", "ball"),
    colours=("red", "blue", "green"),
    qualities=("small", "big"),
    places=("park", "farm"),
    most=4,
    keep=few,
)


def small_story(number: int, seed: int = LEARN) -> str:
    """A story of the small part of the world; the same for the same number."""
    return story(seed, number, SMALL)


@cache
def small_tokenizer() -> BPETokenizer:
    """One for these stories, in which most words are one token."""
    texts = [small_story(i) for i in range(400)]
    return BPETokenizer.train(texts, VOCAB_SIZE, [END_OF_TEXT])


@cache
def small_ids(number: int, seed: int = LEARN) -> list[int]:
    """The ids of a story, which is made and cut into tokens once."""
    return small_tokenizer().encode(small_story(number, seed))


def small_supply(n_stories: int, batch_size: int = BATCH_SIZE) -> DocumentBatches:
    """Batches of the first stories, one in each row; after the last comes the first."""
    end = end_mark(small_tokenizer())
    return DocumentBatches(
        lambda i: small_ids(i % n_stories), end, CONTEXT_LENGTH, batch_size
    )


def small_held_out(n_stories: int) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """Stories that no supply has: x and y (n, T), and what each costs at best (n,)."""
    ids = [small_ids(i, HELD_OUT) for i in range(n_stories)]
    texts = [small_story(i, HELD_OUT) for i in range(n_stories)]
    rows = documents(ids, end_mark(small_tokenizer()), CONTEXT_LENGTH)
    return rows, surprises(texts, SMALL)


def small_model(seed: int, dropout: float = 0.0) -> GPT:
    """A Transformer of one layer, with the first parameters of a seed."""
    torch.manual_seed(seed)
    return build(
        GPTConfig(
            architecture="llama",
            vocab_size=VOCAB_SIZE,
            context_length=CONTEXT_LENGTH,
            d_model=48,
            n_layers=1,
            dropout=dropout,
        )
    )
