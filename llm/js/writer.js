// Write with a model in the page: a beginning from the reader, tokens as they come, and
// for any of them what the model expected behind it and what it looked at.
import { BARS, bars, fill, likeliest } from "./bars.js";
import { button, element, number, onInput, row, select, slider } from "./elements.js";
import { modelOf } from "./models.js";
import { meanRow } from "./numbers.js";
import { compose, dice, distribution, draw, greedy, minP, ranked, temperature, topK, topP, typical } from "./sampling.js";
import { Text } from "./text.js";
import { Tokenizer } from "./tokenizer.js";
import { TOKENS, TokenRow } from "./tokens.js";

const CSS = `${BARS}${TOKENS}
  textarea { width: 100%; min-height: 3.5em; } .wide { display: block; margin: 0 0 .6em; }
  input[type=number] { width: 5.5em; }
  p { margin: .3em 0; } .speed { min-height: 1.5em; }
  .says { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); } /* read aloud, not seen */
  .says.wrong { position: static; width: auto; height: auto; clip-path: none; border-left: 3px solid var(--vermillion); padding-left: .5em; }
  .both { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(17em, 100%), 1fr)); gap: .6em 2em; margin-top: .8em; }
  h2 { font-size: 1em; margin: 0 0 .3em; overflow-wrap: anywhere; }
  .attention .bars { --own: var(--blue); } .next .bars { --own: var(--green); }`;
const SHOWN = 10; // bars
const FRAME = 10; // milliseconds of computing between two looks
const END_OF_TEXT = "<|endoftext|>";

