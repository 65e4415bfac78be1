"""From text to batches: nothing is lost, shifted wrongly, or left to chance."""

import doctest
import inspect
import math
from itertools import chain, combinations, islice

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, RandomSampler

import llm.data
from llm.attention import MultiHeadAttention, causal_mask
from llm.corpora.text import cut_pieces
from llm.data import (
    IGNORE,
    Batches,
    DocumentBatches,
    LanguageModelDataset,
    ResumableSampler,
    WindowDataset,
    best_fit,
    between_words,
    document_hash,
    documents,
    encode_documents,
    get_batch,
    pack,
    same_document,
    split,
    split_documents,
    window,
    windows,
    write_ids,
)
from llm.tokenizers import (
    END_OF_TEXT,
    KINDS,
    ByteTokenizer,
    CharacterTokenizer,
    train_tokenizer,
)
from tests.hostile import hostile_text

settings.register_profile("busy machine", deadline=None)
settings.load_profile("busy machine")

TEXT = "abcdefghijklmnopqrstuvwxyz"
LETTERS = CharacterTokenizer.train([TEXT])


@given(st.integers(2, 500), st.floats(0.01, 0.99))
def test_split_loses_nothing_and_keeps_the_order(n, fraction):
    whole = list(range(n))
    try:
        front, tail = split(whole, fraction)
    except ValueError:
        assert round(n * fraction) in (0, n)
    else:
        assert front + tail == whole
        assert len(tail) == round(n * fraction) > 0


def test_split_works_alike_on_text_and_ids():
    front, tail = split(TEXT, 0.1)
    assert (front, tail) == ("abcdefghijklmnopqrstuvw", "xyz")
    assert [len(part) for part in split(torch.arange(26), 0.1)] == [23, 3]


@pytest.mark.parametrize(
    "fraction", [0.0, 0.001, 1.0, 1.5, -0.1, math.nan, math.inf]
)
def test_split_refuses_to_leave_a_side_empty(fraction):
    with pytest.raises(ValueError, match=f"validation_fraction={fraction} of 26"):
        split(TEXT, fraction)


@given(hostile_text.filter(lambda text: len(text) > 1), st.floats(0.01, 0.99))
def test_a_text_is_cut_whole_and_near_to_where_it_should_be(text, fraction):
    try:
        front, tail = split(text, fraction)
    except ValueError:
        assert (
            not 0.5 < len(text) * fraction < len(text) - 0.5 or END_OF_TEXT in text
        )
    else:
        assert front + tail == text
        assert abs(len(tail) - len(text) * fraction) <= 201


@pytest.mark.parametrize("size", range(1, 60))
def test_no_cut_tears_a_word_a_line_end_or_an_end_mark(size):
    text = f"One day\r\n\r\nit rained.{END_OF_TEXT}Don't go  there{END_OF_TEXT}\n"
    front, tail = split(text, size / 65)
    assert "".join(front.split() + tail.split()) == "".join(text.split())
    assert front.count(END_OF_TEXT) + tail.count(END_OF_TEXT) == 2
    words = train_tokenizer("words", [text], None, [END_OF_TEXT])
    ids = [encode_documents(part, words) for part in (front, tail)]
    assert ids[0] + ids[1] == encode_documents(text, words)


def test_a_side_left_empty_is_refused_with_white_space_near_too():
    for fraction in (0.0, 0.001, 0.999, 1.0):
        with pytest.raises(ValueError, match=f"={fraction} of 11"):
            split("the cat ran", fraction)
    assert split(f"one{END_OF_TEXT}", 0.5) == ("one", END_OF_TEXT)


def test_a_text_without_white_space_near_is_cut_where_it_should_be():
    assert [len(part) for part in split("无空白" * 400 + " ", 0.5)] == [601, 600]
    assert between_words("a" * 500, 250) == 250
    assert between_words("a" * 249 + " " + "a" * 250, 250) == 249


# Whole documents on either side ---------------------------------------------------

some_texts = st.lists(st.text("abc ", max_size=5), max_size=30)


