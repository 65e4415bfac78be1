// Documents of the reader's, cut into rows of inputs and targets: windows of one long
// row, one document in each row, or several packed into one. The same windows, the same
// packing and the same mask as llm.data's.
import { checkbox, element, onInput, row, select, slider } from "./elements.js";

const END = "<|endoftext|>", LONGEST = 600, MOST_ROWS = 12; // characters of the text, rows shown
const CSS = `
  textarea { display: block; width: 100%; min-height: 6.8em; resize: vertical; }
  label[hidden] { display: none; }
  label.wide { display: block; margin: 0 0 .6em; }
  .scroll { overflow-x: auto; max-width: 100%; margin: .3em 0 .6em; }
  table { border-collapse: separate; border-spacing: 2px 1px; }
  caption { text-align: start; padding-bottom: .2em; white-space: nowrap; }
  th { font-weight: 400; text-align: start; padding-right: .5em; white-space: nowrap; font-size: 13px; }
  td { font-family: ui-monospace, monospace; font-size: 14px; text-align: center; white-space: pre; border: 1px solid var(--line); border-radius: 3px; padding: 0 .3em; }
  td.read { background: color-mix(in srgb, var(--blue) 25%, transparent); }
  td.asked { outline: 2px solid var(--vermillion); outline-offset: -1px; font-weight: 700; }
  td.filling { border-style: dashed; opacity: .75; }
  td.end { font-size: 12px; }
  tbody.picked th { font-weight: 700; }
  .row-of-text { line-height: 1.3; display: flex; flex-wrap: wrap; gap: 3px 2px; margin: .3em 0 .6em; }
  .one { display: inline-flex; flex-direction: column; align-items: center; font: 14px ui-monospace, monospace; white-space: pre; }
  .one span { border: 1px solid var(--line); border-radius: 3px; padding: 0 .25em; }
  .one small { font-size: 12px; min-height: 1.3em; }
  .one.never span { border-style: dashed; } .one.never small { font-weight: 700; }
  p { margin: .3em 0 .5em; }`;
const WORDS = /'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

// --- As in llm.data: tokens in place of ids, null for a place that does not count --------

// The documents, one on each line, as rows of tokens without their end marks.
function documentsOf(text, kind) {
  const lines = text.split("\n").map((line) => line.trim()).filter(Boolean);
  return lines.map((line) => (kind === "words" ? line.match(WORDS) ?? [] : [...line]));
}

// One long row, in which an end mark ends each document.
const streamOf = (documents) => documents.flatMap((tokens) => [...tokens, END]);

// The windows of a row: every `stride` tokens, as long as a window and its last target fit.
function windowsOf(tokens, length, stride) {
  const windows = [];
  for (let start = 0; start + length < tokens.length; start += stride)
    windows.push({ start, x: tokens.slice(start, start + length), y: tokens.slice(start + 1, start + length + 1) });
  return windows;
}

// Which documents share a row: each, the longest first, goes into the fullest with room.
function bestFit(lengths, length) {
  const withRoom = Array.from({ length: length + 1 }, () => []);
  const order = lengths.map((_, n) => n).sort((a, b) => lengths[b] - lengths[a] || a - b);
  for (const n of order) {
    let room = lengths[n];
    while (room < length && !withRoom[room].length) room++;
    const rows = withRoom[room], made = rows.length ? rows.pop() : [];
    withRoom[room - lengths[n]].push([...made, n]);
  }
  return withRoom.flat();
}

// Whole documents in rows, those of one group side by side; filled up to the longest row.
function rowsOf(documents, groups) {
  const rows = groups.map((group) => ({
    x: group.flatMap((n) => [END, ...documents[n]]),
    y: group.flatMap((n) => [...documents[n], END]),
  }));
  const longest = Math.max(0, ...rows.map(({ x }) => x.length));
  const fill = (part) => [...part, ...Array(longest - part.length).fill(null)];
  return rows.map(({ x, y }) => ({ x: fill(x), y: fill(y) }));
}

// The number of the document at each place: an end mark begins the next one.
function numbersOf(x) {
  let number = 0;
  return x.map((token) => (token === END ? ++number : number));
}

// --- What is shown -----------------------------------------------------------------

const shown = (token) => (token === null ? "·" : token === END ? "end" : token.replace(/ /g, "␣"));
const plural = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;

// What the model has read at a place of a row, where it may look into other documents or not.
function readAt(x, place, alone) {
  const numbers = numbersOf(x);
  return x.map((_, s) => s <= place && (!alone || numbers[s] === numbers[place]));
}

// How often each token of the long row is a target.
function timesAsked(n, windows, length) {
  const times = Array(n).fill(0);
  for (const { start } of windows) for (let t = 1; t <= length; t++) times[start + t]++;
  return times;
}

