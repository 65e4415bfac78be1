"""Task 6, careful_attention: plausible wrong answers (see classroom/wrong_answers.py)."""

# ruff: noqa: F811, F821, F841


# %% a large negative number
# believes: a billion is as good as infinity
# gets: 4
# says: average of what is hidden
def careful_attention(q, k, v, mask):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return scores.masked_fill(~mask, -1e9).softmax(-1) @ v


# %% looks at itself
# believes: the remedy of chapter 9 is the remedy
# gets: 4
# says: looks at itself; here
def careful_attention(q, k, v, mask):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    nobody = ~mask.any(-1, keepdim=True)
    itself = torch.eye(*mask.shape[-2:], dtype=torch.bool)
    return attention(q, k, v, mask | (nobody & itself))


# %% the attention of the chapter
# believes: a softmax over nothing is nothing
# gets: 4
# says: not a number
def careful_attention(q, k, v, mask):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return attention(q, k, v, mask)


# %% struck out after the softmax
# believes: a weight of zero has no influence
# gets: 0
# says: struck out after the softmax
def careful_attention(q, k, v, mask):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return (scores.softmax(-1) * mask) @ v


# %% struck out and divided again
# believes: what is rounded to zero can be divided again
# gets: 7
# says: rounded away beside the loud one
def careful_attention(q, k, v, mask):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    weights = scores.softmax(-1) * mask
    return weights / weights.sum(-1, keepdim=True).clamp(min=1e-300) @ v


# %% a score of zero
# believes: a score of zero is a weight of zero
# gets: 0
# says: exp\(0\) is 1
def careful_attention(q, k, v, mask):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return (scores * mask).softmax(-1) @ v


# %% not divided
# believes: the root is there for training only
# gets: 0
# says: not divided by the root
def careful_attention(q, k, v, mask):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    scores = scores * math.sqrt(q.shape[-1])
    nobody = ~mask.any(-1, keepdim=True)
    weights = (
        scores.masked_fill(~mask, -math.inf).masked_fill(nobody, 0).softmax(-1)
    )
    return weights.masked_fill(nobody, 0) @ v


# %% divided by the width
# believes: the scores are divided by the width
# gets: 0
# says: by the width, not by its root
def careful_attention(q, k, v, mask):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    scores = scores / math.sqrt(q.shape[-1])
    return scores.masked_fill(~mask, -math.inf).softmax(-1).nan_to_num() @ v


# %% divided by the number of keys
# believes: the scores are a sum over the keys
# gets: 0
# says: root of the number of keys
def careful_attention(q, k, v, mask):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    scores = q @ k.transpose(-2, -1) / math.sqrt(k.shape[-2])
    return scores.masked_fill(~mask, -math.inf).softmax(-1).nan_to_num() @ v


# %% upside down
# believes: True means hidden
# gets: 0
# says: True means may look
def careful_attention(q, k, v, mask):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return scores.masked_fill(mask, -math.inf).softmax(-1).nan_to_num() @ v


# %% the other axis
# believes: the last axis but one asks
# gets: 0
# says: the sum runs over the rows
def careful_attention(q, k, v, mask):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return scores.masked_fill(~mask, -math.inf).softmax(-2).nan_to_num() @ v


# %% no mask
# believes: the scores know whom to look at
# gets: 0
# says: mask has no effect
def careful_attention(q, k, v, mask):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return scores.softmax(-1) @ v


# %% all or nothing
# believes: either the whole mask is empty, or nothing is
# gets: 4
# says: not a number
def careful_attention(q, k, v, mask):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if not mask.any():
        return torch.zeros_like(scores @ v)
    return attention(q, k, v, mask)


# %% nobody in the first row only
# believes: what fits the example fits
# gets: 7
# says: position 2 may look at nobody
def careful_attention(q, k, v, mask):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    out = attention(q, k, v, mask)
    if not mask[..., 0, :].any():
        out[..., 0, :] = 0.0
    return out


# %% right, by nan_to_num
# believes: what is not a number is zero
# gets: 10
# says:
def careful_attention(q, k, v, mask):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return scores.masked_fill(~mask, -math.inf).softmax(-1).nan_to_num() @ v


# %% right, put to zero at the end
# believes: rows are wiped when all is done
# gets: 10
# says:
def careful_attention(q, k, v, mask):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    out = scores.masked_fill(~mask, -math.inf).softmax(-1) @ v
    return out.masked_fill(~mask.any(-1, keepdim=True), 0.0)
