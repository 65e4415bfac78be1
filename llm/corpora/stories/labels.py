"""What is asked about a story, and how it is summed up, plot by plot."""

LABELS = """
summary lost:
- {hero} lost a {size} {colour} {thing} {place.at}, and {finder} found it {spot}.
questions lost:
- What did {hero} lose? a {size} {colour} {thing} / Where was the {thing}? {spot} / Who
  found it? {finder} / Who helped {hero} to look? {friend}

summary trade:
- <trade sum {kept}>
trade sum yes:
- {hero} gave {friend} a {colour2} {thing2} for a {colour} {thing}.
trade sum no:
- {hero} and {friend} traded a {thing2} for a {thing}, and then traded back.
trade sum none:
- {friend} would not trade the {thing} for good, but lent it to {hero} for a while.
questions trade:
- What did {hero} bring? a {size2} {colour2} {thing2} / What did {hero} want? a {size}
  {colour} {thing} / Who had the {thing} at first? {friend} / Who has it at the end?
  <trade end {kept}>
trade end yes:
- {hero}
trade end no:
- {friend}
trade end none:
- {friend}

summary gift:
- {hero} gave {friend} a {size} {colour} {thing}<gift sum {twin}>.
gift sum yes:
- , and got a {size2} {colour2} one
gift sum no:
- , all wrapped up
questions gift:
- What was in the parcel of {hero}? a {size} {colour} {thing} / From whom did {hero} get
  it? from the {helper} / What did {friend} take it for? a {guess} / For whom was
  it? for {friend}

summary stuck:
- {hero} dropped a {size} {colour} {thing} into {pit}<stuck sum {out}>.
stuck sum yes:
- , and the {helper} helped to get it out
stuck sum no:
- , and the {tool} of the {helper} could not reach it
questions stuck:
- What did {hero} drop? a {size} {colour} {thing} / Where did it fall? into {pit} / Who
  came to help first? {friend} / What did the {helper} have? a {tool}

summary mixup:
- {hero} took the {colour2} {thing} of {friend} home by mistake<mixup sum {kept}>.
mixup sum yes:
- , and they left it at that for a time
mixup sum no:
- , and they swapped back
questions mixup:
- Which {thing} belonged to {hero}? the {colour} one / Which {thing} belonged to
  {friend}? the {colour2} one / Where did they leave both? {spot} / Who has the
  {colour2} one at the end? <mixup end {kept}>
mixup end yes:
- {hero}
mixup end no:
- {friend}

summary journey:
- {hero} brought {friend} a {size} {colour} {thing}<journey sum {shared}>.
journey sum yes:
- , and was helped by the {creature} that got some food
journey sum no:
- , and did not share with the {creature}
questions journey:
- What did {hero} bring? a {size} {colour} {thing} / For whom? for {friend} / Whom did
  {hero} meet on the way? a {creature} / Did {hero} share? {shared}

summary promise:
- {friend} lent {hero} a {size} {colour} {thing}<promise sum {kept}>.
promise sum yes:
- , and {hero} was back in time
promise sum no:
- , and {hero} forgot to bring it back in time
questions promise:
- What did {hero} borrow? a {size} {colour} {thing} / From whom? from {friend} / When
  should it be back? {deadline} / Did {hero} keep the promise? {kept}

summary quarrel:
- {hero} and {friend} fought over a {size} {colour} {thing}<quarrel sum {peace}>.
quarrel sum owner:
- , until the {helper} came for it
quarrel sum turns:
- , and agreed to take turns
quarrel sum chance:
- , until chance gave it to {friend}
quarrel sum gift:
- , and gave it to {third}
questions quarrel:
- What did they both want? a {size} {colour} {thing} / Where did it lie? {spot} / Who has
  it at the end? <quarrel end {peace}>
quarrel end owner:
- the {helper}
quarrel end turns:
- {hero}
quarrel end chance:
- {friend}
quarrel end gift:
- {third}

summary owner:
- {hero} found a {size} {colour} {thing} {place.at}<owner sum {found}>.
owner sum yes:
- , and gave it back to {third}
owner sum late:
- , and put up a note, and the {helper} came for it
owner sum no:
- , but nobody ever asked for it
questions owner:
- What did {hero} find? a {size} {colour} {thing} / Where did it lie? {spot} / Who has
  it at the end? <owner end {found}>
owner end yes:
- {third}
owner end late:
- the {helper}
owner end no:
- {hero}
"""
