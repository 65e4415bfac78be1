"""Our tokenizer beside the Rust library `tokenizers`, on the same text.

    python benchmarks/bench_tokenizers.py [TEXT] [--entries N] [--runs 9]

The two take turns, each with its defaults (theirs trains on all processors), and
the table gives the median of the runs and ours divided by theirs. Every run of
"encode" begins with a tokenizer that has encoded nothing, so that nobody finds a
cache filled; "encode again" is the same text a second time. tiktoken, which cannot
train, is the fastest encoder we know; it is there for comparison.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import tiktoken
from tokenizers import ByteLevelBPETokenizer
from turns import in_turns

from llm.corpora import load_text, prose, read_texts
from llm.tokenizers import BPETokenizer
from llm.tokenizers.pretokens import GPT2_PATTERN


class Contest:
    """The same text and vocabulary for both, and a fresh tokenizer for each."""

    def __init__(self, text: str, entries: int, folder: Path) -> None:
        self.text, self.entries, self.folder = text, entries, folder
        self.file = folder / "text.txt"
        self.file.write_bytes(text.encode())
        self.train_ours().save_gpt2(folder)
        self.refresh()

    def train_ours(self) -> BPETokenizer:
        return BPETokenizer.train(read_texts(self.file), self.entries)

    def train_theirs(self) -> None:
        tokenizer = ByteLevelBPETokenizer()
        tokenizer.train([str(self.file)], self.entries, show_progress=False)
        assert tokenizer.get_vocab_size() == self.entries

    def load_ours(self) -> BPETokenizer:
        return BPETokenizer.load_gpt2(self.folder)

    def load_theirs(self) -> ByteLevelBPETokenizer:
        files = (str(self.folder / name) for name in ("vocab.json", "merges.txt"))
        return ByteLevelBPETokenizer.from_file(*files)

    def refresh(self) -> None:
        self.ours, self.theirs = self.load_ours(), self.load_theirs()

    def encode_ours(self) -> list[int]:
        return self.ours.encode(self.text)

    def encode_theirs(self) -> list[int]:
        return self.theirs.encode(self.text).ids

    def encode_stream(self) -> list[int]:
        return list(self.ours.encode_iterable(read_texts(self.file)))


def tiktoken_of(tokenizer: BPETokenizer) -> tiktoken.Encoding:
    return tiktoken.Encoding(
        "ours",
        pat_str=GPT2_PATTERN,
        mergeable_ranks=tokenizer.vocab,
        special_tokens={},
    )


def report(contest: Contest, runs: int) -> None:
    c, nothing = contest, lambda: None
    tik = tiktoken_of(c.ours)
    assert c.encode_ours() == c.encode_theirs() == tik.encode_ordinary(c.text)
    rows = [
        ("train", nothing, c.train_ours, c.train_theirs, "≤ 3 (aim 2)"),
        ("load the files", nothing, c.load_ours, c.load_theirs, ""),
        ("encode", c.refresh, c.encode_ours, c.encode_theirs, "≤ 1"),
        ("encode in pieces", c.refresh, c.encode_stream, c.encode_theirs, ""),
        ("encode again", nothing, c.encode_ours, c.encode_theirs, ""),
        (
            "encode (tiktoken)",
            c.refresh,
            c.encode_ours,
            lambda: tik.encode_ordinary(c.text),
            "",
        ),
    ]
    print(f"{'':18} {'ours':>9} {'theirs':>9} {'ratio':>6}  target")
    for name, prepare, ours, theirs, target in rows:
        calls = {"ours": ours, "theirs": theirs}
        us, them = in_turns(runs, prepare=prepare, warm=False, **calls).values()
        print(f"{name:18} {us:7.3f} s {them:7.3f} s {us / them:6.2f}  {target}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("text", nargs="?", help="file or folder; the book's prose")
    parser.add_argument("--entries", type=int, help="8,000; 2,000 under a megabyte")
    parser.add_argument("--runs", type=int, default=9)
    args = parser.parse_args()
    text = load_text(args.text) if args.text else "\n\n".join(prose())
    entries = args.entries or (8000 if len(text) > 1_000_000 else 2000)
    print(f"{len(text):,} characters, {entries:,} entries, median of {args.runs}")
    with tempfile.TemporaryDirectory() as folder:
        report(Contest(text, entries, Path(folder)), args.runs)


if __name__ == "__main__":
    main()
