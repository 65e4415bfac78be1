"""Turn ids into batches of inputs and targets: one long row of them, or documents."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset, Sampler

from llm.files import atomic_write
from llm.tokenizers.special import END_OF_TEXT

if TYPE_CHECKING:
    from llm.tokenizers import Tokenizer

IGNORE = -100  # a target that does not count
NEAR = 200  # characters that a cut may move so as to cut no word in two


def encode_documents(text: str, tokenizer: Tokenizer) -> list[int]:
    """The ids of a text to learn from, in which `<|endoftext|>` ends a document.

    The mark has its own id if the tokenizer knows it as a special token; else it is
    text like all else. Raises `ValueError` as `tokenizer.encode` does.
    """
    if END_OF_TEXT not in getattr(tokenizer, "special_tokens", ()):
        return tokenizer.encode(text)
    return tokenizer.encode(text, allowed_special=[END_OF_TEXT])


def split(whole: Sequence | Tensor, validation_fraction: float) -> tuple:
    """Cut a text, or a row of ids, in two: the tail is held out.

    One cut, not a lottery of windows: every window of the tail is text that no
    window of the front overlaps. A text is cut before the nearest white space, so
    that no word and no end mark is cut in two.

    Returns (training part, validation part), each of the type of `whole`. Raises
    `ValueError` unless both have at least one element.

    >>> split("abcdefghij", 0.2)
    ('abcdefgh', 'ij')
    >>> split("the cat ran", 0.3)
    ('the cat', ' ran')
    """
    cut = 0  # also where the fraction is not a number
    if 0 < validation_fraction < 1:
        cut = len(whole) - round(len(whole) * validation_fraction)
    if 0 < cut < len(whole) and isinstance(whole, str):
        cut = between_words(whole, cut)
    if not 0 < cut < len(whole):
        raise ValueError(
            f"validation_fraction={validation_fraction} of {len(whole)} elements "
            f"leaves nothing for training or nothing to hold out; take a fraction "
            f"between 0 and 1, and a longer text"
        )
    return whole[:cut], whole[cut:]


def between_words(text: str, place: int) -> int:
    """The place nearest to `place` where a text can be cut and nothing is torn.

    That is before white space, or, for a place inside an end mark, after the mark
    (before it, if it ends the text); `place` itself where no white space is near.

    >>> between_words("the cat ran", 5), between_words("the cat ran", 6)
    (3, 7)
    """
    size = len(END_OF_TEXT)
    mark = text.find(END_OF_TEXT, max(0, place - size + 1), place + size - 1)
    if mark >= 0:
        return mark + size if mark + size < len(text) else mark
    near = [at for far in range(NEAR) for at in (place - far, place + far)]
    for at in near:
        if 0 < at < len(text) and text[at].isspace() > text[at - 1].isspace():
            return at
    return place


def split_documents(
    texts: Iterable[str], validation_fraction: float, seed: int = 0
) -> tuple[list[str], list[str]]:
    """Hold out whole documents: of each, a hash of its text decides.

    So two copies of a document stand on the same side, and a document stays on its
    side whatever is added or removed beside it. The fraction holds on average.

    Returns (training documents, validation documents), in their order. Raises
    `ValueError` unless both have at least one.

    >>> split_documents(["a cat", "a dog", "a cow", "a cat"], 0.4, seed=3)
    (['a dog', 'a cow'], ['a cat', 'a cat'])
    """
    parts: tuple[list[str], list[str]] = ([], [])
    for text in texts:
        parts[document_hash(text, seed) < validation_fraction].append(text)
    if not all(parts):
        raise ValueError(
            f"validation_fraction={validation_fraction} of {sum(map(len, parts))} "
            f"documents leaves nothing for training or nothing to hold out; take a "
            f"fraction between 0 and 1, more documents, or another seed"
        )
    return parts


def document_hash(text: str, seed: int) -> float:
    """A number from 0 up to 1 that depends on the text and the seed alone.

    Equal texts have equal numbers; else they are as good as drawn evenly.
    """
    digest = hashlib.sha256(
        f"{seed}:{text}".encode(errors="surrogatepass")
    ).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


class WindowDataset(Dataset):
    """The windows of a row of ids: inputs, and as targets the token after each.

    ids: integers (N,), in memory or mapped from a file; context_length: T, tokens
    in a window; stride: tokens from the start of one window to the start of the
    next, T unless told, so that no token is a target twice.

    dataset[i] is (x, y), integers (T,), with y[t] = x[t + 1]. Raises `ValueError`
    for fewer than T + 1 ids, and for a length or stride below 1.
    """

    def __init__(
        self, ids: Tensor, context_length: int, stride: int | None = None
    ) -> None:
        self.ids, self.context_length = ids, context_length
        self.stride = context_length if stride is None else stride
        check_length(self.ids, context_length)
        check_at_least(1, stride=self.stride)

    def __len__(self) -> int:
        return (len(self.ids) - self.context_length - 1) // self.stride + 1

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        if not 0 <= i < len(self):
            raise IndexError(f"window {i} of {len(self)}")
        return window(self.ids, i * self.stride, self.context_length)


class LanguageModelDataset(WindowDataset):
    """The windows of a text, in which `<|endoftext|>` ends a document.

    context_length, stride, what dataset[i] is, and what it raises: as in
    `WindowDataset`. dataset.ids are the ids of the whole text, integers (N,).
    """

    def __init__(
        self,
        text: str,
        tokenizer: Tokenizer,
        context_length: int,
        stride: int | None = None,
    ) -> None:
        ids = as_ids(encode_documents(text, tokenizer))
        super().__init__(ids, context_length, stride)


def window(ids: Tensor, start: int, context_length: int) -> tuple[Tensor, Tensor]:
    """The inputs from `start` on, and the targets one place further.

    Returns x, y: integers (T,). Raises `ValueError` for a window that does not lie
    within `ids`.

    >>> window(torch.tensor([5, 6, 7, 8]), 1, 2)
    (tensor([6, 7]), tensor([7, 8]))
    """
    if not 0 <= start < len(ids) - context_length:
        raise ValueError(
            f"a window of context_length={context_length} and its last target do "
            f"not fit into {len(ids)} tokens from start={start} on"
        )
    both = as_ids(ids[start : start + context_length + 1])
    return both[:-1], both[1:]


# --- Ids that do not fit into memory ----------------------------------------------


def write_ids(path: str | Path, texts: Iterable[str], tokenizer: Tokenizer) -> int:
    """Encode texts one after the other into a file, a text at a time.

    `np.load(path, mmap_mode="r")` is then a row of ids, integers (N,) of the
    smallest kind that holds them, of which only what is read comes into memory.

    texts: of any number, as `read_texts` gives them; path: ends in `.npy`, and is
    there when all is written. Returns N. Raises what `encode_documents` does.
    """
    kind = np.min_scalar_type(tokenizer.vocab_size - 1)
    n_ids = 0
    with atomic_write(path) as file:
        write_header(file, kind, n_ids)
        for text in texts:
            ids = np.array(encode_documents(text, tokenizer), dtype=kind)
            file.write(ids.tobytes())
            n_ids += len(ids)
        file.seek(0)
        write_header(file, kind, n_ids)  # as long as the first: NumPy leaves room
    return n_ids


def write_header(file: IO[bytes], kind: np.dtype, n_ids: int) -> None:
    """What tells `np.load` of which kind the numbers after it are, and how many."""
    header = {"descr": kind.str, "fortran_order": False, "shape": (n_ids,)}
    np.lib.format.write_array_header_1_0(file, header)


# --- Batches to learn from --------------------------------------------------------


class Supply(Protocol):
    """An endless supply of batches: all that a training loop asks of its data."""

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """The inputs and targets of one step, integers (B, T): always the same."""


def get_batch(
    ids: Tensor,
    context_length: int,
    batch_size: int,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Windows that begin anywhere, each drawn independently of all others.

    Some overlap, and some of the text may never be read; `Batches` reads every
    window before it reads one again.

    ids: integers (N,); batch_size: B; generator: what draws, PyTorch's global one
    unless told. Returns x, y: integers (B, T), with y[:, t] = x[:, t + 1]. Raises
    `ValueError` for fewer than T + 1 ids.

    >>> get_batch(torch.tensor([5, 6, 7]), 2, 1)
    (tensor([[5, 6]]), tensor([[6, 7]]))
    """
    check_length(ids, context_length)
    check_at_least(1, batch_size=batch_size)
    n_starts = len(ids) - context_length
    starts = torch.randint(n_starts, (batch_size,), generator=generator)
    return windows_at(ids, starts.tolist(), context_length)


