"""Train the small models of the stories: a table, a window, a one-layer Transformer.

    python tools/train_small_story_models.py [--steps 3000] [--seeds 3] [--jobs 2]

Writes into data/checkpoints, each packed with its tokenizer in float16 by
`llm.export`, so that chapters and pages read the same bytes:

    stories_table.safetensors               the table of counts
    stories_window.safetensors              the window model of seed 0
    stories_transformer_1layer.safetensors  the Transformer of seed 0
    stories_small_models.json               held-out losses of every seed on the way

and brings data/SOURCES.md up to date. Each model sees the same stories, each story
once, and all start from the tokenizer of the first 2,000. The table has no seed: it
counts. Each run has one thread, so that the same numbers come out on the same machine
with any number of jobs; takes about twenty minutes with two. Chapters that show these
models are then to be run again:

    python tools/run_notebooks.py chapters/01*
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import list_sources
import torch
from torch import nn
from tqdm import tqdm

from llm.corpora import sample_story
from llm.data import DocumentBatches, documents
from llm.evaluate import held_out_loss
from llm.export import pack
from llm.files import atomic_write
from llm.model import GPTConfig, build
from llm.ngram import BigramTable, WindowModel
from llm.tokenizers import END_OF_TEXT, BPETokenizer
from llm.train import TrainConfig, train

FOLDER = Path(__file__).resolve().parents[1] / "data/checkpoints"
LOG = "stories_small_models.json"
TABLE = "stories_table.safetensors"
FILES = {
    "window": "stories_window.safetensors",
    "transformer": "stories_transformer_1layer.safetensors",
}
VOCAB_SIZE, CONTEXT_LENGTH, BATCH_SIZE = 2048, 512, 16
STEPS, PEAK, HELD_OUT, EVERY = 3000, 8e-3, 200, 50
MODELS: dict[str, Callable[[], nn.Module]] = {
    "window": lambda: WindowModel(VOCAB_SIZE),
    "transformer": lambda: build(
        GPTConfig(
            architecture="llama",
            vocab_size=VOCAB_SIZE,
            context_length=CONTEXT_LENGTH,
            d_model=64,
            n_layers=1,
        )
    ),
}


def story_rows(tokenizer: BPETokenizer, seed: int) -> DocumentBatches:
    """An endless supply of stories, one in each row."""
    return DocumentBatches(
        lambda i: tokenizer.encode(sample_story(seed, i).text),
        tokenizer.special_tokens[END_OF_TEXT],
        CONTEXT_LENGTH,
        BATCH_SIZE,
    )


def trained(
    name: str,
    seed: int,
    steps: int,
    last: int,
    rows: DocumentBatches,
    held_out: tuple,
) -> tuple[nn.Module, list]:
    """One model, and its held-out loss after every so many steps.

    last: where to stop, when the learning rate is that of a run of `steps`.
    """
    torch.manual_seed(seed)
    model = MODELS[name]()
    config = TrainConfig(
        steps=steps,
        batch_size=BATCH_SIZE,
        learning_rate=PEAK,
        warmup_steps=20,
        weight_decay=0.0,
        evaluate_every=EVERY,
        evaluation_windows=HELD_OUT,
        device="cpu",
    )
    curve = [(0, held_out_loss(model, *held_out)[0])]
    made = itertools.count(1)
    with tqdm(total=last, desc=f"{name} {seed}", disable=None) as bar:
        records = train(
            model,
            rows,
            held_out,
            config,
            on_record=lambda record: bar.update(),
            should_stop=lambda: next(made) >= last,  # asked after each step
        )
    measured = [r for r in records if "validation_loss" in r]
    return model, curve + [(r["step"], r["validation_loss"]) for r in measured]


def counted(
    steps: int, rows: DocumentBatches, held_out: tuple
) -> tuple[BigramTable, list]:
    """The table of the same stories, and its held-out loss after as many of them."""
    table = BigramTable(VOCAB_SIZE)
    curve = [(0, held_out_loss(table, *held_out)[0])]
    for step in range(steps):
        table.count(*rows.batch(step))
        if (step + 1) % EVERY == 0 or step + 1 == steps:
            curve.append((step + 1, held_out_loss(table, *held_out)[0]))
    return table, curve


def write(path: Path, data: bytes) -> None:
    with atomic_write(path) as file:
        file.write(data)


def given() -> tuple[BPETokenizer, DocumentBatches, tuple]:
    """The tokenizer, the stories to train on, and the held-out ones."""
    texts = [sample_story(0, i).text for i in range(2000)]
    tokenizer = BPETokenizer.train(texts, VOCAB_SIZE, [END_OF_TEXT])
    # Stories of another seed than those for training: seed 1 is the chapter's.
    rows, unseen = story_rows(tokenizer, 0), story_rows(tokenizer, 1)
    held_out = documents(
        [unseen.document(i) for i in range(HELD_OUT)], unseen.end, CONTEXT_LENGTH
    )
    return tokenizer, rows, held_out


Job = tuple[str, int, int, int]  # name, seed, steps, the last of them that is made


def run(job: Job) -> tuple[bytes, list]:
    """One model of one seed, packed, and its curve."""
    torch.set_num_threads(1)
    tokenizer, rows, held_out = given()
    model, curve = trained(*job, rows, held_out)
    print(f"{job[0]} {job[1]}: {curve[-1][1]:.4f}", flush=True)
    return pack(model, tokenizer, precision="float16"), curve


def run_all(jobs: Sequence[Job], n_jobs: int) -> list:
    """What `run` gives for each, several at once, each in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_jobs, mp_context=context) as pool:
        return list(pool.map(run, jobs))


def arguments(text: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=text.split("\n")[0])
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    return args


def main() -> None:
    args = arguments(__doc__)
    n = args.steps
    jobs = [(name, s, n, n) for name in reversed(MODELS) for s in range(args.seeds)]
    done = dict(zip(jobs, run_all(jobs, args.jobs), strict=True))
    _, rows, held_out = given()
    table, curve = counted(n, rows, held_out)
    write(args.folder / TABLE, pack(table))
    log: dict = {"batch_size": BATCH_SIZE, "curves": {"table": [curve]}}
    for name, file in FILES.items():
        results = [done[name, seed, n, n] for seed in range(args.seeds)]
        log["curves"][name] = [curve for _, curve in results]
        write(args.folder / file, results[0][0])
    with atomic_write(args.folder / LOG, "w") as file:
        json.dump(log, file)
    list_sources.main([])


if __name__ == "__main__":
    main()
