"""Turn ids into batches of inputs and targets: one long row of them, or documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

if TYPE_CHECKING:
    from llm.tokenizers import Tokenizer

IGNORE = -100  # a target that does not count


def split(whole: Sequence | Tensor, validation_fraction: float) -> tuple:
    """Cut a text, or a row of ids, in two: the tail is held out.

    One cut, not a lottery of windows: every window of the tail is text that no
    window of the front overlaps.

    Returns (training part, validation part), each of the type of `whole`. Raises
    `ValueError` unless both have at least one element.

    >>> split("abcdefghij", 0.2)
    ('abcdefgh', 'ij')
    """
    cut = len(whole) - round(len(whole) * validation_fraction)
    if not 0 < cut < len(whole):
        raise ValueError(
            f"validation_fraction={validation_fraction} of {len(whole)} elements "
            f"leaves nothing for training or nothing to hold out; take a fraction "
            f"between 0 and 1, and a longer text"
        )
    return whole[:cut], whole[cut:]


class LanguageModelDataset(Dataset):
    """The windows of a text: inputs, and as targets the token after each.

    text: encoded by `tokenizer`; context_length: T, tokens in a window; stride:
    tokens from the start of one window to the start of the next, T unless told, so
    that every token is a target once.

    dataset[i] is (x, y), integers (T,), with y[t] = x[t + 1]. Raises `ValueError`
    for a text of fewer than T + 1 tokens.
    """

    def __init__(
        self,
        text: str,
        tokenizer: Tokenizer,
        context_length: int,
        stride: int | None = None,
    ) -> None:
        self.ids = torch.tensor(tokenizer.encode(text))
        self.context_length = context_length
        self.stride = stride or context_length
        check_length(self.ids, context_length)

    def __len__(self) -> int:
        return (len(self.ids) - self.context_length - 1) // self.stride + 1

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        if not 0 <= i < len(self):
            raise IndexError(f"window {i} of {len(self)}")
        return window(self.ids, i * self.stride, self.context_length)


def window(ids: Tensor, start: int, context_length: int) -> tuple[Tensor, Tensor]:
    """The inputs from `start` on, and the targets one place further.

    Returns x, y: integers (T,).

    >>> window(torch.tensor([5, 6, 7, 8]), 1, 2)
    (tensor([6, 7]), tensor([7, 8]))
    """
    both = torch.as_tensor(ids[start : start + context_length + 1]).long()
    return both[:-1], both[1:]


# --- Batches to learn from --------------------------------------------------------


class Supply(Protocol):
    """An endless supply of batches: all that a training loop asks of its data."""

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """The inputs and targets, integers (B, T), of one step; a pure function."""


class Batches:
    """An endless supply of batches, in an order that only the seed decides.

    Each time through the text, it is cut into windows that do not overlap, from a
    new starting point, and the windows are shuffled. `batch(step)` is a pure
    function of (seed, step): to resume at step 100, ask for batch 100.

    ids: integers (N,), in memory or mapped from a file; batch_size: B, windows per
    batch. Raises `ValueError` for fewer than T + 1 ids or a negative seed.
    """

    def __init__(
        self, ids: Tensor, context_length: int, batch_size: int, seed: int
    ) -> None:
        check_length(ids, context_length)
        if batch_size < 1 or seed < 0:
            raise ValueError(
                f"batch_size={batch_size} must be at least 1 and seed={seed} not "
                f"negative"
            )
        self.ids, self.context_length = ids, context_length
        self.batch_size, self.seed = batch_size, seed
        # One window fewer than would fit, so that the first can start anywhere.
        self.n_windows = max(1, (len(ids) - 1) // context_length - 1)
        self._epoch, self._starts = -1, np.empty(0, dtype=np.int64)

    def starts(self, epoch: int) -> np.ndarray:
        """Where the windows of one time through the text begin, shuffled."""
        if epoch != self._epoch:
            random = np.random.default_rng([self.seed, epoch])
            spare = len(self.ids) - 1 - self.n_windows * self.context_length
            first = random.integers(spare + 1)
            order = random.permutation(self.n_windows)
            self._epoch = epoch
            self._starts = first + order * self.context_length
        return self._starts

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """The batch of one step, the first being step 0.

        Returns x, y: integers (B, T), with y[:, t] = x[:, t + 1].
        """
        rows = []
        for n in range(step * self.batch_size, (step + 1) * self.batch_size):
            start = self.starts(n // self.n_windows)[n % self.n_windows]
            rows.append(window(self.ids, start, self.context_length))
        x, y = (torch.stack(column) for column in zip(*rows, strict=True))
        return x, y  # (B, T)


class DocumentBatches:
    """An endless supply of batches in which each row is one whole document.

    Batch 0 has the documents 0 … B − 1, batch 1 the next B, and so on: no document
    comes twice. `batch(step)` is a pure function of the step, as `document` is one
    of its number.

    document: from the number of a document to its ids; end: the id of the end mark,
    which stands before each document as well; context_length: T, at most so many
    positions; batch_size: B. Raises `ValueError` for a document that does not fit.

    >>> DocumentBatches(lambda i: [5, 6, 7][: i + 1], 0, 4, 2).batch(0)[0]
    tensor([[0, 5, 0],
            [0, 5, 6]])
    """

    def __init__(
        self,
        document: Callable[[int], Sequence[int]],
        end: int,
        context_length: int,
        batch_size: int,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size={batch_size} must be at least 1")
        self.document, self.end = document, end
        self.context_length, self.batch_size = context_length, batch_size

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """The batch of one step, the first being step 0; see `documents`."""
        numbers = range(step * self.batch_size, (step + 1) * self.batch_size)
        rows = [self.document(number) for number in numbers]
        return documents(rows, self.end, self.context_length)


# --- Rows to measure on: every token is a target once -----------------------------


def windows(ids: Tensor, context_length: int) -> tuple[Tensor, Tensor]:
    """Cut a row of ids into windows that do not overlap; the last is filled up with
    targets that do not count.

    Every token but the first is a target once. Returns x, y: integers
    (n_windows, T), where T is at most `context_length`. Raises `ValueError` for
    fewer than two ids.

    >>> windows(torch.tensor([5, 6, 7, 8]), 2)[1]
    tensor([[   6,    7],
            [   8, -100]])
    """
    if len(ids) < 2:
        raise ValueError(
            f"{len(ids)} tokens are too few to measure a loss on: it takes 2 at "
            f"least, one to read and one to predict"
        )
    context_length = min(context_length, len(ids) - 1)
    spare = -(len(ids) - 1) % context_length
    x = F.pad(ids[:-1], (0, spare)).view(-1, context_length)  # (n_windows, T)
    y = F.pad(ids[1:], (0, spare), value=IGNORE).view_as(x)  # (n_windows, T)
    return x, y


def documents(
    rows: Iterable[Sequence[int]], end: int, context_length: int
) -> tuple[Tensor, Tensor]:
    """Whole documents, one in each row, filled up on the right with targets that do
    not count.

    Each is read from the end mark of the one before, and its own end mark is the
    last token to predict: every token of a document is a target once.

    rows: the ids of each document, without marks; end: the id of the end mark.
    Returns x, y: integers (B, T), where T is what the longest of them takes. Raises
    `ValueError` for no document, or one that takes more than `context_length`.

    >>> documents([[5, 6], [7]], end=0, context_length=8)
    (tensor([[0, 5, 6],
            [0, 7, 0]]), tensor([[   5,    6,    0],
            [   7,    0, -100]]))
    """
    rows = [torch.tensor([end, *row, end]) for row in rows]
    check_documents([len(row) - 1 for row in rows], context_length)
    fill = partial(pad_sequence, batch_first=True)
    x = fill([row[:-1] for row in rows])  # (B, T)
    y = fill([row[1:] for row in rows], padding_value=IGNORE)  # (B, T)
    return x, y


# --- What cannot be ---------------------------------------------------------------


def check_documents(lengths: Sequence[int], context_length: int) -> None:
    """Refuse documents that do not fit whole.

    lengths: of each, its end mark included. Raises `ValueError` that names both.
    """
    if not lengths:
        raise ValueError("there is no document; give one at least")
    if max(lengths) > context_length:
        raise ValueError(
            f"a document has {max(lengths)} tokens with its end mark, but "
            f"context_length={context_length}; choose a context_length of at least "
            f"{max(lengths)}, or shorter documents"
        )


def check_length(ids: Sequence[int] | Tensor, context_length: int) -> None:
    """Refuse a text that does not fill one window.

    Raises `ValueError` that names both lengths.
    """
    if len(ids) < context_length + 1:
        raise ValueError(
            f"the text has {len(ids)} tokens, but context_length={context_length} "
            f"needs at least {context_length + 1}; choose a longer text or a "
            f"smaller context_length"
        )
