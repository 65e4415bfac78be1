"""Task 8, look_back_views: plausible wrong answers (see classroom/wrong_answers.py)."""

# ruff: noqa: F811, F821, F841


# %% the other direction
# believes: to look back is to add
# gets: 0
# says: that is forward, not back
def look_back_views(n_words, n_places, back):
    word = torch.cat((torch.eye(n_words), torch.zeros(n_places, n_words)))
    place = torch.cat((torch.zeros(n_words, n_places), torch.eye(n_places)))
    later = torch.ones(n_places - back).diag(back)
    return place @ later, place, word


# %% one back
# believes: what fits the example fits
# gets: 3
# says: as if `back` had no effect
def look_back_views(n_words, n_places, back):
    word = torch.cat((torch.eye(n_words), torch.zeros(n_places, n_words)))
    place = torch.cat((torch.zeros(n_words, n_places), torch.eye(n_places)))
    earlier = torch.ones(n_places - 1).diag(-1)
    return place @ earlier, place, word


# %% its own place
# believes: a position finds the place it asks with
# gets: 0
# says: that is its own
def look_back_views(n_words, n_places, back):
    word = torch.cat((torch.eye(n_words), torch.zeros(n_places, n_words)))
    place = torch.cat((torch.zeros(n_words, n_places), torch.eye(n_places)))
    return place, place, word


# %% its own word
# believes: words find words
# gets: 0
# says: that is its own
def look_back_views(n_words, n_places, back):
    word = torch.cat((torch.eye(n_words), torch.zeros(n_places, n_words)))
    place = torch.cat((torch.zeros(n_words, n_places), torch.eye(n_places)))
    return word, word, word


# %% shifted twice
# believes: query and key are both shifted
# gets: 0
# says: that is its own
def look_back_views(n_words, n_places, back):
    word = torch.cat((torch.eye(n_words), torch.zeros(n_places, n_words)))
    place = torch.cat((torch.zeros(n_words, n_places), torch.eye(n_places)))
    earlier = torch.ones(n_places - back).diag(-back)
    return place @ earlier, place @ earlier, word


# %% tells the place
# believes: the place says it all
# gets: 0
# says: tell the word
def look_back_views(n_words, n_places, back):
    word = torch.cat((torch.eye(n_words), torch.zeros(n_places, n_words)))
    place = torch.cat((torch.zeros(n_words, n_places), torch.eye(n_places)))
    earlier = torch.ones(n_places - back).diag(-back)
    return place @ earlier, place, place


# %% tells everything
# believes: more can only help
# gets: 0
# says: tell the word
def look_back_views(n_words, n_places, back):
    word = torch.cat((torch.eye(n_words), torch.zeros(n_places, n_words)))
    place = torch.cat((torch.zeros(n_words, n_places), torch.eye(n_places)))
    earlier = torch.ones(n_places - back).diag(-back)
    return place @ earlier, place, torch.eye(n_words + n_places)


# %% transposed
# believes: a matrix maps from columns to rows
# gets: 0
# says: is it transposed
def look_back_views(n_words, n_places, back):
    word = torch.cat((torch.eye(n_words), torch.zeros(n_places, n_words)))
    place = torch.cat((torch.zeros(n_words, n_places), torch.eye(n_places)))
    earlier = torch.ones(n_places - back).diag(-back)
    return (place @ earlier).T, place.T, word.T


# %% one too far
# believes: the place before `back` is meant
# gets: 0
# says: one too far
def look_back_views(n_words, n_places, back):
    word = torch.cat((torch.eye(n_words), torch.zeros(n_places, n_words)))
    place = torch.cat((torch.zeros(n_words, n_places), torch.eye(n_places)))
    earlier = torch.ones(n_places - back - 1).diag(-back - 1)
    return place @ earlier, place, word


# %% everybody before
# believes: all that lies back is back
# gets: 0
# says: several words at once
def look_back_views(n_words, n_places, back):
    word = torch.cat((torch.eye(n_words), torch.zeros(n_places, n_words)))
    place = torch.cat((torch.zeros(n_words, n_places), torch.eye(n_places)))
    earlier = torch.ones(n_places, n_places).tril(-back)
    return place @ earlier, place, word


# %% query and key swapped
# believes: it does not matter who asks
# gets: 0
# says: that is forward, not back
def look_back_views(n_words, n_places, back):
    word = torch.cat((torch.eye(n_words), torch.zeros(n_places, n_words)))
    place = torch.cat((torch.zeros(n_words, n_places), torch.eye(n_places)))
    earlier = torch.ones(n_places - back).diag(-back)
    return place, place @ earlier, word


# %% two matrices
# believes: the values are the words anyway
# gets: 0
# says: three matrices
def look_back_views(n_words, n_places, back):
    word = torch.cat((torch.eye(n_words), torch.zeros(n_places, n_words)))
    place = torch.cat((torch.zeros(n_words, n_places), torch.eye(n_places)))
    earlier = torch.ones(n_places - back).diag(-back)
    return place @ earlier, place


# %% right, by a roll
# believes: who has nobody so far back may be told anything
# gets: 8
# says:
def look_back_views(n_words, n_places, back):
    word = torch.cat((torch.eye(n_words), torch.zeros(n_places, n_words)))
    place = torch.cat((torch.zeros(n_words, n_places), torch.eye(n_places)))
    return place.roll(-back, dims=1), place, word


# %% right, the key shifted
# believes: to be found later is as good as to ask earlier
# gets: 8
# says:
def look_back_views(n_words, n_places, back):
    word = torch.cat((torch.eye(n_words), torch.zeros(n_places, n_words)))
    place = torch.cat((torch.zeros(n_words, n_places), torch.eye(n_places)))
    earlier = torch.ones(n_places - back).diag(-back)
    return place, place @ earlier.T, word
