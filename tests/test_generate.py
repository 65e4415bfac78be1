"""Samplers change distributions as they say; windows, caches and batches change
nothing; what is shown is final."""

import math

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llm.generate import (
    CachedReader,
    Writer,
    compose,
    draw,
    first_ids,
    generate,
    greedy,
    new_tokens,
    read_afresh,
    stream,
    temperature,
    top_k,
    top_p,
    unchanged,
    window_start,
)
from llm.model import GPTConfig, build
from llm.tokenizers import END_OF_TEXT, ByteTokenizer, CharacterTokenizer

settings.register_profile("busy machine", deadline=None)
settings.load_profile("busy machine")

BYTES = ByteTokenizer.train(["x"], None, [END_OF_TEXT])
LETTERS = CharacterTokenizer.train(["abcdefgh\n"])
T = 8

some_logits = st.lists(
    st.floats(-5, 5).map(lambda x: round(x, 2)), min_size=1, max_size=12
).map(torch.tensor)


def make(architecture="gpt2", vocab_size=LETTERS.vocab_size, **sizes):
    """A model with weights large enough that it writes in no rut."""
    torch.manual_seed(0)
    sizes = dict(context_length=T, d_model=16, n_layers=2, n_heads=2) | sizes
    config = GPTConfig(architecture=architecture, vocab_size=vocab_size, **sizes)
    model = build(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return model


# Samplers -------------------------------------------------------------------------


def kept(logits):
    return set((logits > -math.inf).nonzero().flatten().tolist())


class TestSamplers:
    @given(some_logits)
    def test_greedy_leaves_the_best(self, logits):
        assert kept(greedy(logits)) == {int(logits.argmax())}

    @given(some_logits, st.integers(1, 15))
    def test_top_k_leaves_the_k_best_and_their_equals(self, logits, k):
        least = sorted(logits.tolist(), reverse=True)[: min(k, len(logits))][-1]
        wanted = {i for i, x in enumerate(logits.tolist()) if x >= least}
        assert kept(top_k(k)(logits)) == wanted

    @given(some_logits, st.floats(0.01, 1))
    def test_top_p_leaves_the_fewest_that_reach_p(self, logits, p):
        probs = logits.double().softmax(0)
        survivors = sorted(kept(top_p(p)(logits)), key=lambda i: probs[i])
        assert sum(probs[survivors]) >= p - 1e-6
        assert sum(probs[survivors[1:]]) < p + 1e-6
        others = set(range(len(logits))) - set(survivors)
        assert all(probs[i] <= probs[survivors[0]] for i in others)

    @given(some_logits, st.floats(0.01, 1), st.integers(1, 15))
    def test_what_is_left_keeps_its_logits(self, logits, p, k):
        for sampler in (top_p(p), top_k(k), greedy, unchanged):
            found = sampler(logits.repeat(2, 1))
            for row in found:
                for i in kept(row):
                    assert row[i] == logits[i]

    def test_the_limits_change_nothing(self):
        logits = torch.randn(3, 20)
        for sampler in (
            top_k(20),
            top_k(99),
            top_p(1.0),
            temperature(1.0),
            compose(),
        ):
            assert torch.equal(sampler(logits), logits)

    def test_temperature_makes_daring_or_timid(self):
        logits = torch.tensor([1.0, 2.0, 4.0])
        cold, warm = (temperature(t)(logits).softmax(0).max() for t in (0.5, 2.0))
        assert cold > logits.softmax(0).max() > warm
        assert torch.equal(temperature(2.0)(logits), logits / 2)

    def test_compose_goes_from_first_to_last(self):
        logits = torch.tensor([3.0, 2.0, 1.0, 0.0])
        cooled_first = compose(temperature(0.2), top_p(0.9))(logits)
        cooled_last = compose(top_p(0.9), temperature(0.2))(logits)
        assert kept(cooled_first) == {0}
        assert kept(cooled_last) == {0, 1, 2}

    @pytest.mark.parametrize(("sampler", "value", "message"), [
        (temperature, 0.0, "temperature=0.0 must be above 0 .*for 0 take greedy"),
        (temperature, math.inf, "temperature=inf must be .* finite"),
        (temperature, -1.0, "temperature=-1.0"),
        (temperature, math.nan, "temperature=nan"),
        (top_k, 0, "top_k=0 must be at least 1"),
        (top_p, 0.0, "top_p=0.0 must be above 0 and at most 1"),
        (top_p, 1.1, "top_p=1.1"),
    ])  # fmt: skip
    def test_settings_without_meaning_are_refused(self, sampler, value, message):
        with pytest.raises(ValueError, match=message):
            sampler(value)

    @pytest.mark.parametrize("t", [1e-6, 1e-38, 1e-46, 5e-324])
    def test_the_coldest_temperatures_leave_the_best_token(self, t):
        logits = torch.tensor(
            [[3.0, -2.0, 4.0, 4.0], [-9.0, -8.5, -9.0, -math.inf]]
        )
        probs = temperature(t)(logits).softmax(-1)
        expected = torch.tensor([[0, 0, 0.5, 0.5], [0, 1.0, 0, 0]])
        torch.testing.assert_close(probs, expected)

    @pytest.mark.parametrize("t", [1e6, 1e38, 1e300])
    def test_the_hottest_temperatures_leave_what_is_left_alike(self, t):
        logits = top_k(2)(torch.tensor([[3.0, -2.0, 4.0]]))
        probs = temperature(t)(logits).softmax(-1)
        torch.testing.assert_close(probs, torch.tensor([[0.5, 0, 0.5]]))

    @pytest.mark.parametrize("wrong", [math.nan, math.inf])
    @pytest.mark.parametrize("sampler", [greedy, unchanged, top_k(2), top_p(0.5)])
    def test_logits_that_are_no_numbers_are_refused(self, sampler, wrong):
        logits = torch.zeros(2, 5)
        logits[1, 3] = wrong
        dice = [torch.Generator(), torch.Generator()]
        tokens = new_tokens(lambda texts: logits, [[1], [2]], sampler, dice)
        with pytest.raises(ValueError, match=r"text 1: its logits hold nan or inf"):
            next(tokens)

    def test_where_no_token_is_left_none_is_drawn(self):
        with pytest.raises(ValueError, match=r"text 0: .* no token is left"):
            draw(torch.full((1, 5), -math.inf), [torch.Generator()])

    def test_draws_follow_the_probabilities(self):
        probs = torch.tensor([0.5, 0.3, 0.2, 0.0])
        generator = torch.Generator().manual_seed(0)
        logits = probs.log()[None]
        drawn = [draw(logits, [generator])[0] for _ in range(4000)]
        shares = torch.bincount(torch.tensor(drawn), minlength=4) / 4000
        torch.testing.assert_close(shares, probs, atol=0.03, rtol=0)
        assert shares[3] == 0

    def test_each_row_has_its_own_generator(self):
        logits = torch.zeros(2, 50)
        pair = [torch.Generator().manual_seed(s) for s in (5, 6)]
        alone = torch.Generator().manual_seed(6)
        assert draw(logits, pair)[1] == draw(logits[1:], [alone])[0]


# Windows and caches ---------------------------------------------------------------


class TestWindow:
    @given(st.integers(1, 40), st.integers(1, 500))
    def test_never_outgrows_the_context_and_never_empties(self, context_length, n):
        size = n - window_start(n, context_length)
        assert 1 <= size <= context_length
        assert size > context_length // 2 or size == n

    @given(st.integers(1, 40), st.integers(1, 500))
    def test_moves_only_when_full_and_by_half(self, context_length, n):
        here, there = (window_start(m, context_length) for m in (n, n + 1))
        if n - here < context_length:
            assert there == here
        else:
            assert there - here == max(1, context_length // 2)


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
class TestCache:
    def test_logits_equal_those_read_afresh_far_past_the_context(
        self, architecture
    ):
        model = make(architecture)
        generator = torch.Generator().manual_seed(0)
        ids = torch.randint(9, (3, 5 * T), generator=generator).tolist()
        texts = [ids[0][:1], ids[1][:5], ids[2][: T + 3]]  # one is too long already
        reader = CachedReader(model, 3)
        with torch.inference_mode():
            for _ in range(3 * T + 5):
                torch.testing.assert_close(
                    reader(texts), read_afresh(model, texts), atol=1e-5, rtol=1e-5
                )
                for text, row in zip(texts, ids, strict=True):
                    text.append(row[len(text)])

    def test_greedy_text_is_the_same_with_and_without(self, architecture):
        options = dict(sampler=greedy, max_new_tokens=6 * T)
        prompts = ["a", "abcdefgh", "hgfedcbahgfedcba"]
        model = make(architecture)
        cached, afresh = (
            generate(model, LETTERS, prompts, cached=cached, **options)
            for cached in (True, False)
        )
        assert cached == afresh
        assert all(len(text) == 6 * T for text in cached)

    @pytest.mark.parametrize("sampler", [greedy, unchanged])
    def test_each_prompt_is_continued_as_if_it_were_alone(
        self, architecture, sampler
    ):
        model = make(architecture)
        prompts = ["abc", "h", "abcdefghabcd", "gg"]
        options = dict(sampler=sampler, max_new_tokens=3 * T)
        together = generate(model, LETTERS, prompts, seed=7, **options)
        for i, prompt in enumerate(prompts):
            (alone,) = generate(model, LETTERS, [prompt], seed=7 + i, **options)
            assert together[i] == alone

    def test_a_context_of_one_token_is_enough(self, architecture):
        model = make(architecture, context_length=1)
        options = dict(sampler=greedy, max_new_tokens=9)
        cached = generate(model, LETTERS, ["ab"], **options)
        assert cached == generate(model, LETTERS, ["ab"], cached=False, **options)


def test_prompts_are_left_as_they_are():
    texts = [[1, 2, 3]]
    reader = CachedReader(make(), 1)
    next(new_tokens(reader, texts, greedy, [torch.Generator()]))
    assert texts == [[1, 2, 3]]


def test_the_same_seed_writes_the_same_text_and_another_another():
    model = make()
    once, again, other = (
        generate(model, LETTERS, ["a"], seed=s, max_new_tokens=30)
        for s in (1, 1, 2)
    )
    assert once == again != other


def test_drawing_does_not_disturb_other_random_numbers():
    model = make()
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    generate(model, LETTERS, ["a"], max_new_tokens=5)
    assert torch.rand(1) == wanted


def test_a_model_in_training_writes_without_dropout_and_goes_on_training():
    model = make(dropout=0.5).train()
    a, b = (generate(model, LETTERS, ["a"], max_new_tokens=20) for _ in range(2))
    assert a == b == generate(model.eval(), LETTERS, ["a"], max_new_tokens=20)
    assert not model.training
    model.train()
    generate(model, LETTERS, ["a"], max_new_tokens=2)
    assert model.training


# Writing --------------------------------------------------------------------------


def written(text, stop=()):
    """The pieces in which a text comes out that goes in byte by byte."""
    writer = Writer(BYTES, stop)
    return [*(writer.write(i) for i in BYTES.encode(text)), writer.finish()], writer


def before_first_stop(text, stop):
    """What is to be seen: the text as it was when a stop string was first there."""
    for end in range(len(text) + 1):
        places = [text[:end].find(s) for s in stop if s in text[:end]]
        if places:
            return text[: min(places)]
    return text


class TestWriter:
    @given(st.text(max_size=30))
    def test_without_stop_strings_all_comes_out_at_once(self, text):
        pieces, _ = written(text)
        sizes = [len(c.encode()) for c in text]
        assert [p for p in pieces if p] == list(text)
        ends = [sum(sizes[: i + 1]) - 1 for i in range(len(sizes))]
        assert [i for i, piece in enumerate(pieces) if piece] == ends

    @given(
        st.text("abc", max_size=40),
        st.lists(st.text("abc", min_size=1, max_size=5), max_size=3),
    )
    @example("ab", ["ab", "b"])
    def test_nothing_of_a_stop_string_is_ever_shown(self, text, stop):
        pieces, writer = written(text, stop)
        assert "".join(pieces) == before_first_stop(text, stop)
        assert writer.done

    @given(
        st.text("ab", max_size=30),
        st.lists(st.text("ab", min_size=1, max_size=5), min_size=1, max_size=3),
    )
    def test_no_more_is_held_back_than_may_become_a_stop_string(self, text, stop):
        writer, shown = Writer(BYTES, stop), ""
        for end, i in enumerate(BYTES.encode(text), 1):
            shown += writer.write(i)
            if writer.done:
                break
            held = text[len(shown) : end]
            assert text[:end] == shown + held
            assert not held or any(s.startswith(held) for s in stop)

    def test_a_stop_string_may_span_tokens_and_characters_may_too(self):
        pieces, writer = written("naïve → done. more", stop=["→ done"])
        assert "".join(pieces) == "naïve "
        assert writer.write(BYTES.encode("x")[0]) == ""

    def test_the_beginning_of_a_stop_string_is_shown_once_it_is_none(self):
        pieces, _ = written("ENDING.", stop=["END\n"])
        assert [p for p in pieces if p] == ["ENDI", "N", "G", "."]

    def test_bytes_that_are_no_character_are_replaced(self):
        writer = Writer(BYTES)
        pieces = [writer.write(BYTES.vocab[bytes([b])]) for b in (0xC3, 0x41, 0xE2)]
        assert pieces == ["", "�A", ""]
        assert writer.finish() == "�"

    @given(st.lists(st.integers(0, 255), max_size=20))
    def test_together_the_pieces_are_what_the_tokenizer_decodes(self, ids):
        writer = Writer(BYTES)
        pieces = [*(writer.write(i) for i in ids), writer.finish()]
        assert "".join(pieces) == BYTES.decode(ids)

    def test_the_end_of_the_text_stops_and_is_not_shown(self):
        writer = Writer(BYTES, stop=["ab"])
        ids = [*BYTES.encode("xa"), BYTES.special_tokens[END_OF_TEXT]]
        assert [writer.write(i) for i in ids] == ["x", "", "a"]
        assert writer.done
        assert writer.finish() == ""

    def test_an_empty_stop_string_is_refused(self):
        with pytest.raises(ValueError, match="empty stop string"):
            Writer(BYTES, ["a", ""])


def test_a_stream_is_what_generate_returns():
    model = make(vocab_size=BYTES.vocab_size)
    options = dict(max_new_tokens=60, seed=3, stop=["zz", "é"])
    pieces = list(stream(model, BYTES, "é", **options))
    assert all(pieces)
    assert generate(model, BYTES, ["é"], **options) == ["".join(pieces)]


def test_a_stream_is_lazy_and_may_have_no_end():
    pieces = stream(make(), LETTERS, "a", max_new_tokens=None)
    assert len([next(pieces) for _ in range(5 * T)]) == 5 * T


def test_each_text_stops_by_itself():
    model = make()
    options = dict(max_new_tokens=40, sampler=greedy)
    prompts = ["abc", "h", "gg"]
    free = generate(model, LETTERS, prompts, **options)
    stop = [free[0][1]]
    found = generate(model, LETTERS, prompts, stop=stop, **options)
    assert found == [text.split(stop[0])[0] for text in free]


def test_a_prompt_that_begins_a_document_is_read_after_the_end_mark():
    tokenizer = CharacterTokenizer.train(["ab"], special_tokens=[END_OF_TEXT])
    end = tokenizer.special_tokens[END_OF_TEXT]
    a = tokenizer.encode("a")
    assert first_ids(tokenizer, "a") == a
    assert first_ids(tokenizer, "a", document=True) == [end, *a]
    assert first_ids(tokenizer, "", document=True) == [end]
    with pytest.raises(ValueError, match="begins a document"):
        first_ids(CharacterTokenizer.train(["ab"]), "a", document=True)


def test_an_empty_prompt_begins_a_document():
    model = make(vocab_size=BYTES.vocab_size)
    options = dict(max_new_tokens=10, sampler=greedy)
    (found,) = generate(model, BYTES, [""], **options)
    ids = [BYTES.special_tokens[END_OF_TEXT]]
    for _ in range(10):
        ids.append(int(read_afresh(model, [ids]).argmax()))
    assert found == BYTES.decode(ids[1:])
    with pytest.raises(ValueError, match=r"no <.endoftext.> to begin with; "):
        generate(make(), LETTERS, [""])


def test_a_single_text_is_not_taken_letter_by_letter():
    model = make()
    with pytest.raises(ValueError, match=r"prompts='bad' is one text.*\['bad'\]"):
        generate(model, LETTERS, "bad")
    with pytest.raises(ValueError, match=r"stop='ab' is one text.*\['ab'\]"):
        generate(model, LETTERS, ["bad"], stop="ab")
    with pytest.raises(ValueError, match=r"prompt=\['bad'\] is no text"):
        next(stream(model, LETTERS, ["bad"]))


def test_no_prompts_have_no_continuations():
    assert generate(make(), LETTERS, []) == []


@pytest.mark.parametrize("sampler", [greedy, unchanged])
@pytest.mark.parametrize("prompts", [["a"], ["a", "bc"]])
def test_what_pads_the_vocabulary_of_a_model_is_never_written(sampler, prompts):
    model = make(vocab_size=64, tie_embeddings=False)
    model.head.weight.data[LETTERS.vocab_size :] = 9 * model.head.weight[:1]
    found = generate(model, LETTERS, prompts, sampler=sampler, max_new_tokens=30)
    assert all(len(text) == 30 and set(text) <= set("abcdefgh\n") for text in found)


@pytest.mark.parametrize("prompt", ["g", "ag"])
def test_a_tokenizer_with_more_ids_than_the_model_is_refused(prompt):
    with pytest.raises(
        ValueError, match=r"is out of range: vocab_size=3 goes from"
    ):
        generate(make(vocab_size=3), LETTERS, [prompt])


def test_a_prompt_with_an_unknown_character_is_refused():
    with pytest.raises(
        ValueError, match="'z' at position 1 is not in the vocabulary"
    ):
        generate(make(), LETTERS, ["az"])
