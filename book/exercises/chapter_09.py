"""The exercises of chapter 9, Causal masking."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from book.exercises.answers import Mask, Pairs, Values, Weights
from book.exercises.exercise import Exercise, exercise
from book.exercises.watch import Step
from llm.attention import attention, attention_weights


def _back(n: int) -> Tensor:
    """How far back each position looks at each other: look - at, (T, T)."""
    return torch.arange(n)[:, None] - torch.arange(n)


def _past(n: int) -> Tensor:
    return _back(n) >= 0


def _itself(n: int) -> Tensor:
    return torch.eye(n, dtype=torch.bool)


NUMBERS = "a mask is boolean, True = may look. Adding or multiplying comes later"


def _every_mask_can_be(exercise: Exercise) -> None:
    """Register what can go wrong with any mask, given its right answer."""
    right = exercise.rights[0]

    @exercise.mistake(
        "upside down: True means may look, yours is True where one may not"
    )
    def true_hides(*inputs):
        return ~right(*inputs)

    @exercise.refused(NUMBERS)
    def ones_and_zeros(*inputs):
        return right(*inputs).float()

    @exercise.refused(NUMBERS)
    def whole_ones_and_zeros(*inputs):
        return right(*inputs).long()

    @exercise.refused(NUMBERS)
    def added_to_scores(*inputs):
        mask = right(*inputs)
        return torch.zeros(mask.shape).masked_fill(~mask, -torch.inf)


# --- ★ A short memory -------------------------------------------------------------


@exercise("itself and the width - 1 before, and nobody later", Mask())
def window_mask() -> Iterator[tuple]:
    """`window_mask(n_positions, width)`: the last `width` positions, (T, T)."""
    yield from ((7, 3), (5, 1), (6, 2), (4, 4), (4, 9), (5, 4), (1, 1), (1, 3))


@window_mask.right
def window_of_distances(n_positions, width):
    return (_back(n_positions) >= 0) & (_back(n_positions) < width)


@window_mask.right
def window_of_triangles(n_positions, width):
    ones = torch.ones(n_positions, n_positions)
    return (ones.tril() * ones.triu(1 - width)).bool()


@window_mask.right
def window_by_subtraction(n_positions, width):
    past = _past(n_positions)
    return past ^ past.tril(-width)


@window_mask.right
def window_by_loop(n_positions, width):
    mask = torch.zeros(n_positions, n_positions, dtype=torch.bool)
    for look in range(n_positions):
        mask[look, max(0, look - width + 1) : look + 1] = True
    return mask


@window_mask.mistake("the window reaches into the future as far as into the past")
def both_ways(n_positions, width):
    return _back(n_positions).abs() < width


@window_mask.mistake(
    "one position too many: the position itself is one of the width"
)
def width_and_itself(n_positions, width):
    return (_back(n_positions) >= 0) & (_back(n_positions) <= width)


@window_mask.mistake(
    "one position too few: the position itself is one of the width"
)
def one_short(n_positions, width):
    back = _back(n_positions)
    return (back >= 0) & (back < max(1, width - 1))


@window_mask.mistake(
    "a position must see itself, or the first has nothing to look at"
)
def without_itself(n_positions, width):
    return (_back(n_positions) > 0) & (_back(n_positions) <= width)


@window_mask.mistake(
    "the position itself is one of the width, and must be seen; here it is left out of "
    "a window of the right length"
)
def its_own_place_left_out(n_positions, width):
    return (_back(n_positions) > 0) & (_back(n_positions) < width)


@window_mask.mistake(
    "this looks at the future and not at the past: is it transposed?"
)
def transposed_window(n_positions, width):
    return window_of_distances(n_positions, width).T


@window_mask.mistake("nothing old is forgotten: this is the causal mask")
def only_causal(n_positions, width):
    return _past(n_positions)


@window_mask.mistake("the future is not hidden: only what is too old is")
def only_recent(n_positions, width):
    return _back(n_positions) < width


@window_mask.mistake("everyone sees the first positions, not the last ones")
def first_ones(n_positions, width):
    return _past(n_positions) & (torch.arange(n_positions) < width)


@window_mask.mistake(
    "or for and: each of the two masks hides something, and both must hold (&)"
)
def either(n_positions, width):
    return _past(n_positions) | (_back(n_positions).abs() < width)


@window_mask.mistake(
    "what is older than the window is kept, and the window is hidden: the triangle is "
    "cut on the wrong side (triu keeps what lies above a diagonal)"
)
def only_the_old(n_positions, width):
    return _past(n_positions).tril(-width)


@window_mask.mistake(
    "the diagonal moves up where it should move down: triu(1 - width) begins width - 1 "
    "places *below* the diagonal"
)
def cut_above(n_positions, width):
    return _past(n_positions).triu(width - 1)


@window_mask.mistake(
    "the positions are cut into blocks of `width`, and nobody looks across the edge of "
    "a block: a window moves along with who looks"
)
def blocks(n_positions, width):
    block = torch.arange(n_positions) // width
    return _past(n_positions) & (block[:, None] == block)


@window_mask.mistake(
    "a negative index counts from the end: the first positions, whose window is not "
    "full, see nothing"
)
def negative_index(n_positions, width):
    mask = torch.zeros(n_positions, n_positions, dtype=torch.bool)
    for look in range(n_positions):
        mask[look, look - width + 1 : look + 1] = True
    return mask


@window_mask.mistake(
    "the first positions, whose window is not full yet, see nothing: they look at what "
    "there is"
)
def full_windows_only(n_positions, width):
    full = torch.arange(n_positions)[:, None] >= width - 1
    return window_of_distances(n_positions, width) & full


_every_mask_can_be(window_mask)
window_mask.refused("the shape (7,), expected (7, 7)")(
    lambda n, width: torch.arange(n) < width
)
window_mask.refused("the shape (1, 7, 7), expected (7, 7)")(
    lambda n, width: window_of_distances(n, width)[None]
)


# --- ★ How much was seen? ---------------------------------------------------------


@exercise(
    "the loss of a cheat says how much it has seen", Values("the number of answers")
)
def answers_seen() -> Iterator[tuple]:
    """`answers_seen(loss, floor, n_days)`: how many of its answers it has read."""
    share = 0.2 + 0.6 * float(torch.rand(()))
    floor, n = 0.5 + float(torch.rand(())), int(torch.randint(5, 40, ()))
    yield share * floor, floor, n
    yield (1 - 1 / n) * floor, floor, n
    yield floor / n, floor, n
    yield 1.3, 2.6, 4
    yield 0.0, floor, n
    yield floor, floor, n
    yield 0.05, 0.2, 1
    yield 1.0001 * floor, floor, n
    yield 2.7 * floor, floor, n


@answers_seen.right
def unread_cost_the_floor(loss, floor, n_days):
    return max(0.0, n_days * (1 - loss / floor))


@answers_seen.right
def seen_as_tensor(loss, floor, n_days):
    return (n_days - n_days * torch.tensor(loss) / floor).relu()


@answers_seen.right
def seen_from_the_page(loss, floor, n_days):
    """The loss of the page, and what it would have been with nothing read."""
    if loss >= floor:
        return 0
    return (floor * n_days - loss * n_days) / floor


@answers_seen.right
def seen_in_a_row(loss, floor, n_days):
    return torch.tensor([n_days * (floor - min(loss, floor)) / floor])


@answers_seen.mistake("that many it had to forecast; the others it has read")
def unread(loss, floor, n_days):
    return n_days * loss / floor


@answers_seen.mistake("that is their share; of how many days?")
def share(loss, floor, n_days):
    return 1 - loss / floor


@answers_seen.mistake(
    "that is the share of what it had to forecast, not the number of what it read"
)
def share_unread(loss, floor, n_days):
    return loss / floor


@answers_seen.mistake("that is their share in a hundred; of how many days?")
def percent(loss, floor, n_days):
    return 100 * (1 - loss / floor)


@answers_seen.mistake(
    "a difference in nats is no number of days: what does one unread answer cost?"
)
def nats(loss, floor, n_days):
    return n_days * (floor - loss)


@answers_seen.mistake(
    "a difference in nats is no number of days, and it is one day's; what does one "
    "unread answer cost?"
)
def nats_of_a_day(loss, floor, n_days):
    return floor - loss


@answers_seen.mistake("the sign is wrong: below the floor something was read")
def sign(loss, floor, n_days):
    return n_days * (loss / floor - 1)


@answers_seen.mistake(
    "upside down: an unread answer costs the floor, so divide by it"
)
def over_the_loss(loss, floor, n_days):
    return n_days * (floor / loss - 1)


@answers_seen.mistake(
    "the loss is a mean over all days, the read ones included: it need not be divided "
    "by their number again"
)
def divided_by_days(loss, floor, n_days):
    return n_days - loss / floor


WHOLE = "do not round: the loss may be a mean over many pages"


@answers_seen.mistake(WHOLE)
def rounded(loss, floor, n_days):
    return float(round(n_days * (1 - loss / floor)))


@answers_seen.mistake(WHOLE)
def rounded_down(loss, floor, n_days):
    return int(max(0, n_days * (1 - loss / floor)))


@answers_seen.mistake(WHOLE)
def rounded_up(loss, floor, n_days):
    return -int(-max(0, n_days * (1 - loss / floor)) // 1)


@answers_seen.mistake(
    "an answer that is not read costs the floor; here it costs one nat"
)
def one_nat_each(loss, floor, n_days):
    return max(0.0, n_days * (1 - loss))


@answers_seen.mistake(
    "this is as if the probabilities were compared, not the losses: a mean over days "
    "is a mean of surprises, and each unread one costs the floor"
)
def probabilities(loss, floor, n_days):
    e = torch.tensor([loss, floor]).neg().exp().tolist()
    return n_days * (1 - e[1] / e[0])


@answers_seen.mistake(
    "a loss of the floor is no cheat's: it has read none; and one of 0 has read all"
)
def upside_down_at_the_ends(loss, floor, n_days):
    return max(0.0, n_days * (1 - loss / floor)) if 0 < loss < floor else n_days


@answers_seen.symptom
def less_than_none(seen, loss, floor, n_days):
    if loss > floor and seen != 0:
        return (
            f"a forecaster that loses more than the floor has not read {seen:.2g} "
            f"answers: it has read none, and has still to learn"
        )
    return None


@less_than_none.mistake
def below_zero(loss, floor, n_days):
    return n_days * (1 - loss / floor)


@less_than_none.mistake
def any_distance(loss, floor, n_days):
    return abs(n_days * (1 - loss / floor))


answers_seen.refused("expected one number")(
    lambda loss, floor, n: (n, loss / floor)
)


# --- ★★ Padding on the left -------------------------------------------------------


@exercise("causal, blind to padding, and no row is empty", Mask())
def left_padded_mask() -> Iterator[tuple]:
    """`left_padded_mask(lengths, n_positions)`: (B,) to (B, 1, T, T).

    Row b's text stands in its last `lengths[b]` positions, padding before it.
    Padding must see itself, so that no row of weights is empty.
    """
    for lengths, n in (
        ([5, 2, 4], 5),
        ([1, 4], 4),
        ([3, 1, 2, 3], 4),
        ([2], 6),
        ([0, 3], 3),
        ([1], 1),
    ):
        yield torch.tensor(lengths), n


@left_padded_mask.right
def padded(lengths, n_positions):
    real = torch.arange(n_positions) >= (n_positions - lengths)[:, None]
    return ((_past(n_positions) & real[:, None]) | _itself(n_positions))[:, None]


@left_padded_mask.right
def padded_by_loop(lengths, n_positions):
    mask = torch.zeros(len(lengths), 1, n_positions, n_positions, dtype=torch.bool)
    for b, length in enumerate(lengths.tolist()):
        for look in range(n_positions):
            for at in range(look + 1):
                mask[b, 0, look, at] = at >= n_positions - length or at == look
    return mask


@left_padded_mask.right
def padded_by_blocks(lengths, n_positions):
    """A diagonal of padding, then a triangle of text."""
    rows = []
    for length in lengths.tolist():
        pads = torch.eye(n_positions - length)
        rows.append(torch.block_diag(pads, torch.ones(length, length).tril()))
    return torch.stack(rows)[:, None, -n_positions:, -n_positions:].bool()


@left_padded_mask.right
def padded_from_the_right(lengths, n_positions):
    """Mirrored in both axes, the text comes first and looks ahead."""
    real = torch.arange(n_positions) < lengths.view(-1, 1, 1, 1)
    mask = (_back(n_positions) <= 0) & real | _itself(n_positions)
    return mask.flip(-1, -2)


def _padding(lengths, n: int) -> Tensor:
    """(B, 1, T): True where padding stands."""
    return (torch.arange(n) < (n - lengths)[:, None])[:, None]


@left_padded_mask.mistake(
    "padding is expected on the right here, but it stands on the left"
)
def right_padded(lengths, n_positions):
    real = (torch.arange(n_positions) < lengths[:, None])[:, None]
    return ((_past(n_positions) & real) | _itself(n_positions))[:, None]


@left_padded_mask.mistake("nobody sees the padding, but the future is not hidden")
def not_causal(lengths, n_positions):
    pads = _padding(lengths, n_positions).expand(-1, n_positions, -1)
    return (~pads | _itself(n_positions))[:, None]


@left_padded_mask.mistake(
    "padding may not look, but it can be seen: hide columns, not rows"
)
def rows_hidden(lengths, n_positions):
    looks = ~_padding(lengths, n_positions).mT
    return ((_past(n_positions) & looks) | _itself(n_positions))[:, None]


@left_padded_mask.mistake("the lengths have no effect: padding can be seen")
def lengths_ignored(lengths, n_positions):
    return _past(n_positions).expand(len(lengths), 1, n_positions, n_positions)


@left_padded_mask.mistake(
    "padding may see itself only, and here it sees the padding before it"
)
def padding_among_itself(lengths, n_positions):
    pads = _padding(lengths, n_positions)
    return (
        padded(lengths, n_positions)
        | (_past(n_positions) & pads & pads.mT)[:, None]
    )


@left_padded_mask.mistake(
    "padding may see itself only, and here it sees all padding"
)
def padding_sees_padding(lengths, n_positions):
    pads = _padding(lengths, n_positions)
    return padded(lengths, n_positions) | (pads & pads.mT)[:, None]


@left_padded_mask.mistake("every row gets the padding of the first one")
def first_length(lengths, n_positions):
    return padded(lengths[:1].repeat(len(lengths)), n_positions)


@left_padded_mask.mistake(
    "every row gets the padding of the longest text: none is left"
)
def longest_length(lengths, n_positions):
    return padded(lengths.amax().repeat(len(lengths)), n_positions)


@left_padded_mask.mistake(
    "lengths are taken for the number of padding positions; they count the text"
)
def lengths_of_padding(lengths, n_positions):
    return padded(n_positions - lengths, n_positions)


@left_padded_mask.mistake(
    "one position of padding can be seen: the text is the last lengths[b]"
)
def one_pad_seen(lengths, n_positions):
    return padded((lengths + 1).clamp(max=n_positions), n_positions)


@left_padded_mask.mistake(
    "the first position of each text is hidden: the text is the last lengths[b]"
)
def one_word_hidden(lengths, n_positions):
    return padded((lengths - 1).clamp(min=0), n_positions)


@left_padded_mask.mistake(
    "this looks at the future and not at the past: is it transposed?"
)
def transposed_padding(lengths, n_positions):
    return padded(lengths, n_positions).mT


@left_padded_mask.mistake(
    "padding sees itself, and so does nobody else: a real position sees itself, too"
)
def strict_for_text(lengths, n_positions):
    pads = _padding(lengths, n_positions)
    past = (_back(n_positions) > 0) & ~pads
    first = (n_positions - lengths)[:, None, None] == torch.arange(n_positions)[
        :, None
    ]
    return (past | (_itself(n_positions) & (pads | first)))[:, None]


@left_padded_mask.mistake(
    "padding looks at everything, so that no row is empty; it may see itself and nobody "
    "else"
)
def padding_sees_all(lengths, n_positions):
    return padded(lengths, n_positions) | _padding(lengths, n_positions).mT[:, None]


@left_padded_mask.symptom
def empty_rows(mask, lengths, n_positions):
    if mask.dtype != torch.bool or mask.any(-1).all() or mask.dim() != 4:
        return None
    row, _, look = (~mask.any(-1)).nonzero()[0].tolist()
    return (
        f"in row {row}, position {look} may look at nobody: a softmax over nothing is "
        f"not a number, and it spreads. Let padding see itself"
    )


@empty_rows.mistake
def padding_sees_nobody(lengths, n_positions):
    return (_past(n_positions) & ~_padding(lengths, n_positions))[:, None]


@empty_rows.mistake
def padding_neither_sees_nor_is_seen(lengths, n_positions):
    pads = _padding(lengths, n_positions)
    return (_past(n_positions) & ~pads & ~pads.mT)[:, None]


@left_padded_mask.symptom
def no_axis_for_heads(mask, lengths, n_positions):
    if mask.dim() == 3 and len(mask) == len(lengths):
        return (
            f"the shape is {tuple(mask.shape)}: (B, T, T) does not broadcast over heads: "
            f"it takes (B, 1, T, T)"
        )
    return None


@no_axis_for_heads.mistake
def without_heads(lengths, n_positions):
    return padded(lengths, n_positions)[:, 0]


_every_mask_can_be(left_padded_mask)
left_padded_mask.refused("the shape (3, 1, 1, 5), expected (3, 1, 5, 5)")(
    lambda lengths, n: ~_padding(lengths, n)[:, None]
)


# --- ★★ Several documents in one row ----------------------------------------------


@exercise("each document is alone in the world", Mask())
def document_mask() -> Iterator[tuple]:
    """`document_mask(documents)`: the number of each token's document, (T, T)."""
    for documents in (
        [0, 0, 0, 1, 1, 2, 2, 2, 2],
        [3, 3, 1, 1, 1, 2],
        [5, 0, 0, 7, 7, 1],
        [4, 4, 4],
        [2, 1, 0],
        [6],
    ):
        yield (torch.tensor(documents),)