@given(some_texts, st.floats(0.05, 0.95), st.integers(0, 9))
def test_copies_of_a_document_stand_on_one_side(texts, fraction, seed):
    try:
        front, tail = split_documents(texts, fraction, seed)
    except ValueError:
        assert len({document_hash(text, seed) < fraction for text in texts}) < 2
    else:
        assert not set(front) & set(tail)
        assert sorted(front + tail) == sorted(texts)
        held = iter(tail)
        rest = [text for text in texts if text not in tail]
        assert rest == front and all(text in held for text in texts if text in tail)


def test_fifty_copies_are_held_out_together_or_not_at_all():
    texts = ["again"] * 50 + [f"document {i}" for i in range(50)]
    for seed in range(3):
        sides = split_documents(texts, 0.5, seed)
        assert sorted(side.count("again") for side in sides) == [0, 50]


@given(some_texts, st.text("abc ", max_size=5))
def test_a_document_stays_on_its_side_whatever_else_comes(texts, more):
    known = ["one", "two", "three", "four", "five", "six", "seven", "eight"]
    front, tail = split_documents(known, 0.5)
    later, held = split_documents([more, *known, *texts], 0.5)
    assert set(front) <= set(later) and set(tail) <= set(held)


def test_a_hash_holds_out_the_share_that_is_asked_for_and_each_seed_another():
    texts = [f"document {i}" for i in range(20_000)]
    held = [set(split_documents(texts, 0.1, seed)[1]) for seed in range(3)]
    for tail in held:
        assert abs(len(tail) / 20_000 - 0.1) < 0.01
    assert len(held[0] & held[1]) < 300  # one in a hundred is in both by chance


@pytest.mark.parametrize("fraction", [0.0, 1.0, -1.0, math.nan, 1e-9])
def test_a_side_without_documents_is_refused(fraction):
    with pytest.raises(ValueError, match=f"fraction={fraction} of 2 documents"):
        split_documents(["one", "two"], fraction)


def test_any_text_has_a_hash_in_its_range():
    texts = ["", "\ud800", "a" * 10**6, END_OF_TEXT]
    numbers = [document_hash(text, 0) for text in texts]
    assert len(set(numbers)) == 4 and all(0 <= number < 1 for number in numbers)


@pytest.mark.parametrize("kind", KINDS)
def test_an_end_mark_in_a_text_has_its_id(kind):
    text = f"one{END_OF_TEXT}two{END_OF_TEXT}"
    size = 260 if kind == "bpe" else None
    tokenizer = train_tokenizer(kind, [text * 9], size, [END_OF_TEXT])
    end = tokenizer.special_tokens[END_OF_TEXT]
    dataset = LanguageModelDataset(text, tokenizer, context_length=2)
    assert dataset.ids.tolist() == [
        *tokenizer.encode("one"), end, *tokenizer.encode("two"), end
    ]  # fmt: skip
    assert tokenizer.decode(dataset.ids) == text


def test_without_an_end_mark_in_the_vocabulary_it_is_text():
    text = f"one{END_OF_TEXT}two"
    letters = CharacterTokenizer.train([text])
    assert len(LanguageModelDataset(text, letters, 2).ids) == len(text)

    class Foreign:
        def encode(self, text):
            return [ord(c) for c in text]

    assert LanguageModelDataset("abc", Foreign(), 2).ids.tolist() == [97, 98, 99]


@given(st.integers(1, 25), st.none() | st.integers(1, 30))
def test_targets_are_the_inputs_shifted_by_one(context_length, stride):
    dataset = LanguageModelDataset(TEXT, LETTERS, context_length, stride)
    assert len(dataset) >= 1
    for i, (x, y) in enumerate(dataset):
        first = i * (stride or context_length)
        assert x.tolist() == list(range(first, first + context_length))
        assert torch.equal(y, x + 1)  # the letters have their place in the alphabet


@given(st.integers(1, 25), st.none() | st.integers(1, 30))
def test_there_is_no_room_for_one_more_window(context_length, stride):
    dataset = LanguageModelDataset(TEXT, LETTERS, context_length, stride)
    next_start = len(dataset) * (stride or context_length)
    assert next_start + context_length + 1 > len(TEXT)


