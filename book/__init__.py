"""What the chapters show and check with: figures, and checkers of exercises.

It imports `llm`, the engine that the chapters build, never the other way round.
"""
