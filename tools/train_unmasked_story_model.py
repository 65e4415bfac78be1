"""Train the one-layer Transformer of the stories once more, with its mask taken out.

    python tools/train_unmasked_story_model.py [--steps 3000] [--seeds 3] [--jobs 2]

Stories, settings and held-out texts are those of tools/train_small_story_models.py; it
stops after 1,000 steps, when there is nothing left to learn.
Writes into data/checkpoints:

    stories_unmasked_1layer.safetensors  the model of seed 0, packed as the others are
    stories_unmasked.json                held-out losses of every seed on the way, and
                                         the floor of the held-out stories

and brings data/SOURCES.md up to date. Takes about seven minutes with two jobs, and the
same numbers come out on the same machine. Chapter 9 shows this model, and is then to
be run again:

    python tools/run_notebooks.py chapters/09*
"""

from __future__ import annotations

import json

import list_sources
import train_small_story_models as small
from torch import Tensor, nn

from llm.corpora import sample_story
from llm.files import atomic_write
from llm.model import GPT


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


LAST = 1000  # by then it has long seen everything
small.MODELS["unmasked"] = unmasked  # also where a process begins with this file


def main() -> None:
    args = small.arguments(__doc__)
    jobs = [("unmasked", s, args.steps, LAST) for s in range(args.seeds)]
    results = small.run_all(jobs, args.jobs)
    _, _, held_out = small.given()
    stories = [sample_story(1, i) for i in range(small.HELD_OUT)]
    log = {"floor": floor_of(stories, held_out), "curves": [c for _, c in results]}
    small.write(args.folder / "stories_unmasked_1layer.safetensors", results[0][0])
    with atomic_write(args.folder / "stories_unmasked.json", "w") as file:
        json.dump(log, file)
    list_sources.main([])


if __name__ == "__main__":
    main()
