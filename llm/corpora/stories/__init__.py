"""Little stories about a small world, whose every letter has a known probability.

world.toml  who and what there is: names, things, places
words.txt   the lists of words and turns that the plots share
plots.txt   the plots: how a story goes on
labels.txt  questions, answers and summaries
grammar.py  the grammar that makes choices; it knows nothing of stories, and works as
            well on the rules of another language about the same world
world.py    what there is to draw from, and what may happen to it
story.py    one story and all that is known about it
"""

from llm.corpora.stories.grammar import GrammarError
from llm.corpora.stories.story import (
    Choice,
    Story,
    sample_story,
    stories,
    story,
    story_grammar,
)
from llm.corpora.stories.world import State, World, WorldError

__all__ = [
    "Choice",
    "GrammarError",
    "State",
    "Story",
    "World",
    "WorldError",
    "sample_story",
    "stories",
    "story",
    "story_grammar",
]
