// A model that writes in the page: token by token, with the sampler of the reader's
// choice; beside it what the sampler leaves, and what the oracle knows.
import { BARS, bars, fill, likeliest, percent } from "./bars.js";
import { button, element, number, onInput, row, select, slider } from "./elements.js";
import { modelOf } from "./models.js";
import { meanRow } from "./numbers.js";
import { compose, dice, distribution, draw, greedy, minP, ranked, repetitionPenalty, temperature, topK, topP, typical, unchanged } from "./sampling.js";
import { Text } from "./text.js";
import { Tokenizer } from "./tokenizer.js";
import { TOKENS, TokenRow } from "./tokens.js";

const CSS = `${BARS}${TOKENS}
  .wide { display: flex; margin: 0 0 .6em; } textarea { flex: 1 1 14em; min-height: 2em; height: 2em; }
  input[type=number] { width: 5em; } p { margin: 0; }
  .tokens { max-height: 9.5em; min-height: 5.5em; line-height: 1.75; }
  .tokens .given { border-bottom-style: double; border-bottom-width: 4px; }
  .says { min-height: 3em; margin: .4em 0; }
  .columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(11em, 46%), 1fr)); gap: .3em 1em; }
  section { display: grid; grid-row: span 3; grid-template-rows: subgrid; min-width: 0; margin-bottom: .6em; }
  .model { --own: var(--blue); } .left { --own: var(--green); } .looks { --own: var(--purple); }
  .oracle { --own: currentColor; --tint: 25%; }
  .name { font-weight: 700; border-bottom: 3px solid var(--own); margin-bottom: .3em; }
  .oracle .name { border-bottom-style: dashed; } .note { font-size: 13px; min-height: 1.5em; }`;
const SHOWN = 8; // bars in a column
const MANY = 40; // tokens that one press writes
const OWN = "own"; // the text that the reader types
const COLUMNS = { model: "the model", left: "what the sampler leaves", oracle: "the oracle", looks: "where the model looks" };
// Each sampler with its setting: how it is made, its name, range and usual value.
const SAMPLERS = {
  none: { make: () => unchanged, name: "no further cut" },
  k: { make: topK, name: "top-k", min: 1, max: 50, step: 1, value: 10 },
  p: { make: topP, name: "top-p", min: 0.05, max: 1, step: 0.05, value: 0.9 },
  min: { make: minP, name: "min-p", min: 0.01, max: 1, step: 0.01, value: 0.1 },
  typical: { make: typical, name: "typical", min: 0.05, max: 1, step: 0.05, value: 0.9 },
};

// The ids that all of a text's first `length` share with one of the given texts; that text, or none.
const given = (texts, ids, length) => texts.find((text) => text.ids.length >= length && ids.slice(0, length).every((id, i) => id === text.ids[i]));

// The oracle's distribution after the first `length` ids, [id, probability, …]; "impossible"
// where no story begins like this, undefined where it was not worked out.
function oracleAfter(texts, ids, length) {
  const text = given(texts, ids, length);
  return text && (text.oracle[length - 1] ?? "impossible");
}

const share = (p) => (p ? percent(p) : "0");

function dense(sparse, size) {
  const probabilities = new Float64Array(size);
  for (let i = 0; i < sparse.length; i += 2) probabilities[sparse[i]] = sparse[i + 1];
  return probabilities;
}

// What the reader has chosen, as a function of logits and the text so far.
function samplerOf({ heat, kind, setting, penalty, spare }) {
  const process = repetitionPenalty(penalty, spare);
  const sample = heat ? compose(temperature(heat), SAMPLERS[kind].make(setting)) : greedy;
  return (logits, text) => sample(process(Float64Array.from(logits), text));
}

function column(key) {
  const section = element("section", undefined, key), [note, list] = [element("p", "", "note"), bars()];
  section.setAttribute("aria-label", COLUMNS[key]);
  section.append(element("p", COLUMNS[key], "name"), note, list);
  return { section, note, list };
}

