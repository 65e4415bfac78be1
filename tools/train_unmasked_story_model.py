"""Train the one-layer Transformer of the stories once more, with its mask taken out.

    python tools/train_unmasked_story_model.py [--steps 1500] [--seeds 3]

Stories, settings and held-out texts are those of tools/train_small_story_models.py.
Writes into data/checkpoints:

    stories_unmasked_1layer.safetensors  the model of seed 0, packed as the others are
    stories_unmasked.json                held-out losses of every seed on the way, and
                                         the floor of the held-out stories

and brings data/SOURCES.md up to date. Takes about eight minutes on two cores, and the
same numbers come out on the same machine. Chapter 9 shows this model, and is then to
be run again:

    python tools/run_notebooks.py chapters/09*
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import list_sources
import train_small_story_models as small
from torch import Tensor, nn

from llm.corpora import sample_story
from llm.data import documents
from llm.export import pack
from llm.files import atomic_write
from llm.model import GPT
from llm.tokenizers import END_OF_TEXT, BPETokenizer


def look_everywhere(block: nn.Module, inputs: tuple) -> tuple:
    """A hook of PyTorch that hands a block everything but the mask."""
    x, _, *others = inputs
    return x, None, *others


def unmasked() -> GPT:
    """The small Transformer, in which every position sees all others."""
    model = small.MODELS["transformer"]()
    for block in model.blocks:
        block.register_forward_pre_hook(look_everywhere)
    return model


def floor_of(stories: list, held_out: tuple[Tensor, Tensor]) -> float:
    """The entropy of these stories, in nats per token: what the oracle loses."""
    n_targets = int((held_out[1] >= 0).sum())
    return -sum(story.log_prob for story in stories) / n_targets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=small.FOLDER)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    small.MODELS["unmasked"] = unmasked
    texts = [sample_story(0, i).text for i in range(2000)]
    tokenizer = BPETokenizer.train(texts, small.VOCAB_SIZE, [END_OF_TEXT])
    rows, unseen = small.story_rows(tokenizer, 0), small.story_rows(tokenizer, 1)
    n = range(small.HELD_OUT)
    held_out = documents(
        [unseen.document(i) for i in n], unseen.end, small.CONTEXT_LENGTH
    )
    floor = floor_of([sample_story(1, i) for i in n], held_out)
    log: dict = {"floor": floor, "curves": []}
    for seed in range(args.seeds):
        model, curve = small.trained("unmasked", seed, args.steps, rows, held_out)
        log["curves"].append(curve)
        print(f"unmasked {seed}: {curve[-1][1]:.4f}", flush=True)
        if seed == 0:
            data = pack(model, tokenizer, precision="float16")
            name = args.folder / "stories_unmasked_1layer.safetensors"
            with atomic_write(name) as file:
                file.write(data)
    with atomic_write(args.folder / "stories_unmasked.json", "w") as file:
        json.dump(log, file)
    list_sources.main([])


if __name__ == "__main__":
    main()
