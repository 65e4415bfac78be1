// Three models that run in the page, and beside them the truth: what each expects at a
// place of a text, at any temperature, how surprised it is by each token, and how it
// writes on. The text is a story, or what the reader types.
import { BARS, bars, fill, likeliest, percent } from "./bars.js";
import { button, element, onInput, row, select, slider } from "./elements.js";
import { modelOf } from "./models.js";
import { meanRow } from "./numbers.js";
import { dice, distribution, draw, ranked } from "./sampling.js";
import { Text } from "./text.js";
import { Tokenizer } from "./tokenizer.js";
import { TOKENS, TokenRow } from "./tokens.js";

const CSS = `${BARS}${TOKENS}
  .row select { max-width: 17em; } textarea { flex: 1 1 14em; min-height: 2em; height: 2em; }
  p { margin: 0; } .wide { display: flex; margin: 0 0 .6em; }
  .tokens { max-height: 9.5em; min-height: 3em; line-height: 1.75; }
  .tokens [aria-selected=true] ~ span { border-bottom-style: dotted; font-style: italic; } /* not read yet */
  .scale { font-size: 13px; margin: .2em 0 .5em; min-height: 1.5em; }
  .scale i { display: inline-block; width: 5em; height: .8em; margin: 0 .4em; border: 1px solid var(--line);
    background: linear-gradient(90deg, transparent, color-mix(in srgb, var(--mark) 70%, transparent)); }
  .says { min-height: 3em; margin-bottom: .4em; }
  .columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(10.2em, 46%), 1fr)); gap: .3em 1em; }
  section { display: grid; grid-row: span 4; grid-template-rows: subgrid; min-width: 0; margin-bottom: .8em; }
  .table { --own: var(--grey); } .window { --own: var(--vermillion); }
  .transformer { --own: var(--blue); } .oracle { --own: currentColor; --tint: 25%; }
  .name { font-weight: 700; border-bottom: 3px solid var(--own); }
  .oracle .name { border-bottom-style: dashed; }
  .cost, .written { font-size: 13px; }
  .written { border-left: 3px solid var(--own); padding-left: .5em; overflow-wrap: anywhere; }
  .oracle .written { border-left-style: dashed; } .written:empty { display: none; }`;
const SHOWN = 8; // bars in a column
const LENGTH = 40; // tokens that each writes on
const MOST = 6; // nats: a surprise that is drawn in full colour
const OWN = "own"; // the text that the reader types
const NAMES = { table: "the table", window: "the window", transformer: "the Transformer", oracle: "the oracle" };
const LOOKS = "looks";

// The oracle's distribution was computed before, for each place of each story: [id, probability, …].
function oracleLogits(sparse, size) {
  const logits = new Float64Array(size).fill(-Infinity);
  for (let i = 0; i < sparse.length; i += 2) logits[sparse[i]] = Math.log(sparse[i + 1]);
  return logits;
}

function writeOn(reader, temperature, seed, end) {
  const roll = dice(seed), written = [];
  while (written.length < LENGTH && written.at(-1) !== end) {
    written.push(draw(distribution(reader.logits(), temperature), roll()));
    reader.read(written.at(-1));
  }
  return written;
}

// A column: its name, what the next token costs, the bars, and what is written.
function column(key) {
  const section = element("section", undefined, key), [cost, list, written] = [element("p", "", "cost"), bars(), element("p", "", "written")];
  section.setAttribute("aria-label", NAMES[key]);
  section.append(element("p", NAMES[key], "name"), cost, list, written);
  return { section, cost, list, written };
}

// What three models and the oracle make of a text, from the end sign before it on.
class Readings {
  constructor(models, end, size) {
    Object.assign(this, { end, size, laid: "", surprises: new Map() });
    this.texts = Object.fromEntries(Object.entries(models).map(([key, model]) => [key, new Text(model)]));
  }

  // oracle: its distributions at all places, or undefined where it has none.
  set(ids, oracle) {
    Object.assign(this, { ids, oracle });
    this.row = [this.end, ...ids];
    if (this.laid !== `${ids}`) this.surprises.clear();
    this.laid = `${ids}`;
    for (const text of Object.values(this.texts)) text.set(this.row);
  }

  // What one expects at a place, having read all tokens before it.
  expects(key, place, temperature) {
    const logits = key === "oracle" ? this.oracle && oracleLogits(this.oracle[place], this.size) : this.texts[key].logits(place);
    return logits && distribution(logits, temperature);
  }

