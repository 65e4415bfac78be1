// softmax(QKᵀ)V, one matrix at a time: the reader steps through the frames, chooses the
// position that asks, and sees which row and which column make which number.
import { button, element, onInput, row, slider } from "./elements.js";

const CSS = `
  .matrices { display: flex; flex-wrap: wrap; gap: .4em 1em; align-items: center; }
  .matrix { overflow-x: auto; max-width: 100%; }
  table { border-collapse: collapse; font-size: 12px; font-variant-numeric: tabular-nums; }
  caption { text-align: start; padding-bottom: .2em; white-space: nowrap; }
  th { font-weight: 400; padding: 0 .3em; text-align: right; white-space: nowrap; }
  thead th { text-align: center; }
  td { min-width: 2.3em; height: 1.9em; text-align: center; border: 1px solid var(--line); }
  td.hidden { background: repeating-linear-gradient(45deg, transparent 0 4px, var(--line) 4px 5px); }
  td.used { box-shadow: inset 0 2px var(--vermillion), inset 0 -2px var(--vermillion); }
  table.down td.used { box-shadow: inset 2px 0 var(--vermillion), inset -2px 0 var(--vermillion); }
  td.made { box-shadow: inset 0 0 0 2px var(--vermillion); font-weight: 700; }
  .sign { font-size: 1.3em; }
  p { margin: .3em 0 .6em; min-height: 3em; }`;

const written = (x) => (x === 0 ? "" : x === -Infinity ? "−∞" : Math.abs(x) >= 9.95 ? x.toFixed(0) : x.toFixed(2).replace(/^0\./, ".").replace(/\.?0+$/, ""));
const turned = (rows) => rows[0].map((_, c) => rows.map((row) => row[c]));

// A matrix with names; `used` says which cells a number is made of, `made` which it is.
function matrix({ title, numbers, rows, columns, used = () => false, made = () => false, down = false }) {
  const box = element("div", undefined, "matrix"), table = element("table", undefined, down && "down");
  const largest = Math.max(...numbers.flat().filter(Number.isFinite), 1e-9);
  table.createCaption().textContent = `${title} (${numbers.length}, ${numbers[0].length})`;
  const head = table.createTHead().insertRow(), body = table.createTBody();
  head.append(element("td"));
  head.firstChild.style.border = 0;
  for (const name of columns) head.append(Object.assign(element("th", name), { scope: "col" }));
  numbers.forEach((line, r) => {
    const shown = body.insertRow();
    shown.append(Object.assign(element("th", rows[r]), { scope: "row" }));
    line.forEach((x, c) => {
      const cell = shown.insertCell();
      cell.textContent = written(x);
      if (x === -Infinity) cell.className = "hidden";
      else cell.style.backgroundColor = `color-mix(in srgb, var(--blue) ${Math.round((45 * Math.max(x, 0)) / largest)}%, transparent)`;
      if (made(r, c)) cell.classList.add("made");
      else if (used(r, c)) cell.classList.add("used");
    });
  });
  box.append(table);
  return box;
}

function render({ model, el }) {
  const get = (name) => model.get(name), words = get("words"), components = get("components");
  const [T, D] = [words.length, components.length], sign = (text) => element("span", text, "sign");
  const hidden = get("scores").map((line, t) => line.map((x, s) => (get("mask")[t][s] ? x : -Infinity)));
  const square = { rows: words, columns: words }, tall = { rows: words, columns: components };
  const divisor = get("temperature") === 1 ? "√D" : `√D and the temperature, ${get("temperature")}`;
  const frames = [
    {
      says: (t, s) => `“${words[t]}”, position ${t + 1}, asks with the framed row of Q. “${words[s]}”, position ${s + 1}, is found by the framed row of K.`,
      shows: (t, s) => [matrix({ title: "queries Q", numbers: get("queries"), ...tall, used: (r) => r === t }),
        matrix({ title: "keys K", numbers: get("keys"), ...tall, used: (r) => r === s })],
    },
    {
      says: (t, s) => `The score of position ${s + 1}, “${words[s]}”: the framed row times the framed column, divided by ${divisor}.`,
      shows: (t, s) => [matrix({ title: "Q", numbers: get("queries"), ...tall, used: (r) => r === t }), sign("@"),
        matrix({ title: "Kᵀ", numbers: turned(get("keys")), rows: components, columns: words, used: (_, c) => c === s, down: true }), sign("→"),
        matrix({ title: "scores", numbers: get("scores"), ...square, used: (r) => r === t, made: (r, c) => r === t && c === s })],
    },
    {
      says: () => "Where the mask says no, the score becomes −∞: position t sees positions 1 to t.",
      shows: (t) => [matrix({ title: "scores, masked", numbers: hidden, ...square, used: (r) => r === t })],
    },
    {
      says: (t) => `The softmax of each row: the framed weights of “${words[t]}” sum to one.`,
      shows: (t, s) => [matrix({ title: "scores, masked", numbers: hidden, ...square, used: (r) => r === t }), sign("→"),
        matrix({ title: "weights", numbers: get("weights"), ...square, used: (r) => r === t, made: (r, c) => r === t && c === s })],
    },
    {
      says: (t) => `What “${words[t]}” is told: its row of weights times the columns of V.`,
      shows: (t) => [matrix({ title: "weights", numbers: get("weights"), ...square, used: (r) => r === t }), sign("@"),
        matrix({ title: "values V", numbers: get("values"), ...tall }), sign("→"),
        matrix({ title: "answers", numbers: get("answers"), ...tall, used: (r) => r === t })],
    },
  ];
  let at = 0;
  const asks = slider("Position that asks", { min: 1, max: T, step: 1, value: T, shown: (t) => `${t}, ${words[t - 1]}` });
  const seen = slider("compared with", { min: 1, max: T, step: 1, value: Math.max(1, T - 3), shown: (s) => `${s}, ${words[s - 1]}` });
  const go = (by) => { at = (at + by + frames.length) % frames.length; draw(); }; // behind the last step, the first
  const back = button("Back", () => go(-1)), next = button("Next", () => go(1)), where = element("output");
  const said = element("p"), shown = element("div", undefined, "matrices");
  said.setAttribute("aria-live", "polite");

  function draw() {
    const [t, s] = [asks.value - 1, seen.value - 1];
    where.textContent = `step ${at + 1} of ${frames.length}`;
    said.textContent = frames[at].says(t, s);
    shown.replaceChildren(...frames[at].shows(t, s));
  }

  const style = element("style", CSS);
  el.append(style, row(back, next, where), row(asks.box, seen.box), said, shown);
  onInput([asks, seen], draw);
  draw();
}

export default { render };
