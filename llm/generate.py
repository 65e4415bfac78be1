"""Draw text: samplers from logits to logits, a moving window, a place to stop."""

from __future__ import annotations

import codecs
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial, reduce
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from llm.fast import speed_up
from llm.fast.decode import DecodeStep, can_step
from llm.model import GPT
from llm.tokenizers import END_OF_TEXT, Tokenizer

Sampler = Callable[[Tensor], Tensor]
Reader = Callable[[list[list[int]]], Tensor]

# --- Samplers: logits (..., V) -> logits (..., V) ---------------------------------


def unchanged(logits: Tensor) -> Tensor:
    """Draw from the distribution that the model gives."""
    return logits


def greedy(logits: Tensor) -> Tensor:
    """Leave only the likeliest token; of equals, the first.

    >>> greedy(torch.tensor([1.0, 3.0, 2.0]))
    tensor([-inf, 3., -inf])
    """
    best = logits.argmax(dim=-1, keepdim=True)  # (..., 1)
    return torch.full_like(logits, -math.inf).scatter(
        -1, best, logits.gather(-1, best)
    )


def temperature(t: float) -> Sampler:
    """Divide the logits by t: below 1 the likely tokens gain, above 1 they lose.

    Raises `ValueError` unless t is positive and finite; its limit at 0 is `greedy`.

    **Source:** Ackley, Hinton and Sejnowski (1985), equation 2.
    """
    if not 0 < t < math.inf:
        raise ValueError(
            f"temperature={t} must be above 0 and finite; for 0 take greedy"
        )
    if 1e-6 < t < 1e6:
        return lambda logits: logits / t

    def extreme(logits: Tensor) -> Tensor:  # the quotients would overflow
        below_best = logits - logits.amax(dim=-1, keepdim=True)
        return (below_best.double() / t).to(logits.dtype)

    return extreme


def top_k(k: int) -> Sampler:
    """Leave only the k likeliest tokens, and those equal to the last of them.

    Raises `ValueError` unless k is at least 1.

    **Source:** Fan, Lewis and Dauphin (2018), section 5.2.

    >>> top_k(2)(torch.tensor([1.0, 3.0, 2.0]))
    tensor([-inf, 3., 2.])
    """
    if k < 1:
        raise ValueError(f"top_k={k} must be at least 1")

    def keep_k(logits: Tensor) -> Tensor:
        least = logits.topk(min(k, logits.shape[-1])).values[..., -1:]  # (..., 1)
        return logits.masked_fill(logits < least, -math.inf)

    return keep_k


def top_p(p: float) -> Sampler:
    """Leave the fewest tokens, likeliest first, that together have probability p.

    Raises `ValueError` unless 0 < p ≤ 1.

    **Source:** Holtzman et al. (2020), equation 2.

    >>> top_p(0.6)(torch.tensor([0.1, 0.5, 0.4]).log()).exp()
    tensor([0.0000, 0.5000, 0.4000])
    """
    if not 0 < p <= 1:
        raise ValueError(f"top_p={p} must be above 0 and at most 1")

    def keep_p(logits: Tensor) -> Tensor:
        ranked, ids = logits.sort(dim=-1, descending=True, stable=True)
        probs = ranked.softmax(dim=-1)  # (..., V)
        before = probs.cumsum(dim=-1) - probs  # (..., V)
        ranked = ranked.masked_fill(before >= p, -math.inf)
        return torch.empty_like(logits).scatter(-1, ids, ranked)

    return keep_p


def compose(*samplers: Sampler) -> Sampler:
    """Apply samplers one after the other, the first one first; none changes
    nothing."""
    return lambda logits: reduce(lambda x, sampler: sampler(x), samplers, logits)


def draw(logits: Tensor, generators: Sequence[torch.Generator]) -> list[int]:
    """Draw one token for each row, each with its own generator.

    A point between 0, excluded, and 1, included, falls into the share of one token
    when the shares lie side by side; a token without a share is never hit.

    logits: (B, V). Returns B ids. Raises `ValueError` for logits that are no
    numbers, or leave no token at all.
    """
    probs = logits.float().softmax(dim=-1).cpu()  # (B, V)
    up_to = probs.cumsum(dim=-1, dtype=torch.double)  # (B, V)
    check_finite(up_to[:, -1])
    dice = [torch.rand(1, dtype=torch.double, generator=g) for g in generators]
    points = (1 - torch.stack(dice)) * up_to[:, -1:]  # (B, 1)
    return torch.searchsorted(up_to, points).squeeze(-1).tolist()


def check_finite(numbers: Tensor) -> None:
    """Raises `ValueError` where one number of each row is no number: nan, or ±inf.

    numbers: (B,), such as the largest logits, or the sums of the probabilities.
    """
    wrong = [i for i, n in enumerate(numbers.tolist()) if not math.isfinite(n)]
    if wrong:
        raise ValueError(
            f"nothing can be drawn for text {wrong[0]}: its logits hold nan or "
            f"inf, or no token is left; has the training diverged, or a sampler "
            f"removed everything?"
        )


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
) -> Iterator[list[int]]:
    """Continue several texts at once, without end: read, sample, draw, append.

    texts: B lists of ids, left as they are. n_tokens: only ids below it are drawn,
    for a model whose vocabulary is padded beyond that of its tokenizer; None = all.
    Yields B ids, one for each text, again and again. Raises what `draw` raises.
    """
    texts = [list(text) for text in texts]
    while True:
        logits = reader(texts)  # (B, V)
        if n_tokens is not None and n_tokens < logits.shape[-1]:
            logits = logits[:, :n_tokens]
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
    max_new_tokens: int | None = 200,
    stop: Sequence[str] = (),
    seed: int = 0,
    document: bool = False,
    cached: bool = True,
) -> Iterator[list[str]]:
    """Continue several prompts at once, piece by piece.

    sampler: from logits to logits. max_new_tokens: where to end at the latest; None
    = never. stop: strings to end before. seed: prompt number i is drawn as it would
    be alone with seed + i. document: does each prompt begin a document? Then
    `<|endoftext|>` is read before it. cached: keep keys and values, if the model has
    a place for them; else each window is read afresh, for the same text, slowly.
    model: a `GPT`, or whatever else goes from ids to logits and has a
    `context_length`, a `device` and the modes of a module, such as the `Oracle`.

    Yields one piece of text for each prompt, some of them empty; together they are
    the continuation, without the prompt. Raises `ValueError` for an empty prompt or
    stop string, for characters that the tokenizer does not know, and for a single
    text where several are wanted.
    """
    if isinstance(prompts, str):
        raise ValueError(
            f"prompts={prompts!r} is one text and would be taken letter by letter: "
            f"write [{prompts!r}]"
        )
    if isinstance(stop, str):
        raise ValueError(f"stop={stop!r} is one text: write stop=[{stop!r}]")
    if not prompts:
        return
    if max_new_tokens is not None and max_new_tokens < 0:
        raise ValueError(f"max_new_tokens={max_new_tokens} must not be negative")
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
    tokens = new_tokens(reader, texts, sampler, generators, size)
    tokens = islice(tokens, max_new_tokens)
    try:
        for ids in tokens:
            yield [writer.write(i) for writer, i in zip(writers, ids, strict=True)]
            if all(writer.done for writer in writers):
                break
    finally:  # also when the caller has read enough
        model.train(was_training)
    yield [writer.finish() for writer in writers]


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