@document_mask.right
def same_and_past(documents):
    return (documents[:, None] == documents) & _past(len(documents))


@document_mask.right
def blocks_of_triangles(documents):
    lengths = documents.unique_consecutive(return_counts=True)[1].tolist()
    return torch.block_diag(*(torch.ones(n, n).tril() for n in lengths)).bool()


@document_mask.right
def documents_by_loop(documents):
    ids = documents.tolist()
    return [
        [ids[at] == ids[look] and at <= look for at in range(len(ids))]
        for look in range(len(ids))
    ]


@document_mask.right
def documents_counted_anew(documents):
    """Number the documents in their order: where the number changes, one begins."""
    begins = torch.cat((documents[:1] * 0, documents.diff().ne(0).long()))
    order = begins.cumsum(0)
    return (order[:, None] == order) & _past(len(order))


@document_mask.mistake("the future within a document is not hidden")
def not_causal_documents(documents):
    return documents[:, None] == documents


@document_mask.mistake("earlier documents can still be seen")
def causal_only(documents):
    return _past(len(documents))


@document_mask.mistake("a position must see itself")
def without_its_own(documents):
    return same_and_past(documents) & (_back(len(documents)) > 0)


@document_mask.mistake("the same document, or the past: it takes both")
def either_of_both(documents):
    return (documents[:, None] == documents) | _past(len(documents))