function render({ model: state, el }) {
  const model = modelOf(state.get("model")), tokenizer = new Tokenizer(model.said.tokenizer);
  const end = state.get("end"), texts = state.get("texts"), size = tokenizer.vocabSize, spare = new Set(tokenizer.specialIds);
  const text = new Text(model);
  let nGiven = 0, roll = dice(1); // tokens that stood there before the model wrote

  const which = select("Text", [...texts.map(({ name }, i) => [i, name]), [OWN, "typed by you"]], 0);
  const read = slider("Tokens given", { min: 1, max: texts[0].ids.length, step: 1, value: state.get("read"), shown: (n) => `${n - 1}` });
  const beginning = Object.assign(element("textarea"), { spellcheck: false, placeholder: "One sunny morning in May, Ben" });
  const field = element("label", "Type a beginning", "wide");
  field.append(beginning);
  const heat = slider("Temperature", { min: 0, max: 2, step: 0.1, value: 1, shown: (t) => (t ? t.toFixed(1) : "0, the likeliest") });
  const kind = select("Then", Object.entries(SAMPLERS).map(([key, { name }]) => [key, name]), "none");
  const setting = slider("at", { min: 0, max: 1, step: 0.05, value: 1 });
  const penalty = slider("Repetition penalty", { min: 1, max: 2, step: 0.05, value: 1, shown: (p) => p.toFixed(2) });
  const seed = number("Seed", { min: 0, max: 2 ** 31, value: 1 });
  const pressed = element("span");
  pressed.append(button("Write a token", () => write(1)), " ", button(`Write ${MANY}`, () => write(MANY)), " ", button("Back to the beginning", () => begin()));
  const tokens = new TokenRow("the text: pick a token, and see what was expected after it", (i) => look(i));
  const says = element("p", "", "says"), all = element("div", undefined, "columns");
  says.setAttribute("aria-live", "polite");
  const columns = Object.fromEntries(Object.keys(COLUMNS).map((key) => [key, column(key)]));
  all.append(...Object.values(columns).map(({ section }) => section));
  el.replaceChildren(element("style", CSS), row(which.box, read.box), field, row(heat.box, kind.box, setting.box, penalty.box, seed.box), row(pressed), tokens.node, says, all);

  const pieceOf = (id) => (id === end ? "(the end)" : tokenizer.shown(id));
  const looks = tokenizer.tokens.map((_, id) => {
    const name = pieceOf(id);
    return { name, mark: id === end, text: id === end ? "∎" : name.startsWith("⟨") ? name : tokenizer.decode([id]) };
  });
  const sampler = () => samplerOf({ heat: +heat.value, kind: kind.value, setting: +setting.value, penalty: +penalty.value, spare });
  const logits = (i) => text.logits(i).subarray(0, size);

  // --- Looking: what is expected after token i ---

  function look(i) {
    const next = text.ids[i + 1], expected = distribution(logits(i)), left = distribution(sampler()(logits(i), text.ids.slice(0, i + 1)));
    show("model", expected, next, `${size.toLocaleString("en")} tokens, all possible`);
    const count = left.reduce((n, p) => n + (p > 0), 0);
    const held = +penalty.value > 1 ? new Set(text.ids.slice(0, i + 1).filter((id) => !spare.has(id))).size : 0;
    show("left", left, next, `${count === 1 ? "1 token left" : `${count.toLocaleString("en")} tokens left`}${held ? `, ${held} penalised by ${penalty.value}` : ""}`);
    const known = oracleAfter(texts, text.ids, i + 1);
    const possible = Array.isArray(known) && known.length / 2;
    show("oracle", possible ? dense(known, size) : undefined, next, possible ? `${possible} possible` : known ? "no story begins like this" : "not worked out for this text");
    lookBack(i);
    tokens.pick(i);
    says.textContent = sentence(i, next, expected, left, known);
  }

  function show(key, probabilities, next, note) {
    columns[key].note.textContent = note;
    fill(columns[key].list, probabilities ? likeliest(probabilities, ranked(probabilities), next, pieceOf, SHOWN).filter(({ share, marked }) => share > 0 || marked) : [], share);
  }

  function lookBack(i) {
    const { reader, start, place } = text.at(i), rows = reader.attention(place).flat();
    const weights = meanRow(rows);
    tokens.tint([...Array(start).fill(0), ...weights]);
    columns.looks.note.textContent = "mean of all heads";
    const most = ranked(weights).slice(0, SHOWN);
    fill(columns.looks.list, most.map((s) => ({ name: `${start + s}: ${start + s ? pieceOf(text.ids[start + s]) : "(the start)"}`, share: weights[s] })));
  }

  function sentence(i, next, expected, left, known) {
    const place = i ? `After ${i} token${i > 1 ? "s" : ""}` : "At the start";
    if (next === undefined) return `► ${place}: nothing has come yet. Seed ${seed.value} will draw.`;
    const truth = Array.isArray(known) ? dense(known, size)[next] : undefined;
    const oracle = truth === undefined ? "" : `, ${share(truth)} from the oracle`;
    const wrong = truth === 0 ? " From here on it is no story any more." : "";
    return `► ${place} came ${pieceOf(next)}: ${percent(expected[next])} from the model, ${share(left[next])} after the sampler${oracle}.${wrong}`;
  }

  // --- Writing ---

  function begin() {
    const own = which.value === OWN, chosen = texts[which.value];
    read.disabled = own;
    if (!own) {
      read.max = chosen.ids.length;
      read.say();
    }
    text.set(own ? [end, ...tokenizer.encode(beginning.value)] : chosen.ids.slice(0, +read.value));
    nGiven = text.ids.length;
    roll = dice(+seed.value);
    lay();
  }

  function lay() {
    tokens.show(text.ids.map((id, i) => ({ ...looks[id], text: i ? looks[id].text : "▷", name: i ? looks[id].name : "the start" })));
    [...tokens.node.children].forEach((token, i) => token.classList.toggle("given", i < nGiven));
    look(text.ids.length - 1);
    tokens.toPicked();
  }

  function write(count) {
    for (let n = 0; n < count && (text.ids.length === 1 || text.ids.at(-1) !== end); n++) {
      text.push(draw(distribution(sampler()(logits(), text.ids)), roll()));
    }
    lay();
  }

  // At temperature 0 one token is left, and no cut can change that.
  function free() {
    kind.disabled = setting.disabled = !+heat.value;
  }

  function choose(value) {
    const { make, name, ...range } = SAMPLERS[kind.value];
    setting.box.hidden = kind.value === "none";
    setting.box.style.display = kind.value === "none" ? "none" : "";
    Object.assign(setting, range, { value: value ?? range.value ?? 1 });
    setting.say();
  }

  // From the text of the page: another sampler, a text and a place.
  function attempt() {
    for (const [name, control] of Object.entries({ which, heat, kind, penalty, seed })) {
      if (state.get(name) !== undefined) control.value = state.get(name);
      control.say?.();
    }
    choose(state.get("setting"));
    free();
    read.max = texts[which.value].ids.length;
    read.value = state.get("read");
    begin();
    write(+(state.get("write") ?? 0));
    if (state.get("place") === "wrong") look(Math.min(texts[which.value].oracle.length, text.ids.length) - 1);
    tokens.toPicked();
  }

  which.addEventListener("input", begin);
  beginning.addEventListener("input", () => {
    which.value = OWN;
    begin();
  });
  kind.addEventListener("input", () => choose());
  onInput([read, seed], begin);
  heat.addEventListener("input", free);
  onInput([heat, kind, setting, penalty], () => look(tokens.picked));
  state.on("try", attempt);
  choose();
  begin();
}
export default { render };