def windows_at(
    ids: Tensor, starts: Iterable[int], context_length: int
) -> tuple[Tensor, Tensor]:
    """The windows that begin at `starts`, one in each row: integers (B, T)."""
    rows = [window(ids, start, context_length) for start in starts]
    x, y = (torch.stack(column) for column in zip(*rows, strict=True))
    return x, y  # (B, T)


class ResumableSampler(Sampler[int]):
    """The order in which a `DataLoader` reads windows: shuffled anew each time
    through, without end, and decided by the seed alone.

    n_windows: how many there are; start: how many were read before. A loop that has
    seen `step` batches goes on with start = step * batch_size. Raises `ValueError`
    for no window, and for a negative seed or start.

    >>> from itertools import islice
    >>> whole = list(islice(ResumableSampler(3, seed=0), 6))
    >>> sorted(whole[:3]), sorted(whole[3:])
    ([0, 1, 2], [0, 1, 2])
    >>> list(islice(ResumableSampler(3, seed=0, start=2), 4)) == whole[2:]
    True
    """

    def __init__(self, n_windows: int, seed: int, start: int = 0) -> None:
        check_at_least(1, n_windows=n_windows)
        check_at_least(0, seed=seed, start=start)
        self.n_windows, self.seed, self.start = n_windows, seed, start

    def __iter__(self) -> Iterator[int]:
        epoch, place = divmod(self.start, self.n_windows)
        while True:
            rng = np.random.default_rng([self.seed, epoch])
            order = rng.permutation(self.n_windows)
            yield from map(int, order[place:])
            epoch, place = epoch + 1, 0