@document_mask.mistake(
    "this looks at the future and not at the past: is it transposed?"
)
def transposed_documents(documents):
    return same_and_past(documents).T


@document_mask.mistake("everyone sees all documents but their own")
def all_but_mine(documents):
    return (documents[:, None] != documents) & _past(len(documents))


ORDERED = (
    "documents are compared by size: their numbers are names, in no order, and a "
    "document with a smaller number may come later. Which comparison asks for the same?"
)


@document_mask.mistake(ORDERED)
def not_before(documents):
    return (documents[:, None] <= documents) & _past(len(documents))


@document_mask.mistake(ORDERED)
def not_after(documents):
    return (documents[:, None] >= documents) & _past(len(documents))


@document_mask.mistake(
    "the documents are laid out in the order of their numbers, but the first one here "
    "can have any number: count them where they stand"
)
def sorted_blocks(documents):
    lengths = [n for n in documents.bincount().tolist() if n]
    return torch.block_diag(*(torch.ones(n, n).tril() for n in lengths)).bool()


@document_mask.mistake(
    "only the neighbour before is seen: all earlier tokens of the document may be"
)
def one_back(documents):
    return same_and_past(documents) & (_back(len(documents)) <= 1)


@document_mask.mistake(
    "only the last document is kept apart: everyone sees what belongs to the first one"
)
def first_is_common(documents):
    return _past(len(documents)) & (
        (documents[:, None] == documents) | (documents == documents[0])
    )


