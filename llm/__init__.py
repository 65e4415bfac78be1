"""LLM from Scratch: the package that the chapters build.

Importing it prints nothing, seeds nothing and downloads nothing. Each module is
imported by its own name: `from llm.model import gpt2`.
"""

__version__ = "0.1.0"
