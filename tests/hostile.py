"""Text that breaks tokenizers, for property tests."""

from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st

FRAGMENTS = [
    *[
        "'s",
        "'re",
        "'",
        "''ll",
        "'S",
        "don't",
        "’t",
        "...",
        "!!!",
        "_",
        "€",
        "Ġ",
        "Ċ",
    ],
    *[
        " ",
        "  ",
        "\n",
        "\r\n",
        "\t",
        "\0",
        "\x1c",
        "\x7f",
        "\x85",
        "\xa0",
        "\u3000",
    ],
    *["\u180e", "\u200b", "\u2028", "\ufeff", "\\", "\\x41", "\ufffd", "\uffff"],
    *[
        "e\u0301",
        "\u0301",
        "\u0345\u0345",
        "ﬁ",
        "ß",
        "İ",
        "ǆ",
        "½",
        "Ⅷ",
        "²",
        "𝟛",
        "𝔘",
    ],
    *["שלום", "\u202eabc", "مرحبا", "ﷺ", "١٢٣", "हिन्दी", "你好", "ｶﾞ", "한국", "각"],
    *["👩‍👩‍👧‍👦", "🇬🇧", "👍🏽", "\U0001f3f4\U000e0067\U000e007f", "\U0010ffff"],
    *["\u0558", "\ua7f1", "\U000323b0", "\U0003d000"],  # letters after Unicode 16
    *["<|endoftext|>", "<|end", "|>", "a" * 300, "1" * 70, " " * 90, "\n" * 50],
]

any_text = st.text(max_size=40)  # every character but surrogates
hostile_text = st.lists(
    st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=4)), max_size=14
).map("".join)

# Lines as programmers and Windows write them: what is white space there goes on,
# and is cut by what stands behind it.
lines_of_code = st.lists(
    st.tuples(
        st.sampled_from(["", "", " ", "    ", "        ", "\t", "\t\t", " \t"]),
        st.sampled_from(["", "if x:", "it's = y", "#", "}", "你好", "\x1c", "1.5"]),
        st.sampled_from(["", "", " ", "  ", "\t"]),
        st.sampled_from(["\n", "\r\n", "\r", "\n\n", "\r\n\r\n", "\u2028"]),
    ).map("".join),
    max_size=12,
).map("".join)


def examples(number: int) -> settings:
    """So many examples, the same on every machine, however slow it is."""
    return settings(
        max_examples=number, derandomize=True, deadline=None, database=None
    )


@st.composite
def cut_text(draw, text=hostile_text):
    """A text, and the same text in pieces cut anywhere, empty ones among them."""
    whole = draw(text)
    places = draw(st.lists(st.integers(0, len(whole)), max_size=8))
    marks = [0, *sorted(places), len(whole)]
    return whole, [whole[start:end] for start, end in pairwise(marks)]
