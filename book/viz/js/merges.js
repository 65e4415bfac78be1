// Byte-pair encoding on the reader's text, merge by merge: the upper part trains, the
// lower part encodes another text with the merges learned so far. The same training as
// `train_by_rescanning` and the same encoding as a replay of all merges.
import { button, checkbox, element, onInput, row, slider, textField } from "./elements.js";

const CSS = `
  label.wide { display: flex; flex-wrap: nowrap; margin: 0; white-space: nowrap; }
  label.wide input { flex: 1; min-width: 0; max-width: 36em; }
  .part { font-weight: 700; margin: .9em 0 .3em; } .part:first-of-type { margin-top: 0; }
  .text { line-height: 2.1; overflow-wrap: anywhere; }
  .word { display: inline-block; margin-right: .7em; white-space: nowrap; }
  .word small { opacity: .8; }
  .token { font-family: ui-monospace, monospace; border: 1px solid var(--line); border-radius: 3px; padding: 0 .2em; margin-right: 1px; }
  .token.made { background: color-mix(in srgb, var(--blue) 22%, transparent); }
  .token.next { outline: 2px solid var(--vermillion); outline-offset: -1px; font-weight: 700; }
  .both { display: flex; flex-wrap: wrap; gap: .4em 2.5em; align-items: flex-start; }
  .scroll { overflow-x: auto; max-width: 100%; }
  table { border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }
  caption { text-align: start; padding-bottom: .2em; white-space: nowrap; }
  th, td { border: 1px solid var(--line); padding: .1em .6em; text-align: start; white-space: nowrap; }
  th { font-weight: 600; } td.number { text-align: end; }
  p { margin: .3em 0 .5em; }`;
const MOST = 60, LONGEST = 600; // merges, and characters of a text
const PATTERN = /'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

// --- The algorithm: a token is a string with one character for each of its bytes --------

const bytesOf = (text) => [...new TextEncoder().encode(text)].map((byte) => String.fromCharCode(byte));

// What is merged in: each different pre-token and how often it occurs, or the text as a whole.
function rowsOf(text, cut) {
  const counts = new Map();
  for (const piece of (cut ? text.match(PATTERN) ?? [] : [text].filter(Boolean))) counts.set(piece, (counts.get(piece) ?? 0) + 1);
  return [...counts].map(([piece, times]) => ({ tokens: bytesOf(piece), times }));
}

// The pairs of all rows, [left, right, count], the one to be merged first in front: the most
// frequent, and of equals the one whose two byte strings come last in lexicographic order.
function ranked(rows) {
  const pairs = new Map();
  for (const { tokens, times } of rows) {
    for (let i = 0; i + 1 < tokens.length; i++) {
      const key = `${tokens[i].length}:${tokens[i]}${tokens[i + 1]}`;
      const pair = pairs.get(key) ?? [tokens[i], tokens[i + 1], 0];
      pair[2] += times;
      pairs.set(key, pair);
    }
  }
  const later = (a, b) => (a < b ? 1 : a > b ? -1 : 0);
  return [...pairs.values()].sort((p, q) => q[2] - p[2] || later(p[0], q[0]) || later(p[1], q[1]));
}

function merged(tokens, [left, right]) {
  const made = [];
  for (let i = 0; i < tokens.length; i++) {
    const here = tokens[i] === left && tokens[i + 1] === right;
    made.push(here ? left + right : tokens[i]);
    if (here) i++;
  }
  return made;
}

// Every stage of the training: the rows before merge number n, and the pairs in them.
function train(text, cut, most = MOST) {
  let rows = rowsOf(text, cut);
  const stages = [{ rows, pairs: ranked(rows) }];
  while (stages.length <= most && stages.at(-1).pairs.length) {
    const pair = stages.at(-1).pairs[0];
    rows = rows.map(({ tokens, times }) => ({ tokens: merged(tokens, pair), times }));
    stages.push({ rows, pairs: ranked(rows) });
  }
  return stages;
}

// Every stage of encoding: the pieces, and the number of the merge that made them so. Only
// merges that find something to do are stages.
function encode(text, cut, merges) {
  let pieces = (cut ? text.match(PATTERN) ?? [] : [text].filter(Boolean)).map(bytesOf);
  const stages = [{ pieces, rank: -1 }];
  merges.forEach((pair, rank) => {
    const after = pieces.map((tokens) => merged(tokens, pair));
    if (after.some((tokens, i) => tokens.length < pieces[i].length)) stages.push({ pieces: (pieces = after), rank });
  });
  return stages;
}

// --- What is shown --------------------------------------------------------------------

// A token with its blanks to be seen; bytes that are no characters by their numbers.
function shown(token) {
  const bytes = Uint8Array.from(token, (c) => c.charCodeAt(0)), text = new TextDecoder().decode(bytes);
  if (/[\p{C}\ufffd]/u.test(text.replace(/[\n\t]/g, ""))) return `⟨${[...bytes].map((b) => b.toString(16).padStart(2, "0")).join(" ")}⟩`;
  return text.replace(/ /g, "␣").replace(/\n/g, "⏎").replace(/\t/g, "⇥");
}