@document_mask.mistake(
    "the first token of a document sees the last one of the document before: the edge "
    "is one place too far"
)
def edge_too_far(documents):
    begins = torch.cat((documents[:1] * 0, documents.diff().ne(0).long()))
    order = begins.cumsum(0)
    before = torch.cat((order[:1], order[:-1]))
    near = (before[:, None] == order) & (_back(len(documents)) == 1)
    return same_and_past(documents) | near


@document_mask.mistake(
    "neighbouring numbers are taken for the same document: their difference must be 0"
)
def numbers_nearby(documents):
    return ((documents[:, None] - documents).abs() <= 1) & _past(len(documents))


@document_mask.mistake(
    "the number 0 is a name like any other; here its document is hidden, as padding is"
)
def zero_is_padding(documents):
    return same_and_past(documents) & (documents != 0)


_every_mask_can_be(document_mask)
document_mask.refused("the shape (9,), expected (9, 9)")(lambda d: d == d[0])


# --- ★★ Read whole, write word by word --------------------------------------------


@exercise("read the question whole, write the answer word by word", Mask())
def prefix_mask() -> Iterator[tuple]:
    """`prefix_mask(n_positions, n_prefix)`: the prefix sees itself whole."""
    yield from ((6, 2), (7, 3), (4, 0), (3, 3), (5, 1), (5, 4), (1, 0), (1, 1))


@prefix_mask.right
def prefix_is_seen(n_positions, n_prefix):
    return _past(n_positions) | (torch.arange(n_positions) < n_prefix)


@prefix_mask.right
def prefix_block(n_positions, n_prefix):
    mask = torch.ones(n_positions, n_positions).tril()
    mask[:n_prefix, :n_prefix] = 1
    return mask.bool()


@prefix_mask.right
def prefix_by_how_far(n_positions, n_prefix):
    """Everybody sees up to the place itself, or to the end of the prefix."""
    upto = torch.arange(n_positions).clamp(min=n_prefix - 1)
    return torch.arange(n_positions) <= upto[:, None]


@prefix_mask.right
def prefix_by_loop(n_positions, n_prefix):
    places = range(n_positions)
    return [[at <= look or at < n_prefix for at in places] for look in places]


@prefix_mask.mistake(
    "n_prefix is taken for the length of the answer; the prefix comes first"
)
def prefix_for_answer(n_positions, n_prefix):
    return prefix_is_seen(n_positions, n_positions - n_prefix)


AHEAD = (
    "everyone looks some positions ahead: the prefix has a fixed end, and what follows it "
    "is causal"
)


@prefix_mask.mistake(AHEAD)
def looks_ahead(n_positions, n_prefix):
    return torch.ones(n_positions, n_positions).tril(n_prefix).bool()


@prefix_mask.mistake(AHEAD)
def looks_almost_as_far_ahead(n_positions, n_prefix):
    return torch.ones(n_positions, n_positions).tril(max(0, n_prefix - 1)).bool()


@prefix_mask.mistake("the prefix sees the answer too: hide what comes after it")
def prefix_sees_all(n_positions, n_prefix):
    return _past(n_positions) | (torch.arange(n_positions) < n_prefix)[:, None]


@prefix_mask.mistake("the prefix is still read from left to right")
def still_causal(n_positions, n_prefix):
    return _past(n_positions)


@prefix_mask.mistake("the answer cannot see the prefix")
def prefix_unseen(n_positions, n_prefix):
    prefix = torch.arange(n_positions) < n_prefix
    return (_past(n_positions) & ~prefix) | (prefix[:, None] & prefix)


@prefix_mask.mistake("the prefix is one position too long")
def one_too_long(n_positions, n_prefix):
    return prefix_is_seen(n_positions, n_prefix + 1)


@prefix_mask.mistake("the prefix is one position too short")
def one_too_short(n_positions, n_prefix):
    return prefix_is_seen(n_positions, n_prefix - 1)


@prefix_mask.mistake("the answer has lost its own past")
def only_the_prefix(n_positions, n_prefix):
    return (torch.arange(n_positions) < n_prefix).expand(n_positions, n_positions)


@prefix_mask.mistake(
    "the answer has lost its own past; each of its positions sees the prefix and itself"
)
def prefix_and_itself(n_positions, n_prefix):
    return (torch.arange(n_positions) < n_prefix) | _itself(n_positions)


@prefix_mask.mistake("the answer sees its future: only the prefix is read whole")
def everything_seen(n_positions, n_prefix):
    return torch.ones(n_positions, n_positions, dtype=torch.bool)


@prefix_mask.mistake(
    "the answer is read whole, and the prefix from left to right: it is the other way "
    "round"
)
def answer_read_whole(n_positions, n_prefix):
    answer = torch.arange(n_positions) >= n_prefix
    return _past(n_positions) | (answer[:, None] & answer)


@prefix_mask.mistake("the *last* positions are read whole; the prefix comes first")
def suffix(n_positions, n_prefix):
    last = torch.arange(n_positions) >= n_positions - n_prefix
    return _past(n_positions) | (last[:, None] & last)


@prefix_mask.mistake(
    "and for or: what is in the prefix may be seen, and so may the past"
)
def both_asked(n_positions, n_prefix):
    return _past(n_positions) & (torch.arange(n_positions) < n_prefix)


