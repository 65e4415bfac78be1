"""Task 9, what_followed: plausible wrong answers (see classroom/wrong_answers.py)."""

# ruff: noqa: F811, F821, F841


# %% its own word
# believes: who holds a tea looks for tea
# gets: 0
# says: finds its own word
def what_followed(ids, n_words):
    word = F.one_hot(ids, n_words).double()
    left = F.pad(word[:-1], (0, 0, 1, 0))
    past = causal_mask(len(ids))
    fits = word @ left.T > 0
    return careful_attention(word, word, word, (word @ word.T > 0) & past)


# %% what came before
# believes: left neighbours are told, too
# gets: 0
# says: came before a; what came after
def what_followed(ids, n_words):
    word = F.one_hot(ids, n_words).double()
    left = F.pad(word[:-1], (0, 0, 1, 0))
    past = causal_mask(len(ids))
    fits = word @ left.T > 0
    here = word @ word.T > 0
    here[:, 0] = False  # position 0 has no left neighbour
    return careful_attention(word, word, left, here & past)


# %% no causal mask
# believes: the words themselves say where to look
# gets: 0
# says: comes later in the text
def what_followed(ids, n_words):
    word = F.one_hot(ids, n_words).double()
    left = F.pad(word[:-1], (0, 0, 1, 0))
    past = causal_mask(len(ids))
    fits = word @ left.T > 0
    return careful_attention(word, left, word, fits)


# %% one word ahead
# believes: the next word is there to be predicted
# gets: 0
# says: what will come after the last a
def what_followed(ids, n_words):
    word = F.one_hot(ids, n_words).double()
    left = F.pad(word[:-1], (0, 0, 1, 0))
    past = causal_mask(len(ids))
    fits = word @ left.T > 0
    ahead = torch.ones_like(past).tril(1)
    return careful_attention(word, left, word, fits & ahead)


# %% a guess where nothing is known
# believes: a loud look-up needs no mask
# gets: 9
# says: average of all words so far
def what_followed(ids, n_words):
    word = F.one_hot(ids, n_words).double()
    left = F.pad(word[:-1], (0, 0, 1, 0))
    past = causal_mask(len(ids))
    fits = word @ left.T > 0
    return (50.0 * fits).masked_fill(~past, -math.inf).softmax(-1) @ word


# %% alike where nothing is known
# believes: who knows nothing guesses all words alike
# gets: 9
# says: same share of every word
def what_followed(ids, n_words):
    word = F.one_hot(ids, n_words).double()
    left = F.pad(word[:-1], (0, 0, 1, 0))
    past = causal_mask(len(ids))
    fits = word @ left.T > 0
    found = careful_attention(word, left, word, fits & past)
    known = (fits & past).any(-1, keepdim=True)
    return torch.where(known, found, 1 / n_words)


# %% not a number where nothing is known
# believes: a softmax over nothing is nothing
# gets: 9
# says: not a number
def what_followed(ids, n_words):
    word = F.one_hot(ids, n_words).double()
    left = F.pad(word[:-1], (0, 0, 1, 0))
    past = causal_mask(len(ids))
    fits = word @ left.T > 0
    return attention(word, left, word, fits & past)


# %% the last time only
# believes: the last time is what counts
# gets: 3
# says: not only the last time
def what_followed(ids, n_words):
    word = F.one_hot(ids, n_words).double()
    left = F.pad(word[:-1], (0, 0, 1, 0))
    past = causal_mask(len(ids))
    fits = word @ left.T > 0
    seen = fits & past
    last = seen & (seen.flip(-1).cumsum(-1).flip(-1) == 1)
    return careful_attention(word, left, word, last)


# %% the first time only
# believes: the first time is found first
# gets: 3
# says: not only the first time
def what_followed(ids, n_words):
    word = F.one_hot(ids, n_words).double()
    left = F.pad(word[:-1], (0, 0, 1, 0))
    past = causal_mask(len(ids))
    fits = word @ left.T > 0
    seen = fits & past
    return careful_attention(word, left, word, seen & (seen.cumsum(-1) == 1))


# %% numbers of times
# believes: how often is a share
# gets: 3
# says: shares sum to one
def what_followed(ids, n_words):
    word = F.one_hot(ids, n_words).double()
    left = F.pad(word[:-1], (0, 0, 1, 0))
    past = causal_mask(len(ids))
    fits = word @ left.T > 0
    return (fits & past).double() @ word


# %% round the corner
# believes: roll moves everything by one
# gets: 0
# says: has the first word the last one
def what_followed(ids, n_words):
    word = F.one_hot(ids, n_words).double()
    left = F.pad(word[:-1], (0, 0, 1, 0))
    past = causal_mask(len(ids))
    fits = word @ left.T > 0
    left = word.roll(1, dims=0)
    return careful_attention(word, left, word, (word @ left.T > 0) & past)


# %% strictly earlier
# believes: a position cannot be its own answer
# gets: 7
# says: left neighbour: aa
def what_followed(ids, n_words):
    word = F.one_hot(ids, n_words).double()
    left = F.pad(word[:-1], (0, 0, 1, 0))
    past = causal_mask(len(ids))
    fits = word @ left.T > 0
    return careful_attention(word, left, word, fits & past.tril(-1))


# %% a soft look-up
# believes: the score takes care of what fits
# gets: 0
# says: does not fit gets weight
def what_followed(ids, n_words):
    word = F.one_hot(ids, n_words).double()
    left = F.pad(word[:-1], (0, 0, 1, 0))
    past = causal_mask(len(ids))
    fits = word @ left.T > 0
    return attention(word, left, word, past)


# %% ids, not vectors
# believes: an id can be averaged
# gets: 0
# says: shape is \(7,\), expected \(7, 4\)
def what_followed(ids, n_words):
    word = F.one_hot(ids, n_words).double()
    left = F.pad(word[:-1], (0, 0, 1, 0))
    past = causal_mask(len(ids))
    fits = word @ left.T > 0
    return careful_attention(word, left, ids[:, None].double(), fits & past)[:, 0]


# %% right, by counting
# believes: what is meant can be said
# gets: 12
# says:
def what_followed(ids, n_words):
    word = F.one_hot(ids, n_words).double()
    left = F.pad(word[:-1], (0, 0, 1, 0))
    past = causal_mask(len(ids))
    fits = word @ left.T > 0
    counts = torch.zeros(len(ids), n_words)
    for t in range(len(ids)):
        for s in range(1, t + 1):
            counts[t, ids[s]] += ids[s - 1] == ids[t]
    return counts / counts.sum(-1, keepdim=True).clamp(min=1)


# %% right, a loud look-up
# believes: loud is as good as hidden, where somebody fits
# gets: 12
# says:
def what_followed(ids, n_words):
    word = F.one_hot(ids, n_words).double()
    left = F.pad(word[:-1], (0, 0, 1, 0))
    past = causal_mask(len(ids))
    fits = word @ left.T > 0
    found = (50.0 * fits).masked_fill(~past, -math.inf).softmax(-1) @ word
    return found * (fits & past).any(-1, keepdim=True)
