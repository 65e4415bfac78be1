"""Little stories about a small world, whose every letter has a known probability.

world.py    who and what there is, and what may happen to it
words.py    the lists of words that the plots share
plots.py    the plots: how a story goes on
labels.py   questions, answers and summaries
machine.py  the machine that makes choices; it knows nothing of stories, and works as
            well on the rules of another language about the same world
story.py    one story and all that is known about it
"""

from llm.corpora.stories.machine import GrammarError
from llm.corpora.stories.story import (
    Choice,
    Story,
    machine,
    sample_story,
    stories,
    story,
)
from llm.corpora.stories.world import State, World, WorldError

__all__ = [
    "Choice",
    "GrammarError",
    "State",
    "Story",
    "World",
    "WorldError",
    "machine",
    "sample_story",
    "stories",
    "story",
]
