"""The exercises of chapter 3, Text is bytes."""

from __future__ import annotations

import codecs
import io
import unicodedata
from collections.abc import Iterator
from random import Random
from types import CodeType

import regex

from book.exercises.answers import Texts, Values
from book.exercises.exercise import exercise, random_numbers
from book.exercises.watch import Step
from llm.tokenizers import BPETokenizer, ByteTokenizer, CharacterTokenizer

SMALLEST = [0, 0x80, 0x800, 0x10000, 0x110000]  # code points of 1, 2, 3, 4 bytes


def _some(rng: Random, utf8_length: int) -> int:
    """A code point of so many bytes."""
    low, high = SMALLEST[utf8_length - 1 : utf8_length + 1]
    point = rng.randrange(low, high)
    return point if not 0xD800 <= point < 0xE000 else 0xFFFD


def _wanted(byte: int) -> int:
    """How many bytes a first byte announces; 0 for a following byte."""
    if byte < 0x80:
        return 1
    return 0 if byte < 0xC0 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4


def _texts() -> list[str]:
    """Texts with characters of every length, and those at the ends of the ranges."""
    rng = random_numbers()
    lengths = ((1, 1, 1), (2, 1, 2), (3, 3, 1), (1, 4, 2, 3), (4, 4))
    mixed = ["".join(chr(_some(rng, n)) for n in row) for row in lengths]
    ends = [chr(point) for low in SMALLEST[1:4] for point in (low - 1, low)]
    return [*mixed, "".join(ends), "hello", "\u00e9", "a\0b", "", "\U0010ffff", "a"]


# --- ★ How many bytes? ------------------------------------------------------------


@exercise(
    "one to four bytes each, by the size of the code point", Values("the number")
)
def utf8_length() -> Iterator[tuple]:
    """`utf8_length(code_points)`: how many bytes UTF-8 takes for a list of code points."""
    for text in _texts():
        yield ([ord(character) for character in text],)
    yield ([0x7F],)
    yield ([0x80],)
    yield ([0x7FF],)
    yield ([0x800],)
    yield ([0xFFFF],)
    yield ([0x10000],)


def _length(point: int) -> int:
    return 1 + (point >= 0x80) + (point >= 0x800) + (point >= 0x10000)


def _sum_of(length):
    return lambda code_points: sum(map(length, code_points))


@utf8_length.right
def by_comparing(code_points):
    return sum(_length(point) for point in code_points)


@utf8_length.right
def by_encoding(code_points):
    return len("".join(map(chr, code_points)).encode())


@utf8_length.right
def by_bits(code_points):
    bits = [max(1, point.bit_length()) for point in code_points]
    return sum(1 if b <= 7 else 2 if b <= 11 else 3 if b <= 16 else 4 for b in bits)


@utf8_length.right
def by_loop(code_points):
    total = 0
    for point in code_points:
        for least in (0, 0x80, 0x800, 0x10000):
            if point >= least:
                total += 1
    return total


utf8_length.mistake(
    "this is the number of code points; only those below 128 are one byte"
)(len)


@utf8_length.mistake(
    "one byte where there should be more: how large is the code point?"
)
def characters_and_one(code_points):
    return len(code_points) + 1


