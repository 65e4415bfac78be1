"""Draw text: a moving window, keys and values that are kept, a place to stop."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from llm.fast import speed_up
from llm.fast.decode import DecodeStep, can_step
from llm.model import GPT
from llm.processors import Processor
from llm.sampling import (
    Sampler,
    check_finite,
    compose,
    draw,
    greedy,
    min_p,
    temperature,
    top_k,
    top_p,
    typical,
    unchanged,
)
from llm.tokenizers import END_OF_TEXT, Tokenizer

__all__ = [
    "CachedReader",
    "Processor",
    "Reader",
    "Sampler",
    "Writer",
    "check_finite",
    "compose",
    "draw",
    "first_ids",
    "generate",
    "greedy",
    "min_p",
    "new_tokens",
    "read_afresh",
    "stream",
    "temperature",
    "top_k",
    "top_p",
    "typical",
    "unchanged",
    "window_start",
    "write",
]

Reader = Callable[[list[list[int]]], Tensor]

# --- Reading: what the model sees of a text that outgrows its context -------------


def window_start(n_tokens: int, context_length: int) -> int:
    """Where the window of a text of that length begins.

    While the text fits, the window is all of it. When it is full and one more token
    comes, it forgets its oldest half, and fills up again.

    >>> [window_start(n, 4) for n in range(3, 11)]
    [0, 0, 2, 2, 4, 4, 6, 6]
    """
    half = max(1, context_length // 2)
    return max(0, -(-(n_tokens - context_length) // half)) * half


def read_afresh(model: GPT, texts: list[list[int]]) -> Tensor:
    """The logits of what follows each text, its window read from the beginning.

    texts: B lists of ids, of any lengths from 1. Returns (B, V). Slow, and the
    reference for `CachedReader`.
    """
    context_length = model.context_length
    read = [text[window_start(len(text), context_length) :] for text in texts]
    logits = model(right_padded(read, model))  # (B, T, V)
    return torch.stack(
        [row[len(window) - 1] for row, window in zip(logits, read, strict=True)]
    )


class CachedReader:
    """What `read_afresh` computes, for texts that grow by a token at a time.

    Of each text, the keys and values of all tokens but the last are kept. A call
    reads the last ones. When a window moves, the positions of all its tokens
    change, so what is left of it is read again.
    """

    def __init__(self, model: GPT, batch_size: int) -> None:
        self.model = model
        self.caches = model.new_caches(batch_size)
        self.starts = [-1] * batch_size
        alone = batch_size == 1 and can_step(model)
        self.step = DecodeStep(model, self.caches) if alone else None

    def __call__(self, texts: list[list[int]]) -> Tensor:
        """texts: those of the last call, each longer by one token; in the first
        call any. Returns logits (B, V)."""
        context_length = self.model.context_length
        starts = [window_start(len(text), context_length) for text in texts]
        moved = [i for i, start in enumerate(starts) if start != self.starts[i]]
        if moved:
            self.fill(moved, [texts[i][starts[i] : -1] for i in moved])
        self.starts = starts
        places = [
            len(text) - 1 - start for text, start in zip(texts, starts, strict=True)
        ]
        if self.step and not torch.is_grad_enabled():
            return self.step(texts[0][-1], places[0])
        device = self.model.device
        last = torch.tensor([[text[-1]] for text in texts], device=device)
        alike = len(set(places)) == 1
        positions = places[:1] if alike else [[place] for place in places]
        positions = torch.tensor(positions, device=device)
        return self.model(last, positions, self.caches)[:, -1]

    def keep(self, rows: list[int]) -> None:
        """Go on with these rows in place of 0, 1, …; one may come several times."""
        self.starts = [self.starts[i] for i in rows]
        for cache in self.caches:
            cache.k.copy_(cache.k[rows])
            cache.v.copy_(cache.v[rows])

    def fill(self, rows: list[int], windows: list[list[int]]) -> None:
        """Read whole windows into some rows of the caches."""
        ids = right_padded(windows, self.model)
        if ids.shape[1] == 0:
            return
        fresh = self.model.new_caches(len(rows))
        positions = torch.arange(ids.shape[1], device=ids.device)
        self.model(ids, positions, fresh)
        for cache, new in zip(self.caches, fresh, strict=True):
            cache.k[rows], cache.v[rows] = new.k, new.v


def right_padded(rows: list[list[int]], model: GPT) -> Tensor:
    """Rows of unequal length as a tensor where the model lives, filled up with 0.

    Nobody sees the filling: it stands in the future of every token of its row.
    """
    width = max(map(len, rows))
    filled = [row + [0] * (width - len(row)) for row in rows]
    device = model.device
    return torch.tensor(filled, dtype=torch.long, device=device)  # (B, T)


@torch.inference_mode()
def new_tokens(
    reader: Reader,
    texts: list[list[int]],
    sampler: Sampler,
    generators: Sequence[torch.Generator],
    n_tokens: int | None = None,
    processors: Sequence[Processor] = (),
) -> Iterator[list[int]]:
    """Continue several texts at once, without end: read, sample, draw, append.

    texts: B lists of ids, left as they are. n_tokens: only ids below it are drawn,
    for a model whose vocabulary is padded beyond that of its tokenizer; None = all.
    processors: change the logits by the texts so far, before the sampler does.
    Yields B ids, one for each text, again and again. Raises what `draw` raises.
    """
    texts = [list(text) for text in texts]
    while True:
        logits = reader(texts)  # (B, V)
        if n_tokens is not None and n_tokens < logits.shape[-1]:
            logits = logits[:, :n_tokens]
        for process in processors:
            logits = process(logits, texts)
        if sampler is greedy:  # nothing to draw
            best, ids = logits.max(dim=-1)
            check_finite(best)
            ids = ids.tolist()
        else:
            ids = draw(sampler(logits), generators)
        for text, new in zip(texts, ids, strict=True):
            text.append(new)
        yield ids


# --- Writing: from ids to text, and when to stop ----------------------------------


class Writer:
    """Turns the ids of one text into characters as they come, and stops in time.

    What may still change is held back: the bytes of a character that is not yet
    complete, and the beginning of what may become a stop string. A stop string is
    never shown, nor any part of it, however the tokens cut it. The special token
    `<|endoftext|>` stops as well.

    done: has it stopped? Raises `ValueError` for a stop string without characters.
    """

    def __init__(self, tokenizer: Tokenizer, stop: Sequence[str] = ()) -> None:
        if "" in stop:
            raise ValueError(
                "an empty stop string would stop before the first word"
            )
        self.bytes_of = {i: token for token, i in tokenizer.vocab.items()}
        self.end = tokenizer.special_tokens.get(END_OF_TEXT)
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.stop = tuple(stop)
        self.beginnings = {s[:n] for s in stop for n in range(1, len(s))}
        self.held = ""
        self.done = False

    def write(self, token_id: int) -> str:
        """Take one more id; return the text that is now certain, maybe none."""
        if self.done:
            return ""
        if token_id == self.end:
            return self.finish()
        self.held += self.decoder.decode(self.bytes_of[token_id])
        return self.release(len(self.held) - self.n_doubtful())

    def finish(self) -> str:
        """There is nothing more to come: return what was held back."""
        if self.done:
            return ""
        self.held += self.decoder.decode(b"", final=True)
        text = self.release(len(self.held))
        self.done = True
        return text

    def release(self, n_certain: int) -> str:
        """Return the first characters held, but nothing from a stop string on."""
        found = [self.held.find(s) for s in self.stop if s in self.held]
        if found:
            n_certain, self.done = min(found), True
        text, self.held = self.held[:n_certain], self.held[n_certain:]
        return text

    def n_doubtful(self) -> int:
        """How many characters at the end may be the beginning of a stop string."""
        doubtful = (len(b) for b in self.beginnings if self.held.endswith(b))
        return max(doubtful, default=0)


def first_ids(
    tokenizer: Tokenizer, prompt: str, document: bool = False
) -> list[int]:
    """The ids of a prompt; those of an empty one begin a new document.

    document: does the prompt begin one as well? Then `<|endoftext|>` stands before
    it. Raises `ValueError` when the tokenizer has none to begin with.
    """
    ids = list(tokenizer.encode(prompt))
    if ids and not document:
        return ids
    if END_OF_TEXT not in tokenizer.special_tokens:
        what = "begins a document" if document else "is empty"
        raise ValueError(
            f"the prompt {what}, and the tokenizer has no {END_OF_TEXT} to begin "
            f"with; give at least one character, such as a line break"
        )
    return [tokenizer.special_tokens[END_OF_TEXT], *ids]


def write(
    model: GPT,
    tokenizer: Tokenizer,
    prompts: Sequence[str],
    *,
    sampler: Sampler = unchanged,
    processors: Sequence[Processor] = (),
    max_new_tokens: int | None = 200,
    stop: Sequence[str] = (),
    seed: int = 0,
    document: bool = False,
    cached: bool = True,
) -> Iterator[list[str]]:
    """Continue several prompts at once, piece by piece.

    sampler: from logits to logits; processors: the same by the texts so far, before
    it. max_new_tokens: where to end at the latest; None = never. stop: strings to
    end before. seed: prompt number i is drawn as it would be alone with seed + i.
    document: does each prompt begin a document? Then `<|endoftext|>` is read before
    it. cached: keep keys and values, if the model has
    a place for them; else each window is read afresh, for the same text, slowly.
    model: a `GPT`, or whatever else goes from ids to logits and has a
    `context_length`, a `device` and the modes of a module, such as the `Oracle`.

    Yields one piece of text for each prompt, some of them empty; together they are
    the continuation, without the prompt. Raises `ValueError` for an empty prompt or
    stop string, for characters that the tokenizer does not know, and for a single
    text where several are wanted.
    """
    check_request(prompts, stop, max_new_tokens)
    if not prompts:
        return
    writers = [Writer(tokenizer, stop) for _ in prompts]
    texts = [first_ids(tokenizer, prompt, document) for prompt in prompts]
    generators = [
        torch.Generator().manual_seed(seed + i) for i in range(len(texts))
    ]
    if isinstance(model, GPT):
        speed_up(model)
    reader = partial(read_afresh, model)
    if cached and hasattr(model, "new_caches"):
        reader = CachedReader(model, len(texts))
    was_training = model.training
    model.eval()
    size = tokenizer.vocab_size
    tokens = new_tokens(reader, texts, sampler, generators, size, processors)
    tokens = islice(tokens, max_new_tokens)
    try:
        for ids in tokens:
            yield [writer.write(i) for writer, i in zip(writers, ids, strict=True)]
            if all(writer.done for writer in writers):
                break
    finally:  # also when the caller has read enough
        model.train(was_training)
    yield [writer.finish() for writer in writers]


def check_request(
    prompts: Sequence[str], stop: Sequence[str], max_new_tokens: int | None
) -> None:
    """Raises `ValueError` for one text where several are wanted, and a negative
    length."""
    if isinstance(prompts, str):
        raise ValueError(
            f"prompts={prompts!r} is one text and would be taken letter by letter: "
            f"write [{prompts!r}]"
        )
    if isinstance(stop, str):
        raise ValueError(f"stop={stop!r} is one text: write stop=[{stop!r}]")
    if max_new_tokens is not None and max_new_tokens < 0:
        raise ValueError(f"max_new_tokens={max_new_tokens} must not be negative")


def stream(
    model: GPT, tokenizer: Tokenizer, prompt: str, **options: Any
) -> Iterator[str]:
    """Continue one prompt, piece by piece as it is drawn; options as in `write`.

    Yields pieces of text that are final, none of them empty. Raises what `write`
    raises, and `ValueError` for several prompts.
    """
    if not isinstance(prompt, str):
        raise ValueError(
            f"prompt={prompt!r} is no text; `generate` continues several at once"
        )
    for (piece,) in write(model, tokenizer, [prompt], **options):
        if piece:
            yield piece


def generate(
    model: GPT, tokenizer: Tokenizer, prompts: Sequence[str], **options: Any
) -> list[str]:
    """Continue several prompts, each as if it were alone; options as in `write`.

    Returns the continuations, without the prompts; none for no prompts.
    """
    pieces = zip(*write(model, tokenizer, prompts, **options), strict=True)
    return ["".join(column) for column in pieces]
