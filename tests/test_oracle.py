"""The oracle: what it says is true, exactly."""

import math
import random
import statistics
from itertools import pairwise

import pytest
import torch

from llm import oracle
from llm.corpora.stories import World, sample_story, story, story_grammar
from llm.corpora.stories.grammar import walk
from llm.data import documents
from llm.evaluate import evaluate, grammatical_share, row_losses
from llm.generate import generate
from llm.oracle import (
    BLANK_LINE,
    IMPOSSIBLE,
    Oracle,
    ParseError,
    log_prob,
    next_char,
    next_token,
    parse,
    surprises,
)
from llm.tokenizers import (
    END_OF_TEXT,
    UNKNOWN,
    BPETokenizer,
    ByteTokenizer,
    CharacterTokenizer,
    Tokenizer,
    WordTokenizer,
)

PLOTS = (
    "lost", "trade", "gift", "stuck", "mixup", "journey", "promise", "quarrel",
    "owner",
)  # fmt: skip


@pytest.fixture(scope="module")
def texts():
    return [story(17, index) for index in range(400)]


def one_of_each_word(name, n):
    """Keep the ways a plot can go, and one word of every list."""
    return n if name.split(" ")[0] in PLOTS else 1


def small(plot, **changes):
    """A world with one plot whose stories can all be written down."""
    names = {
        "girls": ("Mia", "Ada"),
        "boys": ("Tom",),
        "things": ("kite", "drum", "cup"),
        "colours": ("red", "blue"),
        "qualities": ("small", "big"),
        "places": ("park",),
        "visitors": ("Greta", "Felix"),
    }
    return World(plots=(plot,), most=2, keep=one_of_each_word, **(names | changes))


def all_of(world):
    made = story_grammar(world)
    return list(walk(made, made.start, {}))


# --- Brute force ------------------------------------------------------------------


@pytest.mark.parametrize("plot", [p for p in PLOTS if p != "lost"])
def test_all_stories_of_a_small_world(plot):
    """They are different, their probabilities sum to one and are those of the oracle,
    and their entropy is the one in closed form."""
    world = small(plot)
    found = all_of(world)
    assert len(found) > 500
    assert len({text for _, text in found}) == len(found)
    assert sum(p for p, _ in found) == pytest.approx(1, abs=1e-9)
    for probability, text in found:
        assert log_prob(text, world) == pytest.approx(
            math.log(probability), abs=1e-9
        )
    entropy = -sum(p * math.log(p) for p, _ in found)
    assert oracle.entropy(world) == pytest.approx(entropy, abs=1e-9)


def law_by_force(found, begins, cut):
    """What follows a beginning, from the list of all stories."""
    law = {}
    for probability, text in found:
        if begins(text):
            key = cut(text)
            law[key] = law.get(key, 0.0) + probability
    total = sum(law.values())
    return {key: p / total for key, p in law.items()}


def test_next_char_against_all_stories():
    world = small("owner")
    found = [(p, text + BLANK_LINE) for p, text in all_of(world)]
    rng = random.Random(1)
    for _ in range(40):
        text = rng.choice(found)[1]
        prefix = text[: rng.randrange(len(text))]
        n = len(prefix)
        expected = law_by_force(
            found, lambda t, p=prefix: t.startswith(p), lambda t, n=n: t[n]
        )
        assert next_char(prefix, world) == pytest.approx(expected, abs=1e-9)


def tokenizers(texts) -> dict[str, Tokenizer]:
    end = [END_OF_TEXT]
    return {
        "characters": CharacterTokenizer.train(texts, None, end),
        "words": WordTokenizer.train(texts, None, [UNKNOWN, *end]),
        "bytes": ByteTokenizer(end),
        "few merges": BPETokenizer.train(texts, 300, end),
        "many merges": BPETokenizer.train(texts, 420, end),
    }


NAMES = ("characters", "words", "bytes", "few merges", "many merges")


@pytest.fixture(scope="module")
def kinds(texts):
    return tokenizers(texts)


