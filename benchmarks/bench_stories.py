"""How fast stories are written and scored, and how far n-grams stay from their floor.

python benchmarks/bench_stories.py             speed, length, surprise
python benchmarks/bench_stories.py --entropy   the entropy in closed form (half a minute)
python benchmarks/bench_stories.py --ngrams    held-out loss of character n-grams
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections import Counter, defaultdict

from llm import oracle
from llm.corpora.stories import sample_story, story
from llm.oracle import BLANK_LINE, STORY_ENTROPY, Oracle, log_prob, parse
from llm.tokenizers import END_OF_TEXT, BPETokenizer


def speed(name: str, function, arguments: list, n_characters: int) -> None:
    """Print the median of five runs, behind one that builds what is kept.

    Counted is the time of this process on one core, not that of others beside it.
    """
    seconds = []
    for _ in range(6):
        before = time.process_time()
        for argument in arguments:
            function(argument)
        seconds.append(time.process_time() - before)
    rate = n_characters / statistics.median(seconds[1:])
    print(f"{name:<34} {rate / 1e3:>9,.0f} kB/s")


def speeds(n: int) -> None:
    indices = list(range(n))
    texts = [story(1, index) for index in indices]
    size = sum(map(len, texts))
    speed("story(seed, index)", lambda index: story(1, index), indices, size)
    speed("sample_story(seed, index)", lambda i: sample_story(1, i), indices, size)
    speed("oracle.log_prob", log_prob, texts, size)
    speed("oracle.parse", parse, texts, size)
    tokenizer = BPETokenizer.train(texts, 1000, [END_OF_TEXT])
    rows = [tokenizer.encode(text) for text in texts[: n // 20]]
    size = sum(map(len, texts[: n // 20]))
    speed(
        "Oracle(BPE), new each time",
        lambda r: Oracle(tokenizer).log_prob(r),
        rows,
        size,
    )
    again = Oracle(tokenizer)  # which remembers what it has seen
    speed("Oracle(BPE), the same row again", again.log_prob, rows, size)


def surprise(n: int) -> None:
    texts = [story(2, index) for index in range(n)]
    nats = [-log_prob(text) for text in texts]
    lengths = [len(text) + len(BLANK_LINE) for text in texts]
    words = sorted(len(text.split()) for text in texts)
    for name, values in (("nats", nats), ("characters", lengths)):
        error = statistics.stdev(values) / math.sqrt(n)
        print(f"{name} per story: {statistics.fmean(values):.3f} ± {error:.3f}")
    print(f"entropy in closed form, as stated: {STORY_ENTROPY:.3f} nats per story")
    rate = STORY_ENTROPY / statistics.fmean(lengths)
    print(f"floor: {rate:.4f} nats per character, end marks included")
    print(f"words: {words[n // 100]} to {words[-n // 100]} in 98 of 100 stories")


def entropy() -> None:
    before = time.process_time()
    value = oracle.entropy()
    print(f"{value:.9f} nats per story ({time.process_time() - before:.0f} s)")
    print(f"stated: {STORY_ENTROPY:.9f}")


def ngrams(n_train: int, n_test: int) -> None:
    """Interpolated character n-grams (Witten and Bell), held-out nats per character."""
    train = "".join(story(3, i) + BLANK_LINE for i in range(n_train))
    test = "".join(story(4, i) + BLANK_LINE for i in range(n_test))
    floor = -sum(log_prob(story(4, i)) for i in range(n_test)) / len(test)
    print(f"trained on {len(train):,} characters, floor of the test {floor:.3f}")
    for order in (1, 2, 3, 5, 8):
        loss = witten_bell(train, test, order)
        print(f"{order}-gram: {loss:.3f} nats per character")


def witten_bell(train: str, test: str, order: int) -> float:
    counts = [defaultdict(Counter) for _ in range(order)]
    for place in range(len(train)):
        for n in range(min(order, place + 1)):
            counts[n][train[place - n : place]][train[place]] += 1
    alphabet, total = len(set(train)) + 1, 0.0
    sums = [
        {context: row.total() for context, row in table.items()} for table in counts
    ]
    for place in range(order, len(test)):
        p = 1 / alphabet
        for n in range(order):
            context = test[place - n : place]
            if context not in sums[n]:
                break
            row, types = counts[n][context], len(counts[n][context])
            p = (row[test[place]] + types * p) / (sums[n][context] + types)
        total -= math.log(p)
    return total / (len(test) - order)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "text", nargs="?", help="not used: the stories are the text"
    )
    parser.add_argument("--entropy", action="store_true")
    parser.add_argument("--ngrams", action="store_true")
    arguments = parser.parse_args()
    if arguments.entropy:
        entropy()
    elif arguments.ngrams:
        ngrams(5000, 300)
    else:
        speeds(2000)
        surprise(5000)


if __name__ == "__main__":
    main()