function render({ model, el }) {
  const text = Object.assign(element("textarea"), { value: model.get("text"), spellcheck: false, maxLength: LONGEST });
  const box = element("label", "Documents, one on each line ", "wide");
  box.append(text);
  const kind = select("A token is", [["words", "a word, with its space"], ["characters", "a character"]], "words");
  const form = select("In rows", [["windows", "windows of one long row"], ["documents", "one document in a row"], ["packed", "several documents in a row"]], model.get("form"));
  const length = slider("Context length", { min: 1, max: 24, step: 1, value: model.get("length") });
  const stride = slider("Stride", { min: 1, max: 24, step: 1, value: model.get("stride") });
  const picked = slider("Row", { min: 1, max: 1, step: 1, value: 1 });
  const place = slider("Place", { min: 1, max: 24, step: 1, value: model.get("length") });
  const alone = checkbox("look into no other document", false);
  const [asked, summary] = [element("p"), element("p")], line = element("div", undefined, "row-of-text");
  const scroll = element("div", undefined, "scroll");
  Object.assign(scroll, { tabIndex: 0 });
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", "inputs and targets, row by row");
  for (const live of [asked, summary]) live.setAttribute("aria-live", "polite");

  const cell = (token, ...classes) => element("td", shown(token), token === END && "end", ...classes);
  // A control that would change nothing is put away.
  const offer = (control, useful) => {
    control.disabled = !useful;
    control.box.hidden = !useful;
  };
  const limit = (control, most) => {
    control.max = Math.max(most, 1);
    control.value = Math.min(+control.value, +control.max);
    control.say();
  };

  function rowsNow(documents) {
    if (form.value === "windows") return windowsOf(streamOf(documents), +length.value, +stride.value);
    const lengths = documents.map((tokens) => tokens.length + 1);
    const each = lengths.map((_, n) => [n]);
    return rowsOf(documents, form.value === "packed" ? bestFit(lengths, +length.value) : each);
  }

  function draw() {
    const documents = documentsOf(text.value.slice(0, LONGEST), kind.value), tokens = streamOf(documents);
    const windows = form.value === "windows", long = Math.max(0, ...documents.map((d) => d.length + 1));
    offer(stride, windows);
    offer(alone, form.value !== "documents");
    line.hidden = !windows;
    if (!windows && long > +length.value) return refuse(`The longest document takes ${long} places with its end mark, more than the context length: make that longer, or the document shorter.`);
    const rows = rowsNow(documents);
    if (!rows.length) return refuse(windows ? `${plural(tokens.length, "token")} and a context length of ${length.value}: not even one window and its last target fit.` : "There is no document.");
    limit(picked, rows.length);
    const now = rows[+picked.value - 1];
    limit(place, now.y.filter((token) => token !== null).length);
    const t = +place.value - 1, read = readAt(now.x, t, alone.checked);
    const before = now.x.filter((_, s) => read[s]).map(shown).join(" ");
    asked.textContent = `Row ${picked.value}, place ${place.value}: after “${before}” the answer is “${shown(now.y[t])}”.`;
    if (windows) drawLine(tokens, rows);
    else sayWaste(rows);
    drawRows(rows, read, t);
  }

  function refuse(words) {
    asked.textContent = words;
    summary.textContent = "";
    line.replaceChildren();
    scroll.replaceChildren();
  }

  // The long row: below each token, how often it is a target.
  function drawLine(tokens, windows) {
    const times = timesAsked(tokens.length, windows, +length.value);
    line.replaceChildren(...tokens.map((token, i) => {
      const one = element("span", undefined, "one", !times[i] && "never");
      one.append(element("span", shown(token)), element("small", `${times[i]}`));
      return one;
    }));
    const never = times.filter((n) => n === 0).length, twice = times.filter((n) => n > 1).length;
    summary.textContent = `${plural(tokens.length, "token")}, ${plural(windows.length, "window")}. Below each token stands how often it is an answer: ` +
      `${never} never, the first among them; ${twice} more than once.`;
  }

  function sayWaste(rows) {
    const places = rows.length * rows[0].y.length, filled = rows.flatMap(({ y }) => y).filter((token) => token === null).length;
    summary.textContent = `${plural(rows.length, "row")} of ${plural(rows[0].y.length, "place")}; ${filled} of ${places} are filled up: a waste of ${Math.round((100 * filled) / places)} %.`;
  }

  function drawRows(rows, read, t) {
    const table = element("table"), chosen = +picked.value - 1;
    const first = Math.min(Math.max(0, chosen - MOST_ROWS + 2), Math.max(0, rows.length - MOST_ROWS));
    table.append(element("caption", rows.length > MOST_ROWS ? `rows ${first + 1} to ${first + MOST_ROWS} of ${rows.length}` : "x is read, y is the answer"));
    rows.slice(first, first + MOST_ROWS).forEach(({ x, y }, i) => {
      const body = table.createTBody(), here = first + i === chosen;
      if (here) body.className = "picked";
      for (const [name, part] of [["x", x], ["y", y]]) {
        const tr = body.insertRow();
        tr.append(Object.assign(element("th", `${name} ${first + i + 1}`), { scope: "row" }));
        part.forEach((token, s) => tr.append(cell(token, y[s] === null && "filling",
          here && name === "x" && read[s] && "read", here && name === "y" && s === t && "asked")));
      }
    });
    scroll.replaceChildren(table);
  }

  onInput([text, kind, form, length, stride, picked, place, alone], draw);
  model.on("try", () => {
    for (const [control, name] of [[form, "form"], [length, "length"], [stride, "stride"]]) {
      if (model.get(name) === undefined) continue;
      control.value = model.get(name);
      control.say?.();
    }
    draw();
  });
  el.append(element("style", CSS), box, row(kind.box, form.box), row(length.box, stride.box), line, summary,
    row(picked.box, place.box, alone.box), asked, scroll);
  draw();
}

export default { render };
