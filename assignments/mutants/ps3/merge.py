"""Task 7, merge: plausible wrong answers (see classroom/wrong_answers.py)."""

# ruff: noqa: F811, F821, F841


# %% the mean
# believes: two readers, half the say for each
# gets: 0
# says: keys fit better
def merge(out_a, log_sum_a, out_b, log_sum_b):
    return (out_a + out_b) / 2, torch.logaddexp(log_sum_a, log_sum_b)


# %% shares of the logarithms
# believes: the shares are those of the logarithms
# gets: 0
# says: not of their logarithms
def merge(out_a, log_sum_a, out_b, log_sum_b):
    whole = log_sum_a + log_sum_b
    a, b = (log_sum_a / whole)[..., None], (log_sum_b / whole)[..., None]
    return a * out_a + b * out_b, torch.logaddexp(log_sum_a, log_sum_b)


# %% exp as it stands
# believes: exp of any number is a number
# gets: 8
# says: exp left the range
def merge(out_a, log_sum_a, out_b, log_sum_b):
    a, b = log_sum_a.exp(), log_sum_b.exp()
    out = (a[..., None] * out_a + b[..., None] * out_b) / (a + b)[..., None]
    return out, (a + b).log()


# %% nobody twice
# believes: somebody has always something to look at
# gets: 8
# says: neither reader
def merge(out_a, log_sum_a, out_b, log_sum_b):
    log_sum = torch.logaddexp(log_sum_a, log_sum_b)
    a, b = (
        (log_sum_a - log_sum).exp()[..., None],
        (log_sum_b - log_sum).exp()[..., None],
    )
    return a * out_a + b * out_b, log_sum


# %% softmax of both
# believes: the softmax takes care of everything
# gets: 8
# says: neither reader
def merge(out_a, log_sum_a, out_b, log_sum_b):
    both = torch.stack((log_sum_a, log_sum_b))
    a, b = both.softmax(0)[..., None]
    return a * out_a + b * out_b, both.logsumexp(0)


# %% swapped
# believes: who has the larger sum has had the larger say already
# gets: 0
# says: as much as the other one deserves
def merge(out_a, log_sum_a, out_b, log_sum_b):
    log_sum = torch.logaddexp(log_sum_a, log_sum_b)
    safe = log_sum.masked_fill(log_sum == -math.inf, 0.0)
    a, b = (log_sum_a - safe).exp()[..., None], (log_sum_b - safe).exp()[..., None]
    return b * out_a + a * out_b, log_sum


# %% added up
# believes: two halves make a whole
# gets: 0
# says: the two are added up
def merge(out_a, log_sum_a, out_b, log_sum_b):
    log_sum = torch.logaddexp(log_sum_a, log_sum_b)
    safe = log_sum.masked_fill(log_sum == -math.inf, 0.0)
    a, b = (log_sum_a - safe).exp()[..., None], (log_sum_b - safe).exp()[..., None]
    return out_a + out_b, log_sum


# %% logarithms added
# believes: the logarithm of a sum is the sum of logarithms
# gets: 0
# says: not the sum of logarithms
def merge(out_a, log_sum_a, out_b, log_sum_b):
    log_sum = torch.logaddexp(log_sum_a, log_sum_b)
    safe = log_sum.masked_fill(log_sum == -math.inf, 0.0)
    a, b = (log_sum_a - safe).exp()[..., None], (log_sum_b - safe).exp()[..., None]
    return a * out_a + b * out_b, log_sum_a + log_sum_b


# %% the larger logarithm
# believes: the larger one decides
# gets: 0
# says: larger one is not yet the sum
def merge(out_a, log_sum_a, out_b, log_sum_b):
    log_sum = torch.logaddexp(log_sum_a, log_sum_b)
    safe = log_sum.masked_fill(log_sum == -math.inf, 0.0)
    a, b = (log_sum_a - safe).exp()[..., None], (log_sum_b - safe).exp()[..., None]
    return a * out_a + b * out_b, torch.maximum(log_sum_a, log_sum_b)


