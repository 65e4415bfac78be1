"""Task 3, interpreter_mask: plausible wrong answers (see classroom/wrong_answers.py)."""

# ruff: noqa: F811, F821, F841


# %% one word too early
# believes: the head start comes on top of the word that is being said
# gets: 0
# says: one word too early
def interpreter_mask(n_spoken, n_heard, head_start):
    spoken, heard = torch.arange(n_spoken)[:, None], torch.arange(n_heard)
    return heard <= spoken + head_start


# %% one word too late
# believes: word number 1 is the first
# gets: 0
# says: one word too late
def interpreter_mask(n_spoken, n_heard, head_start):
    spoken, heard = torch.arange(n_spoken)[:, None], torch.arange(n_heard)
    return heard < spoken + head_start - 1


# %% causal
# believes: who listens hears the past
# gets: 0
# says: head start
def interpreter_mask(n_spoken, n_heard, head_start):
    spoken, heard = torch.arange(n_spoken)[:, None], torch.arange(n_heard)
    return heard <= spoken


# %% deaf while speaking
# believes: she waits and then speaks
# gets: 0
# says: goes on listening
def interpreter_mask(n_spoken, n_heard, head_start):
    spoken, heard = torch.arange(n_spoken)[:, None], torch.arange(n_heard)
    return (heard < head_start).expand(n_spoken, n_heard)


# %% forgetful
# believes: she remembers as many words as she waited for
# gets: 0
# says: remembers what she heard
def interpreter_mask(n_spoken, n_heard, head_start):
    spoken, heard = torch.arange(n_spoken)[:, None], torch.arange(n_heard)
    return (heard < spoken + head_start) & (heard >= spoken)


# %% square
# believes: a mask is square
# gets: 0
# says: shape is \(3, 3\), expected \(3, 6\)
def interpreter_mask(n_spoken, n_heard, head_start):
    spoken, heard = torch.arange(n_spoken)[:, None], torch.arange(n_heard)
    return causal_mask(n_spoken)


# %% axes swapped
# believes: the columns look and the rows are looked at
# gets: 0
# says: two axes swapped
def interpreter_mask(n_spoken, n_heard, head_start):
    spoken, heard = torch.arange(n_spoken)[:, None], torch.arange(n_heard)
    return (heard < spoken + head_start).T


# %% upside down
# believes: True means hidden
# gets: 0
# says: upside down
def interpreter_mask(n_spoken, n_heard, head_start):
    spoken, heard = torch.arange(n_spoken)[:, None], torch.arange(n_heard)
    return heard >= spoken + head_start


# %% numbers
# believes: a mask holds ones and zeros
# gets: 0
# says: a mask is boolean
def interpreter_mask(n_spoken, n_heard, head_start):
    spoken, heard = torch.arange(n_spoken)[:, None], torch.arange(n_heard)
    return (heard < spoken + head_start).double()


# %% head start of two
# believes: what fits the example fits
# gets: 3
# says: taken for granted
def interpreter_mask(n_spoken, n_heard, head_start):
    spoken, heard = torch.arange(n_spoken)[:, None], torch.arange(n_heard)
    return heard < spoken + 2


# %% as many as the head start, each time
# believes: she hears head_start words for every word she speaks
# gets: 0
# says: one more word for each she speaks
def interpreter_mask(n_spoken, n_heard, head_start):
    spoken, heard = torch.arange(n_spoken)[:, None], torch.arange(n_heard)
    return heard < (spoken + 1) * head_start


# %% last word first
# believes: time runs from the bottom to the top
# gets: 0
# says: her last word taken for her first
def interpreter_mask(n_spoken, n_heard, head_start):
    spoken, heard = torch.arange(n_spoken)[:, None], torch.arange(n_heard)
    return (heard < spoken + head_start).flip(0)


# %% flush with the end
# believes: the two texts end together, so that is where they are aligned
# gets: 0
# says: counted from the beginning, not from the end
def interpreter_mask(n_spoken, n_heard, head_start):
    spoken, heard = torch.arange(n_spoken)[:, None], torch.arange(n_heard)
    return heard <= spoken + n_heard - n_spoken


# %% right, by a triangle
# believes: a triangle need not start at the diagonal
# gets: 8
# says:
def interpreter_mask(n_spoken, n_heard, head_start):
    spoken, heard = torch.arange(n_spoken)[:, None], torch.arange(n_heard)
    return torch.ones(n_spoken, n_heard).tril(head_start - 1).bool()


# %% right, by loops
# believes: what is meant can be said
# gets: 8
# says:
def interpreter_mask(n_spoken, n_heard, head_start):
    spoken, heard = torch.arange(n_spoken)[:, None], torch.arange(n_heard)
    return torch.tensor(
        [[s - t < head_start for s in range(n_heard)] for t in range(n_spoken)]
    )