  // The surprise at each token that has come, in nats.
  surprise(key, next, temperature) {
    const name = `${key} ${temperature}`;
    if (!this.surprises.has(name)) {
      this.surprises.set(name, next.map((id, place) => -Math.log(this.expects(key, place, temperature)?.[id] ?? 1)));
    }
    return this.surprises.get(name);
  }

  // How the Transformer weighs the tokens before a place, to guess what comes there; of
  // the end sign before the text only the share. The mean over heads and layers.
  looks(place) {
    const { reader, start, place: at } = this.texts.transformer.at(place);
    const weights = [...Array(start).fill(0), ...meanRow(reader.attention(at).flat())];
    return { before: weights[0], weights: weights.slice(1) };
  }

  // A reader of a model that has read everything before a place.
  reader(key, place) {
    const reader = this.texts[key].model.reader();
    for (const id of this.row.slice(0, place + 1)) reader.read(id);
    return reader;
  }
}

function render({ model, el }) {
  const models = Object.fromEntries(["table", "window", "transformer"].map((key) => [key, modelOf(model.get(key))]));
  const tokenizer = new Tokenizer(models.transformer.said.tokenizer);
  const stories = model.get("stories"), end = model.get("end"), first = model.get("read");
  const readings = new Readings(models, end, tokenizer.vocabSize);
  const text = (ids) => tokenizer.decode(ids.filter((id) => id !== end)) + (ids.at(-1) === end ? " ∎" : "");
  const pieceOf = (id) => (id === end ? "(the end)" : tokenizer.shown(id));
  const looks = tokenizer.tokens.map((_, id) => {
    const name = pieceOf(id);
    return { name, mark: id === end, text: id === end ? "∎" : name.startsWith("⟨") ? name : tokenizer.decode([id]) };
  });
  const open = { name: "what comes next", mark: true, text: "▁" }; // behind the reader's own text

  let total = stories[0].ids.length; // tokens of the text
  const story = select("Text", [...stories.map(({ name }, i) => [i, name]), [OWN, "typed by you"]], 0);
  const read = slider("Tokens read", { min: 0, max: total, step: 1, value: first, shown: (n) => `${n} of ${total}` });
  const temperature = slider("Temperature", { min: 0.2, max: 2, step: 0.1, value: 1, shown: (t) => t.toFixed(1) });
  const colour = select("Colour", [...Object.entries(NAMES).map(([key, name]) => [key, `surprise of ${name}`]), [LOOKS, "where the Transformer looks"]], "transformer");
  const beginning = Object.assign(element("textarea"), { spellcheck: false, placeholder: "One sunny morning in May, Ben" });
  const field = element("label", "Type a beginning", "wide");
  field.append(beginning);
  let seed = 0; // as long as nothing is written
  const pressed = element("span");
  pressed.append(button("Write on", () => press(seed || 1)), " ", button("Again", () => press(seed + 1)), " ", button("Reset", reset));
  const tokens = new TokenRow("the text: pick a token, and see what was expected there", (i) => go(i));
  const scale = element("p", "", "scale"), says = element("p", "", "says"), all = element("div", undefined, "columns");
  says.setAttribute("aria-live", "polite");
  const columns = Object.fromEntries(Object.keys(NAMES).map((key) => [key, column(key)]));
  all.append(...Object.values(columns).map(({ section }) => section));
  el.replaceChildren(element("style", CSS), row(story.box, read.box, temperature.box, colour.box), field, row(pressed), tokens.node, scale, says, all);

  // --- The text, coloured ---

  const own = () => story.value === OWN;

  // The tokens that come, one for each place there is to look at.
  const coming = () => (own() ? readings.ids : [...readings.ids, end]);

  function paint(at = +read.value) {
    const attention = colour.value === LOOKS;
    tokens.node.style.setProperty("--mark", `var(--${attention ? "blue" : "vermillion"})`);
    if (attention) tokens.tint(readings.looks(at).weights);
    else tokens.tint(readings.surprise(colour.value, coming(), +temperature.value), MOST);
  }

  // What the colours mean: from nothing, over a bar, to the most.
  function explain() {
    const [low, high] = colour.value === LOOKS ? ["no look", "most of the look back from the place you picked or point at"]
      : own() && colour.value === "oracle" ? ["no colour: the oracle has worked out only the stories", ""] : ["no surprise", `${MOST} nats or more`];
    scale.style.setProperty("--mark", tokens.node.style.getPropertyValue("--mark"));
    scale.replaceChildren(low, ...(high ? [element("i"), high] : []));
  }

  // --- What is expected at the place ---

  // What is written is read out only when a button has asked for it.
  function show(key, probabilities, next, words, aloud) {
    const { cost, list, written } = columns[key];
    cost.textContent = !probabilities ? "not worked out for your text" : next === undefined ? "nothing has come yet" : `surprise ${Math.abs(Math.log(probabilities[next])).toFixed(2)} nats`;
    fill(list, probabilities ? likeliest(probabilities, ranked(probabilities), next, pieceOf, SHOWN) : []);
    written.setAttribute("aria-live", aloud ? "polite" : "off");
    written.textContent = words;
  }

  function written(key, place, t) {
    if (!seed || (key === "oracle" && own())) return "";
    if (key === "oracle") return `The story itself: …${text([...readings.ids, end].slice(place, place + LENGTH))}`;
    return `…${text(writeOn(readings.reader(key, place), t, seed, end))}`;
  }

  function said(place, next, shares) {
    if (colour.value === LOOKS) {
      const { before, weights } = readings.looks(place);
      const most = ranked(weights).slice(0, 4).filter((s) => weights[s] >= 0.005).map((s) => `${pieceOf(readings.ids[s])} ${percent(weights[s])}`);
      return `► To guess ${next === undefined ? "what comes next" : pieceOf(next)}, the Transformer looks at ${[...most, `the sign before the text ${percent(before)}`].join(", ")}.`;
    }
    const who = own() ? "your text" : "the story", told = next === undefined ? "► Nothing has come here yet: compare the bars." : `► What comes next in ${who}, ${pieceOf(next)}, gets ${shares.join(", ")}.`;
    return told + (seed ? ` Written on with seed ${seed}.` : "");
  }

  function showAll(aloud) {
    const place = +read.value, t = +temperature.value, next = coming()[place], shares = [];
    for (const key of Object.keys(NAMES)) {
      const probabilities = readings.expects(key, place, t);
      show(key, probabilities, next, written(key, place, t), aloud);
      if (probabilities && next !== undefined) shares.push(`${percent(probabilities[next])} from ${NAMES[key]}`);
    }
    tokens.pick(place);
    tokens.toPicked();
    paint();
    explain();
    says.textContent = said(place, next, shares);
  }

  // --- What the reader does ---

  function take() {
    const chosen = stories[story.value];
    readings.set(own() ? tokenizer.encode(beginning.value) : chosen.ids, chosen?.oracle);
    read.max = total = readings.ids.length;
    tokens.show([...readings.ids.map((id) => looks[id]), own() ? open : looks[end]]);
  }

  function go(place) {
    read.value = place;
    read.say();
    showAll(false);
  }

  function press(nextSeed) {
    seed = nextSeed;
    showAll(true);
  }

  function reset() {
    [seed, story.value, temperature.value, colour.value, beginning.value] = [0, 0, 1, "transformer", ""];
    temperature.say();
    take();
    go(first);
  }

  // From the text of the page: a colour, a word to go to, and which of its times.
  function attempt() {
    if (model.get("colour") !== undefined) colour.value = model.get("colour");
    if (model.get("temperature") !== undefined) temperature.value = model.get("temperature");
    temperature.say();
    story.value = 0;
    take();
    const places = readings.ids.flatMap((id, i) => (tokenizer.decode([id]).trim() === model.get("word") ? [i] : []));
    go(places.at(+(model.get("nth") ?? 0)) ?? +read.value);
  }

  story.addEventListener("input", () => {
    take();
    go(own() ? readings.ids.length : Math.min(+read.value, readings.ids.length));
  });
  beginning.addEventListener("input", () => {
    story.value = OWN;
    take();
    go(readings.ids.length);
  });
  tokens.node.addEventListener("mouseover", ({ target }) => {
    const at = [...tokens.node.children].indexOf(target);
    if (at >= 0 && colour.value === LOOKS) paint(at);
  });
  tokens.node.addEventListener("mouseleave", () => colour.value === LOOKS && paint());
  model.on("try", attempt);
  onInput([read, temperature, colour], () => showAll(false));
  take();
  showAll(false);
}
export default { render };
