"""Measure a model on text: in units that do not depend on the tokenizer, and
against the floor, where one is known."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from llm.data import IGNORE
from llm.fast.functions import cross_entropy
from llm.oracle import Oracle, ParseError, parse
from llm.tokenizers import UNKNOWN, Tokenizer

# Chance takes the loss of a model at the floor that far below it once in 30,000.
STANDARD_ERRORS = 4
ROUNDING = 1e-3  # nats per token that bfloat16 may be wrong by


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How surprised a model is by a text.

    Two models with different tokenizers are compared by their bits per byte: a
    token of one is not a token of the other, a byte is a byte.
    """

    # Mean surprise, in nats per token.
    loss: float
    # Of the loss, in nats per token; nan for a text of one window.
    standard_error: float
    # Tokens predicted.
    n_tokens: int
    # Bytes (UTF-8) that these tokens stand for; an end mark stands for none.
    n_bytes: int
    # Of the tokens, those that stand for anything; nobody knows for how many bytes.
    n_unknown: int = 0
    # Nats per token that no honest model gets below; None = not known.
    floor: float | None = None
    # The loss less its floor, in nats per token.
    gap: float = math.nan
    # Of the gap; near the floor, much smaller than that of the loss.
    gap_standard_error: float = math.nan

    @property
    def bits_per_byte(self) -> float:
        """The surprise of all tokens in bits, over the bytes they stand for; nan for
        end marks alone, and where a token stands for anything."""
        if self.n_bytes == 0 or self.n_unknown:
            return math.nan
        return self.loss * self.n_tokens / self.n_bytes / math.log(2)

    def __str__(self) -> str:
        said = f"{with_error(self.loss, self.standard_error)} nats per token, "
        if self.n_unknown:
            said += (
                f"not comparable in bits per byte: {self.n_unknown:,} of "
                f"{self.n_tokens:,} tokens are {UNKNOWN}, which is cheap to predict "
                f"and stands for anything"
            )
        else:
            said += (
                f"{self.bits_per_byte:.3f} bits per byte ({self.n_tokens:,} tokens, "
                f"{self.n_bytes:,} bytes)"
            )
        if self.floor is None:
            return said
        compared = compare(self.floor, self.gap, self.gap_standard_error)
        return f"{said}\n{compared}"


def evaluate(
    model: nn.Module | Oracle,
    tokenizer: Tokenizer,
    x: Tensor,
    y: Tensor,
    *,
    floor: Tensor | None = None,
    batch_size: int = 32,
) -> Evaluation:
    """Measure a model on the windows of a text, or on documents.

    model: from ids (B, T) to logits (B, T, V). x, y: integers (n, T), where the model
    is, from `windows` or `documents`; floor: (n,), nats that each row costs the best
    possible model, if that is known. Raises what `row_losses` and `count_bytes` do.
    """
    sums = row_losses(model, x, y, batch_size=batch_size)
    counts = (y != IGNORE).sum(1)
    loss, error = mean_and_error(sums, counts)
    n_bytes, n_unknown = count_bytes(tokenizer, y[y != IGNORE])
    return Evaluation(
        loss=loss,
        standard_error=error,
        n_tokens=int(counts.sum()),
        n_bytes=n_bytes,
        n_unknown=n_unknown,
        **above_the_floor(sums, counts, floor),
    )


def count_bytes(tokenizer: Tokenizer, ids: Tensor) -> tuple[int, int]:
    """The bytes of text that ids stand for, an end mark for none; and how many of
    the ids stand for anything, which are not counted among the bytes.

    Raises `ValueError` for an id that is not in the vocabulary.
    """
    counts = Counter(ids.tolist())
    spellings = {i: tokenizer.spelling(i) for i in counts}
    n_bytes = sum(len(spellings[i] or b"") * n for i, n in counts.items())
    return n_bytes, sum(n for i, n in counts.items() if spellings[i] is None)


# --- Row by row -------------------------------------------------------------------


def held_out_loss(
    model: nn.Module, x: Tensor, y: Tensor, *, batch_size: int = 32
) -> tuple[float, float]:
    """How surprised a model is by text it was not trained on, and how sure we are.

    x, y: integers (n, T), where the model is; from `windows` or `documents`.
    Returns the mean and its standard error, in nats per token, the rows counted as
    independent; one row alone has no standard error (nan).
    """
    sums = row_losses(model, x, y, batch_size=batch_size)
    return mean_and_error(sums, (y != IGNORE).sum(1))


