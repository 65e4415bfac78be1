"""Train the laptop model: the largest model of the stories that is shipped.

    python tools/train_laptop_model.py [--steps 3000] [--threads 2] [--measure]

Writes into data/checkpoints:

    stories_laptop.safetensors  the model and its tokenizer, packed in float16
    stories_laptop.json         on the way: step, minutes, and how far the loss of 200
                                held-out stories, scored whole, is above their floor, in
                                nats per token; at the end: the same of the packed model
                                on 1,000 other stories, and what it writes

and brings data/SOURCES.md up to date. Takes about twenty minutes on one core; with
--measure, the model that is there is measured again, and none is trained.
`python -m llm train --corpus stories` trains a smaller one in the same way in a third
of the time. Chapters 15 and 16 show the model and are then to be run again:

    python tools/run_notebooks.py chapters/15* chapters/16*

Of the stories that the packed model writes, each from its first word, three shares are
counted. *Read to the end*: the grammar can read them (`llm.oracle.parse`), words and
facts. *Grammatical*: nothing is wrong but facts, see story_mistakes.py. *True*: nothing
is wrong but the choice of words; nobody holds or finds what is elsewhere. Of the first
twenty that are not read to the end the first mistake is kept: what stood before it, what
came, and the characters that could have come.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import list_sources
import story_mistakes
import torch
from tqdm import tqdm

from llm.corpora import story
from llm.data import IGNORE, DocumentBatches
from llm.evaluate import mean_and_error, row_losses
from llm.export import pack, unpack
from llm.files import atomic_write
from llm.generate import generate, temperature
from llm.model import GPT, build
from llm.oracle import ParseError, parse
from llm.runs import STORY_MODEL, STORY_TRAINING, end_mark, stories_and_floor
from llm.tokenizers import END_OF_TEXT, BPETokenizer, Tokenizer
from llm.train import Record, train

FOLDER = Path(__file__).resolve().parents[1] / "data/checkpoints"
MODEL, LOG = "stories_laptop.safetensors", "stories_laptop.json"
SIZES = replace(
    STORY_MODEL, vocab_size=1536, context_length=384, n_layers=3, n_heads=3
)
TRAINING = replace(STORY_TRAINING, steps=3000, warmup_steps=40, device="cpu")
HELD_OUT, UNSEEN = -1, -2  # seeds that are not trained on
TEMPERATURES, WRITTEN = (1.0, 0.7, 0.4), 500


def characters(text: str) -> int:
    """Those of a story and of the blank line that ends it."""
    return len(text) + 2


def measured(model: GPT, tokenizer: Tokenizer, seed: int, count: int) -> dict:
    """How far a model is above the floor on the first stories of a seed."""
    length = model.config.context_length
    (x, y), floor = stories_and_floor(tokenizer, seed, count, length)
    lengths = torch.tensor([characters(story(seed, i)) for i in range(count)])
    gap, error = mean_and_error(row_losses(model, x, y) - floor, lengths)
    return {
        "stories": count,
        "gap_per_character": gap,
        "standard_error": error,
        "floor_per_character": float(floor.sum() / lengths.sum()),
        "tokens": int((y != IGNORE).sum()),
        "characters": int(lengths.sum()),
    }


def trained(steps: int) -> tuple[bytes, dict[str, Any]]:
    """The model with its tokenizer, packed; its settings, and its curve."""
    first = [story(0, i) for i in range(2000)]
    tokenizer = BPETokenizer.train(first, SIZES.vocab_size, [END_OF_TEXT])
    length = SIZES.context_length
    held_out, floor = stories_and_floor(tokenizer, HELD_OUT, 200, length)
    supply = DocumentBatches(
        lambda i: tokenizer.encode(story(0, i)),
        end_mark(tokenizer),
        length,
        TRAINING.batch_size,
    )
    torch.manual_seed(0)
    model, began, curve = build(SIZES), time.monotonic(), []
    config = replace(TRAINING, steps=steps)
    with tqdm(total=steps, disable=None) as bar:

        def note(record: Record) -> None:
            bar.update()
            if "gap" in record:
                minutes = (time.monotonic() - began) / 60
                point = {"step": record["step"], "minutes": minutes}
                curve.append(point | {"gap": record["gap"]})
                print(
                    f"step {record['step']}: {minutes:.1f} min, {record['gap']:.4f}"
                )

        train(model, supply, held_out, config, floor=floor, on_record=note)
    used = {"model": vars(SIZES), "training": vars(config), "curve": curve}
    return pack(model.eval(), tokenizer, precision="float16"), used


# --- What it writes ---------------------------------------------------------------


def readable(texts: list[str]) -> dict[str, Any]:
    """How many of some stories are right, in words, in facts and in both; and the first
    mistake of each other."""
    mistakes = []
    kinds = [story_mistakes.mistakes(text) for text in texts]
    words = [not {"choice", "form"} & set(found) for found in kinds]
    facts = [not {"fact", "form"} & set(found) for found in kinds]
    for text in texts:
        try:
            parse(text)
        except ParseError as mistake:
            at = mistake.position
            begin = text.rfind(" ", 0, at) + 1  # of the word that is wrong
            mistakes.append({
                "before": text[max(0, begin - 150) : begin],
                "came": text[begin : at + 25],
                "expected": mistake.expected,
                "share": at / (len(text) + 1),
            })  # fmt: skip
    return {
        "stories": len(texts),
        "read_to_the_end": 1 - len(mistakes) / len(texts),
        "grammatical": sum(words) / len(texts),
        "true": sum(facts) / len(texts),
        "kinds": Counter(kind for found in kinds for kind in found),
        "different": len(set(texts)) / len(texts),
        "mistakes": mistakes[:20],
    }


def written(model: GPT, tokenizer: Tokenizer, t: float, count: int) -> list[str]:
    """Stories from their first word, at a temperature."""
    length = model.config.context_length
    texts = []
    for first in range(0, count, 50):
        texts += generate(
            model, tokenizer, [""] * min(50, count - first), seed=first,
            sampler=temperature(t), max_new_tokens=length - 1,
        )  # fmt: skip
    return texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=TRAINING.steps)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    path, log_path = args.folder / MODEL, args.folder / LOG
    args.folder.mkdir(parents=True, exist_ok=True)
    if args.measure:
        known = json.loads(log_path.read_text())
        log = {k: known[k] for k in ("model", "training", "curve", "threads")}
    else:
        packed, log = trained(args.steps)
        log["threads"] = args.threads
        with atomic_write(path) as file:
            file.write(packed)
    model, tokenizer = unpack(path.read_bytes())
    log |= {
        "packed": measured(model, tokenizer, UNSEEN, 1000),
        "writes": {
            str(t): readable(written(model, tokenizer, t, WRITTEN))
            for t in TEMPERATURES
        },
    }
    print(log["packed"])
    for t, found in log["writes"].items():
        print(f"temperature {t}: {found['read_to_the_end']:.1%} read to the end")
    with atomic_write(log_path, "w") as file:
        json.dump(log, file)
    list_sources.main([])


if __name__ == "__main__":
    main()