class Batches:
    """An endless supply of batches, in an order that only the seed decides.

    Each time through the text, it is cut into windows that do not overlap, from a
    new starting point, and the windows are shuffled; fewer than 2T tokens are left
    out. `batch(step)` depends on (seed, step) alone: to resume at step 100, ask for
    batch 100.

    ids: integers (N,), in memory or mapped from a file; batch_size: B, windows per
    batch. Raises `ValueError` for fewer than T + 1 ids or a negative seed.
    """

    def __init__(
        self, ids: Tensor, context_length: int, batch_size: int, seed: int
    ) -> None:
        check_length(ids, context_length)
        check_at_least(1, batch_size=batch_size)
        check_at_least(0, seed=seed)
        self.ids, self.context_length = ids, context_length
        self.batch_size, self.seed = batch_size, seed
        # One window fewer than would fit, so that the first can start anywhere.
        self.n_windows = max(1, (len(ids) - 1) // context_length - 1)
        self._epoch, self._starts = -1, np.empty(0, dtype=np.int64)

    def starts(self, epoch: int) -> np.ndarray:
        """Where the windows of one time through the text begin, shuffled."""
        if epoch != self._epoch:
            rng = np.random.default_rng([self.seed, epoch])
            spare = len(self.ids) - 1 - self.n_windows * self.context_length
            first = rng.integers(spare + 1)
            order = rng.permutation(self.n_windows)
            self._epoch = epoch
            self._starts = first + order * self.context_length
        return self._starts

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """The batch of one step, the first being step 0.

        Returns x, y: integers (B, T), with y[:, t] = x[:, t + 1].
        """
        check_at_least(0, step=step)
        numbers = range(step * self.batch_size, (step + 1) * self.batch_size)
        starts = [
            self.starts(n // self.n_windows)[n % self.n_windows] for n in numbers
        ]
        return windows_at(self.ids, starts, self.context_length)


class DocumentBatches:
    """An endless supply of batches in which each row is one whole document.

    Batch 0 has the documents 0 … B − 1, batch 1 the next B, and so on: no
    document comes twice. `batch(step)` depends on the step alone, as
    `document` does on its number.

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
        check_at_least(1, batch_size=batch_size)
        self.document, self.end = document, end
        self.context_length, self.batch_size = context_length, batch_size

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """The batch of one step, the first being step 0; see `documents`."""
        check_at_least(0, step=step)
        numbers = range(step * self.batch_size, (step + 1) * self.batch_size)
        rows = [self.document(number) for number in numbers]
        return documents(rows, self.end, self.context_length)


# --- Several documents in a row ---------------------------------------------------


def pack(
    rows: Sequence[Sequence[int]], end: int, context_length: int
) -> tuple[Tensor, Tensor]:
    """Whole documents, as in `documents`, but several in a row, so that less of it
    is filled up.

    rows, end, context_length: as in `documents`; which of them share a row says
    `best_fit`. Returns x, y: integers (B, T), where T is what the fullest row
    takes; `same_document` says who belongs together. Raises what `documents` does.

    >>> pack([[5, 6], [7], [8, 9]], end=0, context_length=5)
    (tensor([[0, 8, 9, 0, 7],
            [0, 5, 6, 0, 0]]), tensor([[   8,    9,    0,    7,    0],
            [   5,    6,    0, -100, -100]]))
    """
    ids = [as_ids(row).tolist() for row in rows]
    check_documents([len(row) + 1 for row in ids], context_length)
    groups = best_fit([len(row) + 1 for row in ids], context_length)
    x = filled([[i for n in g for i in (end, *ids[n])] for g in groups], 0)
    y = filled([[i for n in g for i in (*ids[n], end)] for g in groups], IGNORE)
    return x, y  # (B, T)


def best_fit(lengths: Sequence[int], context_length: int) -> list[list[int]]:
    """Which documents share a row: each, the longest first, goes into the fullest
    row that has room for it.

    lengths: of each, at most `context_length`. Returns for each row the numbers of
    its documents, the fullest row first.

    **Source:** Ding et al. (2024), best-fit packing.

    >>> best_fit([3, 2, 4, 1], 5)
    [[0, 1], [2, 3]]
    """
    # with_room[r] holds the rows in which r places are free
    with_room: list[list[list[int]]] = [[] for _ in range(context_length + 1)]
    for n in sorted(range(len(lengths)), key=lambda n: -lengths[n]):
        fitting = range(lengths[n], context_length)
        room = next((r for r in fitting if with_room[r]), context_length)
        row = with_room[room].pop() if with_room[room] else []
        with_room[room - lengths[n]].append([*row, n])
    return [row for rows in with_room for row in rows]


def same_document(x: Tensor, end: int) -> Tensor:
    """Who may look at whom when nobody looks into another document: True within one
    and the same.

    x: integers (B, T), inputs in which an end mark begins each document, as in
    `pack`. Returns a boolean (B, T, T), row = who looks, column = at whom;
    `causal_mask` hides the future besides.

    >>> same_document(torch.tensor([[0, 5, 0, 6]]), end=0).int().tolist()
    [[[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]]
    """
    number = (x == end).cumsum(-1)  # (B, T)
    return number.unsqueeze(2) == number.unsqueeze(1)  # (B, T, T)


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
    ids = as_ids(ids)
    check_at_least(1, context_length=context_length)
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
    ids = [as_ids(row).tolist() for row in rows]
    check_documents([len(row) + 1 for row in ids], context_length)
    x = filled([[end, *row] for row in ids], 0)  # (B, T)
    y = filled([[*row, end] for row in ids], IGNORE)  # (B, T)
    return x, y


def filled(rows: Iterable[Sequence[int]], value: int) -> Tensor:
    """Rows of unequal length, filled up on the right: integers (B, T)."""
    return pad_sequence([as_ids(r) for r in rows], True, value)


# --- What cannot be ---------------------------------------------------------------


def as_ids(values: Any) -> Tensor:
    """A row of ids, of whatever make, as integers (N,) of 64 bits.

    Raises `ValueError` for numbers that are not whole, and for more than one row.
    """
    if isinstance(values, Tensor):
        kind = "f" if values.is_floating_point() or values.is_complex() else "i"
    else:
        values = np.asarray(values)
        kind = values.dtype.kind
    if values.ndim != 1 or (len(values) and kind not in "iu"):
        raise ValueError(
            f"ids of shape {tuple(values.shape)} and type {values.dtype}: give one row "
            f"of whole numbers, (N,)"
        )
    if isinstance(values, Tensor):
        return values.long()
    return torch.from_numpy(values.astype(np.int64))


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


def check_at_least(least: int, **values: int) -> None:
    """Raises `ValueError` that names the first of the values that is smaller."""
    for name, value in values.items():
        if value < least:
            raise ValueError(f"{name}={value} must be at least {least}")


def check_length(ids: Sequence[int] | Tensor, context_length: int) -> None:
    """Refuse a text that does not fill one window.

    Raises `ValueError` that names both lengths.
    """
    check_at_least(1, context_length=context_length)
    as_ids(ids[:1])
    if len(ids) < context_length + 1:
        raise ValueError(
            f"the text has {len(ids)} tokens, but context_length={context_length} "
            f"needs at least {context_length + 1}; choose a longer text or a "
            f"smaller context_length"
        )