@given(st.integers(1, 25))
def test_every_token_that_fits_is_a_target_once(context_length):
    dataset = LanguageModelDataset(TEXT, LETTERS, context_length)
    targets = [int(t) for _, y in dataset for t in y]
    assert targets == list(range(1, len(dataset) * context_length + 1))


def test_a_dataset_of_ids_is_that_of_their_text(tmp_path):
    ids = np.arange(26, dtype=np.uint8)
    np.save(tmp_path / "ids.npy", ids)
    ours = LanguageModelDataset(TEXT, LETTERS, 4, 3)
    for made in (ids, torch.arange(26), np.load(tmp_path / "ids.npy", "r")):
        theirs = WindowDataset(made, 4, 3)
        assert theirs.ids is made and len(theirs) == len(ours)
        for i in range(len(ours)):
            assert all(map(torch.equal, ours[i], theirs[i]))


def test_a_loader_draws_starts_as_get_batch_does():
    """Every start as often as any other, each drawn without regard to the rest."""
    dataset = LanguageModelDataset(TEXT[:12], LETTERS, 4, stride=1)
    starts = RandomSampler(dataset, True, 4000, torch.Generator().manual_seed(0))
    [[x, y]] = DataLoader(dataset, 4000, sampler=starts)
    assert torch.equal(x, x[:, :1] + torch.arange(4)) and torch.equal(y, x + 1)
    assert len(dataset) == 8
    assert (torch.bincount(x[:, 0]) / 4000 - 1 / 8).abs().max() < 0.02
    pairs = torch.bincount(x[:-1, 0] * 8 + x[1:, 0]) / 3999
    assert (pairs - 1 / 64).abs().max() < 0.01


def test_a_dataset_stops_at_its_end():
    dataset = LanguageModelDataset(TEXT, LETTERS, 5)
    with pytest.raises(IndexError, match="window 5 of 5"):
        dataset[5]


@pytest.mark.parametrize("make", [
    lambda: LanguageModelDataset("abc", LETTERS, 3),
    lambda: Batches(torch.arange(3), 3, 2, seed=0),
])  # fmt: skip
def test_a_text_shorter_than_a_window_is_refused(make):
    with pytest.raises(ValueError, match="3 tokens, but context_length=3 needs at"):
        make()


@given(
    st.integers(2, 300),
    st.integers(1, 40),
    st.integers(1, 9),
    st.integers(0, 2**32),
    st.integers(0, 50),
)
def test_a_batch_depends_on_seed_and_step_alone(n, t, b, seed, step):
    t = min(t, n - 1)
    ids = torch.arange(n)
    used, fresh = Batches(ids, t, b, seed), Batches(ids, t, b, seed)
    for before in (step + 3, 0, step + 1):
        used.batch(before)
    x, y = used.batch(step)
    assert x.shape == y.shape == (b, t)
    assert torch.equal(y, x + 1)
    assert all(map(torch.equal, (x, y), fresh.batch(step)))


@given(st.integers(2, 400), st.integers(1, 30), st.integers(0, 5))
def test_once_through_the_text_no_window_overlaps_another(n, t, seed):
    t = min(t, n - 1)
    batches = Batches(torch.arange(n), t, 1, seed)
    for epoch in range(3):
        steps = range(epoch * batches.n_windows, (epoch + 1) * batches.n_windows)
        read = torch.cat([batches.batch(step)[0].flatten() for step in steps])
        assert len(read.unique()) == len(read) >= n - 1 - 2 * t


def test_every_position_of_the_text_can_begin_a_window():
    batches = Batches(torch.arange(41), 4, 1, seed=0)
    starts = {int(s) % 4 for epoch in range(30) for s in batches.starts(epoch)}
    assert starts == {0, 1, 2, 3}


def test_seeds_and_epochs_give_different_orders():
    orders = {
        tuple(Batches(torch.arange(500), 4, 1, seed).starts(epoch))
        for seed in range(4)
        for epoch in range(4)
    }
    assert len(orders) == 16


