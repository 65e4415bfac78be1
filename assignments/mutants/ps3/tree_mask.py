"""Task 4, tree_mask: plausible wrong answers (see classroom/wrong_answers.py)."""

# ruff: noqa: F811, F821


# %% causal
# believes: the past is the past
# gets: 0
# says: a causal mask is not enough
def tree_mask(parents):
    return causal_mask(len(parents))


# %% parent only
# believes: a word depends on the word before it
# gets: 0
# says: not the words that lead to the parent
def tree_mask(parents):
    mask = torch.eye(len(parents), dtype=torch.bool)
    for position, parent in enumerate(parents.tolist()):
        if parent >= 0:
            mask[position, parent] = True
    return mask


# %% two words back
# believes: a story is a trigram
# gets: 0
# says: two words back
def tree_mask(parents):
    mask = torch.eye(len(parents), dtype=torch.bool)
    for position, parent in enumerate(parents.tolist()):
        if parent >= 0:
            mask[position, parent] = True
            if parents[parent] >= 0:
                mask[position, parents[parent]] = True
    return mask


# %% three words back
# believes: what fits the example fits
# gets: 4
# says: three words back
def tree_mask(parents):
    mask = torch.eye(len(parents), dtype=torch.bool)
    for position in range(len(parents)):
        at = position
        for _ in range(3):
            at = int(parents[at]) if at >= 0 else -1
            if at >= 0:
                mask[position, at] = True
    return mask


# %% without itself
# believes: a word is not part of its own past
# gets: 0
# says: may look at itself
def tree_mask(parents):
    mask = torch.eye(len(parents), dtype=torch.bool)
    for position, parent in enumerate(parents.tolist()):
        if parent >= 0:
            mask[position] |= mask[parent]
    return mask & ~torch.eye(len(parents), dtype=torch.bool)


# %% minus one as an index
# believes: position -1 does not exist, so it does no harm
# gets: 0
# says: is -1 used as an index
def tree_mask(parents):
    mask = torch.eye(len(parents), dtype=torch.bool)
    for position, parent in enumerate(parents.tolist()):
        mask[position] |= mask[parent]
    return mask


# %% descendants
# believes: the column looks and the row is looked at
# gets: 0
# says: is the mask transposed
def tree_mask(parents):
    mask = torch.eye(len(parents), dtype=torch.bool)
    for position, parent in enumerate(parents.tolist()):
        if parent >= 0:
            mask[position] |= mask[parent]
    return mask.T


# %% up and down the branch
# believes: a story is one story, its end included
# gets: 0
# says: read forwards only
def tree_mask(parents):
    mask = torch.eye(len(parents), dtype=torch.bool)
    for position, parent in enumerate(parents.tolist()):
        if parent >= 0:
            mask[position] |= mask[parent]
    return mask | mask.T


# %% one story only
# believes: every story begins at position 0
# gets: 4
# says: second story begins at 6
def tree_mask(parents):
    mask = torch.eye(len(parents), dtype=torch.bool)
    for position, parent in enumerate(parents.clamp(min=0).tolist()):
        mask[position] |= mask[parent]
    return mask


# %% the loop runs backwards
# believes: the order of the loop does not matter
# gets: 0
# says: not the words that lead to the parent
def tree_mask(parents):
    mask = torch.eye(len(parents), dtype=torch.bool)
    for position in reversed(range(len(parents))):
        if parents[position] >= 0:
            mask[position] |= mask[parents[position]]
    return mask


# %% zero is the end
# believes: a parent of 0 is false, so there is none
# gets: 0
# says: 0 taken for the end
def tree_mask(parents):
    mask = torch.eye(len(parents), dtype=torch.bool)
    for position in range(len(parents)):
        at = int(parents[position])
        while at > 0:
            mask[position, at] = True
            at = int(parents[at])
    return mask


# %% numbers
# believes: a mask holds ones and zeros
# gets: 0
# says: a mask is boolean
def tree_mask(parents):
    mask = torch.eye(len(parents))
    for position, parent in enumerate(parents.tolist()):
        if parent >= 0:
            mask[position] += mask[parent]
    return mask


# %% upside down
# believes: True means hidden
# gets: 0
# says: upside down
def tree_mask(parents):
    mask = torch.eye(len(parents), dtype=torch.bool)
    for position, parent in enumerate(parents.tolist()):
        if parent >= 0:
            mask[position] |= mask[parent]
    return ~mask


# %% right, by powers
# believes: ancestors are parents of parents of parents
# gets: 10
# says:
def tree_mask(parents):
    n = len(parents)
    step = torch.eye(n)
    has_parent = parents >= 0
    step[torch.arange(n)[has_parent], parents[has_parent]] = 1.0
    return torch.linalg.matrix_power(step, n) > 0


# %% right, by walking
# believes: every word can find its own way back
# gets: 10
# says:
def tree_mask(parents):
    mask = torch.zeros(len(parents), len(parents), dtype=torch.bool)
    for position in range(len(parents)):
        at = position
        while at >= 0:
            mask[position, at] = True
            at = int(parents[at])
    return mask