@pytest.mark.parametrize("kind", NAMES)
def test_next_token_against_all_stories(kind):
    world = small("owner")
    found = [(p, text + END_OF_TEXT) for p, text in all_of(world)]
    tokenizer = tokenizers([text.removesuffix(END_OF_TEXT) for _, text in found])[
        kind
    ]
    rows = [
        (p, tokenizer.encode(t, allowed_special=[END_OF_TEXT])) for p, t in found
    ]
    rng = random.Random(2)
    truth = Oracle(tokenizer, world)
    for _ in range(25):
        ids = rng.choice(rows)[1]
        prefix = ids[: rng.randrange(len(ids))]
        n = len(prefix)
        expected = law_by_force(
            rows, lambda row, p=prefix: row[: len(p)] == p, lambda row, n=n: row[n]
        )
        assert truth.after(prefix).distribution() == pytest.approx(
            expected, abs=1e-9
        )


# --- The whole world --------------------------------------------------------------


def test_parse_after_generate_is_the_identity():
    """On 10,000 stories: text, derivation, state, labels and probability."""
    for index in range(10_000):
        made = sample_story(23, index)
        found = parse(made.text)
        assert found == made
        assert "".join(choice.text for choice in found.derivation) == made.text
        if index % 20 == 0:
            assert log_prob(made.text) == pytest.approx(made.log_prob, abs=1e-9)


def test_the_stated_entropy_is_met():
    """−ln p of fresh stories is within three standard errors of the number in closed
    form, and that is between 0.15 and 0.4 nats per character."""
    texts = [story(29, index) for index in range(4000)]
    surprises = [-log_prob(text) for text in texts]
    mean = statistics.fmean(surprises)
    error = statistics.stdev(surprises) / math.sqrt(len(surprises))
    assert abs(mean - oracle.STORY_ENTROPY) < 3 * error
    assert error < 0.01 * mean
    length = statistics.fmean(len(text) + 2 for text in texts)
    assert 0.15 < oracle.STORY_ENTROPY / length < 0.4


def test_a_bigram_stays_far_from_the_floor():
    counts = {}
    text = BLANK_LINE.join(story(31, index) for index in range(300))
    for a, b in pairwise(text):
        counts.setdefault(a, {}).setdefault(b, 0)
        counts[a][b] += 1
    loss = -sum(
        n * math.log(n / sum(row.values()))
        for row in counts.values()
        for n in row.values()
    ) / (len(text) - 1)  # on its own training text: the lowest it can be
    assert loss > 6 * 0.26


def test_characters_that_may_follow_sum_to_one(texts):
    rng = random.Random(3)
    for _ in range(200):
        text = rng.choice(texts) + BLANK_LINE
        place = rng.randrange(len(text))
        law = next_char(text[:place])
        assert sum(law.values()) == pytest.approx(1, abs=1e-12)
        assert text[place] in law and min(law.values()) > 0


def test_log_prob_is_the_sum_of_the_laws_on_the_way(texts):
    text = texts[0] + BLANK_LINE + texts[1][:30]
    total = 0.0
    for place, character in enumerate(text):
        total += math.log(next_char(text[:place])[character])
    assert log_prob(text) == pytest.approx(total, abs=1e-9)
    assert log_prob(texts[0] + BLANK_LINE) == log_prob(texts[0])
    assert log_prob("") == 0.0


@pytest.mark.parametrize("kind", NAMES)
def test_tokens_that_may_follow_sum_to_one_and_agree_with_the_text(
    texts, kinds, kind
):
    tokenizer = kinds[kind]
    truth = Oracle(tokenizer)
    for text in texts[:6]:
        ids = tokenizer.encode(text + END_OF_TEXT, allowed_special=[END_OF_TEXT])
        for place in range(0, len(ids), 7):
            law = truth.after(ids[:place]).distribution()
            assert sum(law.values()) == pytest.approx(1, abs=1e-12)
            assert law[ids[place]] > 0
        assert truth.log_prob(ids) == pytest.approx(log_prob(text), abs=1e-9)


def test_without_a_special_token_the_end_is_a_blank_line(texts):
    tokenizer = BPETokenizer.train([t + BLANK_LINE for t in texts], 400)
    truth = Oracle(tokenizer)
    text = texts[0] + BLANK_LINE + texts[1] + BLANK_LINE + texts[2]
    first_two = texts[0] + BLANK_LINE + texts[1]
    ids = tokenizer.encode(text)
    n = len(tokenizer.encode(first_two + BLANK_LINE + "On")) - 1
    assert math.isfinite(truth.log_prob(ids))
    expected = log_prob(texts[0]) + log_prob(texts[1])
    assert truth.log_prob(ids[:n]) == pytest.approx(expected, abs=1e-6)