# An order that goes on from anywhere ----------------------------------------------


@given(st.integers(1, 40), st.integers(0, 2**32), st.integers(0, 130))
def test_an_order_goes_on_from_wherever_it_was_left(n, seed, start):
    whole = list(islice(ResumableSampler(n, seed), start + 50))
    assert list(islice(ResumableSampler(n, seed, start), 50)) == whole[start:]
    sampler = ResumableSampler(n, seed, start)
    assert [next(iter(sampler)) for _ in range(2)] == [whole[start]] * 2


@given(st.integers(1, 40), st.integers(0, 9))
def test_each_time_through_every_window_comes_once(n, seed):
    order = list(islice(ResumableSampler(n, seed), 3 * n))
    for epoch in range(3):
        assert sorted(order[epoch * n : (epoch + 1) * n]) == list(range(n))


def test_seeds_and_epochs_shuffle_otherwise():
    orders = {
        tuple(islice(ResumableSampler(50, seed, epoch * 50), 50))
        for seed in range(3)
        for epoch in range(3)
    }
    assert len(orders) == 9


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_that_is_killed_in_mid_epoch_goes_on_where_it_was(workers):
    """Workers read ahead, so only the loop knows how far it is."""
    dataset = LanguageModelDataset(TEXT, LETTERS, 3)

    def loader(step):
        order = ResumableSampler(len(dataset), 1, start=4 * step)
        return DataLoader(dataset, 4, sampler=order, num_workers=workers)

    whole = [x.tolist() for x, _ in islice(loader(0), 5)]
    for step in (1, 3):  # within the first time through, and within the second
        assert [x.tolist() for x, _ in islice(loader(step), 5 - step)] == whole[
            step:
        ]


# Ids in a file --------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_ids_are_written_text_by_text_as_they_are_in_one(kind, tmp_path):
    text = f"One day it rained.{END_OF_TEXT}Don't go there!\n\n" * 40
    size = 270 if kind == "bpe" else None
    tokenizer = train_tokenizer(kind, [text], size, [END_OF_TEXT])
    blocks = (text[i : i + 37] for i in range(0, len(text), 37))
    texts = list(cut_pieces(blocks, END_OF_TEXT, 100))
    assert len(texts) > 10
    n = write_ids(tmp_path / "ids.npy", iter(texts), tokenizer)
    ids = np.load(tmp_path / "ids.npy", mmap_mode="r")
    assert ids.tolist() == encode_documents(text, tokenizer) and len(ids) == n
    assert isinstance(ids, np.memmap)
    assert ids.itemsize == (1 if tokenizer.vocab_size <= 256 else 2)
    expected = LanguageModelDataset(text, tokenizer, 8)
    assert all(map(torch.equal, WindowDataset(ids, 8)[3], expected[3]))


def test_ids_take_the_smallest_numbers_that_hold_them_all(tmp_path):
    class Made(ByteTokenizer):
        vocab_size = 0

        def encode(self, text, **options):
            return [0, self.vocab_size - 1]

    for size, kind in ((256, "u1"), (257, "u2"), (65536, "u2"), (65537, "u4")):
        tokenizer = ByteTokenizer([])
        tokenizer.__class__ = type("Made", (Made,), {"vocab_size": size})
        write_ids(tmp_path / "ids.npy", ["", ""], tokenizer)
        ids = np.load(tmp_path / "ids.npy")
        assert ids.dtype == np.dtype(kind)
        assert ids.tolist() == [0, size - 1] * 2


def test_a_file_of_ids_is_there_whole_or_not_at_all(tmp_path):
    def texts():
        yield "abc"
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        write_ids(tmp_path / "ids.npy", texts(), LETTERS)
    assert not list(tmp_path.iterdir())
    assert write_ids(tmp_path / "ids.npy", [], LETTERS) == 0
    assert len(np.load(tmp_path / "ids.npy")) == 0