@torch.inference_mode()
def row_losses(
    model: nn.Module, x: Tensor, y: Tensor, *, batch_size: int = 32
) -> Tensor:
    """How surprised a model is by each row: the sum over its targets, in nats.

    x, y: integers (n, T), where the model is. Returns (n,), on the CPU. Raises
    `ValueError` where there is no target, or batch_size is not at least 1.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size} must be at least 1")
    if not (y != IGNORE).any():
        raise ValueError(
            f"targets of shape {tuple(y.shape)}, of which none counts: there is "
            f"nothing to measure a loss on"
        )
    was_training = model.training
    model.eval()
    sums = []
    for some_x, some_y in zip(
        x.split(batch_size), y.split(batch_size), strict=True
    ):
        losses = cross_entropy(model(some_x), some_y, IGNORE, "none")
        sums.append(losses.view_as(some_y).cpu().double().sum(1))
    model.train(was_training)
    return torch.cat(sums)


def mean_and_error(sums: Tensor, counts: Tensor) -> tuple[float, float]:
    """The mean of what was summed row by row, and its standard error.

    sums, counts: (n,), of each row. Where all counts are equal, this is the
    standard deviation of the means over √n.

    **Source:** Cochran (1977), section 2.11, for an unlimited population.
    """
    sums, counts = sums.cpu().double(), counts.cpu()
    n, mean = len(sums), sums.sum() / counts.sum()
    if n == 1:
        return float(mean), math.nan
    spread = (sums - mean * counts).square().sum() * n / (n - 1)
    return float(mean), float(spread.sqrt() / counts.sum())


def above_the_floor(
    sums: Tensor, counts: Tensor, floor: Tensor | None
) -> dict[str, float]:
    """The floor under some rows, and how far above it a model is.

    sums, floor: (n,), nats that each row costs the model, and the best possible
    one; counts: (n,), its targets. Returns `floor`, `gap` and `gap_standard_error`
    in nats per token; nothing where no floor is known.

    The floor is subtracted row by row: a row that is hard for one is hard for both.
    So near the floor the gap is known much better than the loss.
    """
    if floor is None:
        return {}
    gap, error = mean_and_error(sums - floor, counts)
    mean_floor = float(floor.double().sum() / counts.sum())
    return {"floor": mean_floor, "gap": gap, "gap_standard_error": error}


# --- A loss and its floor, in words -----------------------------------------------


def with_error(number: float, error: float) -> str:
    """A number and how sure we are of it; a zero has no sign.

    >>> with_error(1.5, 0.01), with_error(1.5, math.nan)
    ('1.500 ± 0.010', '1.500')
    """
    number = round(number, 3) + 0.0
    return f"{number:.3f}" + ("" if math.isnan(error) else f" ± {error:.3f}")


def below_the_floor(gap: float, error: float) -> bool:
    """Is a loss so far below its floor that it cannot be honest?

    gap, error: of the loss less the floor, in nats per token. Never for one row
    alone (nan), of which a model can be lucky.
    """
    return gap < -(STANDARD_ERRORS * error + ROUNDING)


def compare(floor: float, gap: float, error: float) -> str:
    """What a loss tells that is `gap` above its floor.

    >>> compare(1.24, 0.07, 0.002)
    'the floor of these texts is 1.240, so 0.070 ± 0.002 to go'
    """
    if below_the_floor(gap, error):
        return (
            f"that is {with_error(-gap, error)} BELOW the floor of {floor:.3f}, "
            f"where no honest model can be: either it sees the tokens that it has "
            f"to predict, or these are not the texts that the floor belongs to"
        )
    to_go = with_error(gap, error)
    return f"the floor of these texts is {floor:.3f}, so {to_go} to go"


# --- Is it a story? ---------------------------------------------------------------


def grammatical_share(text: str) -> float:
    """How far a text is a story: the share of its letters before the first that
    cannot stand there, its end counted as a letter; 1 if all of it is.

    >>> grammatical_share("It was a dark and stormy night.")
    0.28125
    """
    try:
        parse(text)
    except ParseError as mistake:
        return mistake.position / (len(text) + 1)
    return 1.0


# --- How much do texts repeat? ----------------------------------------------------


def distinct_share(texts: Sequence[Sequence[int]], n: int = 4) -> float:
    """How diverse some texts are: how many runs of n tokens are different, over how
    many there are.

    texts: rows of ids. Texts of other number and length cannot be compared. Raises
    `ValueError` where no text has n tokens.

    **Source:** Li et al. (2016), section 5.3, "distinct-n".

    >>> distinct_share([[1, 2, 3], [1, 2, 4]], n=2)  # 12 23 12 24
    0.75
    """
    runs = [
        tuple(text[i : i + n]) for text in texts for i in range(len(text) - n + 1)
    ]
    if not runs:
        raise ValueError(f"no text has {n} tokens: there is nothing to count")
    return len(set(runs)) / len(runs)
