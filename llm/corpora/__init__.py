"""Supply text."""

from llm.corpora.text import load_text, prose, read_texts

__all__ = ["load_text", "prose", "read_texts"]