def test_ids_may_stay_in_a_file(tmp_path):
    path = tmp_path / "ids.bin"
    torch.arange(100, dtype=torch.int16).numpy().tofile(path)
    mapped = torch.from_file(str(path), size=100, dtype=torch.int16)
    x, y = Batches(mapped, 8, 4, seed=1).batch(7)
    expected = Batches(torch.arange(100), 8, 4, seed=1).batch(7)
    assert x.dtype == y.dtype == torch.long
    assert all(map(torch.equal, (x, y), expected))


ROW = torch.arange(100)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Batches(ROW, 8, 0, 0), "batch_size=0 must be at least 1"),
        (lambda: Batches(ROW, 8, 4, -1), "seed=-1 must be at least 0"),
        (lambda: Batches(ROW, 0, 4, 1), "context_length=0 must be at least 1"),
        (lambda: Batches(ROW, 8, 4, 1).batch(-1), "step=-1 must be at least 0"),
        (lambda: get_batch(ROW, 0, 4), "context_length=0 must be at least 1"),
        (lambda: get_batch(ROW, 8, 0), "batch_size=0 must be at least 1"),
        (lambda: get_batch(ROW, 100, 1), "100 tokens, but context_length=100"),
        (lambda: windows(ROW, 0), "context_length=0 must be at least 1"),
        (lambda: LanguageModelDataset(TEXT, LETTERS, 0), "context_length=0 must"),
        (lambda: LanguageModelDataset(TEXT, LETTERS, 3, 0), "stride=0 must be at"),
        (
            lambda: LanguageModelDataset(TEXT, LETTERS, 3, -1),
            "stride=-1 must be at",
        ),
        (lambda: LanguageModelDataset("", LETTERS, 3), "the text has 0 tokens"),
        (lambda: window(ROW, 98, 2), "into 100 tokens from start=98"),
        (lambda: window(ROW, -3, 2), "into 100 tokens from start=-3"),
    ],
)
def test_what_cannot_be_is_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()


@pytest.mark.parametrize(
    "ids",
    [torch.zeros(5, 10), torch.ones(9), [0.5] * 9, [[1, 2], [3, 4]], ["a"] * 9],
)
def test_ids_are_one_row_of_whole_numbers(ids):
    for make in (
        lambda: Batches(ids, 1, 2, 0),
        lambda: get_batch(ids, 1, 2),
        lambda: windows(ids, 1),
        lambda: window(ids, 0, 1),
        lambda: documents([[1], ids], 0, 9),
    ):
        with pytest.raises(ValueError, match="give one row of whole numbers"):
            make()


@pytest.mark.parametrize(
    "dtype", ["uint8", "int16", "uint16", ">u2", "int32", "uint32"]
)
def test_small_ids_are_widened_before_targets_are_left_out(
    dtype, tmp_path, recwarn
):
    """255 − 100 would be 155 in eight bits: a target that counts."""
    path = tmp_path / "ids.bin"
    np.arange(200, 206).astype(dtype).tofile(path)
    ids = np.memmap(path, dtype=dtype, mode="r")
    x, y = windows(ids, 3)
    assert y.tolist() == [[201, 202, 203], [204, 205, IGNORE]]
    for x, y in (get_batch(ids, 5, 1), Batches(ids, 5, 1, 0).batch(0)):
        assert x.tolist() == [[200, 201, 202, 203, 204]] and torch.equal(y, x + 1)
        assert x.dtype == y.dtype == torch.long
    assert not recwarn


def test_a_window_is_a_piece_of_the_row():
    x, y = window(torch.tensor([5, 6, 7, 8]), 1, 2)
    assert (x.tolist(), y.tolist()) == ([6, 7], [7, 8])


def test_random_windows_begin_anywhere_and_are_drawn_independently():
    x, y = get_batch(torch.arange(12), 4, 4000, torch.Generator().manual_seed(0))
    assert torch.equal(x, x[:, :1] + torch.arange(4)) and torch.equal(y, x + 1)
    share = torch.bincount(x[:, 0]) / 4000
    assert len(share) == 8 and (share - 1 / 8).abs().max() < 0.02
    pairs = torch.bincount(x[:-1, 0] * 8 + x[1:, 0]) / 3999
    assert (pairs - 1 / 64).abs().max() < 0.01


