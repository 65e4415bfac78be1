"""Byte-pair encoding over the bytes of UTF-8, as in GPT-2."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Self

from llm.tokenizers.incremental import train_incrementally
from llm.tokenizers.merge_files import MergeFiles
from llm.tokenizers.merges import BYTES, Merge
from llm.tokenizers.pretokens import (
    count_pretokens,
    find_pretokens,
    pretokenise,
    sure_length,
)
from llm.tokenizers.rows import apply_merges
from llm.tokenizers.special import check_special_tokens


class BPETokenizer(MergeFiles):
    """Starts from bytes and merges, in each pre-token, as it learnt to in training.

    merges: the two byte strings of each merge, in the order they were learnt.

    >>> tokenizer = BPETokenizer.train(["low lower lowest"], vocab_size=259)
    >>> tokenizer.merges
    [(b'o', b'w'), (b'l', b'ow'), (b'low', b'e')]
    >>> tokenizer.encode("low slow")
    [257, 32, 115, 257]

    **Source:** Sennrich, Haddow and Birch 2016; over bytes, Radford et al. 2019.
    """

    kind = "bpe"

    def __init__(
        self,
        merges: Iterable[Merge],
        special_tokens: Iterable[str] = (),
        tokens: Sequence[bytes] | None = None,
    ) -> None:
        """tokens: in the order of their ids; None for bytes, merges, special ones.

        Raises `ValueError` if these contradict each other.
        """
        self.merges, special = list(merges), check_special_tokens(special_tokens)
        made = tokens_made_by(self.merges)
        expected = made + [name.encode() for name in special]
        super().__init__(expected if tokens is None else tokens, special)
        if odd := self.vocab.keys() ^ set(expected):
            raise ValueError(f"merges and vocabulary disagree about {min(odd)!r}")
        self._ids_of = PretokenIds(self.merges, made, self.vocab)

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        vocab_size: int | None,
        special_tokens: Sequence[str] = (),
    ) -> Self:
        """Learn merges until the vocabulary has `vocab_size` entries.

        Raises `ValueError` if the texts run out of pairs before.
        """
        special = check_special_tokens(special_tokens)
        return cls(learn_merges(texts, vocab_size, special), special)

    def _encode_ordinary(self, text: str, start: int) -> list[int]:
        ids: list[int] = []
        for pretoken in pretokenise(text):
            ids += self._ids_of[pretoken]
        return ids

    def _sure_ordinary_length(self, text: str) -> int:
        return sure_length(find_pretokens(text))


class PretokenIds(dict[str, list[int]]):
    """The ids of each pre-token, worked out when it is first asked for.

    merges: in the order they were learnt, which is the order in which they act.
    made: the bytes and what each merge makes, by rank. vocab: the id of each.
    """

    # So many pre-tokens are remembered, of no more characters than this.
    size: ClassVar[int] = 1 << 16
    length: ClassVar[int] = 64

    def __init__(
        self,
        merges: Iterable[Merge],
        made: Sequence[bytes],
        vocab: Mapping[bytes, int],
    ) -> None:
        # Merging goes by rank, the place in training; a file may give other ids.
        rank = {token: number for number, token in enumerate(made)}
        self.new_ranks = {(rank[a], rank[b]): rank[a + b] for a, b in merges}
        self.lengths = [len(token) for token in made]
        self.ids = [vocab[token] for token in made]

    def __missing__(self, pretoken: str) -> list[int]:
        ranks = apply_merges(pretoken.encode(), self.new_ranks, self.lengths)
        ids = [self.ids[rank] for rank in ranks]
        if len(pretoken) <= self.length:
            if len(self) >= self.size:
                self.clear()
            self[pretoken] = ids
        return ids


def learn_merges(
    texts: Iterable[str], vocab_size: int | None, special_tokens: Sequence[str]
) -> list[Merge]:
    """The merges that fill a vocabulary beside bytes and special tokens.

    Raises `ValueError` if the texts run out of pairs before.
    """
    n_merges = room_for_merges(vocab_size, len(special_tokens))
    counts = count_pretokens(texts, special_tokens)
    # Each merge shortens a pre-token: known before the first one is made.
    most = sum(len(pretoken.encode()) - 1 for pretoken in counts)
    merges = train_incrementally(counts, n_merges) if n_merges <= most else []
    if len(merges) < n_merges:
        reached = 256 + len(special_tokens) + (len(merges) or most)
        raise ValueError(
            f"vocab_size is {vocab_size}, but the texts have no pair left to "
            f"merge after {reached} entries: choose at most {reached}, or give "
            "more text"
        )
    return merges


def room_for_merges(vocab_size: int | None, n_special: int) -> int:
    """How many merges a vocabulary has beside the bytes and special tokens.

    >>> room_for_merges(300, 1)
    43
    """
    least = 256 + n_special
    if vocab_size is None or vocab_size < least:
        raise ValueError(
            f"vocab_size is {vocab_size}, but 256 bytes and {n_special} special "
            f"tokens are there before any merge: choose {least} or more"
        )
    return vocab_size - least


def tokens_made_by(merges: Iterable[Merge]) -> list[bytes]:
    """The bytes, and then what each merge makes.

    Raises `ValueError` for a merge of what is not there yet, or into what is.

    >>> tokens_made_by([(b"h", b"e"), (b"he", b"y")])[256:]
    [b'he', b'hey']
    """
    tokens = dict.fromkeys(BYTES)
    for number, (left, right) in enumerate(merges):
        for part in (left, right):
            if part not in tokens:
                raise ValueError(f"merge {number} needs {part!r} before it is made")
        if left + right in tokens:
            raise ValueError(f"merge {number} makes {left + right!r} a second time")
        tokens[left + right] = None
    return list(tokens)
