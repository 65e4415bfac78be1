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
from torch import Tensor, nn
from tqdm import tqdm

from llm.corpora import sample_story
from llm.data import DocumentBatches, documents
from llm.files import atomic_write
from llm.model import GPTConfig, build, cross_entropy
from llm.ngram import WindowModel
from llm.optim import warmup_cosine
from llm.tokenizers import END_OF_TEXT, BPETokenizer
from llm.train import set_rate

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


@torch.no_grad()
def loss_on(model: nn.Module, rows: tuple[Tensor, Tensor]) -> float:
    return float(cross_entropy(model(rows[0]), rows[1]))


def trained(
    name: str, seed: int, steps: int, rows: DocumentBatches, held_out: tuple
) -> tuple[nn.Module, list]:
    """One model, and its held-out loss after every so many steps."""
    torch.manual_seed(seed)
    model = MODELS[name]()
    optimizer = torch.optim.AdamW(
        model.parameters(), betas=(0.9, 0.95), weight_decay=0.0
    )
    curve = [(0, loss_on(model, held_out))]
    for step in tqdm(range(steps), desc=f"{name} {seed}", disable=None):
        rate = warmup_cosine(
            step, peak=PEAK, minimum=PEAK / 10, warmup_steps=20, n_steps=steps
        )
        set_rate(optimizer, rate)
        x, y = rows.batch(step)
        cross_entropy(model(x), y).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if (step + 1) % EVERY == 0:
            curve.append((step + 1, loss_on(model, held_out)))
    return model, curve


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