def test_random_windows_are_drawn_by_the_generator_alone():
    def draw(seed):
        return get_batch(ROW, 8, 4, torch.Generator().manual_seed(seed))[0].tolist()

    assert draw(1) == draw(1) != draw(2)
    torch.manual_seed(3)
    first = get_batch(ROW, 8, 4)[0]
    torch.manual_seed(3)
    assert torch.equal(get_batch(ROW, 8, 4)[0], first)


# Rows to measure on ---------------------------------------------------------------


@given(st.integers(2, 200), st.integers(1, 250))
def test_in_windows_every_token_but_the_first_is_a_target_once(n, context_length):
    x, y = windows(torch.arange(n), context_length)
    assert x.shape == y.shape
    assert x.shape[1] == min(context_length, n - 1)
    assert y[y != IGNORE].tolist() == list(range(1, n))
    assert x[y != IGNORE].tolist() == list(range(n - 1))


def test_a_single_token_makes_no_window():
    with pytest.raises(ValueError, match="1 tokens are too few"):
        windows(torch.tensor([0]), 8)


# Documents ------------------------------------------------------------------------

END = 0


def document(number):
    """Letters whose number and kind depend on the number of the document alone."""
    random = torch.Generator().manual_seed(number)
    length = int(torch.randint(8, (1,), generator=random))
    return torch.randint(1, 26, (length,), generator=random).tolist()


@given(st.lists(st.lists(st.integers(1, 9), max_size=8), min_size=1, max_size=6))
def test_a_row_is_one_whole_document_between_end_marks(rows):
    x, y = documents(rows, END, 9)
    assert x.shape == y.shape == (len(rows), max(map(len, rows)) + 1)
    assert x.dtype == y.dtype == torch.long
    for row, inputs, targets in zip(rows, x.tolist(), y.tolist(), strict=True):
        n, spare = len(row) + 1, x.shape[1] - len(row) - 1
        assert inputs == [END, *row, *[0] * spare]
        assert targets == [*row, END, *[IGNORE] * spare]
        assert sum(target != IGNORE for target in targets) == n


@given(st.integers(1, 5), st.integers(0, 40))
def test_a_batch_of_documents_depends_on_the_step_alone(batch_size, step):
    used, fresh = (DocumentBatches(document, END, 8, batch_size) for _ in range(2))
    for before in (step + 3, 0, step + 1):
        used.batch(before)
    numbers = range(step * batch_size, (step + 1) * batch_size)
    wanted = documents(map(document, numbers), END, 8)
    for batches in (used, fresh):
        assert all(map(torch.equal, batches.batch(step), wanted))


def test_no_document_comes_twice():
    asked = []
    batches = DocumentBatches(lambda n: asked.append(n) or [1], END, 8, 3)
    for step in range(5):
        batches.batch(step)
    assert asked == list(range(15))


@pytest.mark.parametrize("context_length", [1, 5])
def test_a_document_longer_than_the_context_is_refused(context_length):
    fits, too_long = [[1] * (context_length + more) for more in (-1, 0)]
    assert documents([fits], END, context_length)[0].shape == (1, context_length)
    message = (
        f"{context_length + 1} tokens with its end mark, but context_length="
        f"{context_length}; choose a context_length of at least {context_length + 1}"
    )
    batches = DocumentBatches(lambda n: too_long, END, context_length, 2)
    for make in (
        lambda: documents([fits, too_long], END, context_length),
        lambda: batches.batch(0),
    ):
        with pytest.raises(ValueError, match=message):
            make()


def test_a_tokenizer_without_an_end_mark_has_no_documents():
    end = LETTERS.special_tokens.get(END_OF_TEXT)
    for make in (documents, pack):
        with pytest.raises(
            ValueError, match="type object: give one row of whole numbers"
        ):
            make([[1, 2]], end, 8)


def test_no_document_and_no_batch_are_refused():
    for make in (documents, pack):
        with pytest.raises(ValueError, match="there is no document"):
            make([], END, 8)
    with pytest.raises(ValueError, match="batch_size=0 must be at least 1"):
        DocumentBatches(document, END, 8, 0)