def test_ids_that_the_tokenizer_would_not_give_have_probability_zero(kinds):
    tokenizer = kinds["many merges"]
    ids = tokenizer.encode("On a ")
    assert tokenizer.encode("On") != [*b"On"]
    assert tokenizer.decode([*b"On"]) == "On"
    assert math.isfinite(Oracle(tokenizer).log_prob(ids[:1]))
    assert Oracle(tokenizer).log_prob([*b"On", *ids[1:]]) == -math.inf
    with pytest.raises(ParseError):
        next_token(tokenizer, [*b"On", *ids[1:]])


# --- What is no story -------------------------------------------------------------


def test_an_ungrammatical_text_is_located():
    text = "On a sunny Sunday morning in June, Mia, who loved quiz, ran home."
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert caught.value.position == text.index("quiz") == 50
    assert {*"tmrdbs"} <= {
        *caught.value.expected
    } and "q" not in caught.value.expected
    assert "at position 50, where the stories go on" in str(caught.value)
    with pytest.raises(ParseError) as caught:
        next_char(text)
    assert caught.value.position == 50


def test_a_text_that_breaks_off_is_located(texts):
    text = texts[0][:-1]
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert caught.value.position == len(text)
    assert texts[0][-1] in caught.value.expected
    with pytest.raises(ParseError):
        parse("")


def test_a_wrong_state_is_located():
    """A word that fits the grammar but not what happened before."""
    made = next(
        s for s in (sample_story(5, i) for i in range(99)) if s.plot == "promise"
    )
    place = made.text.rindex(made.topic)
    other = "drum" if made.topic != "drum" else "bell"
    wrong = made.text[:place] + other + made.text[place + len(made.topic) :]
    with pytest.raises(ParseError) as caught:
        parse(wrong)
    assert caught.value.position >= place


def test_corruptions_never_gain(texts):
    """A changed letter mostly makes a text impossible; and all that a place can hold
    sums to what stands before it."""
    rng = random.Random(7)
    impossible = 0
    for _ in range(300):
        text = rng.choice(texts)
        place = rng.randrange(len(text) - 1)
        changed = text[:place] + rng.choice("aeiou tns.") + text[place + 1 :]
        impossible += changed != text and log_prob(changed) == -math.inf
    assert impossible > 200
    for text in texts[:20]:
        prefix = text[: rng.randrange(1, len(text))]
        ways = [log_prob(prefix + character) for character in next_char(prefix)]
        assert sum(map(math.exp, ways)) == pytest.approx(math.exp(log_prob(prefix)))


def test_a_window_from_the_middle_is_refused(texts):
    with pytest.raises(ParseError, match="at position 0"):
        next_char(texts[0][5:50])
    assert log_prob(texts[0][5:50]) == -math.inf


# --- The interface of a model -----------------------------------------------------


def test_the_oracle_is_called_like_a_model(texts, kinds):
    tokenizer = kinds["many merges"]
    truth = Oracle(tokenizer)
    end = tokenizer.special_tokens[END_OF_TEXT]
    texts = texts[:3]
    rows = [[end, *tokenizer.encode(text), end] for text in texts]
    width = min(map(len, rows))
    ids = torch.tensor([row[:width] for row in rows])
    logits = truth(ids)
    assert logits.shape == (3, width, tokenizer.vocab_size)
    assert logits.dtype == torch.float32 and torch.isfinite(logits).all()
    assert torch.allclose(logits.exp().sum(-1), torch.ones(3, width), atol=1e-5)
    assert (logits[0, 0].exp() > 0).sum() == len(next_token(tokenizer, []))
    row = torch.tensor([rows[0]])
    picked = truth(row)[0, :-1].gather(1, row[0, 1:, None])
    assert float(picked.sum()) == pytest.approx(log_prob(texts[0]), abs=1e-3)


def test_the_oracle_sees_no_future(texts, kinds):
    tokenizer = kinds["characters"]
    ids = torch.tensor([tokenizer.encode(texts[0][:60])])
    logits = Oracle(tokenizer)(ids)
    changed = ids.clone()
    changed[0, 40] = (changed[0, 40] + 1) % tokenizer.vocab_size
    assert torch.equal(Oracle(tokenizer)(changed)[0, :40], logits[0, :40])


def test_behind_the_impossible_it_knows_nothing(kinds):
    tokenizer = kinds["characters"]
    logits = Oracle(tokenizer)(torch.tensor([tokenizer.encode("Onx a")]))
    assert (logits[0, 1] == IMPOSSIBLE).any()
    assert (logits[0, 2:] == 0).all()
    assert Oracle(tokenizer).log_prob(tokenizer.encode("Onx a")) == -math.inf