utf8_length.mistake(
    "these are the bytes that the number itself would fill; UTF-8 spends some bits of "
    "each byte on saying how many bytes there are"
)(_sum_of(lambda point: max(1, (point.bit_length() + 7) // 8)))

utf8_length.mistake(
    "every code point from 128 on gets two bytes here; eleven bits are not enough for "
    "those from 2048 on"
)(_sum_of(lambda point: 1 if point < 0x80 else 2))

utf8_length.mistake(
    "three bytes at most: code points from 65,536 on, such as most emoji, take four"
)(_sum_of(lambda point: min(3, _length(point))))

utf8_length.mistake("this is UTF-16: two bytes, or four from 65,536 on")(
    _sum_of(lambda point: 2 + 2 * (point >= 0x10000))
)

utf8_length.mistake("four bytes each: that is UTF-32, where nothing is short")(
    _sum_of(lambda point: 4)
)

utf8_length.mistake(
    "128 is given one byte; seven bits hold 0 to 127, so 128 is the first that takes two"
)(_sum_of(lambda point: _length(point - (point == 0x80))))

utf8_length.mistake(
    "127 is given two bytes; seven bits hold 0 to 127, so 127 is the last that takes one"
)(_sum_of(lambda point: _length(point + (point == 0x7F))))

utf8_length.mistake(
    "2048 is given two bytes; eleven bits hold up to 2047, so 2048 is the first of three"
)(_sum_of(lambda point: _length(point - (point == 0x800))))

utf8_length.mistake(
    "65,536 is given three bytes; sixteen bits hold up to 65,535, so it is the first "
    "that takes four"
)(_sum_of(lambda point: _length(point - (point == 0x10000))))

utf8_length.mistake(
    "code points from 128 to 255 are given one byte: that is Latin-1. In UTF-8 a byte "
    "above 127 is always a part of a longer character"
)(_sum_of(lambda point: 1 if point < 0x100 else _length(point)))


@utf8_length.mistake(
    "the largest code point decides for all: each character has a length of its own"
)
def longest_for_all(code_points):
    return len(code_points) * max(map(_length, code_points), default=0)


# --- ★★ A decoder -----------------------------------------------------------------


@exercise("ASCII, accents and emoji alike", Texts())
def from_utf8() -> Iterator[tuple]:
    """`from_utf8(data)`: a list of bytes that are UTF-8 to the text."""
    for text in _texts():
        yield (list(text.encode()),)


def _decoded(
    data, *, most=3, shift=6, keep=0x3F, bits=(0x7F, 0x1F, 0x0F, 0x07), order=1
):
    """Decoded by the first byte; each option is there to be got wrong, and a number
    that is then no code point is cut to size."""
    text, at = "", 0
    while at < len(data):
        more = min(most, max(0, _wanted(data[at]) - 1))
        point = data[at] & bits[more]
        for byte in data[at + 1 : at + 1 + more][::order]:
            point = (point << shift) | (byte & keep)
        text += chr(point % 0x110000)
        at += 1 + more
    return text


@from_utf8.right
def by_the_first_byte(data):
    return _decoded(data)


@from_utf8.right
def byte_by_byte(data):
    points = []
    for byte in data:
        if byte < 0x80:
            points.append(byte)
        elif byte < 0xC0:
            points[-1] = points[-1] * 64 + byte - 0x80
        else:
            points.append(
                byte - (0xC0 if byte < 0xE0 else 0xE0 if byte < 0xF0 else 0xF0)
            )
    return "".join(map(chr, points))


@from_utf8.right
def by_bits_as_text(data):
    text, bits = [], ""
    for byte in [*data, 0]:
        written = f"{byte:08b}"
        if written[:2] != "10" and bits:
            text.append(chr(int(bits, 2)))
            bits = ""
        bits += (
            written[2:]
            if written[:2] == "10"
            else written[written.index("0") + 1 :]
        )
    return "".join(text)


@from_utf8.mistake(
    "each byte becomes a character of its own, which is right below 128 only: é is two "
    "bytes, and the first says so"
)
def each_byte_alone(data):
    return "".join(map(chr, data))


@from_utf8.mistake(
    "what is not ASCII is left out: the bytes from 128 on carry characters too"
)
def ascii_only(data):
    return "".join(chr(byte) for byte in data if byte < 0x80)


@from_utf8.mistake("what is not ASCII becomes a question mark, one for each byte")
def question_marks(data):
    return "".join(chr(byte) if byte < 0x80 else "?" for byte in data)


@from_utf8.mistake(
    "the marks at the front of the following bytes, 10, are taken for part of the number: "
    "keep the six bits after them"
)
def marks_kept(data):
    return _decoded(data, keep=0xFF)


@from_utf8.mistake(
    "the marks at the front of the first byte (110, 1110, 11110) are taken for part of "
    "the number: keep the five, four or three bits after them"
)
def first_marks_kept(data):
    return _decoded(data, bits=(0x7F, 0xFF, 0xFF, 0xFF))


@from_utf8.mistake(
    "the bits are moved by eight, but a following byte brings six: its other two are "
    "marks"
)
def moved_by_eight(data):
    return _decoded(data, shift=8)


@from_utf8.mistake(
    "the following bytes are put together the wrong way round: the first one holds the "
    "higher bits"
)
def wrong_way_round(data):
    return _decoded(data, order=-1)


@from_utf8.mistake(
    "characters of two bytes are right, those of three and four are taken for two: the "
    "first byte says how many there are, 110, 1110 or 11110"
)
def two_at_most(data):
    text, at = "", 0
    while at < len(data):
        if data[at] < 0x80:
            text, at = text + chr(data[at]), at + 1
        else:
            pair = (*data[at : at + 2], 0)
            text += chr((pair[0] & 0x1F) << 6 | pair[1] & 0x3F)
            at += 2
    return text


@from_utf8.mistake(
    "right up to three bytes; a first byte of 11110 has three others after it, as most "
    "emoji have"
)
def three_at_most(data):
    return _decoded(data, most=2)


@from_utf8.mistake("the last character is lost: what happens when the bytes end?")
def last_one_lost(data):
    return _decoded(data)[:-1]


@from_utf8.forbids(
    "Python's own decoder does what is asked for here: write it with the bits",
    calls=True,
)
def decoder_of_python(step: Step, data: list[int]) -> bool:
    return _decodes(step)


def _decodes(step: Step) -> bool:
    """Does Python's own decoder act in this step?"""
    if step.code:
        return _names_a_decoder(step.code)
    return step.name in ("decode", "utf_8_decode")


def _names_a_decoder(code: CodeType) -> bool:
    """Does the function call a type that decodes, as `str(data, "utf-8")` does?"""
    texts = [c.lower() for c in code.co_consts if isinstance(c, str)]
    says_utf8 = any(text.replace("_", "-") in ("utf-8", "utf8") for text in texts)
    return says_utf8 and not {"str", "TextIOWrapper"}.isdisjoint(code.co_names)


@decoder_of_python.mistake
def with_decode(data):
    return bytes(data).decode()


@decoder_of_python.mistake
def with_codecs(data):
    return codecs.utf_8_decode(bytes(data))[0]


@decoder_of_python.mistake
def with_str(data):
    return str(bytes(data), "utf-8")


@decoder_of_python.mistake
def with_str_in_a_helper(data):
    def decoded(some):
        return str(some, encoding="UTF8")

    return decoded(bytes(data))


@decoder_of_python.mistake
def with_a_file(data):
    return io.TextIOWrapper(io.BytesIO(bytes(data)), "utf-8", newline="").read()


# --- ★★ What has to wait ----------------------------------------------------------


@exercise("only what is not yet complete has to wait", Values("the number"))
def n_waiting() -> Iterator[tuple]:
    """`n_waiting(data)`: bytes at the end that are the beginning of a character."""
    rng = random_numbers()
    for n in (1, 2, 3, 4):
        whole = [*b"ab", *chr(_some(rng, n)).encode()]
        for cut in range(n):
            yield (whole[: len(whole) - cut],)
    for n in (2, 3, 4):
        before = [*chr(_some(rng, 4)).encode(), *chr(_some(rng, 2)).encode()]
        yield ([*before, *chr(_some(rng, n)).encode()[: n - 1]],)
    yield ([],)
    yield ([0xF0],)
    yield ([0xE2, 0x82],)
    yield ([0xE2, 0x82, 0xAC],)
    yield ([0x61, 0xEF, 0xBF, 0xBD],)


@n_waiting.right
def looking_back(data):
    for back in range(1, min(3, len(data)) + 1):
        wanted = _wanted(data[-back])
        if wanted:
            return back if wanted > back else 0
    return 0


@n_waiting.right
def reading_on(data):
    at = 0
    while at < len(data):
        n = _wanted(data[at])
        if at + n > len(data):
            return len(data) - at
        at += n
    return 0


@n_waiting.right
def by_pythons_own(data):
    decoder = codecs.getincrementaldecoder("utf-8")()
    decoder.decode(bytes(data))
    return len(decoder.getstate()[0])


@n_waiting.right
def by_trying(data):
    for n in range(4):
        try:
            bytes(data[: len(data) - n]).decode()
        except UnicodeDecodeError:
            continue
        return n
    raise AssertionError


@n_waiting.mistake(
    "nothing ever waits here: look at the first byte of the last character"
)
def never(data):
    return 0


@n_waiting.mistake(
    "a complete character at the end waits as well: compare what its first byte announces "
    "with what is there"
)
def last_character(data):
    if not data or data[-1] < 0x80:
        return 0
    return next(back for back in range(1, len(data) + 1) if _wanted(data[-back]))


@n_waiting.mistake(
    "this counts the following bytes at the end (10…); the first byte of the character "
    "waits as well, and a complete character does not"
)
def following_bytes(data):
    n = 0
    while n < len(data) and 0x80 <= data[-1 - n] < 0xC0:
        n += 1
    return n


@n_waiting.mistake(
    "this is how many bytes are still to come; asked is how many are here and wait"
)
def still_to_come(data):
    n = reading_on(data)
    return _wanted(data[-n]) - n if n else 0


@n_waiting.mistake(
    "these are all bytes from 128 on; those of complete characters are done"
)
def all_beyond_ascii(data):
    return sum(byte >= 0x80 for byte in data)


@n_waiting.mistake(
    "only a first byte at the very end is noticed; two or three bytes of a longer "
    "character may be there already"
)
def only_a_lone_first(data):
    return int(bool(data) and data[-1] >= 0xC0)


@n_waiting.mistake(
    "at most three bytes are expected; a first byte of 11110 announces four"
)
def three_bytes_at_most(data):
    for back in range(1, min(3, len(data)) + 1):
        if wanted := _wanted(data[-back]):
            return back if min(wanted, 3) > back else 0
    return 0


@n_waiting.mistake(
    "one too few: the first byte of the character waits with the others"
)
def without_the_first(data):
    return max(0, looking_back(data) - 1)


@n_waiting.mistake(
    "everything after the last ASCII byte waits here; at most one character is "
    "incomplete, those before it are done"
)
def all_behind_ascii(data):
    n = next((i for i, byte in enumerate(reversed(data)) if byte < 0x80), len(data))
    return n if looking_back(data) else 0


@n_waiting.mistake(
    "true or false is not enough: return how many bytes have to be kept for later"
)
def whether(data):
    return looking_back(data) > 0


# --- ★★ Cut where a reader would --------------------------------------------------


@exercise("nothing that is seen as one is cut in two", Texts())
def shorten() -> Iterator[tuple]:
    """`shorten(text, n)`: the first n characters as a reader counts them."""
    family = "\U0001f469\u200d\U0001f467"
    thumb = "\U0001f44d\U0001f3fd"
    flag = "\U0001f1ee\U0001f1f8"
    yield "hello", 3
    yield "cafe\u0301 noir", 4
    yield "caf\u00e9 noir", 4
    yield f"{thumb}{family}{flag}!", 1
    yield f"{thumb}{family}{flag}!", 2
    yield f"{thumb}{family}{flag}!", 3
    yield "\u0928\u092e\u0938\u094d\u0924\u0947", 2
    yield "a\u0301\u0323b", 1
    yield "ab", 5
    yield "", 2
    yield "abc", 0
    yield "\u0928\u092e\u0938\u094d\u0924\u0947", 3
    yield "a\r\nb", 2
    yield "a\nb", 3
    yield "\u1112\u1161\u11ab\u1100", 1
    yield "e\u0301", 0


def _clusters(text):
    return regex.findall(r"\X", text)


@shorten.right
def by_clusters(text, n):
    return "".join(_clusters(text)[:n])


@shorten.right
def by_pattern(text, n):
    return regex.match(rf"\X{{0,{n}}}", text)[0]


@shorten.right
def by_ends(text, n):
    ends = [0, *(found.end() for found in regex.finditer(r"\X", text))]
    return text[: ends[min(n, len(ends) - 1)]]


@shorten.mistake(
    "this counts code points: an accent of its own, a skin colour or half a flag is one, "
    "and is cut off. What does a reader count?"
)
def code_points(text, n):
    return text[:n]


@shorten.mistake(
    "composing first joins e and its accent, but not everything has a composed form, and "
    "the text that comes back is no longer the one that was given"
)
def composed(text, n):
    return unicodedata.normalize("NFC", text)[:n]


@shorten.mistake("this counts bytes, and cuts characters in two")
def bytes_of_it(text, n):
    return text.encode()[:n].decode(errors="ignore")


@shorten.mistake(
    "this counts bytes, and puts \ufffd where it cuts a character in two"
)
def bytes_replaced(text, n):
    return text.encode()[:n].decode(errors="replace")


@shorten.mistake(
    "accents stay with their letter, but emoji are made of several code points without "
    "accents: skin colours, joiners, pairs that are a flag"
)
def accents_only(text, n):
    return "".join(regex.findall(r"\P{M}\p{M}*", text)[:n])


@shorten.mistake(
    "accents are thrown away before counting: what comes back is not the text's own "
    "beginning"
)
def accents_dropped(text, n):
    plain = unicodedata.normalize("NFD", text)
    return "".join(c for c in plain if not unicodedata.combining(c))[:n]


@shorten.mistake("this counts words")
def words_of_it(text, n):
    return " ".join(text.split()[:n])


@shorten.mistake("one too many")
def one_more(text, n):
    return by_clusters(text, n + 1)


@shorten.mistake("one too few")
def one_less(text, n):
    return by_clusters(text, max(0, n - 1))


@shorten.mistake("these are the last ones; the beginning of the text is asked for")
def the_end(text, n):
    return "".join(_clusters(text)[-n:])


@shorten.mistake("what is joined by U+200D stays together, and nothing else does")
def joiners_only(text, n):
    return "".join(regex.findall(r"(?s).(?:\u200d.)*", text)[:n])


# --- ★★ The price of a sentence ---------------------------------------------------


@exercise("tokens for each character that a reader sees", Values("the price"))
def price() -> Iterator[tuple]:
    """`price(text, tokenizer)`: tokens per character as a reader counts them."""
    words = "the cat drinks milk the cat sleeps the caf\u00e9 is open " * 3
    merged = BPETokenizer.train([words], 280)
    for text in ("The cat drinks milk.", "cafe\u0301", "\u732b\u559d\u725b\u5976",
                 "\u0926\u0942\u0927", "\U0001f44d\U0001f3fd ok",
                 "cats \U0001f44d\U0001f3fd\u0928\u0947"):  # fmt: skip
        yield text, ByteTokenizer()
        yield text, CharacterTokenizer.train([text])
        yield text, merged


@price.right
def tokens_per_cluster(text, tokenizer):
    return len(tokenizer.encode(text)) / len(_clusters(text))


@price.right
def tokens_per_match(text, tokenizer):
    n_seen = sum(1 for _ in regex.finditer(r"\X", text))
    return float(sum(1 for _ in tokenizer.encode(text))) / n_seen


@price.right
def tokens_counted_one_by_one(text, tokenizer):
    n_tokens = 0
    for _ in tokenizer.encode(text):
        n_tokens += 1
    return n_tokens / regex.subn(r"\X", "", text)[1]


@price.mistake(
    "this divides by code points: an accent, a vowel sign or a skin colour is one of "
    "its own, and the price looks lower than it is"
)
def per_code_point(text, tokenizer):
    return len(tokenizer.encode(text)) / len(text)


@price.mistake("this divides by bytes: every text then costs at most 1")
def per_byte(text, tokenizer):
    return len(tokenizer.encode(text)) / len(text.encode())


@price.mistake("upside down: this is how many characters a token holds")
def upside_down(text, tokenizer):
    return len(_clusters(text)) / len(tokenizer.encode(text))


@price.mistake("these are bytes per character; the tokenizer plays no part")
def bytes_per_cluster(text, tokenizer):
    return len(text.encode()) / len(_clusters(text))


@price.mistake("this is the number of tokens; divide by the characters")
def tokens_alone(text, tokenizer):
    return len(tokenizer.encode(text))


@price.mistake("this is the size of the vocabulary, not the length of the text")
def vocabulary_size(text, tokenizer):
    return tokenizer.vocab_size / len(_clusters(text))


@price.mistake(
    "each id counts once here; a token that occurs twice is paid for twice"
)
def different_tokens(text, tokenizer):
    return len(set(tokenizer.encode(text))) / len(_clusters(text))


@price.mistake(
    "each character counts once here; those that occur again are read again"
)
def different_characters(text, tokenizer):
    return len(tokenizer.encode(text)) / len(set(_clusters(text)))


@price.mistake("this divides by words; some scripts write none apart")
def per_word(text, tokenizer):
    return len(tokenizer.encode(text)) / len(text.split())


@price.mistake(
    "the price is rounded: leave that to whoever shows it, a small difference counts"
)
def rounded(text, tokenizer):
    return round(tokens_per_cluster(text, tokenizer), 2)


@price.mistake(
    "the text is composed before it is encoded; the price is that of the text as it is"
)
def of_composed(text, tokenizer):
    text = unicodedata.normalize("NFC", text)
    return len(tokenizer.encode(text)) / len(_clusters(text))


# --- ★★★ Is this UTF-8? -----------------------------------------------------------


INVALID = {
    "a following byte with nothing before it": [0x61, 0x80],
    "a character cut short by the end": [0x61, 0xE2, 0x82],
    "a character cut short by the next": [0xC3, 0x61],
    "a character cut short after two bytes": [0xE2, 0x82, 0x61],
    "a longer one cut short by a letter": [0xF0, 0x9F, 0x61, 0x80],
    "a first byte where a following one should be": [0xC3, 0xC3],
    "a first byte of eight ones": [0xFF],
    "a first byte that announces five": [0xF8, 0x88, 0x80, 0x80, 0x80],
    "an A in two bytes": [0xC1, 0x81],
    "a zero in two bytes": [0xC0, 0x80],
    "an e with an accent in three bytes": [0xE0, 0x83, 0xA9],
    "a euro sign in four bytes": [0xF0, 0x82, 0x82, 0xAC],
    "half a pair of UTF-16": [0xED, 0xA0, 0x80],
    "the other half": [0xED, 0xBF, 0xBF],
    "beyond the last code point": [0xF4, 0x90, 0x80, 0x80],
    "far beyond": [0xF7, 0xBF, 0xBF, 0xBF],
}


@exercise(
    "valid is what one text encodes to, and nothing else", Values("the verdict")
)
def is_utf8() -> Iterator[tuple]:
    """`is_utf8(data)`: is this list of bytes valid UTF-8? True or False."""
    for text in _texts():
        yield (list(text.encode()),)
    for data in INVALID.values():
        yield (list(data),)
    for point in (0xD7FF, 0xE000, 0x10FFFF, 0xFFFF):
        yield (list(chr(point).encode()),)


def _valid(
    data, *, overlong=True, surrogates=True, beyond=True, cut=True, following=True
):
    at = 0
    while at < len(data):
        n = _wanted(data[at])
        if data[at] >= 0xF8 or (n == 0 and following):
            return False
        n = n or 1
        rest = data[at + 1 : at + n]
        if cut and (
            len(rest) < n - 1 or any(not 0x80 <= byte < 0xC0 for byte in rest)
        ):
            return False
        point = data[at] & {1: 0x7F, 2: 31, 3: 15, 4: 7}[n]
        for byte in rest:
            point = point << 6 | byte & 0x3F
        if overlong and n > 1 and len(rest) == n - 1 and point < SMALLEST[n - 1]:
            return False
        if surrogates and 0xD800 <= point < 0xE000 and n == 3:
            return False
        if beyond and point > 0x10FFFF:
            return False
        at += n
    return True


@is_utf8.right
def by_all_rules(data):
    return _valid(data)


@is_utf8.right
def by_there_and_back(data):
    """What a decoder that trusts its input makes of it must encode to the same."""
    try:
        return _decoded(data).encode() == bytes(data)
    except UnicodeEncodeError:  # half a pair of UTF-16
        return False


@is_utf8.right
def by_what_may_follow(data):
    """Only the first of the following bytes has narrower limits than 80 to BF."""
    limits = {0xE0: (0xA0, 0xBF), 0xED: (0x80, 0x9F), 0xF0: (0x90, 0xBF)}
    limits[0xF4] = (0x80, 0x8F)
    wanted, low, high = 0, 0x80, 0xBF
    for byte in data:
        if wanted:
            if not low <= byte <= high:
                return False
            wanted, low, high = wanted - 1, 0x80, 0xBF
        elif byte >= 0x80:
            if not 0xC2 <= byte <= 0xF4:
                return False
            wanted = _wanted(byte) - 1
            low, high = limits.get(byte, (0x80, 0xBF))
    return not wanted


@is_utf8.mistake(
    "an A written in two bytes is accepted: every character has one valid form, the "
    "shortest. Else a filter that looks for the byte of a letter can be passed by"
)
def overlong_accepted(data):
    return _valid(data, overlong=False)


@is_utf8.mistake(
    "half a pair of UTF-16 (code points D800 to DFFF) is accepted; these are no "
    "characters, and no text encodes to them"
)
def surrogates_accepted(data):
    return _valid(data, surrogates=False)


@is_utf8.mistake("a number beyond 10FFFF is accepted, which is the last code point")
def beyond_accepted(data):
    return _valid(data, beyond=False)


@is_utf8.mistake(
    "the bytes after a first byte are not looked at: as many as announced must be there, "
    "each beginning with 10"
)
def following_not_checked(data):
    return _valid(data, cut=False)


@is_utf8.mistake("a following byte (10…) with no first byte before it is accepted")
def lone_following_accepted(data):
    return _valid(data, following=False)


@is_utf8.mistake(
    "only ASCII is accepted; bytes from 128 on belong to longer characters"
)
def ascii_is_valid(data):
    return all(byte < 0x80 for byte in data)


@is_utf8.mistake("everything is accepted")
def everything(data):
    return True


@is_utf8.mistake("nothing is accepted, not even the empty text")
def nothing(data):
    return False


@is_utf8.mistake("the empty text is refused: no bytes at all are valid UTF-8")
def not_the_empty(data):
    return bool(data) and _valid(data)


@is_utf8.mistake(
    "four bytes are refused: they carry the code points from 65,536 on, most emoji among "
    "them"
)
def no_four_bytes(data):
    return _valid(data) and not any(byte >= 0xF0 for byte in data)


@is_utf8.forbids(
    "Python's own decoder knows the answer: write the rules, and use it to test yours, "
    "not in place of it",
    calls=True,
)
def asking_the_decoder(step: Step, data: list[int]) -> bool:
    return _decodes(step)


@asking_the_decoder.mistake
def by_strict_decoding(data):
    try:
        bytes(data).decode()
    except UnicodeDecodeError:
        return False
    return True


@asking_the_decoder.mistake
def by_ignoring_errors(data):
    return bytes(data).decode(errors="ignore").encode() == bytes(data)


@asking_the_decoder.mistake
def by_making_a_string(data):
    try:
        return bool(str(bytes(data), "utf-8")) or not data
    except ValueError:
        return False


@is_utf8.mistake("upside down: this says True where the bytes are not valid")
def upside_down_verdict(data):
    return not _valid(data)
