"""Supply text: your own, the prose of this book, stories with a known floor, chains."""

from llm.corpora.markov import MarkovChain
from llm.corpora.public import PUBLIC, DownloadError, download
from llm.corpora.sentences import sentences
from llm.corpora.stories import Story, World, sample_story, stories, story
from llm.corpora.text import load_text, prose, read_texts

__all__ = [
    "PUBLIC",
    "DownloadError",
    "MarkovChain",
    "Story",
    "World",
    "download",
    "load_text",
    "prose",
    "read_texts",
    "sample_story",
    "sentences",
    "stories",
    "story",
]