@prefix_mask.mistake(
    "this looks at the future and not at the past: is it transposed? Within the prefix "
    "one cannot tell"
)
def transposed_prefix(n_positions, n_prefix):
    return prefix_is_seen(n_positions, n_prefix).T


@prefix_mask.mistake(
    "`-n_prefix` and `n_prefix - 1` as an index count from the end where the prefix is "
    "empty: with n_prefix = 0 nothing is read whole"
)
def empty_prefix_is_all(n_positions, n_prefix):
    seen = torch.zeros(n_positions, dtype=torch.bool)
    seen[: n_prefix or None] = True
    return _past(n_positions) | seen


_every_mask_can_be(prefix_mask)


# --- ★★ New rows behind a cache ---------------------------------------------------


@exercise("the last rows of the square: all that is kept, and no later row", Mask())
def cached_mask() -> Iterator[tuple]:
    """`cached_mask(n_new, n_cached)`: new tokens behind kept ones, (n_new, all)."""
    yield from ((2, 5), (3, 2), (4, 4), (1, 6), (5, 0), (3, 7), (1, 0))


@cached_mask.right
def last_rows(n_new, n_cached):
    return _past(n_cached + n_new)[n_cached:]


@cached_mask.right
def shifted_triangle(n_new, n_cached):
    return torch.ones(n_new, n_cached + n_new).tril(n_cached).bool()


@cached_mask.right
def kept_beside_causal(n_new, n_cached):
    kept = torch.ones(n_new, n_cached, dtype=torch.bool)
    return torch.cat((kept, _past(n_new)), dim=1)


@cached_mask.right
def slots_up_to_the_position(n_new, n_cached):
    positions = torch.arange(n_cached, n_cached + n_new)[:, None]
    return torch.arange(n_cached + n_new) <= positions


@cached_mask.right
def cached_by_loop(n_new, n_cached):
    slots = range(n_cached + n_new)
    return [[at <= n_cached + look for at in slots] for look in range(n_new)]


@cached_mask.mistake(
    "the diagonal starts in the upper left corner, as with is_causal=True: the first new "
    "token sees the oldest of the cache and nothing else. These are the first rows of "
    "the square; take the last ones"
)
def first_rows(n_new, n_cached):
    return _past(n_cached + n_new)[:n_new]


@cached_mask.mistake(
    "everything is seen: right for a single new token; of several, each would see those "
    "that come after it"
)
def all_seen(n_new, n_cached):
    return torch.ones(n_new, n_cached + n_new, dtype=torch.bool)


@cached_mask.mistake(
    "a token must see itself: the diagonal lies one place too far to the left"
)
def not_itself(n_new, n_cached):
    return torch.ones(n_new, n_cached + n_new).tril(n_cached - 1).bool()


@cached_mask.mistake(
    "each new token sees the one after it: the diagonal lies one place too far to the "
    "right"
)
def one_ahead(n_new, n_cached):
    return torch.ones(n_new, n_cached + n_new).tril(n_cached + 1).bool()


@cached_mask.mistake("the new tokens see what is cached, but not one another")
def cache_only(n_new, n_cached):
    kept = torch.ones(n_new, n_cached, dtype=torch.bool)
    return torch.cat((kept, torch.zeros(n_new, n_new, dtype=torch.bool)), dim=1)


@cached_mask.mistake(
    "the new tokens see what is cached and themselves, but not the new ones before them"
)
def cache_and_itself(n_new, n_cached):
    kept = torch.ones(n_new, n_cached, dtype=torch.bool)
    return torch.cat((kept, _itself(n_new)), dim=1)


@cached_mask.mistake("the cache cannot be seen: it is there to be looked at")
def cache_hidden(n_new, n_cached):
    kept = torch.zeros(n_new, n_cached, dtype=torch.bool)
    return torch.cat((kept, _past(n_new)), dim=1)


@cached_mask.mistake(
    "the new columns stand in front of the cached ones: what is cached came first"
)
def new_before_kept(n_new, n_cached):
    return kept_beside_causal(n_new, n_cached).roll(n_new, dims=1)


@cached_mask.mistake(
    "this looks at the future and not at the past: is it transposed? Among the new "
    "tokens, each sees itself and those before it"
)
def transposed_new(n_new, n_cached):
    kept = torch.ones(n_new, n_cached, dtype=torch.bool)
    return torch.cat((kept, _past(n_new).T), dim=1)


_every_mask_can_be(cached_mask)
cached_mask.refused("the shape (2, 2), expected (2, 7)")(
    lambda n_new, n_cached: _past(n_new)
)
cached_mask.refused("the shape (7, 7), expected (2, 7)")(
    lambda n_new, n_cached: _past(n_cached + n_new)
)
cached_mask.refused("the shape (7, 2), expected (2, 7)")(
    lambda n_new, n_cached: last_rows(n_new, n_cached).T
)


# --- ★★ Strike out, then divide again ---------------------------------------------


@exercise("struck out, and each row sums to one again", Weights())
def divided() -> Iterator[tuple]:
    """`divided(scores)`: scores (..., T, T) to weights (..., T, T)."""
    yield (torch.randn(5, 5),)
    yield (3 * torch.randn(2, 4, 4),)
    yield (torch.randn(2, 3, 6, 6) - 5,)
    yield (torch.randn(4, 4).mT,)
    yield (torch.randn(3, 3, dtype=torch.float64),)
    yield (torch.randn(1, 1),)


@divided.right
def strike_and_divide(scores):
    left = scores.softmax(-1).tril()
    return left / left.sum(-1, keepdim=True)


@divided.right
def divide_by_einsum(scores):
    left = scores.softmax(-1) * torch.ones_like(scores).tril()
    return left / torch.einsum("...ts->...t", left)[..., None]


@divided.right
def divided_row_by_row(scores):
    weights = scores.softmax(-1)
    rows = []
    for t in range(scores.shape[-1]):
        row = weights[..., t, :] * (torch.arange(scores.shape[-1]) <= t)
        rows.append(row / row.sum(-1, keepdim=True))
    return torch.stack(rows, -2)


@divided.right
def divided_of_exponentials(scores):
    """The softmax written out; it is over everything."""
    e = (scores - scores.amax(-1, keepdim=True)).exp()
    left = (e / e.sum(-1, keepdim=True)).tril()
    return left / left.sum(-1, keepdim=True)


@divided.mistake(
    "the future is struck out, and the rows no longer sum to one: divide each by what is "
    "left of it"
)
def struck_out_only(scores):
    return scores.softmax(-1).tril()


