// Attention over the reader's own sentence, with views made by hand: each position
// knows its word and its left neighbour; the reader picks which of the two it asks
// with, is found by, and tells. The same arithmetic as `attention_weights`, before
// any matrix is learned.
const CSS = `
  .row { display: flex; flex-wrap: wrap; gap: .5em 1.2em; margin-bottom: .6em; }
  .row label { margin: 0; }
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
  .bar { display: grid; grid-template-columns: 6em 1fr 3.5em; gap: .6em; align-items: center; }
  .bar span:first-child { text-align: right; overflow: hidden; text-overflow: ellipsis; }
  .bar i { display: block; height: .9em; background: var(--blue); min-width: 1px; }
  p { margin: .2em 0 .5em; }`;
const MOST = 14;

// weights[t][s]: a softmax over the positions that t may see.
function weigh(asks, offers, loudness, past) {
  return asks.map((ask, t) => {
    const e = offers.map((offer, s) => (past && s > t ? 0 : Math.exp(loudness * (ask === offer && ask !== null))));
    const sum = e.reduce((a, b) => a + b, 0);
    return e.map((x) => x / sum);
  });
}

function element(tag, text, ...classes) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  node.classList.add(...classes);
  return node;
}

function render({ model, el }) {
  el.innerHTML = `<style>${CSS}</style>
    <div class="row"><label>Your sentence <input type="text" name="sentence" spellcheck="false"></label></div>
    <div class="row">
      <label>A position asks with <select name="asks"><option value="word">its word</option>
        <option value="left">its left neighbour</option><option value="nothing">nothing</option></select></label>
      <label>is found by <select name="offers"><option value="word">its word</option>
        <option value="left">its left neighbour</option></select></label>
      <label>and tells <select name="tells"><option value="word">its word</option>
        <option value="left">its left neighbour</option></select></label></div>
    <div class="row">
      <label>Loudness <input type="range" name="loudness" min="0" max="8" step="0.1"> <output></output></label>
      <label>Position that asks <input type="range" name="position" min="1" max="${MOST}" step="1"> <output></output></label>
      <label><input type="checkbox" name="past"> hide the future</label></div>
    <div class="both"><div class="scroll" tabindex="0" role="region" aria-label="weights"></div>
      <div class="answer" aria-live="polite"></div></div>`;
  const control = Object.fromEntries([...el.querySelectorAll("[name]")].map((c) => [c.name, c]));
  for (const name of ["sentence", "asks", "offers", "tells", "loudness"]) control[name].value = model.get(name);
  control.past.checked = model.get("past");

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
    for (const [word, w] of best) {
      const line = element("div", undefined, "bar"), bar = element("i"), track = element("span");
      bar.style.width = `${100 * w}%`;
      track.append(bar);
      line.append(element("span", word), track, element("span", w.toFixed(2)));
      box.append(line);
    }
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
    const pick = (name) => views[control[name].value];
    const followed = control.position.value === control.position.max;
    control.position.max = words.length;
    if (followed || control.position.value > words.length) control.position.value = words.length;
    const asking = control.position.value - 1, loudness = +control.loudness.value;
    control.loudness.nextElementSibling.textContent = loudness.toFixed(1);
    control.position.nextElementSibling.textContent = `${asking + 1} of ${words.length}`;
    const weights = weigh(pick("asks"), pick("offers"), loudness, control.past.checked);
    map.replaceChildren(table(words, weights, asking));
    told.replaceChildren(answer(words, pick("tells"), weights[asking], asking));
  }
  control.position.value = MOST; // the last one, once the sentence is known
  for (const c of Object.values(control)) c.addEventListener("input", draw);
  draw();
}
export default { render };
