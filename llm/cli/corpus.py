"""Write stories, look at them, or fetch a public corpus."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from llm.corpora import Story, download, sample_story
from llm.files import atomic_write
from llm.oracle import STORY_ENTROPY


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """Write stories whose entropy is known exactly, look at them, or fetch a text.

    Ten thousand stories, and the floor under the loss of every model of them:

        python -m llm corpus --count 10000 --save stories.txt

    What is known of a story besides its words; a public corpus, downloaded once:

        python -m llm corpus --inspect --count 1 --seed 7
        python -m llm corpus --download tiny-shakespeare
    """

    # Which supply of stories; the same seed gives the same stories.
    seed: int = 0
    # How many stories.
    count: int = 10
    # Where to write them: UTF-8, a blank line behind each; None = show them.
    save: Path | None = None
    # Show of each its summary, topic, mood, questions, and how surprising it is.
    inspect: bool = False
    # Fetch a public corpus instead, and say where it lies; see llm.corpora.PUBLIC.
    download: (
        Literal["tiny-shakespeare", "tinystories", "tinystories-valid"] | None
    ) = None

    def __call__(self) -> None:
        if self.download:
            print(fetched(self.download))
            return
        if self.count < 1:
            raise ValueError(f"count={self.count} must be at least 1")
        told = Told()
        stories = map(told, (sample_story(self.seed, i) for i in range(self.count)))
        if self.save:
            with atomic_write(self.save, "w") as file:
                file.writelines(f"{story.text}\n\n" for story in stories)
        else:
            for story in stories:
                print(inspection(story) if self.inspect else story.text, end="\n\n")
        print(told)


def inspection(story: Story) -> str:
    """A story, and all that is known of it."""
    nats = -story.log_prob
    asked = [f"  {question} {answer}" for question, answer in story.questions]
    labels = f"plot: {story.plot} · topic: {story.topic} · mood: {story.mood}"
    surprise = f"surprise: {nats:.2f} nats in {len(story.derivation)} choices"
    return "\n".join([story.text, labels, story.summary, *asked, surprise])


@dataclass
class Told:
    """Counts stories as they pass: what no honest model of them can beat, and how
    surprising they are."""

    count: int = 0
    n_characters: int = 0  # with their ends
    nats: float = 0.0

    def __call__(self, story: Story) -> Story:
        self.count += 1
        self.n_characters += len(story.text) + 2
        self.nats -= story.log_prob
        return story

    def __str__(self) -> str:
        said = (
            f"{self.count:,} stories, {self.n_characters:,} characters with their "
            f"ends; the floor is {STORY_ENTROPY:.2f} nats a story (these: "
            f"{self.nats / self.count:.2f})"
        )
        if self.count < 100:  # too few to know how long a story is
            return said
        floor = STORY_ENTROPY * self.count / self.n_characters
        return f"{said}, {floor:.3f} a character"


def fetched(name: str) -> Path:
    """The file of a public corpus; a bar shows what comes, if anything has to."""
    with tqdm(unit="B", unit_scale=True, disable=None, leave=False) as bar:

        def progress(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return download(name, progress=progress)
