"""Train the models that chapter 1 shows when there is no time to train them there.

    python tools/train_chapter_01.py [--steps 1500] [--seeds 3]

Writes data/checkpoints/chapter_01/: the window model and the one-layer
Transformer of seed 0 in half precision, and in log.json the held-out loss of every
seed along the way. Each model sees the same stories, each story once. Takes about
ten minutes on two cores, and the same numbers come out on the same machine.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from tqdm import tqdm

from llm.corpora import sample_story
from llm.data import DocumentBatches, documents
from llm.evaluate import held_out_loss
from llm.files import atomic_write
from llm.model import GPTConfig, build
from llm.ngram import WindowModel
from llm.tokenizers import END_OF_TEXT, BPETokenizer
from llm.train import TrainConfig, train

FOLDER = Path("data/checkpoints/chapter_01")
VOCAB_SIZE, CONTEXT_LENGTH, BATCH_SIZE = 2048, 512, 16
PEAK, HELD_OUT, EVERY = 8e-3, 200, 50
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
    name: str, seed: int, steps: int, rows: DocumentBatches, held_out: tuple
) -> tuple[nn.Module, list]:
    """One model, and its held-out loss after every so many steps."""
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
    with tqdm(total=steps, desc=f"{name} {seed}", disable=None) as bar:
        records = train(
            model, rows, held_out, config, on_record=lambda record: bar.update()
        )
    measured = [r for r in records if "validation_loss" in r]
    return model, curve + [(r["step"], r["validation_loss"]) for r in measured]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    texts = [sample_story(0, i).text for i in range(2000)]
    tokenizer = BPETokenizer.train(texts, VOCAB_SIZE, [END_OF_TEXT])
    # Stories of another seed than those for training: seed 1 is the chapter's.
    rows, unseen = story_rows(tokenizer, 0), story_rows(tokenizer, 1)
    held_out = documents(
        [unseen.document(i) for i in range(HELD_OUT)], unseen.end, CONTEXT_LENGTH
    )
    log: dict = {"batch_size": BATCH_SIZE, "curves": {}}
    for name in MODELS:
        curves = log["curves"][name] = []
        for seed in range(args.seeds):
            model, curve = trained(name, seed, args.steps, rows, held_out)
            curves.append(curve)
            print(f"{name} {seed}: {curve[-1][1]:.3f}", flush=True)
            if seed == 0:
                half = {k: v.half() for k, v in model.state_dict().items()}
                save_file(half, FOLDER / f"{name}.safetensors")
    with atomic_write(FOLDER / "log.json", "w") as file:
        json.dump(log, file)


if __name__ == "__main__":
    main()