function render({ model: state, el }) {
  const model = modelOf(state.get("model")), tokenizer = new Tokenizer(model.said.tokenizer);
  const end = tokenizer.specialTokens[END_OF_TEXT], text = new Text(model);
  let roll, writing = 0, fault = ""; // writing: how many tokens are still to come

  const beginning = Object.assign(element("textarea"), { value: state.get("beginning"), spellcheck: false });
  const field = element("label", "Beginning", "wide");
  field.append(beginning);
  const warmth = slider("Temperature", { min: 0, max: 2, step: 0.1, value: state.get("temperature"), shown: (t) => (t ? t.toFixed(1) : "0, the likeliest") });
  const few = number("Top-k", { min: 1, max: model.vocabSize, value: model.vocabSize });
  const shown = (p) => p.toFixed(2);
  const nucleus = slider("Top-p", { min: 0.05, max: 1, step: 0.05, value: 1, shown });
  const least = slider("Min-p", { min: 0, max: 1, step: 0.01, value: 0, shown });
  const usual = slider("Typical", { min: 0.05, max: 1, step: 0.05, value: 1, shown });
  const many = number("Tokens", { min: 1, max: 100000, value: state.get("tokens") });
  const seed = number("Seed", { min: 0, max: 2 ** 31, value: 1 });
  const go = button("Write", () => (writing ? stop() : start())), back = button("Back to the beginning", () => reset());
  const says = element("p", "", "says"), speed = element("p", "", "speed");
  says.setAttribute("aria-live", "polite");
  const tokens = new TokenRow("tokens: pick one to look into it", (i) => look(i));
  const [next, attention] = ["next", "attention"].map((name) => element("section", undefined, name));
  const [nextName, attentionName] = [element("h2"), element("h2")], [nextBars, attentionBars] = [bars(), bars()];
  const { n_layers: layers = 0, n_heads: heads = 0 } = model.said.config;
  const counted = (n, what) => [["", `all ${n}`], ...Array.from({ length: n }, (_, i) => [i, `${what} ${i + 1}`])];
  const layer = select("Layer", counted(layers, "layer"), ""), head = select("Head", counted(heads, "head"), "");
  next.append(nextName, nextBars);
  attention.append(attentionName, row(layer.box, head.box), attentionBars);
  const both = element("div", undefined, "both");
  both.append(next, ...(layers ? [attention] : []));
  el.replaceChildren(element("style", CSS), field, row(warmth.box, few.box, nucleus.box, least.box, usual.box), row(many.box, seed.box), row(go, back), says, tokens.node, speed, both);

  // --- The text ---

  // Each token as it stands in the row; special ones, and bytes that are no characters,
  // by their names.
  const looks = tokenizer.tokens.map((_, id) => {
    const mark = tokenizer.specialIds.has(id), name = tokenizer.shown(id);
    return { name, mark, text: mark || name.startsWith("⟨") ? name : tokenizer.decode([id]) };
  });

  // The ids of the beginning; behind the sign that begins a document, where there is one to begin.
  function first() {
    const ids = tokenizer.encode(beginning.value);
    if (ids.length && !state.get("document")) return ids;
    if (end === undefined) throw new Error("type at least one character: the tokenizer has no sign to begin with");
    return [end, ...ids];
  }

  function reset() {
    stop();
    speed.textContent = "";
    try {
      text.set(first());
      fault = "";
    } catch (error) {
      fault = error.message;
    }
    go.disabled = Boolean(fault);
    says.textContent = fault ? `The model cannot read this: ${fault}.` : "";
    says.classList.toggle("wrong", Boolean(fault));
    if (!fault) showAll();
  }

  function showAll() {
    tokens.show(text.ids.map((id) => looks[id]));
    tokens.pick(text.ids.length - 1);
    tokens.toEnd();
    look(text.ids.length - 1);
  }

  // --- Looking ---

  // A vocabulary may be padded; only what the tokenizer has is shown and drawn.
  const logits = (i) => text.logits(i).subarray(0, tokenizer.vocabSize);

  function look(i) {
    const probabilities = distribution(logits(i)), name = tokenizer.shown(text.ids[i]), id = text.ids[i + 1];
    nextName.textContent = `After “${name}” it expects` + (id === undefined ? "" : "; what came is marked");
    fill(nextBars, likeliest(probabilities, ranked(probabilities), id, (id) => tokenizer.shown(id), SHOWN));
    if (layers) lookBack(i, name);
  }

  // The weights of a token: of one layer and head, or their mean over all.
  function lookBack(i, name) {
    const { reader, start, place } = text.at(i), chosen = (all, { value }) => (value === "" ? all : [all[value]]);
    const rows = chosen(reader.attention(place), layer).flatMap((heads) => chosen(heads, head));
    const weights = meanRow(rows);
    tokens.tint([...Array(start).fill(0), ...weights]);
    attentionName.textContent = `“${name}” looks at` + (rows.length > 1 ? ", on average" : "");
    const most = ranked(weights).slice(0, SHOWN);
    fill(attentionBars, most.map((s) => ({ name: `${start + s + 1}: ${tokenizer.shown(text.ids[start + s])}`, share: weights[s] })));
  }

  // --- Writing ---

  // A sampler that would leave every token is left out: each takes its time at every token.
  function sampler() {
    if (!+warmth.value) return greedy;
    const chosen = [temperature(+warmth.value)], k = Math.max(1, Math.floor(+few.value) || model.vocabSize);
    if (k < model.vocabSize) chosen.push(topK(k));
    if (+nucleus.value < 1) chosen.push(topP(+nucleus.value));
    if (+least.value > 0) chosen.push(minP(+least.value));
    if (+usual.value < 1) chosen.push(typical(+usual.value));
    return compose(...chosen);
  }

  // At temperature 0 one token is left, and no other sampler can change that.
  function free() {
    for (const control of [few, nucleus, least, usual]) control.disabled = !+warmth.value;
  }

  function write(sample) {
    text.push(draw(distribution(sample(logits())), roll()));
    writing = text.ids.at(-1) === end ? 0 : writing - 1;
  }

  function start() {
    if (text.ids.at(-1) === end && text.ids.length > 1) text.set(first()); // it is at its end
    roll = dice(+seed.value + text.ids.length);
    writing = Math.max(1, Math.floor(+many.value) || 1);
    go.textContent = "Stop";
    const before = text.ids.length, sample = sampler();
    let milliseconds = 0; // of computing, without the drawing
    requestAnimationFrame(function frame() {
      const begun = performance.now();
      while (writing && performance.now() < begun + FRAME) write(sample);
      milliseconds += performance.now() - begun;
      const count = text.ids.length - before, rate = Math.round((1000 * count) / milliseconds);
      speed.textContent = `${count} tokens, ${rate.toLocaleString("en")} a second`;
      showAll();
      if (writing) requestAnimationFrame(frame);
      else stop(count);
    });
  }

  function stop(count) {
    writing = 0;
    go.textContent = "Write";
    if (count) says.textContent = `It has written: ${tokenizer.decode(text.ids.slice(-Math.min(count, 60)).filter((id) => id !== end))}`;
  }

  beginning.addEventListener("input", reset);
  onInput([layer, head], () => look(tokens.picked));
  warmth.addEventListener("input", free);
  free();
  reset();
}
export default { render };
