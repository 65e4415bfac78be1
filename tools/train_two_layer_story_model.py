"""Train a Transformer of two layers on the stories, whose heads chapter 10 looks at.

    python tools/train_two_layer_story_model.py [--steps 6000]

Tokenizer, stories and held-out texts are those of tools/train_small_story_models.py,
eight stories in each batch. Writes into data/checkpoints:

    stories_transformer_2layer.safetensors  the model, its matrices in eight bits

and brings data/SOURCES.md up to date. Takes about twenty minutes on one core, and the
same numbers come out on the same machine. Chapter 10 is then to be run again:

    python tools/run_notebooks.py chapters/10*
"""

from __future__ import annotations

import argparse
from pathlib import Path

import list_sources
import torch
import train_small_story_models as small
from tqdm import tqdm

from llm.corpora import sample_story
from llm.data import DocumentBatches, documents
from llm.export import pack
from llm.files import atomic_write
from llm.model import GPTConfig, build
from llm.tokenizers import END_OF_TEXT, BPETokenizer
from llm.train import TrainConfig, train

NAME = "stories_transformer_2layer"
BATCH_SIZE, HELD_OUT = 8, 50
CONFIG = GPTConfig(
    architecture="llama",
    vocab_size=small.VOCAB_SIZE,
    context_length=small.CONTEXT_LENGTH,
    d_model=64,
    n_layers=2,
    n_heads=4,
    tie_embeddings=True,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--folder", type=Path, default=small.FOLDER)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    texts = [sample_story(0, i).text for i in range(2000)]
    tokenizer = BPETokenizer.train(texts, small.VOCAB_SIZE, [END_OF_TEXT])
    end = tokenizer.special_tokens[END_OF_TEXT]

    def story(seed: int, i: int) -> list[int]:
        return tokenizer.encode(sample_story(seed, i).text)

    torch.manual_seed(0)
    model = build(CONFIG)
    rows = DocumentBatches(
        lambda i: story(0, i), end, small.CONTEXT_LENGTH, BATCH_SIZE
    )
    unseen = [story(1, i) for i in range(HELD_OUT)]
    held_out = documents(unseen, end, small.CONTEXT_LENGTH)
    config = TrainConfig(
        steps=args.steps,
        batch_size=BATCH_SIZE,
        learning_rate=small.PEAK,
        warmup_steps=50,
        weight_decay=0.0,
        evaluate_every=500,
        evaluation_windows=HELD_OUT,
        device="cpu",
    )
    with tqdm(total=args.steps, disable=None) as bar:
        records = train(
            model, rows, held_out, config, on_record=lambda record: bar.update()
        )
    print(f"held-out loss {records[-1]['validation_loss']:.3f}")
    with atomic_write(args.folder / f"{NAME}.safetensors") as file:
        file.write(pack(model, tokenizer, precision="int8"))
    list_sources.main([])


if __name__ == "__main__":
    main()