@divided.mistake(
    "the future is still there: each row of a softmax sums to one as it is. Strike out, "
    "then divide"
)
def softmax_only(scores):
    return scores.softmax(-1)


@divided.mistake(
    "divided by the sums of the columns: it is the rows that have to sum to one (dim=-1)"
)
def divided_by_columns(scores):
    left = scores.softmax(-1).tril()
    return left / left.sum(-2, keepdim=True)


@divided.mistake(
    "the softmax runs along the columns (dim=-2); each row is a softmax of its own"
)
def softmax_of_columns(scores):
    left = scores.softmax(-2).tril()
    return left / left.sum(-1, keepdim=True)


@divided.mistake(
    "the past is struck out, and the future kept: above the diagonal lies the future"
)
def past_struck_out(scores):
    left = scores.softmax(-1).triu()
    return left / left.sum(-1, keepdim=True)


@divided.mistake(
    "the position itself is struck out too, and of the first row nothing is left"
)
def itself_struck_out(scores):
    left = scores.softmax(-1).tril(-1)
    return left / left.sum(-1, keepdim=True)


@divided.mistake(
    "one day of the future is left in: keep what lies on and below the diagonal"
)
def one_day_left(scores):
    left = scores.softmax(-1).tril(1)
    return left / left.sum(-1, keepdim=True)


@divided.mistake(
    "the *scores* were struck out, and a score of 0 is a score like any other: its "
    "exponential is 1. Strike out weights, after the softmax"
)
def scores_struck_out(scores):
    return scores.tril().softmax(-1)


@divided.mistake(
    "a second softmax in place of a division: it gives the struck-out weights, which are "
    "0, a share as well"
)
def softmax_again(scores):
    return scores.softmax(-1).tril().softmax(-1)


@divided.mistake(
    "divided by the largest weight of the row: a row sums to one when it is divided by "
    "its sum"
)
def divided_by_largest(scores):
    left = scores.softmax(-1).tril()
    return left / left.amax(-1, keepdim=True)


@divided.mistake(
    "divided by the sum of the whole square: each row has a sum of its own (keepdim=True "
    "keeps it beside its row)"
)
def divided_by_all(scores):
    left = scores.softmax(-1).tril()
    return left / left.sum((-2, -1), keepdim=True)


@divided.mistake(
    "every row is divided by the sum of another one: without keepdim=True the sums lie "
    "along the columns"
)
def without_keepdim(scores):
    left = scores.softmax(-1).tril()
    return left / left.sum(-1).unsqueeze(-2)


@divided.forbids(
    "these are the right numbers by another way: the future is left out before the "
    "softmax. Here the softmax is taken over everything, and the future struck out of "
    "the weights; what follows shows the difference"
)
def hidden_before(step: Step, scores: Tensor) -> bool:
    """A softmax over the past alone: its row is shorter, or has no future in it."""
    if not step.is_softmax or not step.size or scores.shape[-1] == 1:
        return False
    weights = step.result
    if weights.shape[-1] < scores.shape[-1]:
        return True
    return weights.shape == scores.shape and not weights.triu(1).any()


@hidden_before.mistake
def what_it_amounts_to(scores):
    """The softmax over the past: the same numbers, as long as they are moderate."""
    future = torch.ones_like(scores).triu(1).bool()
    return scores.masked_fill(future, -torch.inf).softmax(-1)


@hidden_before.mistake
def softmax_of_each_past(scores):
    weights = torch.zeros_like(scores)
    for t in range(scores.shape[-1]):
        weights[..., t, : t + 1] = scores[..., t, : t + 1].softmax(-1)
    return weights


@hidden_before.mistake
def large_negative_numbers(scores):
    future = torch.ones_like(scores).triu(1)
    return (scores - 1e9 * future).softmax(-1)


# --- ★★★ Your own certificate -----------------------------------------------------


class Toy:
    """A small causal model, ids (B, T) to logits (B, T, V), and what it leaks.

    seen: pairs (look, at) of which the logit number `number` at `look` grows by `size`
    times a value of the token at `at`; `balance` takes the same from another one.
    """

    def __init__(self, name: str, vocab_size: int, seen=(), size: float = 1.0):
        self.name, self.vocab_size, self.seen, self.size = (
            name,
            vocab_size,
            seen,
            size,
        )
        self.table = torch.randn(vocab_size, 6, dtype=torch.float64)
        self.number, self.balance = 0, None

    def __str__(self) -> str:
        return self.name

    def moving(self, number: int, balance: int | None = None) -> Toy:
        self.number, self.balance = number % self.vocab_size, balance
        return self

    def __call__(self, ids: Tensor) -> Tensor:
        if ids.dim() != 2:
            raise ValueError(
                f"the model takes ids (B, T); these have the shape {tuple(ids.shape)}: "
                f"ids[None] is a batch of one"
            )
        if ids.min() < 0 or ids.max() >= self.vocab_size:
            odd = int(ids.min() if ids.min() < 0 else ids.max())
            raise ValueError(
                f"the model was given the id {odd}, and knows 0 to "
                f"{self.vocab_size - 1}: what is one more than the last id?"
            )
        return self.logits(ids)

    def logits(self, ids: Tensor) -> Tensor:
        x = self.table[ids]
        out = attention(x, x, x, _past(ids.shape[1])) @ self.table.T
        out[..., self.number] += 3
        for look, at in self.seen:
            pull = self.size * (1 + ids[:, at])
            out[:, look, self.number] += pull
            if self.balance is not None:
                out[:, look, self.balance] -= pull
        return out


class Masked(Toy):
    """The same with another mask, in the right place or after the softmax."""

    def __init__(
        self, name: str, vocab_size: int, mask: Tensor, after: bool = False
    ):
        super().__init__(name, vocab_size)
        self.mask, self.after = mask, after

    def logits(self, ids: Tensor) -> Tensor:
        x = self.table[ids]
        if self.after:
            return (attention_weights(x, x) * self.mask) @ x @ self.table.T
        return attention(x, x, x, self.mask) @ self.table.T


