// Three models that run in the page, and beside them the truth: what each expects
// after the text read so far, at any temperature, and how each of them writes on.
import { BARS, bars, fill, likeliest, percent } from "./bars.js";
import { button, element, onInput, row, select, slider } from "./elements.js";
import { modelOf } from "./models.js";
import { dice, distribution, draw, ranked } from "./sampling.js";
import { Tokenizer } from "./tokenizer.js";

const CSS = `${BARS}
  .row select { width: 17em; }
  p { margin: 0; }
  .text { border-block: 1px solid var(--line); padding: .3em 0; margin-bottom: .5em; height: 6.8em; overflow-y: auto; }
  .place { border-left: 3px solid var(--vermillion); margin-left: 1px; }
  .says { min-height: 3em; margin-bottom: .4em; }
  .columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.2em, 1fr)); gap: .3em 1em; }
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
const NAMES = { table: "the table", window: "the window", transformer: "the Transformer", oracle: "the oracle" };

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

function render({ model, el }) {
  const models = Object.fromEntries(["table", "window", "transformer"].map((key) => [key, modelOf(model.get(key))]));
  const tokenizer = new Tokenizer(models.transformer.said.tokenizer), size = tokenizer.vocabSize;
  const stories = model.get("stories"), end = model.get("end");
  const text = (ids) => tokenizer.decode(ids.filter((id) => id !== end)) + (ids.at(-1) === end ? " ∎" : "");
  const pieceOf = (id) => (id === end ? "(the end)" : tokenizer.shown(id));

  const story = select("Story", stories.map(({ name }, i) => [i, name]), 0);
  const read = slider("Tokens read", { min: 0, max: stories[0].ids.length, step: 1, value: model.get("read"), shown: (n) => `${n} of ${stories[story.value].ids.length}` });
  const temperature = slider("Temperature", { min: 0.2, max: 2, step: 0.1, value: 1, shown: (t) => t.toFixed(1) });
  let seed = 0; // as long as nothing is written
  const pressed = element("span");
  pressed.append(button("Write on", () => press(seed || 1)), " ", button("Again", () => press(seed + 1)));
  el.innerHTML = `<style>${CSS}</style>
    <div class="text" tabindex="0" role="region" aria-label="what has been read"><span></span><span class="place"></span></div>
    <p class="says" aria-live="polite"></p>
    <div class="columns"></div>`;
  const box = el.querySelector(".text"), columns = Object.fromEntries(Object.keys(NAMES).map((key) => [key, column(key)]));
  el.querySelector("style").after(row(story.box, read.box, temperature.box, pressed));
  el.querySelector(".columns").append(...Object.values(columns).map(({ section }) => section));

  // What is written is read out only when a button has asked for it.
  function show(key, probabilities, next, words, aloud) {
    const { cost, list, written } = columns[key];
    cost.textContent = `surprise ${Math.abs(Math.log(probabilities[next])).toFixed(2)} nats`;
    fill(list, likeliest(probabilities, ranked(probabilities), next, pieceOf, SHOWN));
    written.setAttribute("aria-live", aloud ? "polite" : "off");
    written.textContent = words;
  }

  function showAll(aloud) {
    const { ids, laws } = stories[story.value], place = +read.value, next = ids[place] ?? end, t = +temperature.value;
    const shares = [];
    for (const key of Object.keys(NAMES)) {
      const reader = models[key]?.reader() ?? { read() {}, logits: () => oracleLogits(laws[place], size) };
      for (const id of [end, ...ids.slice(0, place)]) reader.read(id);
      const probabilities = distribution(reader.logits(), t);
      const goesOn = () => (key === "oracle" ? [...ids, end].slice(place, place + LENGTH) : writeOn(reader, t, seed, end));
      show(key, probabilities, next, seed ? `${key === "oracle" ? "The story itself: " : ""}…${text(goesOn())}` : "", aloud);
      shares.push(`${percent(probabilities[next])} from ${NAMES[key]}`);
    }
    box.firstChild.textContent = text(ids.slice(0, place));
    box.scrollTop = box.scrollHeight; // the place is always in sight
    el.querySelector(".says").textContent = `► What comes next in the story, ${pieceOf(next)}, gets ${shares.join(", ")}.` +
      (seed ? ` Written on with seed ${seed}.` : "");
  }

  function press(nextSeed) {
    seed = nextSeed;
    showAll(true);
  }
  story.addEventListener("input", () => {
    read.max = stories[story.value].ids.length;
    read.say();
  });
  onInput([story, read, temperature], () => showAll(false));
  showAll(false);
}
export default { render };
