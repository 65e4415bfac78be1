"""The plots: how a story begins, and the nine ways it can go."""

PLOTS = """
story:
- <weather><when> {hero:person}[, who <trait>,|, with <snack>,|3x , in <garb> and
  <garb>,] <walked> {place:place/to}(go hero place) <errand {place}>. [|4x <aside
  {weather}> ]<plot>

weather:
- (weather=sun)
- (weather=rain)
- (weather=wind)
- (weather=snow)
- (weather=fog)

plot:
- (plot=lost)<lost>
- (plot=trade)<trade>
- (plot=gift)<gift>
- (plot=stuck)<stuck>
- (plot=mixup)<mixup>
- (plot=journey)<journey>
- (plot=promise)<promise>
- (plot=quarrel)<quarrel>
- (plot=owner)<owner>

# --- Lost and found ---------------------------------------------------------------

lost:
- <lost start> <lost put> [|4x <passer> ]<lost miss> <lost ask> <lost search> <lost
  found> <lost end>

lost start:
- {hero.He} [carried|took along|swung|hugged|wheeled|held] <a thing>(have hero
  thing)[|, <for luck>].
- In {hero.his} [arms|lap|basket|cart|sack] was <a thing>(have hero thing)[|, <for
  luck>].

for luck:
- a present from [an aunt|an uncle|a neighbour|a pen friend|grandmother|a cousin]
- [for luck|for company|just in case|half price|won at a fair|found at sea|a prize]
- made by a <kind> {maker:maker}

lost put:
- <soon> {hero.he} [put|laid|set|left|hid] it {spot:spot {place}}(put hero thing
  spot), so that {hero.he} could <busy>.
- To <busy>, {hero.he} [put|laid|set|left|hid] it {spot:spot {place}}(put hero thing
  spot)[|, only for a [minute|while|moment|bit]].

busy:
- 3x [pat|stroke|feed|sketch|chase|greet|imitate|teach] <creature>
- 2x [eat|share out|hide|count|taste|toast] <snack>
- [tie|shake out|dry|lace up|look for] a [shoe|boot|clog|slipper|sandal]
- 2x help a <kind> {lifter:lifter} with a [sack|crate|barrel|ladder|trunk|door|
  piano]
- [skip stones|build a tower|do a handstand|climb a post|write a letter|turn
  cartwheels]

lost miss:
- <later>(go hero home) {hero.he} [looked|reached|felt|searched] for the {thing}.
  "<oh>!"
- <later>(go hero home) {hero.he} [suddenly|at last|then] [thought of|remembered|
  missed] the {thing}. "<oh>!"

lost ask:
- [Next door|Upstairs|Outside|Across the road], {friend:person}(go friend home) was
  [eating|sharing|hiding|buttering|counting|selling] <snack>. "[Have you seen|Did
  you see|Do you have|Where is] my {thing}?" <asked> {hero}[|2x , <doing>]. <lost
  where>
- [In came|At the window stood|By the stove sat] {friend:person}(go friend home)[|
  2x  in <garb>] with <snack>. "My {colour} {thing} is [gone|lost|away]!" <said>
  {hero}[|2x , <doing>]. <lost where>

lost where:
- "[Where were you|Where did you play|Where did you go]?" <asked> {friend}[|2x ,
  <doing>]. "{place.At}," <said> {hero}. "<come on>!"
- "<come on>!" <said> {friend}[|2x , <doing>].

lost search:
- (go hero place)(go friend place)[Back there|Once there|Before long|Out of breath|
  Half an hour later|As soon as they could], {friend} [looked|felt|searched]
  {spot2:spot {place}}. <Rubbish>
- (go hero place)(go friend place)So back they <ran>. [First|Together|With a lamp|On
  tiptoe|Shivering|Bravely] they [looked|felt|searched] {spot2:spot {place}}.
  <Rubbish>

Rubbish:
- [Only|Just|Nothing but|There was only|Alas, only|Merely|No, only|Why,] <rubbish>!

rubbish:
- a [wet|lonely|rusty|broken|lost|bent|mouldy|left|torn|frozen] [sock|fork|button|
  feather|hook|shoe|wig|glove|comb|pipe|coin|tooth]
- a [cross|startled|sleeping|very old|wordless|stray|bored|giant] [snail|beetle|toad|
  spider|worm|newt|moth|slug|crab|centipede]
- a [half-eaten|frozen|squashed|bitten|green] [apple|carrot|pie|potato|sandwich|
  turnip]

lost found:
- [Then|At last|Next|Finally|Bravely|Sadly] {hero} [looked|felt|searched] {spot}: [
  there it was|the {thing}|hurrah](take hero thing)(finder={hero}), <found
  {weather}>!
- "[Look|Here|Hurrah|Come|Found]!" <said> {friend}. [It|The {thing}] was {spot}(take
  friend thing)(finder={friend})(give friend hero thing), <found {weather}>.

found sun:
- [warm from|faded by|shining in|dried by|baked by] the sun
- with a [butterfly|ladybird|grasshopper|lizard|bee|dragonfly|swallow] on it
found rain:
- [dripping|shiny|wet through|soaked|washed clean|full of water], but whole
- with a [frog|snail|slug|worm|drowned wasp|wet moth|leech] on it
found wind:
- [half buried in|covered with|hidden by] [leaves|dust|feathers|straw|twigs|petals|
  sand]
- a [foot|yard|step|little|stone's throw] further than before
found snow:
- under a [cap|hat|blanket|pillow|crust|mound|coat] of snow
- [stiff|white|cold|hard] as [ice|bone|stone|marble|iron]
found fog:
- [grey|beaded|silvery|damp] with [mist|dew|drops]
- [cold|clammy|slippery] as a [fish|nose|cellar|frog|toad]

lost end:
- "<thanks>!" {hero} hugged {friend} and [laughed|danced|sang|cheered|
  wept].(mood=happy) All the way home they [sang|hummed|whistled|yodelled] [a song|
  old tunes|marches|a round|nonsense|carols].
- "<thanks>," <said> {hero}[|2x , <doing>].(mood=relieved) That [night|evening|week]
  the {thing} [stayed|slept] [under the pillow|beside the bed|on the window sill|on
  a hook|in the bath|on a chair|in a box|by the stove].
- (mood=happy)They [shared|ate|had|bought] <snack>, and {hero} <use the {thing}>.

# --- A trade ----------------------------------------------------------------------

trade:
- <trade meet> [|4x <passer> ]<trade ask> <trade answer>

trade meet:
- Who [stood there|was that|came along]? {friend:person}(go friend place)[|2x  in
  <garb>], with <a thing>(have friend thing). {hero} [had only|carried|held up] <a
  thing2>(have hero thing2).
- {hero.He} had brought <a thing2>(have hero thing2). {friend:person}(go friend
  place)[|2x , in <garb>,] [sat|stood|lay|knelt] {spot:spot {place}} with <a
  thing>(have friend thing).

trade ask:
- (want hero thing)"[What a fine|I have never seen such a|Oh, what a|I dream of such
  a|Is that a real|My, what a|I adore your] {thing}!" <said> {hero}[|2x , <doing>].
  "<swap>?"
- (want hero thing){hero} [stared|looked] at the {thing} [for a minute|for a long
  time|until <creature> [yawned|sneezed|laughed]]. "<swap>?" {hero.he} [asked|said|
  begged] at last[|2x , <doing>].

swap:
- [Will you swap|Would you trade|Do you want my {thing2} for it|Shall we swap]

trade answer:
- <trade yes> <trade swap> <trade joy>
- <trade more> <trade swap> <trade joy>
- <trade no>

trade yes:
- {friend} <glad>. "<yes>! I [always wanted|need|have lost|sat on|once broke|dream
  of] a {thing2}[.|, and {colour2} is my [lucky|favourite|best] colour.|, and a
  {size2} one, too.]"
- "[Let me see|Hold it up|Hm|Turn round|One moment]," <said> {friend}, and [turned|
  shook|tapped|smelled|licked|weighed|kissed] the {thing2}. "<yes>!"

trade more:
- {friend} [thought|frowned|sighed|coughed|blinked]. "[It|Yours|That] is rather
  {size2}. [What else have you got|Is that all|And what else]?" {hero} found <snack>
  in a [pocket|boot|cap|sleeve|bag]. "[Now we are talking|That will do|Perfect|Yum|
  Done]!" <said> {friend}[|2x , <doing>].

trade swap:
- (give hero friend thing2)(give friend hero thing)(content hero)They [swapped|
  traded|exchanged them|changed] <gladly> and [[shook hands|bowed|nodded|sang] [
  once|twice|like kings|like sailors|like friends]|shared <bite>].

trade joy:
- (mood=happy)(kept=yes)[All day|Until supper|For hours|At once|All week|From that
  day] {friend} <use the {thing2}>. [Meanwhile|At home|Next door|Nearby|Later]
  {hero} <use the {thing}>.
- (kept=no)(mood=relieved)But [that night|at bedtime|in the evening|in bed] {hero} [
  missed|thought of|dreamed of|cried for] the {colour2} {thing2}. [In the morning|At
  dawn|On <weekday>] {friend} came [by|back|<doing>]. "[I miss my|Oh, my|Give me my
  dear] {thing}!" They [laughed|blushed|giggled|hugged|sighed](go hero home)(go
  friend home)(give friend hero thing2)(give hero friend thing), [changed|swapped|
  traded] back and [shared|ate] <snack>.

trade no:
- {friend} [shook a finger|looked away|held it tight|went pale|bit a nail]. "[It
  belonged to|I had it from|It was made by] my [grandfather|grandmother|uncle|great
  aunt|teacher].(kept=none) But we can [swap|change|trade] until [supper|dusk|six|
  bedtime]."(give hero friend thing2)(give friend hero thing) [So|And] {hero} <use
  the {thing}>, and {friend} <use the {thing2}>. <trade back>

trade back:
- (give friend hero thing2)(give hero friend thing)(mood=calm)[Later|In the end|When
  it was time] {hero.he} gave it back[|2x , <doing>]. It had been [almost|nearly|
  quite] as good as [a real trade|owning it|a feast|a holiday|cake|<bite>].
- (give friend hero thing2)(give hero friend thing)(mood=wistful)[Giving it back|
  That] was [hard|not easy|a little sad|dreadful], but {hero} [did it|managed|
  obeyed] and <ran> home with the {thing2}[|2x , <doing>].

# --- A gift -----------------------------------------------------------------------

gift:
- <gift day> <gift find> [|4x <passer> ]<gift wrap> <gift guess> <gift end>

gift day:
- The birthday of {friend:person}(go friend house) was near. [But what to give|What
  to buy|What now|But what to bring]?
- {hero.He} wanted to [surprise|thank|visit|cheer up] {friend:person}(go friend
  house), who [was ill|was sad|was moving away|had a [broken|twisted|stiff|blue] [
  leg|arm|toe|neck|thumb|nose]|was turning [seven|eight|nine|ten]].

gift find:
- <Helper> [sold|had] <odds>, <more odds> and <a thing>. {hero} bought the {thing}
  for [two|three|four|five|ten] [coins|eggs|buttons|pears|acorns](have hero thing).
- [At first|All morning|Everywhere|To begin with|In [five|six|seven] shops]
  {hero.he} saw only <odds> and <more odds>. Then <helper> [held up|brought out|
  unwrapped|found] <a thing>. "[Take it|It is yours|For you|Free today]," <said> the
  {helper}(have hero thing).

odds:
- [old|odd|cracked|dusty|chipped|secret|tin] [plates|pipes|chairs|brooms|clogs|wigs|
  maps|hooks]
more odds:
- [new|cheap|sour|smoked|salted|lost|dried] [nails|eels|apples|ribbons|pots|turnips|
  teeth|figs]

gift wrap:
- {hero.He} [wrapped|packed|rolled|hid] the {thing} in <paper>, tied it with <hue>
  <string> and <ran> to {friend}(go hero house).
- With <hue> <string> and <paper> the {thing} became a [lumpy|funny|pretty|crooked|
  round|flat|strange|splendid|tiny|huge] parcel, and {hero} [carried|took|brought|
  wheeled] it to {friend}(go hero house).

string:
- [string|grass|ribbon|bootlaces|wool|wire|belts|seaweed|tape|ivy|rope|lace|twine]
paper:
- [newspaper|leaves|wallpaper|brown paper|a sock|a curtain|sheet music|straw|a
  pillow case]
- a <hue> [shirt|sack|rag|apron|sheet|towel|carpet|cushion|flag|napkin|sail]

gift guess:
- {friend} [shook|smelled|squeezed|weighed|kissed] it. "[Is it|Could it be] a
  {guess:thing}?" "<no>," <said> {hero}[|2x , <doing>].(give hero friend thing)
- "[For me|What can it be|A parcel]?" <asked> {friend}[|2x , <doing>]. "A
  {guess:thing}?" {hero} [laughed|giggled|smiled|winked](give hero friend thing).

gift end:
- (mood=happy)(twin=no)[Out came|It was|There lay|In it was|At last] the {colour}
  {thing}. "<thanks>!" {friend} [jumped for joy|clapped|cheered|turned three
  cartwheels|danced] and <use the {thing}>.
- (mood=funny)(twin=no)[Out slid|Out fell|Out rolled|Yes, out came] the {thing}.
  "<thanks>," <said> {friend}. But {friend.he} liked the [parcel|wrapping|knot] even
  better and [wore it|kept it|hung it up] [as a hat|as a crown|in bed|on one ear] [
  all day|until bedtime|for a week|for a year].
- (twin=yes)[Inside was|Deep inside lay|Under the knots was] the {thing}. {friend} [
  stared|laughed|gasped|blushed] and [fetched|brought|found] another parcel(have
  friend twin). "[For you|I made it|Open this]!" In it lay a {size2:size}
  {colour2:colour} {thing}(give friend hero twin).(mood=happy) Now they each had
  one, and each <use {thing}>.

# --- Something falls where nobody can reach it ------------------------------------

stuck:
- <stuck fall> [|4x <passer> ]<stuck try> <stuck help>

stuck fall:
- {hero.He} was [swinging|admiring|polishing|juggling with|sketching] <a thing>(have
  hero thing) when it slipped and [fell|rolled|slid|tumbled|flew] into <pit>(put
  hero thing pit).
- {hero.He} was [dancing|skipping|hopping|walking backwards|running] with <a
  thing>(have hero thing). [Bump|Crash|Clatter|Oops|Bang]! It [lay|was] in <pit>(put
  hero thing pit).

pit:
- (pit=the ditch)a [deep|muddy|narrow|stinking|wide] ditch
- (pit=the well)an [old|empty|echoing|icy|ancient] well
- (pit=the hedge)a [thorny|high|prickly|thick|dense] hedge
- (pit=the cellar)a [dark|locked|cold|flooded|mouldy] cellar
- (pit=the stream)a [swift|brown|noisy|cold|rocky] stream
- (pit=the hole)a [round|black|bottomless|snaky|tiny] hole

stuck try:
- {hero.He} [poked|fished|reached] for the {thing} with a [stick|rake|branch|pole|
  broom|cane|shoe|ladle|fork], [without luck|in vain|for an hour]. <stuck friend>
- "<oh>!" <said> {hero}[|2x , <doing>]. <stuck friend>

stuck friend:
- Along came {friend:person}(go friend place) and held {hero.him} by the [belt|coat|
  feet|sleeve|hood|braces]. "[Almost|A little more|Nearly|I see it|I touched it]!"
  <said> {hero}.
- Luckily {friend:person} [had|brought|baked](go friend place) <snack>, and they [
  thought|sat down to think|thought and ate].

stuck help:
- <stuck helper> <stuck end>

stuck end:
- [Out came|Up came|There was] the {thing}, <muddy>.(take friend thing)(give friend
  hero thing)(out=yes) <stuck thanks>
- But [it|the {tool}] was too [short|weak|old|stiff|thin].(out=no) {hero} [went|
  walked|crept|trudged] home [sadly|without it|in silence](go hero home)(go friend
  home). <stuck surprise>

stuck helper:
- Then <helper> [stopped|came by|looked up|limped by]. "[Try|Take|Here is|I have] a
  <tool>," <said> the {helper}.
- {friend} <ran> to [fetch|find] <helper>, who [brought|had|owned] a <tool>.

tool:
- (tool=rope)[long|thick|tarry|strong|borrowed] rope
- (tool=ladder)[long|wooden|folding|shaky|rope] ladder
- (tool=net)[fishing|green|wide|torn|butterfly] net
- (tool=hook)[steel|boat|long|rusty|crane] hook
- (tool=magnet)[red|heavy|strong|secret] magnet
- (tool=fishing rod)[new|long|thin|bamboo] fishing rod

muddy:
- [muddy|wet|scratched|dusty|dented|slimy|cold] but [whole|safe|in one piece|fine]
- none the worse for [it|the fall|a bath]
- with a [worm|leaf|snail|toad|thorn|slug|beetle|newt|feather] on it

stuck thanks:
- (mood=happy)"<thanks>!" <said> {hero}[|2x , <doing>]. "[It was nothing|I dropped a
  {lost:thing} there once|Hold on to it]," <said> the {helper}. {hero} <use the
  {thing}>.
- (mood=relieved){hero} [gave|handed|paid|offered] the {helper} <snack> and tied the
  {thing} to [a belt|one wrist|one boot|a button|one knee] with <hue> <string>.

stuck surprise:
- [In the morning|At breakfast|The next day] <creature> [stood|sat|waited] at the
  door with the {thing}(come hero thing), <muddy>!(mood=happy) [Nobody ever found
  out how.|It wanted <snack>.]
- (mood=sad)"<come on>," <said> {friend} and gave {hero.him} <a thing2>(have friend
  thing2)(give friend hero thing2). {hero} [smiled a little|felt better|stopped
  crying] and <use the {thing2}>.

# --- A mix-up ---------------------------------------------------------------------

mixup:
- <mixup meet> [|4x <passer> ]<mixup play> <mixup home> <mixup back>

mixup meet:
- {hero.He} had <a thing>(have hero thing). At the [gate|door|corner|pump] stood
  {friend:person}(go friend place)[|2x , in <garb>,] with a {size2:size} [|<shiny>
  ]{colour2:colour} one(have friend twin).
- Two [friends|cousins|neighbours|rivals] [met|stopped|paused|sat down], each with a
  {thing:thing}: {friend:person}(go friend place) with a {size2:size}
  {colour2:colour} one(have friend twin), {hero} with a {size:size} [|<shiny>
  ]{colour:colour} one(have hero thing).

mixup play:
- They [put|laid|set|hid] both {spot:spot {place}}(put hero thing spot)(put friend
  twin spot) and [played tag|climbed about|ran races|told jokes|fed <creature>]
  until [it grew dark|a bell rang|supper time|<helper> sent them off]. <mixup grab>
- [Both|The two] [left|dropped|parked|forgot] them {spot:spot {place}}(put hero
  thing spot)(put friend twin spot), shared <snack> and <chatted>. <mixup grab>

chatted:
- [talked about|argued about|laughed at|sang about] <fat> [geese|grandmothers|
  pirates|dentists|giants|uncles|teachers|kings|cooks|policemen]
- [talked about|argued about|laughed at|sang about] [the moon|a dream|teeth|beards|
  hats|comets|soup|volcanoes|whales|love]

mixup grab:
- (take hero twin)(take friend thing)[In the rush|By mistake|Half asleep|Giggling|
  Late as always,|Quite lost|Still chewing] {hero} took the {colour2} one.

mixup home:
- <later>(go hero home) {hero} [put on the light|sat up|sat down|sneezed|blinked|
  opened the curtains|took a closer look]. "<oh>! [This|It] is {colour2}!"
- <later>(go hero home) {hero.his} [mother|father|sister|brother|aunt|uncle|cousin|
  grandmother|grandfather|parrot|nanny|neighbour] <asked>: "[A|Since when a|Why a]
  {colour2} {thing}?" "<oh>!" <said> {hero}.

mixup back:
- {hero.He} <ran> back, and halfway there [was|came|stood] {friend}, [red in the
  face|hatless|barefoot|in <garb>|<doing>](go hero road)(go friend road). <mixup
  end>
- (go hero house)(go friend house)So {hero.he} <ran> to {friend}. "[I have your|This
  is your|Here is your|Look, your|I took your] {thing}," {hero.he} <said>[|2x ,
  <doing>]. <mixup end>

mixup end:
- (give hero friend twin)(give friend hero thing)(kept=no)They [swapped|traded] and
  [laughed|bowed|shook hands|ate <snack>|hugged|blushed].(mood=funny) Then {hero.he}
  [tied|sewed|glued|pinned|hung] a <hue> [ribbon|bell|button|feather|star|cork|leaf|
  label|bead|knot|tag] on [it|the {thing}].
- "[Shall we|Why not|Let us] keep them [until <weekday>|for a week|for a day|for
  ever|till June]," <said> {friend}[|2x , <doing>].(kept=yes)(mood=happy) "<yes>!"
  So {hero} <use the {thing}>.

# --- A journey --------------------------------------------------------------------

journey:
- <journey task> [|4x <passer> ]<journey animal> <journey choice>

journey task:
- [From there|After that|Then|Next] {hero.he} [had to|wanted to|was to|meant to] [
  bring|take|carry] <a thing>(have hero thing) to {friend:person}(go friend far),
  <far away>.
- In {hero.his} [bag|coat|rucksack|boat] lay <a thing>(have hero thing) for
  {friend:person}(go friend far), <far away>.

far away:
- [behind|beyond] the [hills|marsh|lake|woods|quarry|canal|swamp|vineyards]
- [two|three|four|five|six] [miles|hours|villages|hills|valleys|farms] away
- on [an island|a lonely farm|a mountain|the far shore|a barge|a ferry|a cliff]

journey animal:
- [Beside the road|In the way|On a gate|On a milestone|At a fork] [sat|stood|lay|
  wept] <creature>. "[I am hungry|I could eat a hat|Have you any food|I smell food|
  Feed me|No lunch yet]," it <said>. {hero} had <snack>.
- <Creature> [blocked|lay across|guarded] the path. "[Stop|Halt|One moment|Not so
  fast|Toll]! [Pay me with|I want|Give me] <snack>," it <said>.

journey choice:
- (shared=yes){hero} [shared|paid] <gladly>. "<thanks>," said the {creature}. "The [
  bridge|left path|ferry|short cut|tunnel|stile|ford] is [broken|flooded|closed|
  haunted|icy|full of bees]. [Follow me|Take the other one|Hop on my back|Go round
  by the [mill pond|chapel|quarry|old oak|dairy|inn]]." <journey well>
- (shared=no)"<no>," <said> {hero}[|2x , <doing>], and [walked on|hurried past|ran
  on|turned away|hid the food|held on tight]. <journey badly>

journey well:
- (go hero far)So {hero} [came|got] there [by noon|before dark|in time for supper|
  with dry feet|<doing>|in an hour|safely], and {friend} [waved|stood|waited|sat] at
  the [gate|door|window|fence|well|pump]. <journey give>

journey badly:
- But [the bridge was broken|the path ended|a sign was missing|fog came up|it began
  to hail|a bull stood there], and {hero} [got lost|got wet|fell in the mud|lost a [
  boot|glove|shoe|sock]|went round in circles](go hero far). It was [night|late|
  dark|nearly midnight|almost morning] when {friend} [opened|came to|unlocked] the
  door. <journey give>

journey give:
- "[A|My|Oh, a] {thing}!" <said> {friend}[|2x , <doing>]. "<thanks>!"(give hero
  friend thing) <journey last {shared}>
- {friend} <glad>, [took|unpacked|hugged|kissed|admired|dusted|weighed] the
  {thing}(give hero friend thing) and <use {thing}>. <journey last {shared}>

journey last yes:
- (mood=happy)[On the way back|Later|At dawn|For a week|On <weekday>] {hero} [
  brought|gave|fed|threw] the {creature} <snack>.
- (mood=happy)"[Who showed you the way|How did you find me]?" <asked> {friend}. "A
  <fat> {creature}," <said> {hero}.
journey last no:
- (mood=sorry)"[I should have shared|I was mean to a {creature}]," <said> {hero},
  and went back [the next day|in the morning|at dawn|that night|on <weekday>] with
  <snack>.
- (mood=wistful)That night {hero} [slept badly|lay awake|tossed about|could not eat]
  and [thought of|dreamed of|heard|drew|missed] the {creature}.

# --- A promise --------------------------------------------------------------------

promise:
- <promise lend> <promise word> [|4x <passer> ]<promise play> <promise day>

promise lend:
- It was then that {friend:person}(go friend place) came with <a thing>(have friend
  thing). "[May I|Can I|Could I|Please, may I] [borrow|have|try|hold|take] it [for a
  bit|for a day|today|for once|till later]?" <asked> {hero}[|2x , <doing>].
- Proudly {friend:person}(go friend place) showed {hero.him} <a thing>(have friend
  thing). "[Will you lend it to me|I wish I had that|May I borrow it|Oh, lend it to
  me|I want that|My dream]!" <said> {hero}[|, <doing>].

promise word:
- "<yes>, but bring it back <deadline>," <said> {friend}.(give friend hero thing) "[
  I promise|My word on it|I swear|You can count on me|Trust me]!" {hero} <glad> and
  <use {thing}>.
- "[Only if|If|As long as|Provided that] you [bring it back|return it|give it back]
  <deadline>." "[I will|I promise|You have my word|Word of honour|Naturally]!"(give
  friend hero thing) And {hero} <use the {thing}>.

deadline:
- (deadline=before supper)before supper
- (deadline=before dark)before dark
- (deadline=before bedtime)before bedtime
- (deadline=before tea)before tea
- (deadline=by four)by four
- (deadline=by five)by five
- (deadline=by six)by six
- (deadline=by seven)by seven
- (deadline=by eight)by eight
- (deadline=by nine)by nine
- (deadline=before the rain)before the rain
- (deadline=in an hour)in an hour
- (deadline=by ten)by ten

promise play:
- [Then|But then|Soon] {hero.he} [saw|met|heard] <creature> [with a bone|on a roof|
  asleep in a hat|in a cart|in love|at a piano|up a tree|in a queue] and [drew it|
  followed it|sang to it|hugged it|washed it|fed it <snack>].
- [Then|But then|Soon] <helper> [told a tale|did tricks|needed help|fainted|handed
  out <snack>], and {hero} [forgot the time|stayed|stayed for hours|forgot
  everything].

promise day:
- (kept=yes)"<oh>! [My promise|I promised|It is late|The time|I must go]!" {hero}
  <ran> [over the bridge|through the mud|across the fields|past the church|down the
  hill|through a hedge|over nine walls|like the wind] and was there {deadline}(go
  hero house)(go friend house)[|2x , <doing>]. <promise kept>
- (kept=no){hero} went home [late|tired|whistling|sleepy|<gladly>] with the {thing}.
  Only [in bed|the next day|at breakfast|at midnight|at school|on <weekday>]
  {hero.he} remembered. "<oh>!" <promise sorry>

promise kept:
- "[Here it is|Here is your {thing}|Your {thing}|There|As promised|Catch|Take
  it]!"(give hero friend thing) {friend} <glad>. "[I knew you would come|Borrow it
  any time|You are as good as your word|Have <snack>|You are a hero|I never doubted
  it|Come in]."(mood=proud)

promise sorry:
- With [red|hot|cold|burning|hanging] [ears|cheeks] and <bite> {hero.he} <ran> to
  {friend}(go hero house)(go friend house). "[I forgot|Here|Your {thing}].
  <sorry>."(give hero friend thing) <promise answer>
- {friend} was [already|still] [at the door|on the steps|at the window|in the
  rain](go hero house)(go friend house). {hero} [gave|handed] it back[ without a
  word|, <doing>].(give hero friend thing) <promise answer>

promise answer:
- (mood=sorry)"I [waited|stood there|froze|cried|sulked] until [ten|eleven|midnight|
  dawn|breakfast]," <said> {friend}. For a [day|week|month|year] {hero} was [very|
  extra|quite] [kind|early|quiet|polite|helpful|gentle|pale|tidy].
- (mood=relieved){friend} [frowned|was silent|coughed|sniffed], then <glad>. "[Never
  mind|It happens|I forget things too|Oh well|Forget it|All is well]. [Next time|
  Tomorrow], {deadline}."

# --- A quarrel, and peace ---------------------------------------------------------

quarrel:
- <quarrel see> [|4x <passer> ]<quarrel shout> <quarrel pull> <quarrel end>

quarrel see:
- Soon {friend:person}(go friend place) came, too[|2x , in <garb>]. [And then|
  Suddenly|Then|At once|Just then] they [both saw it|stopped|stared|gasped]:
  {spot:spot {place}} lay <a thing>(lie thing place spot).
- Somebody had [left|lost|forgotten] <a thing> {spot:spot {place}}(lie thing place
  spot). {hero} [ran|leapt|dived] for it, but so did {friend:person}(go friend
  place).

quarrel shout:
- "[I saw it first|Mine|Hands off|Out of my way]!" <said> {hero}[|2x , <doing>]. "[
  No, me|Never|I did|You always say that]!" <said> {friend}.
- "[Give it to me|Let go|It is mine|Mine]," <said> {friend}[|2x , <doing>]. "[You
  let go|You have a {lost:thing} already|Not for <snack>]!" <said> {hero}.

quarrel pull:
- They [pulled|tugged|wrestled|fought] [and roared|hard|like donkeys|like pirates|in
  silence] until [both sat down in the mud|a button came off|both fell over|
  <creature> ran away].
- They [argued|shouted|glared] so [loudly|long|fiercely] that [windows opened|
  <creature> woke up|a clock stopped|milk turned sour].

quarrel end:
- (peace=owner)Then <helper> came(go helper place). "[There you are|There it is|At
  last|So here], my [dear|good|poor|own|sweet] {thing}!"(take helper thing) {hero}
  and {friend} [blushed|stared|looked at their shoes|went red|gasped|said nothing].
  <quarrel laugh>
- (peace=turns)"[Wait|Stop|Listen|This is silly]," <said> {friend}[| at last]. "[You
  have it|Keep it] until <weekday>, then [I do|me]."(take hero thing) "<yes>!"
  {hero} <glad> and <use the {thing}>. <quarrel peace>
- (peace=chance)<Helper> [tossed a coin|drew straws|asked a riddle|rolled dice|spun
  a spoon], and {friend} won.(take friend thing) {hero} [sulked|sighed|kicked a
  stone|went red|stamped], but {friend} <glad>. "<come on>!" So together they <use
  the {thing}>.(mood=happy)
- (peace=gift)Just then {third:visitor} [came by|passed|arrived](go third place), [
  in <garb>|crying|all alone|<doing>]. They [looked at each other|were silent|
  blushed|stopped]. "[For you|Take it|Here|You have it]!" they said(take friend
  thing)(give friend third thing), and {third} <glad> and <use the {thing}>.
  <quarrel peace>

quarrel laugh:
- (mood=funny)[Then|Suddenly] they [laughed|burst out laughing|giggled], and the
  {helper} [gave|threw|brought] them <snack>.
- (mood=sorry)"[We quarrelled over nothing|<sorry>]," <said> {friend}[|2x ,
  <doing>].

quarrel peace:
- (mood=happy)[And both|Then they] [shared|ate|cooked|bought|found] <snack>.
- (mood=calm)[They|Both] [walked|went|trotted|limped|ambled] home [arm in arm|side
  by side|slowly], [without a word|talking of <fat> [cats|aunts|kings|whales]|
  friends again|sharing <bite>].

# --- A thing without an owner -----------------------------------------------------

owner:
- <owner find> [|4x <passer> ][|<owner wrong> ]<owner right>

owner find:
- {hero.He} looked {spot:spot {place}} and [found|saw|noticed] <a thing>(lie thing
  place spot)(take hero thing). "[Whose is this|Who lost a {thing}|Hello, is anyone
  there]?" {hero.he} <asked>[|2x , <doing>].
- There, {spot:spot {place}}, lay <a thing>(lie thing place spot). {hero} [shook|
  wiped|dried|smelled] it(take hero thing) and [waited|sat down|looked round].

owner wrong:
- {friend:person} came [first|running|up](go friend place). "My {thing}!" "[What
  colour|Which colour|And what colour|Quick, what colour] is [yours|it]?" <asked>
  {hero}[|2x , <doing>]. "It is {colour2:colour}," <said> {friend}. "<no>," <said>
  {hero}.

owner right:
- Then {third:visitor} [came|walked] by(go third place), [in <garb>|in tears|looking
  everywhere|quite pale|with a lamp|<doing>]. "[I have lost|Please, I need|I miss|
  Who has|I want|Who took|Give me] my {size} {colour} {thing}!" {hero} <glad> and [
  held it out|gave it back|handed it over|let go](give hero third thing).(found=yes)
  <owner thanks>
- [But nobody asked for it.|No owner came.|Nobody.|Silence.|Only the wind.] {hero} [
  nailed|pinned|tied|glued|stuck] a note to a [post|tree|door|fence|pump|gate|barn|
  lamp post]: "Found: a {size} {colour} {thing}." <owner note>

owner thanks:
- (mood=happy)"<thanks>!" {third.He} <glad> and <use {thing}>.
- (mood=happy)"<thanks>," <said> {third}[|2x , <doing>], and gave {hero.him}
  <snack>.

owner note:
- (found=late)(mood=relieved)[The next day|A week later|On <weekday>] <helper>
  knocked(go hero home)(go helper home). "[It is mine|My {thing}|I saw your note|
  Found]!"(give hero helper thing) [And|So|Then] {hero} [got|was given|earned]
  <snack>.
- (found=no)(mood=calm)[A week|A month|Half a year|A whole winter] [went by|passed].
  Then {hero} <use the {thing}>, but the note [stayed|hung on|is still there].
"""
