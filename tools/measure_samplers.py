"""Measure how samplers trade mistakes for sameness, on the stories.

    python tools/measure_samplers.py [--model stories_transformer_1layer]

Writes data/checkpoints/stories_samplers.json, and brings data/SOURCES.md up to date.
Every setting of every sampler writes 64 stories with each of three seeds. Of these are
kept: how far the stories are grammatical, how many are from beginning to end, and how
diverse their first hundred tokens are. The same is measured on true stories. Takes a
few minutes on one core. The chapter that shows the record is then to be run again:

    python tools/run_notebooks.py chapters/16*
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import fmean

import list_sources

from llm.corpora import story
from llm.evaluate import distinct_share, grammatical_share
from llm.export import load_packed
from llm.files import atomic_write
from llm.generate import (
    Sampler,
    generate,
    min_p,
    temperature,
    top_k,
    top_p,
    typical,
    unchanged,
)
from llm.model import GPT
from llm.processors import Processor, repetition_penalty
from llm.tokenizers import Tokenizer

FOLDER = Path(__file__).resolve().parents[1] / "data/checkpoints"
PATH = FOLDER / "stories_samplers.json"
N_STORIES = 64
LONGEST, COMPARED = 300, 100  # tokens: of a story, and of what is compared of it
SEEDS = (1, 2, 3)
# What is varied, and its settings, from the most timid to the most daring.
SETTINGS = {
    "temperature": (temperature, (0.2, 0.4, 0.6, 0.8, 0.9, 1.0, 1.2)),
    "top-k": (top_k, (2, 4, 8, 20, 100)),
    "top-p": (top_p, (0.3, 0.5, 0.7, 0.85, 0.95)),
    "min-p": (min_p, (0.8, 0.5, 0.2, 0.1, 0.03)),
    "typical": (typical, (0.3, 0.5, 0.7, 0.85, 0.95)),
    "repetition penalty": (repetition_penalty, (1.5, 1.2, 1.1, 1.05)),
}


def written(
    model: GPT,
    tokenizer: Tokenizer,
    seed: int,
    sampler: Sampler = unchanged,
    processors: tuple[Processor, ...] = (),
) -> list[str]:
    """`N_STORIES` stories, each with a seed of its own."""
    return generate(
        model,
        tokenizer,
        [""] * N_STORIES,
        sampler=sampler,
        processors=processors,
        document=True,
        max_new_tokens=LONGEST,
        seed=seed * N_STORIES,
    )


def measured(texts: list[str], tokenizer: Tokenizer) -> dict[str, float]:
    shares = [grammatical_share(text) for text in texts]
    return {
        "grammatical": fmean(shares),
        "whole": fmean(share == 1 for share in shares),
        "distinct": distinct_share([tokenizer.encode(t)[:COMPARED] for t in texts]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="stories_transformer_1layer")
    name = parser.parse_args().model
    model, tokenizer = load_packed(FOLDER / f"{name}.safetensors")
    spare = tokenizer.special_tokens.values()
    record = {"model": name, "samplers": {}, "stories": []}
    for seed in SEEDS:
        texts = [story(2, seed * N_STORIES + i) for i in range(N_STORIES)]
        record["stories"].append(measured(texts, tokenizer))
    for kind, (make, values) in SETTINGS.items():
        points = record["samplers"][kind] = []
        for value in values:
            options = (
                {"processors": (make(value, spare),)}
                if make is repetition_penalty
                else {"sampler": make(value)}
            )
            found = [
                measured(written(model, tokenizer, seed, **options), tokenizer)
                for seed in SEEDS
            ]
            points.append({"value": value, "seeds": found})
            mean = {key: fmean(f[key] for f in found) for key in found[0]}
            print(f"{kind} {value}: {mean}", flush=True)
    with atomic_write(PATH, "w") as file:
        json.dump(record, file)
    list_sources.main([])


if __name__ == "__main__":
    main()
