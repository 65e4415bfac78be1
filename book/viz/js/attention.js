// Attention over the reader's own sentence, with views made by hand: each position
// knows its word and its left neighbour; the reader picks which of the two it asks
// with, is found by, and tells. The same arithmetic as `attention_weights`, before
// any matrix is learned.
import { BARS, bars, fill } from "./bars.js";
import { checkbox, element, onInput, row, select, slider, textField } from "./elements.js";

const CSS = `${BARS}
  input[type=text] { width: min(26em, 100%); }
  .both { display: flex; flex-wrap: wrap; gap: 1em 2em; align-items: flex-start; }
  .scroll { overflow-x: auto; max-width: 100%; }
  table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
  th { font-weight: 400; padding: .1em .4em; text-align: right; white-space: nowrap; }
  thead th { text-align: center; vertical-align: bottom; }
  td { width: 2.9em; height: 2em; text-align: center; border: 1px solid var(--line); cursor: pointer; }
  td.hidden { background: repeating-linear-gradient(45deg, transparent 0 4px, var(--line) 4px 5px); }
  tr.asks th { font-weight: 700; } tr.asks td { border-block: 2px solid var(--vermillion); }
  .answer { min-width: 15em; flex: 1; }
  p { margin: .2em 0 .5em; }`;
const MOST = 14;

// weights[t][s]: a softmax over the positions that t may see.
function weigh(asks, offers, temperature, past) {
  return asks.map((ask, t) => {
    const e = offers.map((offer, s) => (past && s > t ? 0 : Math.exp((ask === offer && ask !== null) / temperature)));
    const sum = e.reduce((a, b) => a + b, 0);
    return e.map((x) => x / sum);
  });
}

function render({ model, el }) {
  const ways = { word: "its word", left: "its left neighbour" }, get = (name) => model.get(name);
  const pick = (label, name, more = {}) => select(label, Object.entries({ ...ways, ...more }), get(name));
  const control = {
    sentence: textField("Your sentence", get("sentence")),
    asks: pick("A position asks with", "asks", { nothing: "nothing" }),
    offers: pick("is found by", "offers"),
    tells: pick("and tells", "tells"),
    temperature: slider("Temperature", { min: 0.05, max: 4, step: 0.05, value: get("temperature"), shown: (x) => x.toFixed(2) }),
    position: slider("Position that asks", { min: 1, max: MOST, step: 1, value: MOST }), // the last one, once the sentence is known
    past: checkbox("hide the future", get("past")),
  };
  el.innerHTML = `<style>${CSS}</style>
    <div class="both"><div class="scroll" tabindex="0" role="region" aria-label="weights"></div>
      <div class="answer" aria-live="polite"></div></div>`;
  const boxes = Object.fromEntries(Object.entries(control).map(([name, { box }]) => [name, box]));
  el.querySelector("style").after(
    row(boxes.sentence), row(boxes.asks, boxes.offers, boxes.tells), row(boxes.temperature, boxes.position, boxes.past),
  );

  function table(words, weights, asking) {
    const grid = element("table"), head = grid.createTHead().insertRow(), body = grid.createTBody();
    head.append(element("td", ""));
    head.firstChild.style.cssText = "border:0;cursor:default";
    words.forEach((word) => head.append(Object.assign(element("th", word), { scope: "col" })));
    weights.forEach((row, t) => {
      const line = body.insertRow();
      line.append(Object.assign(element("th", words[t]), { scope: "row" }));
      if (t === asking) line.className = "asks";
      row.forEach((w, s) => {
        const cell = line.insertCell(), hidden = control.past.checked && s > t;
        if (hidden) cell.className = "hidden";
        else cell.textContent = w.toFixed(2).replace("0.", ".");
        cell.style.backgroundColor = hidden ? "" : `color-mix(in srgb, var(--blue) ${Math.round(45 * w)}%, transparent)`;
        if (w > 0.45) cell.style.fontWeight = "700";
        cell.addEventListener("click", () => { control.position.value = t + 1; draw(); });
      });
    });
    return grid;
  }

  function answer(words, told, row, asking) {
    const total = new Map();
    row.forEach((w, s) => told[s] !== null && total.set(told[s], (total.get(told[s]) ?? 0) + w));
    const best = [...total].sort((a, b) => b[1] - a[1]).slice(0, 5);
    const box = document.createDocumentFragment();
    box.append(element("p", `Position ${asking + 1}, “${words[asking]}”, is told:`));
    const list = bars();
    fill(list, best.map(([name, share]) => ({ name, share })), (share) => share.toFixed(2));
    box.append(list);
    const left = 1 - row.reduce((sum, w, s) => sum + (told[s] === null ? 0 : w), 0);
    if (left > 0.005) box.append(element("p", `${left.toFixed(2)} goes to the start, which has no left neighbour.`));
    return box;
  }

  function draw() {
    const words = control.sentence.value.trim().split(/\s+/u).filter(Boolean).slice(0, MOST);
    const [map, told] = [el.querySelector(".scroll"), el.querySelector(".answer")];
    if (words.length < 2) {
      map.replaceChildren(element("p", "Type two words or more."));
      return told.replaceChildren();
    }
    const left = [null, ...words.slice(0, -1)], views = { word: words, left, nothing: words.map(() => null) };
    const seen = (name) => views[control[name].value];
    const followed = control.position.value === control.position.max;
    control.position.max = words.length;
    if (followed || control.position.value > words.length) control.position.value = words.length;
    const asking = control.position.value - 1, temperature = +control.temperature.value;
    control.position.box.querySelector("output").textContent = `${asking + 1} of ${words.length}`;
    const weights = weigh(seen("asks"), seen("offers"), temperature, control.past.checked);
    map.replaceChildren(table(words, weights, asking));
    told.replaceChildren(answer(words, seen("tells"), weights[asking], asking));
  }
  onInput(Object.values(control), draw);
  draw();
}
export default { render };