# Several documents in a row -------------------------------------------------------

some_documents = st.lists(
    st.lists(st.integers(1, 9), max_size=8), min_size=1, max_size=30
)


@given(some_documents, st.integers(9, 25))
def test_packed_every_document_is_there_whole_and_once(rows, context_length):
    x, y = pack(rows, END, context_length)
    assert x.shape == y.shape and x.shape[1] <= context_length
    found = []
    for inputs, targets in zip(x.tolist(), y.tolist(), strict=True):
        counts = [target != IGNORE for target in targets]
        n = sum(counts)
        assert counts == [True] * n + [False] * (len(targets) - n)  # filled behind
        assert inputs[0] == END and [*inputs[1:n], END] == targets[:n]
        found += " ".join(map(str, targets[:n])).split(str(END))[:-1]
    assert sorted(map(str.split, found)) == sorted(list(map(str, r)) for r in rows)


@given(some_documents, st.integers(9, 25))
def test_packed_no_two_rows_would_fit_into_one(rows, context_length):
    lengths = [len(row) + 1 for row in rows]
    groups = best_fit(lengths, context_length)
    assert sorted(chain(*groups)) == list(range(len(rows)))
    full = [sum(lengths[i] for i in group) for group in groups]
    assert max(full) <= context_length and full == sorted(full, reverse=True)
    # No two rows would fit into one.
    assert all(a + b > context_length for a, b in combinations(full, 2))


def test_the_fullest_row_that_has_room_takes_a_document():
    assert best_fit([6, 5, 4, 3], 10) == [[0, 2], [1, 3]]
    assert best_fit([7, 5, 3, 2], 10) == [[0, 2], [1, 3]]
    assert best_fit([4], 4) == [[0]]


def test_a_document_too_long_to_pack_is_refused():
    assert pack([[1] * 4], END, 5)[0].shape == (1, 5)
    with pytest.raises(
        ValueError, match="6 tokens with its end mark, but context_l"
    ):
        pack([[1], [1] * 5], END, 5)


@given(some_documents)
def test_nobody_looks_into_another_document(rows):
    x, _ = pack(rows, END, 20)
    mask = same_document(x, END)
    assert mask.shape == (*x.shape, x.shape[1]) and mask.dtype == torch.bool
    for row, who in zip(x.tolist(), mask.tolist(), strict=True):
        for t, line in enumerate(who):
            for s, looks in enumerate(line):
                first, last = sorted((s, t))
                assert looks == (END not in row[first + 1 : last + 1])


def test_behind_the_mask_a_packed_document_is_read_as_if_alone():
    torch.manual_seed(0)
    table = torch.randn(10, 16)
    attention = MultiHeadAttention(16, 4).eval()

    def read(x, mask=None):
        causal = causal_mask(x.shape[1])
        return attention(
            table[x], causal if mask is None else causal & mask[:, None]
        )

    rows = [[3, 1, 4], [1, 5], [9, 2, 6, 5], [3], []]
    x, y = pack(rows, END, 12)
    packed = read(x, same_document(x, END))
    seen = 0
    for row in rows:
        alone = read(torch.tensor([[END, *row]]))[0]
        wanted = torch.tensor([*row, END])
        near = [
            packed[b, t : t + len(wanted)]
            for b in range(len(x))
            for t in range(x.shape[1])
            if torch.equal(y[b, t : t + len(wanted)], wanted) and x[b, t] == END
        ]
        seen += any(len(a) and torch.allclose(a, alone, atol=1e-6) for a in near)
    assert seen == len(rows)
    assert not torch.allclose(packed, read(x), atol=1e-3)  # the mask does something


def test_both_supplies_are_what_a_loop_asks_for():
    wanted = inspect.signature(llm.data.Supply.batch)
    for kind in (Batches, DocumentBatches):
        assert inspect.signature(kind.batch) == wanted


def test_the_examples_in_the_docstrings_are_true():
    assert doctest.testmod(llm.data).failed == 0