def test_a_new_story_begins_behind_the_end_mark(texts, kinds):
    tokenizer = kinds["words"]
    truth = Oracle(tokenizer)
    end = tokenizer.special_tokens[END_OF_TEXT]
    ids = [*tokenizer.encode(texts[0]), end]
    assert truth.after(ids).distribution() == pytest.approx(
        truth.after([end]).distribution()
    )
    assert truth.after(ids[:-1]).distribution() == {end: 1.0}


def test_stories_drawn_from_the_oracle_are_grammatical(kinds):
    tokenizer = kinds["many merges"]
    truth = Oracle(tokenizer)
    rng = random.Random(4)
    end = tokenizer.special_tokens[END_OF_TEXT]
    for _ in range(5):
        ids, state = [], truth.after([])
        while not ids or ids[-1] != end:
            law = state.distribution()
            ids.append(rng.choices(list(law), list(law.values()))[0])
            state = state.step(ids[-1])
        parse(tokenizer.decode(ids[:-1]))


def whole(texts, tokenizer):
    end = tokenizer.special_tokens[END_OF_TEXT]
    return documents([tokenizer.encode(text) for text in texts], end, 10**6)


@pytest.mark.parametrize("kind", NAMES)
def test_evaluated_like_a_model_it_is_at_the_floor(texts, kinds, kind):
    """Row by row, whatever a token is."""
    tokenizer = kinds[kind]
    x, y = whole(texts[:4], tokenizer)
    floor = surprises(texts[:4])
    found = evaluate(Oracle(tokenizer), tokenizer, x, y, floor=floor, batch_size=3)
    assert found.loss == pytest.approx(found.floor, abs=1e-6)
    assert found.gap == pytest.approx(0, abs=1e-6)
    assert found.gap_standard_error == pytest.approx(0, abs=1e-6)
    assert "so 0.000 ± 0.000 to go" in str(found)
    rows = row_losses(Oracle(tokenizer), x, y)
    assert rows.tolist() == pytest.approx(floor.tolist(), abs=1e-3)
    assert found.n_bytes == len("".join(texts[:4]).encode())


def test_sampled_like_a_model_it_writes_stories(kinds):
    tokenizer = kinds["many merges"]
    texts = generate(Oracle(tokenizer), tokenizer, [""] * 3, max_new_tokens=None)
    assert len({*texts}) == 3
    for text in texts:
        assert parse(text).text == text
        assert grammatical_share(text) == 1


def test_sampled_from_the_middle_of_a_story_it_goes_on(texts, kinds):
    tokenizer = kinds["characters"]
    prompt = texts[0][:200]
    (text,) = generate(Oracle(tokenizer), tokenizer, [prompt], max_new_tokens=60)
    next_char(prompt + text)


def test_the_surprise_of_stories_is_known_and_that_of_others_refused(texts):
    found = surprises(texts[:9])
    assert found.tolist() == pytest.approx([-log_prob(text) for text in texts[:9]])
    for text in (texts[0][:-5], texts[0] + "!", ""):
        with pytest.raises(ParseError):
            surprises([*texts[:2], text])


def test_it_remembers_so_much_and_no_more(texts, kinds, monkeypatch):
    tokenizer = kinds["characters"]
    x, _ = whole([text[:60] for text in texts[:6]], tokenizer)
    wanted = Oracle(tokenizer)(x)
    monkeypatch.setattr(oracle.tokens, "MOST_STATES", 30)
    forgetful = Oracle(tokenizer)
    assert torch.equal(forgetful(x), wanted)
    assert forgetful.n_states <= 30 + x.shape[1]


def test_an_unknown_tokenizer_is_refused():
    class Odd(ByteTokenizer):
        pass

    with pytest.raises(ValueError, match="does not know where a Odd cuts"):
        Oracle(Odd())


def test_a_word_that_the_vocabulary_lacks_is_an_error_or_unknown(texts):
    few = texts[:3]
    with pytest.raises(ValueError, match="is not in the vocabulary"):
        next_token(WordTokenizer.train(few), [])
    tokenizer = WordTokenizer.train(few, None, [UNKNOWN])
    law = next_token(tokenizer, [])
    assert sum(law.values()) == pytest.approx(1)
    assert law[tokenizer.special_tokens[UNKNOWN]] > 0
