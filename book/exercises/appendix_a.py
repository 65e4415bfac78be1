"""The shape puzzles of appendix A, from one line of indexing to whole layers."""

from book.exercises.puzzle import VALUE, Puzzle, Puzzles

PUZZLES = [
    # An index takes an axis away
    Puzzle(
        "x = torch.zeros(4, 3)",
        "x[0]",
        {
            "x[0:1]": (
                "an index takes its axis away; the slice `0:1` would keep it, "
                "with size 1"
            ),
            "x[:, 0]": (
                "the first axis counts the rows: `x[0]` is a row; this is the "
                "shape of a column, `x[:, 0]`"
            ),
            "x[0, 0]": (
                "one index takes one axis away, and there are two; `x[0, 0]` "
                "would be a number"
            ),
            "x": (
                "the index chooses one row of the four, and the axis of the rows "
                "goes"
            ),
        },
        why="the index takes the first axis away, and a row of three is left",
    ),
    Puzzle(
        "x = torch.zeros(4, 3)",
        "x[:, 1:]",
        {
            "x[:, 1]": (
                "`1:` is a slice, all from number 1 on; only the index `1` would "
                "take the axis away"
            ),
            "x[1:]": (
                "the colon in front keeps all rows; `1:` stands in the second "
                "place and cuts the columns"
            ),
            "x[:, :1]": (
                "`1:` begins at number 1 and goes on to the end; this is `:1`"
            ),
            "x[1:, 1:]": "the first place holds a colon alone: all rows stay",
            "x": "columns are counted from 0: `1:` leaves out the first of them",
        },
        why="all rows, and the columns from number 1 on: slices keep their axes",
    ),
    Puzzle(
        "x = torch.zeros(4, 3)",
        "x[:, None]",
        {
            "x[None]": (
                "this is `x[None]`; here a colon stands in front, so the new "
                "axis comes behind the first one"
            ),
            "x[..., None]": (
                "the new axis stands where `None` does: in the second place, and "
                "what is left of `x` follows"
            ),
            "x[:, :1]": (
                "`None` chooses nothing, it only adds an axis: no number is lost"
            ),
            "x": "`None` adds an axis of size 1",
        },
        why="`None` adds an axis of size 1 in the place where it stands",
    ),
    Puzzle(
        "x = torch.zeros(2, 5, 7)  # (B, T, V)",
        "x.sum(1)",
        {
            "x.sum(0)": "axes are counted from 0: axis 1 is the second one",
            "x.sum(-1)": (
                "this adds up along the last axis; axis 1 is the second one"
            ),
            "x.sum(1, keepdim=True)": (
                "only `keepdim=True` would keep the axis, with size 1"
            ),
            "x.sum((0, 2))": "the axis that is named goes, the others stay",
            "x.sum()": (
                "without an axis everything would be added up; here only axis 1"
            ),
        },
        why="axis 1 is added up and goes, the others stay",
    ),
    Puzzle(
        "x = torch.zeros(2, 5, 12)  # (B, T, C)",
        "x.mean(-1, keepdim=True)",
        {
            "x.mean(-1)": "`keepdim=True` keeps the axis, with size 1",
            "x.mean(0, keepdim=True)": "−1 is the last axis, not the first",
            "x.mean(1, keepdim=True)": (
                "−1 is the last axis; this is the mean along axis 1"
            ),
            "x.mean()": "only the last axis is averaged",
            "x": (
                "there is one mean for each position: the averaged axis has size 1"
            ),
        },
        why=(
            "one mean for each position, and the last axis stays with size 1, "
            "so that `x - x.mean(-1, keepdim=True)` fits"
        ),
    ),
    # Sizes are compared from the right
    Puzzle(
        "a = torch.zeros(4, 3)\nb = torch.zeros(4)",
        "a + b",
        {
            "a": (
                "sizes are compared from the right: the 4 of `b` meets the 3 of "
                "`a`, not the 4"
            ),
            "b": (
                "the result has as many axes as the longer shape; and first "
                "compare the sizes from the right"
            ),
            "torch.zeros(4, 4)": (
                "only a size of 1 is stretched, and there is none here"
            ),
        },
        why=(
            '"error: broadcast": from the right 4 meets 3; `a + b[:, None]` '
            "would do"
        ),
    ),
    Puzzle(
        "a = torch.zeros(3, 1)\nb = torch.zeros(4)",
        "a * b",
        {
            "error: broadcast": (
                "from the right, 1 meets 4, and a 1 is stretched; in front of "
                "the 4 a 1 is added, which is stretched to 3"
            ),
            "a": "the 1 of `a` meets the 4 of `b` and is stretched",
            "b": "the result has as many axes as the longer shape has",
            "b[:, None] * a.T": (
                "each size keeps its place: the 3 stands left of the 1 that "
                "becomes 4"
            ),
        },
        why=(
            "the column is stretched along the row and the row down the column: "
            "all products of a number of `a` with one of `b`"
        ),
    ),
    Puzzle(
        "x = torch.zeros(2, 4)",
        "x.softmax(0)[0, 0]",
        {
            "x.softmax(-1)[0, 0]": (
                "this is the softmax along each row, `x.softmax(-1)`; axis 0 "
                "runs down the columns"
            ),
            "x.flatten().softmax(0)[0]": (
                "not all numbers share the 1: along axis 0, each column has a "
                "softmax of its own"
            ),
            "x[0, 0]": (
                "a softmax of equal numbers spreads 1 evenly over them: e⁰ is 1"
            ),
            "x.exp()[0, 0]": (
                "this is e⁰; it is divided by the sum down the column"
            ),
        },
        why="axis 0 runs down the columns, and a column has two equal numbers",
        asks=VALUE,
    ),
    Puzzle(
        "x = torch.tensor([[1.0, 3.0], [2.0, 6.0]])",
        "(x / x.sum(-1))[0, 1]",
        {
            "(x / x.sum(-1, keepdim=True))[0, 1]": (
                "this is what was meant. But without `keepdim=True` the two sums "
                "are a row, (2,), and a row is laid along the columns: which sum "
                "meets column 1?"
            ),
            "(x / x.sum(0))[0, 1]": (
                "the sums run along the last axis: 1 + 3 and 2 + 6"
            ),
            "(x / x.sum())[0, 1]": "there are two sums, one for each row",
            "x[0, 1]": "it is divided by a sum: by which of the two?",
            "error: broadcast": (
                "it runs, and this is the trap: (2, 2) and (2,) fit, as the "
                "matrix is square"
            ),
            "(x / x.sum(-1)).T[0, 1]": "row 0, column 1: the number is a 3",
        },
        why=(
            "the sums 4 and 8 are a row, so column 1 is divided by 8: a wrong "
            "normalisation without any error, because the matrix is square"
        ),
        asks=VALUE,
    ),
    Puzzle(
        "x = torch.zeros(3)\ny = x[:2]\ny += 1",
        "x.sum()",
        {
            "torch.zeros(3).sum()": (
                "a slice is a view: `y` and `x` share their numbers, and `+=` "
                "changes them in place"
            ),
            "torch.ones(3).sum()": "`y` holds the first two numbers of `x` only",
            "torch.ones(3)[0]": "one is added to each number of `y`",
            "error: count": (
                "it runs: `y` has two numbers, and 1 is stretched to both"
            ),
        },
        why=(
            "`y` is a view of two numbers of `x`; what changes in place there "
            "changes here"
        ),
        asks=VALUE,
    ),
    # The same numbers in other rows
    Puzzle(
        "x = torch.arange(6).view(2, 3)",
        "x.view(3, 2)[1]",
        {
            "x.T[1]": (
                "this is `x.T[1]`: a transpose changes rows and columns; a view "
                "reads the numbers on in their order, two by two"
            ),
            "x[1]": "the new rows have two numbers each",
            "x.view(3, 2)[0]": "rows are counted from 0: this is the first",
            "x.view(3, 2)[2]": "rows are counted from 0: this is the last",
            "x.view(3, 2)[:, 1]": "one index chooses a row; this is a column",
            "error: memory": (
                "the numbers lie one after the other, so a view can cut them "
                "into other rows"
            ),
        },
        why="a view keeps the order of the numbers and cuts it into other rows",
        asks=VALUE,
    ),
    Puzzle(
        "x = torch.zeros(4, 6)",
        "x.view(-1, 3, 4)",
        {
            "error: count": (
                "24 numbers do fit: −1 stands for whatever size is missing"
            ),
            "torch.zeros(4, 3, 4)": (
                "−1 does not stand for the old size, but for the one that is "
                "missing: 24 numbers in all"
            ),
            "torch.zeros(1, 3, 4)": (
                "−1 is not 1, but the size that is missing: 24 numbers in all"
            ),
            "torch.zeros(6, 3, 4)": (
                "count: 3 × 4 numbers go into each, and there are 24"
            ),
            "x.view(-1, 12)": "every size that is given stays an axis of its own",
        },
        why="24 numbers, 12 in each: −1 becomes 2",
    ),
    Puzzle(
        "x = torch.zeros(2, 3)",
        "x.T.view(6)",
        {
            "x.view(6)": (
                "`reshape(6)` would do it, with a copy. After `.T` the numbers "
                "lie in memory in the old order, and a view may not move them"
            ),
            "x.T": "`view(6)` asks for one axis",
            "error: count": (
                "six numbers for six places: their number fits. It is about the "
                "order in which they lie"
            ),
            "error: index": (
                "no index is used. It is about the order in which the numbers lie"
            ),
        },
        why=(
            '"error: memory": the numbers of `x.T` do not lie one after the '
            "other; `reshape`, or `contiguous()` before `view`, makes a copy in "
            "which they do"
        ),
    ),
    Puzzle(
        "scores = torch.zeros(5, 5)  # (T, T)\n"
        "mask = torch.ones(5, 5, dtype=torch.bool).tril()  # True: may look",
        "scores.masked_fill(mask, -math.inf).softmax(-1)[2, 4]",
        {
            "scores.masked_fill(~mask, -math.inf).softmax(-1)[2, 4]": (
                "this is what was meant, with `~mask`. `masked_fill` fills where "
                "the mask is True: what is left for row 2 to look at?"
            ),
            "scores.softmax(-1)[2, 4]": (
                "of the five scores of row 2, some are −∞ and get the weight 0: "
                "the others share the 1"
            ),
            "scores.masked_fill(~mask, -math.inf).softmax(-1)[2, 0]": (
                "row 2 is filled at 0, 1 and 2, where the mask is True: how many "
                "places are left?"
            ),
            "scores[0, 0] + 1": (
                "there are two places left in row 2, and they share the 1"
            ),
        },
        why=(
            "the fill goes where the mask is True, so here the past is hidden "
            "and the future stays: the `~` is missing"
        ),
        asks=VALUE,
    ),
    Puzzle(
        "x = torch.zeros(2, 5, 12)  # (B, T, C)",
        "x.view(2, 5, 3, 4).transpose(1, 2)",
        {
            "x.view(2, 5, 3, 4)": (
                "this is the view; `transpose(1, 2)` still exchanges two of its "
                "axes"
            ),
            "x.view(2, 5, 3, 4).transpose(-2, -1)": (
                "axes are counted from 0: 1 and 2 are the two in the middle"
            ),
            "x.view(2, 5, 3, 4).transpose(0, 1)": (
                "axes are counted from 0: 1 and 2 are the two in the middle"
            ),
            "x.transpose(1, 2)": "the view comes first, and has four axes",
            "x.view(2, 3, 5, 4).transpose(2, 3)": (
                "1 and 2 are exchanged: 5 and 3; the last axis stays"
            ),
            "error: count": "12 is 3 × 4: the numbers fit",
        },
        why=(
            "C is cut into H heads of width D, and the heads come before the "
            "positions: (B, H, T, D)"
        ),
    ),
    # Products and look-ups
    Puzzle(
        "x = torch.zeros(2, 5, 12)  # (B, T, C)\nw = torch.zeros(12, 4)  # (C, D)",
        "x @ w",
        {
            "error: product": (
                "the last size of `x` is 12, and so is the second but last of "
                "`w`: they fit; B is carried along"
            ),
            "error: broadcast": "`w` has no batch, and is used for each of `x`",
            "x": (
                "the inner size, 12, goes, and the last size of `w` takes its place"
            ),
            "w": "the batch and the positions stay",
            "x[0] @ w": "the batch stays in front: one product for each",
            "torch.zeros(2, 5, 12, 4)": (
                "the two inner sizes, 12 and 12, are added up and go"
            ),
        },
        why="the inner 12 is added up; what stands in front is carried along",
    ),
    Puzzle(
        "q = torch.zeros(2, 3, 5, 4)  # (B, H, T, D)\n"
        "k = torch.zeros(2, 3, 6, 4)  # (B, H, S, D)",
        "q @ k.transpose(-2, -1)",
        {
            "error: product": (
                "without the transpose 4 would meet 6. With it, the last two "
                "sizes of `k` are 4 and 6"
            ),
            "k @ q.transpose(-2, -1)": (
                "rows are those of the left factor, which is `q`"
            ),
            "q": "D is added up and goes; a score is for a pair of positions",
            "k": "D is added up and goes; a score is for a pair of positions",
            "q.transpose(-2, -1) @ q": (
                "the inner sizes go: these are the last of `q` and the second "
                "but last of what stands on the right"
            ),
            "torch.zeros(2, 3, 5, 5)": (
                "the columns are the positions of `k`, and it has another number "
                "of them"
            ),
        },
        why="a score for each pair of positions, in each head: (B, H, T, S)",
    ),
    Puzzle(
        "table = torch.zeros(7, 12)  # (V, C)\n"
        "ids = torch.zeros(2, 5, dtype=torch.long)  # (B, T)",
        "table[ids]",
        {
            "table[:2, :5]": (
                "`ids` holds numbers of rows: each of its 10 numbers is replaced "
                "by a whole row"
            ),
            "table[ids[:, 0]]": (
                "each of the 10 numbers is replaced by a row, not one of each line"
            ),
            "table[ids.flatten()]": (
                "the ids keep their arrangement: two rows of five"
            ),
            "error: index": (
                "all ids are 0, and there is a row 0; the sizes of `ids` "
                "choose nothing"
            ),
            "torch.zeros(2, 5, 7, 12)": (
                "an id chooses one row of the 7: the axis V goes"
            ),
            "table": "each of the 10 ids chooses a row",
        },
        why=(
            "each id is replaced by its row: the axis V goes, (B, T) takes its "
            "place"
        ),
    ),
    Puzzle(
        "logits = torch.zeros(4, 7)\ny = torch.tensor([0, 2, 2, 6])",
        "logits[torch.arange(4), y]",
        {
            "logits[:, y]": (
                "this is `logits[:, y]`: every row, and of it four columns. Two "
                "index tensors are paired: row 0 with column 0, row 1 with "
                "column 2 …"
            ),
            "logits[torch.arange(4)]": (
                "the second index chooses in each row one column"
            ),
            "logits.gather(1, y[:, None])": (
                "two index tensors of shape (4,) give (4,); this is the shape of "
                "`gather`"
            ),
            "error: broadcast": "(4,) and (4,) fit: they are paired",
            "error: index": "columns go up to 6, and 6 is the largest in `y`",
        },
        why="the two are paired: one number of each row, as in the loss",
    ),
    Puzzle(
        "logits = torch.zeros(2, 5, 7)  # (B, T, V)\n"
        "y = torch.zeros(2, 5, dtype=torch.long)  # (B, T)",
        "logits.gather(-1, y[..., None])",
        {
            "logits[..., 0]": (
                "`gather` gives the shape of its index, and that is `y[..., "
                "None]`; a `squeeze(-1)` would come after it"
            ),
            "logits": (
                "`gather` gives the shape of its index: one number is taken for "
                "each position, not all 7"
            ),
            "logits.gather(-1, y[:, None])": (
                "the dots stand for all axes: the new one comes last"
            ),
            "error: index": (
                "all of `y` are 0, and there is a 0; and index and logits have "
                "three axes each"
            ),
            "error: broadcast": (
                "`gather` wants as many axes in the index as in the logits, and "
                "it has them"
            ),
        },
        why="`gather` gives the shape of its index: (B, T, 1)",
    ),
    # Whole layers
    Puzzle(
        "logits = torch.zeros(2, 5, 7)  # (B, T, V)\n"
        "y = torch.zeros(2, 5, dtype=torch.long)  # (B, T)",
        "F.cross_entropy(logits, y)",
        {
            "logits.sum()": (
                "it would, had PyTorch read the last axis as the classes. It "
                "reads axis 1 as the classes, and so takes the 5 positions for "
                "them"
            ),
            "logits[..., 0]": (
                "even where it runs, the result is a mean, one number; and "
                "PyTorch reads axis 1 as the classes"
            ),
            "logits": (
                "a loss compares the logits with `y`; PyTorch reads axis 1 as "
                "the classes"
            ),
            "error: broadcast": (
                "nothing is stretched here. Which axis does PyTorch read as the "
                "classes?"
            ),
            "error: index": (
                "all of `y` are 0, and there is a class 0. Which axis does "
                "PyTorch read as the classes?"
            ),
        },
        why=(
            '"error: layout": the classes stand in axis 1, (N, V) or (B, V, T); '
            "so flatten, or transpose"
        ),
    ),
    Puzzle(
        "logits = torch.zeros(2, 5, 7)  # (B, T, V)\n"
        "y = torch.zeros(2, 5, dtype=torch.long)  # (B, T)",
        "F.cross_entropy(logits.flatten(0, 1), y.flatten())",
        {
            "torch.zeros(1)": (
                "one number has no axis: its shape is empty; (1,) would be a row "
                "with one number in it"
            ),
            "y.flatten()": (
                "these are the losses of the single positions, which "
                '`reduction="none"` would give; the result is their mean'
            ),
            "y": "the two were flattened, and the result is a mean",
            "logits.flatten(0, 1)": (
                "this is the shape of the flattened logits; a loss is one number"
            ),
            "error: layout": (
                "flattened, (10, 7) and (10,), they are as PyTorch wants them: "
                "one row for each target"
            ),
        },
        why="a mean over all positions: one number, whose shape is empty",
    ),
    Puzzle(
        "q = torch.zeros(2, 3, 5, 4)  # (B, H, T, D)\n"
        "k = torch.zeros(2, 3, 6, 4)  # (B, H, S, D)",
        'torch.einsum("bhtd,bhsd->bts", q, k)',
        {
            'torch.einsum("bhtd,bhsd->bhts", q, k)': (
                "the letter h is missing behind the arrow, so the heads are "
                "added up as well"
            ),
            'torch.einsum("bhtd,bhsd->bst", q, k)': (
                "the order behind the arrow counts: b, t, s"
            ),
            'torch.einsum("bhtd,bhsd->btd", q, k)': (
                "d is missing behind the arrow, so it is added up; s stays"
            ),
            "torch.zeros(2, 3, 5, 4, 6)": (
                "letters that are missing behind the arrow are added up"
            ),
            "error: product": (
                "the letters that occur twice, b, h and d, have the same size in "
                "both"
            ),
        },
        why=(
            "what is missing behind the arrow is added up: the width, and here "
            "the heads too"
        ),
    ),
    Puzzle(
        "x = torch.arange(12).view(1, 2, 3, 2)  # (B, H, T, D)",
        "x.reshape(1, 3, 4)[0, 1]",
        {
            "x.transpose(1, 2).reshape(1, 3, 4)[0, 1]": (
                "this is what was meant, with `transpose(1, 2)` first: position "
                "1 of both heads. Without it, `reshape` cuts the numbers 0 to 11 "
                "in their order"
            ),
            "x.reshape(1, 3, 4)[0, 0]": (
                "positions are counted from 0: this is the first row"
            ),
            "x[0, 0, 1]": "the new rows have four numbers each",
            "error: memory": (
                "`reshape` never stops for this, and the numbers lie in order"
            ),
            "error: count": "12 numbers, 1 × 3 × 4 places: they fit",
        },
        why=(
            "the shape is right and the content is not: this row mixes "
            "positions 2 and 0 of two heads; `transpose(1, 2)` has to come first"
        ),
        asks=VALUE,
    ),
    Puzzle(
        "guess = torch.zeros(5, 1)  # of nn.Linear(C, 1), for five examples\n"
        "target = torch.zeros(5)",
        "(guess - target) ** 2",
        {
            "guess": (
                "(5, 1) and (5,): from the right 1 meets 5, and is stretched. "
                "What becomes of the other axis?"
            ),
            "target": "(5, 1) and (5,): the result has two axes",
            "error: broadcast": (
                "there is none, and that is the trap: a 1 is stretched to "
                "whatever it meets"
            ),
            "guess[0]": "no axis is added up, so none can go",
            "(guess - target).sum()": "the square keeps every number; nothing is added up",
        },
        why=(
            "every guess meets every target; the mean of all is a number that "
            "looks like a loss. `squeeze(-1)` first"
        ),
    ),
]

shapes = Puzzles(PUZZLES)
