"""Task 2, half_life_bias: plausible wrong answers (see classroom/wrong_answers.py)."""

# ruff: noqa: F811, F821, F841


# %% a factor of e
# believes: to halve is to lose one in the exponent
# gets: 0
# says: this is a factor of e
def half_life_bias(n_positions, half_lives):
    back = torch.arange(n_positions)[:, None] - torch.arange(n_positions)
    each = half_lives[:, None, None]
    bias = -back / each
    return bias.masked_fill(back < 0, -math.inf)


# %% half-life multiplied
# believes: a longer half-life takes more away
# gets: 0
# says: forgets faster
def half_life_bias(n_positions, half_lives):
    back = torch.arange(n_positions)[:, None] - torch.arange(n_positions)
    each = half_lives[:, None, None]
    bias = -math.log(2) * back * each
    return bias.masked_fill(back < 0, -math.inf)


# %% the sign
# believes: distance is added
# gets: 0
# says: oldest word gets most
def half_life_bias(n_positions, half_lives):
    back = torch.arange(n_positions)[:, None] - torch.arange(n_positions)
    each = half_lives[:, None, None]
    bias = math.log(2) * back / each
    return bias.masked_fill(back < 0, -math.inf)


# %% distance in both directions
# believes: the future is as far away as the past
# gets: 0
# says: nobody may see that
def half_life_bias(n_positions, half_lives):
    back = torch.arange(n_positions)[:, None] - torch.arange(n_positions)
    each = half_lives[:, None, None]
    bias = -math.log(2) * back.abs() / each
    return bias


# %% a large negative number
# believes: a billion is as good as infinity
# gets: 4
# says: a loud score outbids that
def half_life_bias(n_positions, half_lives):
    back = torch.arange(n_positions)[:, None] - torch.arange(n_positions)
    each = half_lives[:, None, None]
    bias = -math.log(2) * back / each
    return bias.masked_fill(back < 0, -1e9)


# %% a factor, not a term
# believes: what is added to a score multiplies the weight as it stands
# gets: 0
# says: a factor for the weights
def half_life_bias(n_positions, half_lives):
    back = torch.arange(n_positions)[:, None] - torch.arange(n_positions)
    each = half_lives[:, None, None]
    bias = 2.0 ** (-back / each)
    return bias.masked_fill(back < 0, -math.inf)


# %% weights
# believes: the task asks for the weights
# gets: 0
# says: weights already
def half_life_bias(n_positions, half_lives):
    back = torch.arange(n_positions)[:, None] - torch.arange(n_positions)
    each = half_lives[:, None, None]
    bias = -math.log(2) * back / each
    return bias.masked_fill(back < 0, -math.inf).softmax(-1)


# %% one half-life for all heads
# believes: the heads differ by themselves
# gets: 0
# says: all have the first
def half_life_bias(n_positions, half_lives):
    back = torch.arange(n_positions)[:, None] - torch.arange(n_positions)
    each = half_lives[:, None, None]
    bias = -math.log(2) * back / half_lives[0] * torch.ones_like(each)
    return bias.masked_fill(back < 0, -math.inf)


# %% in steps
# believes: nothing happens until a half-life is over
# gets: 0
# says: not in steps
def half_life_bias(n_positions, half_lives):
    back = torch.arange(n_positions)[:, None] - torch.arange(n_positions)
    each = half_lives[:, None, None]
    bias = -math.log(2) * (back // each)
    return bias.masked_fill(back < 0, -math.inf)


# %% whole half-lives
# believes: a number of positions is a whole number
# gets: 4
# says: need not be a whole number
def half_life_bias(n_positions, half_lives):
    back = torch.arange(n_positions)[:, None] - torch.arange(n_positions)
    each = half_lives[:, None, None]
    each = each.int().clamp(min=1)
    bias = -math.log(2) * back / each
    return bias.masked_fill(back < 0, -math.inf)


# %% heads last
# believes: the heads are the last axis
# gets: 0
# says: two axes swapped
def half_life_bias(n_positions, half_lives):
    back = torch.arange(n_positions)[:, None] - torch.arange(n_positions)
    each = half_lives[:, None, None]
    bias = -math.log(2) * back[..., None] / half_lives
    return bias.masked_fill((back < 0)[..., None], -math.inf)


# %% the future left open
# believes: what is far in the future has little weight by itself
# gets: 0
# says: oldest word|nobody may see that
def half_life_bias(n_positions, half_lives):
    back = torch.arange(n_positions)[:, None] - torch.arange(n_positions)
    each = half_lives[:, None, None]
    bias = -math.log(2) * back / each
    return bias


# %% right, the column alone
# believes: what is the same for a whole row drops out of the softmax
# gets: 10
# says:
def half_life_bias(n_positions, half_lives):
    position = torch.arange(n_positions)
    bias = math.log(2) * position / half_lives[:, None, None]
    future = position > position[:, None]
    return bias.expand(-1, n_positions, -1).masked_fill(future, -math.inf)


# %% right, the logarithm of the weights
# believes: log undoes softmax
# gets: 10
# says:
def half_life_bias(n_positions, half_lives):
    bias = torch.full((len(half_lives), n_positions, n_positions), -math.inf)
    for head, half_life in enumerate(half_lives.tolist()):
        for look in range(n_positions):
            for at in range(look + 1):
                bias[head, look, at] = math.log(0.5 ** ((look - at) / half_life))
    return bias
