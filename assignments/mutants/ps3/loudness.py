"""Task 1, loudness: plausible wrong answers (see classroom/wrong_answers.py)."""

# ruff: noqa: F811, F821


# %% gap multiplied
# believes: a wider gap takes a louder voice
# gets: 3
# says: wider gap needs less
def loudness(share, n_others, gap):
    return math.log(n_others * share / (1 - share)) * gap


# %% gap left out
# believes: the order of the scores is all that counts, not their distance
# gets: 3
# says: gap has no effect
def loudness(share, n_others, gap):
    return math.log(n_others * share / (1 - share))


# %% two keys only
# believes: one competitor is like many
# gets: 0
# says: against one other key; there are nine
def loudness(share, n_others, gap):
    return math.log(share / (1 - share)) / gap


# %% one competitor fewer
# believes: n_others counts the fitting key as well
# gets: 0
# says: key is not one of the n_others
def loudness(share, n_others, gap):
    return math.log(max(n_others - 1, 1) * share / (1 - share)) / gap


# %% one competitor more
# believes: the fitting key competes with itself, too
# gets: 0
# says: why n_others \+ 1
def loudness(share, n_others, gap):
    return math.log((n_others + 1) * share / (1 - share)) / gap


# %% logarithm to base 2
# believes: a logarithm is a logarithm
# gets: 0
# says: not by that to base 2
def loudness(share, n_others, gap):
    return math.log2(n_others * share / (1 - share)) / gap


# %% logarithm to base 10
# believes: a logarithm is a logarithm
# gets: 0
# says: not by that to base 10
def loudness(share, n_others, gap):
    return math.log10(n_others * share / (1 - share)) / gap


# %% odds upside down
# believes: the odds are those of the others against the fitting key
# gets: 0
# says: wrong way round
def loudness(share, n_others, gap):
    return math.log((1 - share) / (n_others * share)) / gap


# %% a temperature
# believes: the scores are divided by the loudness
# gets: 0
# says: loudness multiplies them
def loudness(share, n_others, gap):
    return gap / math.log(n_others * share / (1 - share))


# %% no logarithm
# believes: scores compare as weights do
# gets: 0
# says: its exponential
def loudness(share, n_others, gap):
    return n_others * share / (1 - share) / gap


# %% share instead of odds
# believes: a share of 0.9 is nine tenths of what another key gets
# gets: 0
# says: not how weights compare
def loudness(share, n_others, gap):
    return math.log(n_others * share) / gap


# %% never negative
# believes: a loudness is a positive number
# gets: 3
# says: needs a negative
def loudness(share, n_others, gap):
    return abs(math.log(n_others * share / (1 - share))) / gap


# %% at least zero
# believes: silence is the least one can do
# gets: 3
# says: needs a negative
def loudness(share, n_others, gap):
    return max(math.log(n_others * share / (1 - share)) / gap, 0.0)


# %% printed
# believes: what is shown is returned
# gets: 0
# says: nothing is returned
def loudness(share, n_others, gap):
    print(math.log(n_others * share / (1 - share)) / gap)


# %% right, by halving
# believes: what is hard to solve can be searched
# gets: 8
# says:
def loudness(share, n_others, gap):
    low, high = -1000.0, 1000.0
    for _ in range(100):
        middle = (low + high) / 2
        loud = torch.tensor([middle * gap] + n_others * [0.0]).softmax(0)[0] > share
        low, high = (low, middle) if loud else (middle, high)
    return middle


# %% right, a tensor
# believes: a number may be a tensor
# gets: 8
# says:
def loudness(share, n_others, gap):
    return torch.tensor(n_others * share / (1 - share)).log() / gap
