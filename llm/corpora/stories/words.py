"""The words of the stories: lists that several plots share."""

from __future__ import annotations

import re

from llm.corpora.stories.machine import Pick

WORDS = """
# --- When and in what weather -----------------------------------------------------

when:
- On a <bright {weather}> [morning|afternoon|day|Monday|Tuesday|Wednesday|Thursday|
  Friday] in [|early |late |mid-]<month {weather}>,
- One <bright {weather}> <weekday>[| morning| afternoon],
- [Early|Late] one <bright {weather}> morning,
- It was a <bright {weather}> <weekday>, and

weekday:
- [Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday]

bright sun:
- [sunny|bright|warm|golden|clear|mild|hot|lovely|balmy|glorious|radiant|fine|
  blazing]
bright rain:
- [rainy|wet|dripping|damp|drizzly|muddy|soggy|showery|sodden|splashy|thundery]
bright wind:
- [windy|breezy|blustery|gusty|wild|stormy|rough|roaring|draughty|whistling|squally]
bright snow:
- [snowy|frosty|white|crisp|freezing|bitter|glittering|cold|sparkling|shivery|
  wintry]
bright fog:
- [foggy|misty|hazy|pale|milky|murky|dim|ghostly|smoky|cloudy|hushed|sunless]

month sun:
- [May|June|July|August]
month rain:
- [April|October]
month wind:
- [March|September]
month snow:
- [January|February]
month fog:
- [November|December]

# --- What one sees on the way: a sentence of its own ------------------------------

aside sun:
- [Bees hummed|Swallows dived|Butterflies danced|Crickets sang|Gnats whirled|Larks
  rose] [over the hedges|above the road|among the flowers|over the corn|by the
  wayside].
- The air smelled of [hay|roses|bread|grass|apples|thyme|honey|tar|mint] and [tea|
  cows|rain|soap|onions|lilac|fish|wood|ink|moss|wax].
- 2x <A beast> [slept|lay|yawned|blinked|rolled|snored|dozed] in the [sun|shade|
  dust|clover|nettles|long grass|middle of the road].
aside rain:
- [Water ran|Rain dripped|Drops fell|Brown streams fell] from [the roofs|every leaf|
  the signs|the eaves|the scarecrow|all hats|the church tower].
- The [puddles|ditches|barrels|gutters|ruts] were [full|brimming|deep|wide|foaming].
- 2x <A beast> [hid|sheltered|sulked|waited|shivered|dripped] under a [cart|bush|
  doorway|porch|sack|bench|tin bath|burdock leaf].
aside wind:
- [Leaves|Feathers|Petals|Newspapers|Twigs|Straws|Hats] [flew|whirled|danced|
  tumbled|sailed] [down the lane|over the walls|through the air|round the chimneys].
- [Shutters|Gates|Signs|Branches|Masts] [creaked|groaned|rattled|swung|banged|sang].
- 2x <A beast> [leaned into|ran from|scolded|chased|sang to|sneezed at|glared at]
  the wind.
aside snow:
- [Icicles|Snow caps|Frost flowers|Ice crystals] [shone|glittered|sparkled|gleamed]
  on [the roofs|the fences|every window|the posts|all twigs|the pump].
- The snow [crunched|squeaked|creaked|sighed] under [every step|all boots|cart
  wheels].
- 2x <A beast> left [tiny|neat|crooked|funny|deep|mixed-up|zigzag|round] tracks in
  the snow.
aside fog:
- [Somewhere|Far away|Close by|Out of sight], a [bell rang|door shut|cart rolled|
  child laughed|horse neighed|pump creaked|tuba played].
- The [trees|houses|hills|lamps|posts] [looked like|could have been] [ghosts|ships|
  giants|bears|monks|whales|camels].
- 2x <A beast> [came out of|vanished in|stared into|sniffed at|sang in] the fog.

A beast:
- A <fat> {pet:pet}[|4x  in <garb>]

fat:
- [wordless|thin|sleepy|muddy|curious|grumpy|young|woolly|shy|proud|bold|lazy|spotted]
- [clever|wet|cheeky|polite|nervous|hungry|cross|jolly|fluffy|one-eyed|red-nosed]
- [noisy|dreamy|plump|bearded|brave|careful|famous|forgetful|friendly|gentle|gloomy]
- [greedy|lonely|long-legged|mean|moody|nosy|patient|playful|puzzled|rude|silent]
- [sneezing|solemn|stout|stubborn|tame|tired|vain|very old|well-fed|wild|wise]
- [worried|yawning|hoarse|bony|bossy|bright-eyed|cautious|chubby|clumsy|cosy|crafty]
- [damp|dapper|dazed|drowsy|feeble|frosty|fussy|glum|graceful|hairy|handsome|large]
- [lively|modest|naughty|noble|perky|plain|quick|restless|ruffled|sad|scruffy]
- [skinny|sly|small|smug|tidy|timid|balding|bashful|blinking|bouncy|broad|busy]
- [buttoned-up|chatty|chilly|content|coughing|crooked|daring|dizzy|doubtful|dusty]
- [fair|fidgety|flustered|frank|funny|giggling|glossy|gruff|handy|hasty|humming]
- [jealous|kindly|lanky|limping|lucky|meek|merry|mighty|mild|neat|peckish|pensive]
- [pleasant|plucky|posh|prim|quaint|ragged|regal|round|saucy|scared|serious|shaggy]
- [sharp|shivering|short|slow|snappy|spry|stern|sulky|swift|tactful|thirsty]
- [thoughtful|touchy|weary|whiskered|witty|young-looking]

creature:
- a <fat> {creature:creature}[|4x  in <garb>]
Creature:
- A <fat> {creature:creature}[|4x  in <garb>]
helper:
- a <kind> {helper:helper}[|4x  in <garb>| with <hair> hair]
Helper:
- A <kind> {helper:helper}[|4x  in <garb>| with <hair> hair]

hair:
- [red|long|curly|green|grey|white|blue|black|wet|wild|frizzy|golden|brown|silver|
  no]

garb:
- <hue> <boots>
- a <hue> <cape>

boots:
- [boots|socks|slippers|gloves|mittens|braces|trousers|clogs|sandals|earmuffs|shoes]
- [goggles|spectacles|leggings|shorts|stockings|ribbons|feathers|curlers|pyjamas]
- [wings|garters|overalls|plaits|robes|skates|skis|spats|tights|waders|wellingtons]
- [buttons|bangles|bloomers|breeches|flippers|galoshes|gaiters|knickers|moccasins]
- [mules|pearls|pumps|rings|suspenders|sweaters|trainers|dungarees|flowers|bells]
- [beads|bracelets|cuffs|jeans|laces|rags|shells|spurs|straps|tassels|whiskers]

cape:
- [cape|cap|bonnet|waistcoat|coat|cloak|shirt|jumper|collar|crown|helmet|tie|bow]
- [belt|jacket|vest|robe|shawl|tunic|turban|wig|top hat|raincoat|dressing gown]
- [badge|beard|bib|blouse|brooch|dress|feather|fez|gown|hood|hat|kilt|kimono|mask]
- [medal|mantle|muff|necklace|nightcap|nightgown|pinafore|poncho|pullover|ring|sash]
- [scarf|skirt|smock|sombrero|suit|sweater|toga|veil]

hue:
- [red|blue|green|yellow|white|black|brown|pink|purple|grey|golden|silver|violet]
- [scarlet|lilac|crimson|bright|dark|pale|striped|checked|spotted|plain|muddy|fancy]
- [flowery|silk|woollen|rubber|leather|paper|straw|velvet|tartan|felt|tin|borrowed]
- [patched|wet|new|baggy|beige|cheap|clean|cotton|creased|dusty|faded|furry|glossy]
- [holey|huge|knitted|lacy|linen|long|loose|mossy|rusty|shiny|short|smart|soft]
- [stolen|tight|tiny|torn|cheery|coral|creamy|dainty|damp|dented|drab|faint|fine]
- [flat|frilly|gaudy|greasy|homespun|jazzy|light|limp|loud|lumpy|misty|modern|neat]
- [crumpled|mended|peach|plum|posh|quilted|ragged|rose|royal|sandy|satin|scratchy]
- [second-hand|shabby|sky-blue|snowy|splendid|square|starry|stiff|strange|tattered]
- [thick|thin|turquoise|warm|washed|waxed|wide|wrong]

# --- People -----------------------------------------------------------------------

trait:
- was [six|seven|eight|nine|ten|nearly twelve]
- [never hurried|slept late|sang all day|liked quiet|knew every dog|hated socks|lied
  well]
- 2x loved [puddles|maps|riddles|drums|boats|soup|comets|numbers|mud|fairs|snails|
  trains]
- 2x collected [buttons|stamps|feathers|shells|jokes|corks|words|keys|beetles|maps|
  moss]
- 2x was afraid of [geese|spiders|thunder|ghosts|owls|dentists|cellars|eels|soap|
  mice]
- 2x wanted to be a [sailor|pilot|baker|doctor|clown|diver|king|mole|vet|judge|cook]
- 2x could [whistle|yodel|juggle|count to a thousand|stand on one hand|spell
  anything|moo like a cow|tie nine knots|wiggle both ears]

walked:
- [walked|went|ran|strolled|wandered|hurried|skipped|marched|came|trotted|hopped|
  dashed]
- [rambled|drifted|tiptoed|crept|raced|plodded|sauntered|bustled|limped|danced]

errand park:
- to [feed|count|draw|visit|greet|photograph] the [ducks|swans|deer|pigeons|
  squirrels|statues|tulips|carp]
errand market:
- to [buy|sell|smell|taste|look at|weigh] the [eggs|cheeses|radishes|fish|melons|
  pies|plums|leeks]
errand beach:
- to [look for|gather|hunt for|dig for|collect] [shells|crabs|driftwood|amber|
  pebbles|pirates|corks|mussels]
errand orchard:
- to [look for|count|listen to|draw|guard|visit] the [nests|birds|ladders|trees|
  beehives|rabbits|wasps|moles]
errand barn:
- to [see|feed|brush|visit|tickle|draw] the [calf|hens|kittens|foal|piglets|goats|
  lambs|geese]
errand school:
- to [practise|learn|try out|forget|copy] a [song|dance|poem|speech|trick|sum|map|
  joke]
errand library:
- to [find|borrow|return|read|hide] [a story|a comic|an atlas|a riddle book|a
  cookery book|a dictionary|a fairy tale|a book about whales]
errand meadow:
- to [look for|count|draw|call|chase|visit] the [hares|sheep|cows|moles|goats|larks|
  crickets|storks]
errand mill:
- to [fetch|sniff|weigh|buy|sift|sell] the [flour|bran|oats|barley|rye|malt|wheat|
  maize]
errand harbour:
- to [look at|count|wave to|draw|paint|greet] the [boats|sailors|gulls|ships|
  ferries|pilots|divers|tugs]
errand forest:
- to [gather|look for|hunt for|draw|count] [sticks|mushrooms|cones|bark|moss|
  footprints|beech nuts|ferns]
errand station:
- to [see|meet|wave at|hear|draw|await] the [trains|engine|guard|night train|milk
  train|stoker|signals|circus train]
errand garden:
- to [look for|feed|count|draw|rescue|scold] the [snails|worms|toads|tits|ladybirds|
  slugs|earwigs|voles]
errand bridge:
- to [look at|count|listen to|fish for|draw|wait for] the [trout|barges|waves|eels|
  swallows|rowers|swans|pike]
errand lighthouse:
- to [paint|count|see|dust|climb|measure] the [stairs|steps|tower|lamp|railing|
  rocks|gallery|mast]
errand castle:
- to [look for|hunt for|draw|challenge|visit|spy on] the [dragon|ghost|knights|bats|
  princess|jester|rats|queen]

# --- Things -----------------------------------------------------------------------

a thing:
- a {size:size} [|2x <shiny> ]{colour:colour} {thing:thing}
a thing2:
- a {size2:size} [|2x <shiny> ]{colour2:colour} {thing2:thing}

shiny:
- [shiny|dusty|new|patched|painted|pretty|battered|plain|second-hand|borrowed|
  splendid]
- [strange|shabby|handmade|famous|faded|polished|lopsided|home-made|chipped|crooked]
- [dented|foreign|magic|mended|scratched|sticky|squeaky|valuable|well-worn|wobbly]

# what one does with it, alone or together
use kite:
- flew it [over|round|above|beyond] the [roofs|treetops|hedges|tower|hills|cows|
  bakery]
use ball:
- [bounced|threw|rolled|kicked|dribbled] it [down the lane|at a wall|over a fence|up
  some steps|round a cow]
use drum:
- [beat|drummed|tapped|practised] [a march|a slow song|rain sounds|a code|a waltz]
  on it
use lantern:
- [lit it|read by it|hung it up|made shadows with it|told ghost stories by it] [in
  the attic|on a pole|at dusk|in a tent|under the table]
use hat:
- wore it [backwards|sideways|inside out|in the bath|to breakfast|to bed|like a
  pirate]
use scarf:
- wound it [twice|neatly|tightly|loosely] round [a gatepost|a cold tree|a statue|a
  milk churn|a scarecrow|a pump]
use basket:
- filled it with [ripe|wild|cheap|stolen] [apples|pears|nuts|turnips|plums|berries]
use boat:
- [sailed|floated|raced|steered] it [in a puddle|in a tub|in a bucket|along a ditch|
  in a pond|down a gutter]
use bell:
- rang it [three times|for the cows|very softly|until dogs barked|for tea|at noon|in
  bed]
use key:
- tried it in [every door|an old gate|a rusty lock|seven locks|a cuckoo clock|a
  trunk|a money box|the church]
use cup:
- drank [hot|cold|sweet] [milk|water|apple juice|cocoa|mint tea|lemonade|broth] from
  it
use parasol:
- [twirled it|spun it|held it up|waved it|opened it] like a [wheel|sword|dancer|
  flag|windmill|queen]
use bucket:
- [carried|mixed|kept|washed] [water|sand|pebbles|turnips|mud|milk|crabs] in it
use whistle:
- blew it [twice|softly|at the clouds|like a guard|for the dog|under water|all
  morning]
use teapot:
- [made|brewed|poured|spilled] [mint|apple|ginger|rose|nettle|black] tea with it
use blanket:
- made [a tent|a cape|a flag|a nest|a stage|a sail|a cave|a ghost|a cushion] of it
use jar:
- kept [beetles|marbles|buttons|honey|coins|tadpoles|sweets|secrets|moths|peas] in
  it
use flute:
- [played|practised|invented] [a jig|a lullaby|bird songs|a polka|a sad tune] on it
use wagon:
- [pulled|pushed|steered] it [up a hill|round a well|through mud|over a bridge|to
  town]
use mirror:
- made [silly|sad|fierce|fishy|royal|sleepy|terrible|toothless|clever] faces in it
use spoon:
- [stirred porridge|dug for worms|ate honey|tapped on pots|rowed a tub|fed the hens]
  with it
use pillow:
- [dozed on it|threw it about|hugged it|drew on it|balanced it|sat on it|boxed it]
use clock:
- [wound it up|heard it tick|counted its wheels|set it to noon|oiled it|raced it]
use doll:
- made it a [bed|cloak|crown|paper dress|throne|sandwich|mask|passport|beard|
  hammock]
use map:
- followed it to [a bridge|a cave|an old well|a hill|a bakery|a ruin|a bog|an
  island]
use mitten:
- [made a puppet of it|filled it with nuts|waved with it|warmed an egg in it|boxed a
  pillow with it|kept peas in it]
use book:
- read it [aloud|twice|under a tree|to a cow|backwards|in the bath|to the hens|in
  bed]
use puzzle:
- [solved it|mixed it up|spread it out|did half of it|did it blindfold|did it in
  bed]
use trumpet:
- blew [a fanfare|one long note|a sad tune|good night|bubbles|a march] on it
use sledge:
- [pulled|pushed|rode|steered] it [down a slope|round the pond|into a hedge|
  downhill]
use tent:
- [put it up|slept in it|sang in it|ate in it] [by a brook|in a field|under a tree|
  in the rain]
use globe:
- [spun it|found Peru on it|looked for islands on it|drew whales on it|dusted it]

# --- Food, small words ------------------------------------------------------------

snack:
- <bite>[|3x  and <bite>]

bite:
- 3x [a|half a] [warm|cold|sticky|plain|stale|sweet|burnt|giant|soft|crumbly|flat|
  salty] [plum cake|cheese roll|honey bun|jam tart|muffin|pear pie|carrot cake|
  waffle|dumpling|pasty|scone|pancake|bun|brownie|croissant|pizza|radish|sandwich]
- 4x [two|three|four|five|six|seven|eight|nine|ten|eleven|twelve] [plums|pears|figs|
  nuts|cherries|biscuits|carrots|radishes|gherkins|apricots|dates|crackers|mints|
  raisins|pretzels|beans|grapes|lemons|limes|olives|onions|peas|toffees|turnips|
  walnuts]
- 2x [some|plenty of|a bit of|a lot of|too much] [bread|toast|cheese|soup|porridge|
  popcorn|jelly|rhubarb|marzipan|liquorice|butter|cabbage|fudge|garlic|honey|jam|
  milk|mustard|pudding|spinach]

gladly:
- [gladly|softly|proudly|quickly|quietly|shyly|solemnly|slowly|politely|cheerfully|
  neatly]

said:
- [said|called|whispered|cried|shouted|murmured|mumbled|laughed|squeaked|declared]
- [announced|croaked|grunted|hummed|piped|sang|sighed|stammered|yelled|burst out]
- [breathed|chirped|gasped|growled|joked|moaned|muttered|panted|roared|sniffed]
- [bellowed|boomed|crooned|grumbled|hissed|mused|purred|rasped|sobbed|trilled|
  yawned]

asked:
- [asked|wondered|whispered|said|called|cried|demanded|murmured]

doing:
- [hopping|waving|blushing|yawning|nodding|chewing|shivering|pointing|grinning]
- [frowning|bowing|sniffing|blinking|dancing|coughing|winking|hiccuping|swallowing]
- [stretching|beaming|giggling|gulping|humming|kneeling|panting|shrugging|sneezing]
- [squinting|twirling|trembling|snorting|whistling|wriggling|sighing|skipping]
- [sobbing|staring|limping|smiling|laughing|clapping|bouncing|crouching|fidgeting]
- [gasping|munching|stamping|puffing|boasting|brooding|chuckling|cheering|drooling]
- [fainting|flapping|glowing|growling|itching|joking|juggling|knitting|leaping]
- [mooing|moping|nibbling|peeping|pouting|rolling|roaring|scratching|sulking]
- [swaying|swooning|thinking|tapping|twitching|wailing|wobbling|weeping|marching]
- [swinging|listening|turning pale|on tiptoe]
- [wide-eyed|half asleep|out of breath|red as a beet]

glad:
- [smiled|laughed|nodded|grinned|beamed|blushed|winked|bowed|hummed|cheered|giggled]
- [clapped|chuckled|curtsied|danced|gasped|hiccuped|jumped|purred|sang|whistled]
- [yodelled|squealed|skipped|sniffed|shivered|twirled|waved|wriggled|hopped|sneezed]
- [sighed|stamped|applauded|bounced|coughed|cooed|glowed|hooted|hugged the air]
- [kicked a pebble|leaped|marvelled|rejoiced|rocked|roared|shone|swayed]
- [thought hard|trembled|turned pink|whooped|wept|swallowed|stammered|quivered]

kind:
- [tall|kind|cheerful|bald|bearded|busy|round|jolly|tired|young|famous|friendly]
- [barefoot|clever|curly-haired|placid|gruff|hasty|hungry|merry|nervous|patient|shy]
- [singing|stout|thin|very old|whistling|wrinkled|long-haired|left-handed|lazy|loud]
- [lucky|freckled|bold|brave|careful|chatty|cross|dreamy|devoted|forgetful|generous]
- [gentle|gloomy|grumpy|handsome|humble|limping|long-nosed|moody|muddy|poor|proud]
- [quick|rich|ragged|rosy|sad|silent|sleepy|sly|smiling|sneezing|solemn|stubborn]
- [sunburnt|tiny|vain|wise|witty|worried|bow-legged|broad|droll|dusty|fierce|frail]
- [gallant|hefty|lanky|pale|plump|polite|punctual|quiet|rude|rugged|sharp-eyed]
- [shrewd|sturdy|sulky|sweaty|tidy|toothless|tough|trusty|weary|whiskered|windblown]
- [zealous|bashful|brisk|burly|calm|cautious|chubby|clumsy|curious|dapper]
- [distinguished|dizzy|drowsy|faithful|feeble|fearless|fussy|giddy|grave|greying]
- [hoarse|hearty|lofty|lonely|mild|modest|neat|noble|portly]

ran:
- [ran|went|hurried|rushed|flew|trotted|raced|dashed|scurried|galloped|stumbled|
  marched]
- [bolted|bounded|darted|hopped|jogged|rolled|rowed|skated|skipped|sprinted|tiptoed|
  rode]

soon:
- [Soon|After a while|Before long|There|First|At ten|At noon|At once|Carefully|As
  always]
- [At two|At three|At one|Presently|Cautiously|Cheerfully|Calmly|Promptly|Tenderly]

later:
- [At home|At supper|In bed|At the door|Back home|At teatime|In the bath|On the
  stairs]
- [An hour later|Hours later|After supper|At bedtime|At midnight|In a dream|At nine]
- [At eight|Before bed|By lamplight|In the kitchen|Over soup|By candlelight]

oh:
- [Oh|Oh no|Oh dear|Bother|Goodness|Dear me|Rats|Ouch|Alas|My word|Help]
- [Good heavens|Fiddlesticks|Thunder|Heavens|Mercy|Crumbs|Gosh|Woe is me|Blow|Drat]
- [Bless me|Botheration|Dash it|Eek|Gracious|Hang it|Misery|Mother|No, no]
- [Oh, cheese|Pickles|Poor me|Whoops|Beetles|By golly|Crikey|Curses|Deary me]
- [Gadzooks|Good grief|Great Scott|Hang on|Help me|Horrors|Jeepers|Lawks]
- [My goodness|My hat|My stars|Oh bother|Oh crumbs|Oh rats]
- [Sausages|Turnips|What now|Ye gods|Yikes|Zounds]

come on:
- [Come on|Quick|Follow me|Let us go|Hurry|Cheer up|We will find it|Boots on]
- [Hats on|Never fear|Do not cry|Courage|Get a lamp|I know a short cut|Wait for me]
- [Chin up|After me|Blow your nose|Come along|Do not fret|Hop on|Keep calm]
- [Off we go|Poor you|Arm in arm|Be brave|Bear up|Chop chop|Dry your eyes|Forward]
- [Hold my hand|Leave it to me|Let us think|March|No tears|Pull yourself up]
- [Put on your shoes|Shoes on|Stay close|Step lively]
- [This way|To work|Trust me|Up you get]

thanks:
- [Thank you|Thanks|What luck|Hurrah|You are an angel|How kind|Bless you|Wonderful]
- [At last|A thousand thanks|You are a friend|I could hug you|Oh joy|Splendid]
- [Marvellous|Cheers|Delightful|Fancy that|I am so glad|Lovely|Many thanks|My dear]
- [Super|Well, well|Bravo|Glory|Good heart|Heavenly|How sweet|I am in luck]
- [It is a dream|Joy|Magnificent|My hero|My treasure|Perfect|Such luck|Sweet of you]
- [Thank heavens|Too kind|What a day|Yippee|You shine]

yes:
- [Yes|Gladly|Done|With pleasure|Why not|Agreed|Of course|All right|Very well|
  Certainly]
- [If you like|Well, yes|By all means|Fair enough|Good idea|Why, sure|Absolutely|
  Aye]
- [As you wish|Fine|Happily|Hm, yes|I suppose so|Naturally|Right away|So be it]

no:
- [No|Not today|Certainly not|Never|No, no|Out of the question|Sorry, no|Not likely]
- [Alas, no|Dear me, no|Guess not|I doubt it|Nonsense|Not at all|Think again|Wrong]

sorry:
- [I am sorry|It was wrong of me|Forgive me|I feel awful|I was silly|Be kind to me]
- [Pardon me|I am a goose|It was my fault|Please forget it|What can I say|Scold me]

# --- Somebody passes by, and has nothing to do with it ----------------------------

passer:
- Past {hero.him} [limped|rode|danced|marched|strolled|tiptoed|drove|pedalled|ran|
  crept] a <kind> {passer:passer} [in <garb>|with <bite>|with a <fat>
  {walker:walker}].
- [Overhead|High up|On a roof|In a window|On a post], a <fat> {walker:walker} [sang|
  whistled|snored|yelled|hummed|wept] and [ate|guarded|sniffed|licked|juggled]
  <bite>.
- [Nearby|Far off|Not far off], a <kind> {passer:passer} [fed|scolded|washed|chased|
  combed|kissed|painted] a <fat> {walker:walker}[| in <garb>].
"""


def use_the(rules: dict[str, Pick]) -> dict[str, Pick]:
    """For each rule "use kite", a rule "use the kite", which says "the kite" for "it"."""
    return {
        f"use the {name.removeprefix('use ')}": _name_it(
            rule, name.removeprefix("use ")
        )
        for name, rule in rules.items()
        if name.startswith("use ")
    }


def _name_it(rule: Pick, thing: str) -> Pick:
    def row(symbols: tuple) -> tuple:
        return tuple(
            _name_it(symbol, thing)
            if isinstance(symbol, Pick)
            else re.sub(r"\bit\b", f"the {thing}", symbol)
            for symbol in symbols
        )

    return Pick(
        tuple((weight, row(symbols)) for weight, symbols in rule.alternatives)
    )