@exercise("every leak is found, with who saw whom, and nothing else", Pairs())
def leaks() -> Iterator[tuple]:
    """`leaks(model, ids, vocab_size)`: all (look, at) where the future shows."""
    v, mixed = 11, torch.tensor([0, 10, 4, 1, 10, 0])
    past, ones = _past(6), torch.ones(6, 6, dtype=torch.bool)
    hole = past.clone()
    hole[1, 4] = True
    yield Masked("a causal model", v, past), mixed, v
    yield Masked("a model without a mask", v, ones), mixed, v
    yield Masked("a mask shifted by one", v, _back(6) >= -1), mixed, v
    yield Masked("a mask applied after the softmax", v, past, after=True), mixed, v
    yield Masked("a mask with a single hole", v, hole), torch.randint(v, (6,)), v
    ends = Toy("a model whose first position sees the last token", v, [(0, 5)])
    yield ends.moving(-1), torch.tensor([7, 3, 3, 3, 3, 10]), v
    yield (
        Toy("a leak to the next token", v, [(2, 3)]).moving(5),
        torch.zeros(6).long(),
        v,
    )
    tiny = Toy("a tiny leak", v, [(1, 2), (3, 4)], size=1e-4)
    yield tiny.moving(int(torch.randint(v, ()))), mixed, v
    balanced = Toy("a leak in two logits, whose sum stays", v, [(0, 1), (2, 5)])
    yield balanced.moving(4, balance=9), mixed.flip(0), v
    for size in (2e-5, 2e-6):
        faint = Toy("a faint leak, in one logit of forty", 40, [(1, 4)], size)
        yield faint.moving(int(torch.randint(40, ()))), torch.arange(3, 9), 40
    even = Toy("a leak that changes the likeliest token", v, [(1, 3)], size=-2)
    even.table.zero_()  # nothing else moves its logits
    yield even.moving(7), torch.zeros(6).long(), v
    noise = Toy("a causal model with rounding", v, [(0, 4), (1, 2)], size=4e-8)
    yield noise.moving(3), mixed, v
    yield Toy("a model of two tokens", 2, [(0, 2)]), torch.tensor([0, 1, 1]), 2
    yield Toy("one token alone", 5), torch.tensor([4]), 5


def _moved(model, ids, at, new):
    """How far each position's logits move when one token is changed: (T, V)."""
    changed = ids.clone()
    changed[at] = new
    return (model(changed[None])[0] - model(ids[None])[0]).abs()


def _found(model, ids, vocab_size, tolerance=1e-6, over=lambda x: x.amax(-1)):
    found = set()
    for at in range(len(ids)):
        moved = over(_moved(model, ids, at, (ids[at] + 1) % vocab_size)) > tolerance
        found |= {(look, at) for look in moved.nonzero()[:, 0].tolist()}
    return found


@leaks.right
def one_token_at_a_time(model, ids, vocab_size):
    return {(a, b) for a, b in _found(model, ids, vocab_size) if a < b}


@leaks.right
def all_changes_in_one_batch(model, ids, vocab_size):
    n = len(ids)
    changed = ids.repeat(n + 1, 1)
    changed[range(1, n + 1), range(n)] = (ids + 1) % vocab_size
    logits = model(changed)
    moved = (logits[1:] - logits[0]).norm(dim=-1) > 1e-6
    return {(t, at) for at in range(n) for t in range(at) if moved[at, t]}


@leaks.right
def leaks_as_rows(model, ids, vocab_size):
    return [
        list(pair) for pair in sorted(one_token_at_a_time(model, ids, vocab_size))
    ]


@leaks.right
def every_other_token(model, ids, vocab_size):
    found = set()
    for at in range(len(ids)):
        for new in {*range(vocab_size)} - {int(ids[at])}:
            moved = _moved(model, ids, at, new).amax(-1) > 1e-6
            found |= {(t, at) for t in range(at) if moved[t]}
    return found


@leaks.right
def with_closeness(model, ids, vocab_size):
    found, before = set(), model(ids[None])
    for at in reversed(range(len(ids))):
        changed = ids.clone()
        changed[at] = (
            vocab_size - 1 - ids[at] if 2 * ids[at] != vocab_size - 1 else 0
        )
        after = model(changed[None])
        for look in range(at):
            if not torch.allclose(
                before[0, look], after[0, look], rtol=0, atol=1e-6
            ):
                found.add((look, at))
    return found


@leaks.mistake("the pairs are the wrong way round: (who looks, at whom)")
def wrong_way_round(model, ids, vocab_size):
    return {(at, look) for look, at in one_token_at_a_time(model, ids, vocab_size)}


ALL_PAIRS = (
    "every pair is reported, also those of a causal model: do tokens that were changed "
    "stay changed? Begin with the ids as they were each time, and compare with theirs"
)


@leaks.mistake(ALL_PAIRS)
def everything_leaks(model, ids, vocab_size):
    return {(look, at) for at in range(len(ids)) for look in range(at)}


@leaks.mistake("positions are counted from 1; the first is 0")
def counted_from_one(model, ids, vocab_size):
    found = one_token_at_a_time(model, ids, vocab_size)
    return {(look + 1, at + 1) for look, at in found}


@leaks.mistake(
    "nothing is ever found, not even in a model without any mask: is a token changed, and "
    "is any difference, however small, a leak?"
)
def nothing_leaks(model, ids, vocab_size):
    return set()


@leaks.mistake(
    "only the last token is changed; each one can be seen, so each is changed in turn"
)
def last_token_only(model, ids, vocab_size):
    n = len(ids) - 1
    moved = _moved(model, ids, n, (ids[n] + 1) % vocab_size).amax(-1) > 1e-6
    return {(look, n) for look in range(n) if moved[look]}


@leaks.mistake(
    "only the token that follows is changed; a leak can reach further ahead"
)
def next_token_only(model, ids, vocab_size):
    found = one_token_at_a_time(model, ids, vocab_size)
    return {(look, at) for look, at in found if at == look + 1}


@leaks.mistake("only the first position is compared; each one can look ahead")
def first_position_only(model, ids, vocab_size):
    return {p for p in one_token_at_a_time(model, ids, vocab_size) if p[0] == 0}


FUTURE_AT_ONCE = (
    "everything after a position is changed at once: that shows that there is a leak, "
    "but not from where. Change one token at a time"
)


@leaks.mistake(FUTURE_AT_ONCE)
def whole_future_at_once(model, ids, vocab_size):
    found, before = set(), model(ids[None])[0]
    for look in range(len(ids) - 1):
        changed = ids.clone()
        changed[look + 1 :] = (changed[look + 1 :] + 1) % vocab_size
        if (model(changed[None])[0][look] - before[look]).abs().max() > 1e-6:
            found |= {(look, at) for at in range(look + 1, len(ids))}
    return found


@leaks.mistake(
    "only the position before the changed token is compared; any earlier one can look"
)
def position_before_only(model, ids, vocab_size):
    found = set()
    for at in range(1, len(ids)):
        if _moved(model, ids, at, (ids[at] + 1) % vocab_size)[at - 1].max() > 1e-6:
            found |= {(look, at) for look in range(at)}
    return found


