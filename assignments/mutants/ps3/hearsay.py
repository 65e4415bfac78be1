"""Task 5, hearsay: plausible wrong answers (see classroom/wrong_answers.py)."""

# ruff: noqa: F811, F821


# %% the last layer alone
# believes: what counts is the mask of the last layer
# gets: 0
# says: what one layer hears
def hearsay(masks):
    itself = torch.eye(masks.shape[-1], dtype=torch.bool)
    return masks[-1] | itself


# %% somewhere seen
# believes: to hear of somebody is to see them in some layer
# gets: 0
# says: what one layer hears
def hearsay(masks):
    itself = torch.eye(masks.shape[-1], dtype=torch.bool)
    return masks.any(0) | itself


# %% always seen
# believes: what one layer forbids is forbidden
# gets: 0
# says: what one layer hears
def hearsay(masks):
    itself = torch.eye(masks.shape[-1], dtype=torch.bool)
    return masks.all(0) | itself


# %% the wrong order
# believes: the last layer comes first in the product
# gets: 4
# says: is the order reversed
def hearsay(masks):
    itself = torch.eye(masks.shape[-1], dtype=torch.bool)
    heard = itself
    for mask in masks:
        heard = heard.double() @ (mask | itself).double() > 0
    return heard


# %% no memory
# believes: a position that may not look at itself forgets itself
# gets: 4
# says: what a position knows it keeps
def hearsay(masks):
    itself = torch.eye(masks.shape[-1], dtype=torch.bool)
    heard = itself
    for mask in masks:
        heard = mask.double() @ heard.double() > 0
    return heard


# %% memory at the end
# believes: it is enough to keep what stands there at the end
# gets: 4
# says: not only at the end
def hearsay(masks):
    itself = torch.eye(masks.shape[-1], dtype=torch.bool)
    heard = itself
    for mask in masks:
        heard = mask.double() @ heard.double() > 0
    return heard | itself


# %% numbers of ways
# believes: how often somebody is heard of is a mask, too
# gets: 0
# says: a mask is boolean
def hearsay(masks):
    itself = torch.eye(masks.shape[-1], dtype=torch.bool)
    heard = itself.double()
    for mask in masks:
        heard = (mask | itself).double() @ heard
    return heard


# %% one way only
# believes: what is heard twice is not heard
# gets: 0
# says: cannot hear of
def hearsay(masks):
    itself = torch.eye(masks.shape[-1], dtype=torch.bool)
    heard = itself
    for mask in masks:
        heard = (mask | itself).double() @ heard.double() == 1
    return heard


# %% as far as it goes
# believes: a rumour goes on until everybody knows it
# gets: 0
# says: more than two layers
def hearsay(masks):
    itself = torch.eye(masks.shape[-1], dtype=torch.bool)
    step = (masks.any(0) | itself).double()
    return torch.linalg.matrix_power(step, len(step)) > 0


# %% within a layer
# believes: a row can be updated where it stands
# gets: 0
# says: more than two layers
def hearsay(masks):
    itself = torch.eye(masks.shape[-1], dtype=torch.bool)
    heard = itself.clone()
    for mask in masks:
        for look in range(len(mask)):
            heard[look] |= heard[mask[look]].any(0)
    return heard


# %% one layer too many
# believes: the input is a layer as well
# gets: 0
# says: one layer too many
def hearsay(masks):
    itself = torch.eye(masks.shape[-1], dtype=torch.bool)
    heard = masks[0] | itself
    for mask in masks:
        heard = (mask | itself).double() @ heard.double() > 0
    return heard


# %% two layers
# believes: what fits the example fits
# gets: 4
# says: one layer is left out: the last
def hearsay(masks):
    itself = torch.eye(masks.shape[-1], dtype=torch.bool)
    first, second = (masks[0] | itself).double(), (masks[1] | itself).double()
    return second @ first > 0


# %% all layers alike
# believes: all layers have the mask of the first
# gets: 4
# says: uses the first for all
def hearsay(masks):
    itself = torch.eye(masks.shape[-1], dtype=torch.bool)
    step = (masks[0] | itself).double()
    return torch.linalg.matrix_power(step, len(masks)) > 0


# %% transposed
# believes: the column looks and the row is looked at
# gets: 0
# says: is the mask transposed
def hearsay(masks):
    itself = torch.eye(masks.shape[-1], dtype=torch.bool)
    heard = itself
    for mask in masks:
        heard = (mask | itself).double() @ heard.double() > 0
    return heard.T


# %% right, by loops
# believes: what is meant can be said
# gets: 10
# says:
def hearsay(masks):
    itself = torch.eye(masks.shape[-1], dtype=torch.bool)
    heard = [{look} for look in range(len(itself))]
    for mask in masks.tolist():
        heard = [
            heard[look].union(
                *(heard[at] for at in range(len(mask)) if mask[look][at])
            )
            for look in range(len(mask))
        ]
    return torch.tensor([[at in h for at in range(len(itself))] for h in heard])