# %% the mean of the logarithms
# believes: what is reported by both lies between the two
# gets: 0
# says: this is a mean
def merge(out_a, log_sum_a, out_b, log_sum_b):
    log_sum = torch.logaddexp(log_sum_a, log_sum_b)
    safe = log_sum.masked_fill(log_sum == -math.inf, 0.0)
    a, b = (log_sum_a - safe).exp()[..., None], (log_sum_b - safe).exp()[..., None]
    return a * out_a + b * out_b, (log_sum_a + log_sum_b) / 2


# %% the sum itself
# believes: the next reader wants the sum
# gets: 0
# says: its logarithm is wanted
def merge(out_a, log_sum_a, out_b, log_sum_b):
    log_sum = torch.logaddexp(log_sum_a, log_sum_b)
    safe = log_sum.masked_fill(log_sum == -math.inf, 0.0)
    a, b = (log_sum_a - safe).exp()[..., None], (log_sum_b - safe).exp()[..., None]
    return a * out_a + b * out_b, log_sum_a.exp() + log_sum_b.exp()


# %% the better reader
# believes: who fits better is right
# gets: 0
# says: not only the one with the larger sum
def merge(out_a, log_sum_a, out_b, log_sum_b):
    log_sum = torch.logaddexp(log_sum_a, log_sum_b)
    safe = log_sum.masked_fill(log_sum == -math.inf, 0.0)
    a, b = (log_sum_a - safe).exp()[..., None], (log_sum_b - safe).exp()[..., None]
    return torch.where(a > b, out_a, out_b), log_sum


# %% one scale for all questions
# believes: one maximum does for all rows
# gets: 8
# says: loud and quiet questions
def merge(out_a, log_sum_a, out_b, log_sum_b):
    top = torch.maximum(log_sum_a.max(), log_sum_b.max())
    top = top.masked_fill(top == -math.inf, 0.0)
    a, b = (log_sum_a - top).exp(), (log_sum_b - top).exp()
    whole = (a + b)[..., None]
    out = (a[..., None] * out_a + b[..., None] * out_b) / whole
    return out.masked_fill((top == 0.0) & (whole == 0.0), 0.0), (a + b).log() + top


# %% one axis short
# believes: shapes find each other
# gets: 0
# says: size of tensor|must match
def merge(out_a, log_sum_a, out_b, log_sum_b):
    log_sum = torch.logaddexp(log_sum_a, log_sum_b)
    a, b = (log_sum_a - log_sum).exp(), (log_sum_b - log_sum).exp()
    return a * out_a + b * out_b, log_sum


# %% out alone
# believes: nobody will ask for the sum
# gets: 0
# says: 2 tensors are to be returned
def merge(out_a, log_sum_a, out_b, log_sum_b):
    log_sum = torch.logaddexp(log_sum_a, log_sum_b)
    safe = log_sum.masked_fill(log_sum == -math.inf, 0.0)
    a, b = (log_sum_a - safe).exp()[..., None], (log_sum_b - safe).exp()[..., None]
    return a * out_a + b * out_b


# %% right, by nan_to_num
# believes: what is not a number is zero
# gets: 12
# says:
def merge(out_a, log_sum_a, out_b, log_sum_b):
    log_sum = torch.logaddexp(log_sum_a, log_sum_b)
    a, b = (log_sum_a - log_sum).exp(), (log_sum_b - log_sum).exp()
    out = a.nan_to_num()[..., None] * out_a + b.nan_to_num()[..., None] * out_b
    return out, log_sum


# %% right, by the maximum
# believes: the larger one sets the scale
# gets: 12
# says:
def merge(out_a, log_sum_a, out_b, log_sum_b):
    top = torch.maximum(log_sum_a, log_sum_b)
    top = torch.where(top == -math.inf, 0.0, top)
    a, b = (log_sum_a - top).exp(), (log_sum_b - top).exp()
    whole = (a + b).clamp(min=1e-300)[..., None]
    out = (a[..., None] * out_a + b[..., None] * out_b) / whole
    return out, (a + b).log() + top