@leaks.mistake(ALL_PAIRS)
def changes_add_up(model, ids, vocab_size):
    found, before, changed = set(), model(ids[None])[0], ids.clone()
    for at in range(len(ids)):
        changed[at] = (ids[at] + 1) % vocab_size
        moved = (model(changed[None])[0] - before).abs().amax(-1) > 1e-6
        found |= {(look, at) for look in range(at) if moved[look]}
    return found


@leaks.mistake(
    "only the first logit is compared; a leak can show in any of the V: take the "
    "largest difference over all"
)
def first_logit(model, ids, vocab_size):
    found = _found(model, ids, vocab_size, over=lambda x: x[:, 0])
    return {(look, at) for look, at in found if look < at}


@leaks.mistake(
    "only the last logit is compared; a leak can show in any of the V: take the largest "
    "difference over all"
)
def last_logit(model, ids, vocab_size):
    found = _found(model, ids, vocab_size, over=lambda x: x[:, -1])
    return {(look, at) for look, at in found if look < at}


@leaks.mistake(
    "a logit that falls is overlooked: take the absolute differences before the largest"
)
def only_what_grows(model, ids, vocab_size):
    found, before = set(), model(ids[None])[0]
    for at in range(len(ids)):
        changed = ids.clone()
        changed[at] = (ids[at] + 1) % vocab_size
        grown = (model(changed[None])[0] - before).amax(-1) > 1e-6
        found |= {(look, at) for look in range(at) if grown[look]}
    return found


@leaks.mistake(
    "only the likeliest token is compared: a leak can move the logits and leave the "
    "order as it is"
)
def likeliest_token(model, ids, vocab_size):
    found, before = set(), model(ids[None])[0].argmax(-1)
    for at in range(len(ids)):
        changed = ids.clone()
        changed[at] = (ids[at] + 1) % vocab_size
        other = model(changed[None])[0].argmax(-1) != before
        found |= {(look, at) for look in range(at) if other[look]}
    return found


@leaks.mistake(
    "the logits are added up before they are compared: what one gains another can lose. "
    "Take the absolute differences first"
)
def sum_of_logits(model, ids, vocab_size):
    found, before = set(), model(ids[None])[0].sum(-1)
    for at in range(len(ids)):
        changed = ids.clone()
        changed[at] = (ids[at] + 1) % vocab_size
        moved = (model(changed[None])[0].sum(-1) - before).abs() > 1e-6
        found |= {(look, at) for look in range(at) if moved[look]}
    return found


def _growth(model, ids, vocab_size, tolerance: float) -> set[tuple[int, int]]:
    found = _found(model, ids, vocab_size, tolerance)
    return {(look, at) for look, at in found if look < at}


SMALL = (
    "small leaks are taken for rounding: differences up to 0.000001 are rounding, and "
    "anything above is a leak, however small"
)


@leaks.mistake(SMALL)
def a_thousandth_is_rounding(model, ids, vocab_size):
    return _growth(model, ids, vocab_size, 1e-3)


@leaks.mistake(SMALL)
def a_hundredth_is_rounding(model, ids, vocab_size):
    return _growth(model, ids, vocab_size, 1e-2)


@leaks.mistake(
    "this compares the mean difference of the logits; a leak in one of them is a leak: "
    "take the largest absolute difference"
)
def mean_difference(model, ids, vocab_size):
    found = _found(model, ids, vocab_size, over=lambda x: x.mean(-1))
    return {(look, at) for look, at in found if look < at}


@leaks.mistake(SMALL)
def a_hundred_thousandth_is_rounding(model, ids, vocab_size):
    return _growth(model, ids, vocab_size, 1e-5)


@leaks.mistake(
    "rounding is reported as a leak: differences up to 0.000001 may come from the order "
    "of additions; compare with > 1e-6, not with > 0 or =="
)
def rounding_is_a_leak(model, ids, vocab_size):
    return _growth(model, ids, vocab_size, 0.0)


def _changed_to(model, ids, new) -> set[tuple[int, int]]:
    found = set()
    for at in range(len(ids)):
        moved = _moved(model, ids, at, new(ids[at])).amax(-1) > 1e-6
        found |= {(look, at) for look in range(at) if moved[look]}
    return found


@leaks.mistake(
    "tokens are set to 0, and where a 0 stood nothing has changed: (id + 1) % vocab_size "
    "is always another one"
)
def set_to_zero(model, ids, vocab_size):
    return _changed_to(model, ids, lambda i: 0)


LAST_STAYS = (
    "where the last id stood nothing has changed (it was held back, or set to itself), "
    "and nothing moves: (id + 1) % vocab_size is always another one"
)


@leaks.mistake(LAST_STAYS)
def set_to_the_last(model, ids, vocab_size):
    return _changed_to(model, ids, lambda i: vocab_size - 1)


@leaks.mistake(LAST_STAYS)
def held_back(model, ids, vocab_size):
    return _changed_to(model, ids, lambda i: (i + 1).clamp(max=vocab_size - 1))


@leaks.mistake("the last position is left out; its token can be seen, too")
def last_left_out(model, ids, vocab_size):
    found = one_token_at_a_time(model, ids, vocab_size)
    return {(look, at) for look, at in found if at < len(ids) - 1}


@leaks.mistake("the first position is left out; it, too, can look ahead")
def first_left_out(model, ids, vocab_size):
    return {p for p in one_token_at_a_time(model, ids, vocab_size) if p[0] > 0}


@leaks.symptom
def past_reported(found, model, ids, vocab_size):
    allowed = sorted((look, at) for look, at in found if at <= look)
    if not allowed:
        return None
    look, at = allowed[0]
    return (
        f"{model}: ({look}, {at}) is reported, but position {look} may see {at}: only a "
        f"later position is a leak"
    )


@past_reported.mistake
def past_counts(model, ids, vocab_size):
    return _found(model, ids, vocab_size)


@past_reported.mistake
def present_counts(model, ids, vocab_size):
    return {(a, b) for a, b in _found(model, ids, vocab_size) if a <= b}


@leaks.refused("a set of pairs (look, at)")
def yes_or_no(model, ids, vocab_size):
    return bool(one_token_at_a_time(model, ids, vocab_size))


@leaks.refused("knows 0 to 10: what is one more than the last id?")
def out_of_range_ids(model, ids, vocab_size):
    return {
        (t, at)
        for at in range(len(ids))
        for t in range(at)
        if _moved(model, ids, at, ids[at] + 1)[t].max() > 1e-6
    }


@leaks.refused("the model takes ids (B, T); these have the shape (6,)")
def no_batch(model, ids, vocab_size):
    return {(0, 1)} if model(ids).any() else set()