// Tokens as boxes; those that the pair would merge are framed.
function boxes(tokens, times, pair) {
  const word = element("span", undefined, "word");
  for (let i = 0, left = false; i < tokens.length; i++) {
    const right = left, next = !right && pair && tokens[i] === pair[0] && tokens[i + 1] === pair[1];
    word.append(element("span", shown(tokens[i]), "token", tokens[i].length > 1 && "made", (next || right) && "next"));
    left = next;
  }
  if (times > 1) word.append(" ", element("small", `×${times}`));
  return word;
}

function table(title, names, lines) {
  const grid = element("table"), head = grid.createTHead().insertRow(), body = grid.createTBody();
  grid.createCaption().textContent = title;
  for (const name of names) head.append(Object.assign(element("th", name), { scope: "col" }));
  for (const line of lines) {
    const made = body.insertRow();
    for (const value of line) {
      const cell = made.insertCell();
      cell.textContent = value;
      if (typeof value === "number") cell.className = "number";
    }
  }
  return grid;
}

const named = ([left, right]) => `${shown(left)} + ${shown(right)}`;
const total = (rows) => rows.reduce((sum, { tokens, times = 1 }) => sum + tokens.length * times, 0);

function render({ model, el }) {
  const training = textField("Train on", model.get("text")), cut = checkbox("cut into pre-tokens first", true);
  const encoded = textField("Encode", model.get("other"));
  const done = slider("Merges learned", { min: 0, max: MOST, step: 1, value: model.get("merges") });
  const step = slider("Merges applied", { min: 0, max: MOST, step: 1, value: 0 });
  const [rowsBox, said, lists, pieces, told] = [element("div", undefined, "text"), element("p"), element("div", undefined, "both"),
    element("div", undefined, "text"), element("p")];
  for (const live of [said, told]) live.setAttribute("aria-live", "polite");
  for (const input of [training, encoded]) input.maxLength = LONGEST;
  lists.classList.add("scroll");
  let stages = [], allApplied = false; // stay at the end, once there

  const move = (control, by) => () => {
    control.value = +control.value + by;
    control.say();
    control.dispatchEvent(new Event("input"));
  };

  function relearn() {
    stages = train(training.value.slice(0, LONGEST), cut.checked);
    const wanted = Math.min(+done.value, stages.length - 1);
    done.max = Math.max(stages.length - 1, 1);
    done.value = wanted;
    done.say();
    draw();
  }

  function draw() {
    const n = Math.min(+done.value, stages.length - 1), { rows, pairs } = stages[n], [next] = pairs;
    const ties = next ? pairs.filter((pair) => pair[2] === next[2]).length : 0;
    rowsBox.replaceChildren(...rows.map(({ tokens, times }) => boxes(tokens, times, next)));
    const tie = ties > 1 ? ` Of ${ties} pairs with this count it is the last in lexicographic order.` : "";
    said.textContent = `${total(stages[0].rows)} bytes, ${total(rows)} tokens. ` +
      (next ? `Next, merge ${n + 1}: ${named(next)}, which stands here ${next[2]} time${next[2] > 1 ? "s" : ""}.${tie}` : "No pair is left.");
    const learned = stages.slice(0, n).map(({ pairs: [pair] }, i) => [i + 1, named(pair), pair[2]]);
    lists.replaceChildren(
      table("the most frequent pairs", ["pair", "count"], pairs.slice(0, 8).map((pair) => [named(pair), pair[2]])),
      table("learned, the newest first", ["merge", "pair", "count"], learned.reverse().slice(0, 8)));
    drawEncoding(stages.slice(0, n).map(({ pairs: [pair] }) => pair));
  }

  function drawEncoding(merges) {
    const all = encode(encoded.value.slice(0, LONGEST), cut.checked, merges), last = all.length - 1;
    step.max = Math.max(last, 1);
    if (allApplied || +step.value > last) step.value = last;
    step.say();
    const at = Math.min(+step.value, last), { pieces: now, rank } = all[at], later = all[at + 1];
    pieces.replaceChildren(...now.map((tokens) => boxes(tokens, 1, later && merges[later.rank])));
    const size = (stage) => total(stage.pieces.map((tokens) => ({ tokens })));
    const before = rank < 0 ? "Nothing is merged yet." : `Merge ${rank + 1}, ${named(merges[rank])}, was applied.`;
    const after = later ? `Of the pairs that are here, merge ${later.rank + 1}, ${named(merges[later.rank])}, was learned first.` : "No pair is left that was learned.";
    told.textContent = `${size(all[0])} bytes, ${size(all[at])} tokens. ${before} ${after}`;
  }

  onInput([training, cut], relearn);
  onInput([done, encoded], draw);
  step.addEventListener("input", () => { allApplied = step.value === step.max; draw(); });
  for (const { box } of [training, encoded]) box.classList.add("wide");
  el.append(element("style", CSS), element("p", "Training", "part"), training.box, row(cut.box),
    row(button("‹ back", move(done, -1)), button("merge ›", move(done, 1)), done.box), rowsBox, said, lists,
    element("p", "Encoding", "part"), encoded.box,
    row(button("‹ undo", move(step, -1)), button("apply ›", move(step, 1)), step.box), pieces, told);
  relearn();
}

export default { render };
