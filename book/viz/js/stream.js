// Follow one token through the residual stream of a model that runs in the page: how much
// each part writes, in which direction, and what the head would guess behind each part.
import { BARS, bars, fill, likeliest, percent } from "./bars.js";
import { button, element, onInput, row, select, slider } from "./elements.js";
import { modelOf } from "./models.js";
import { distribution, ranked } from "./sampling.js";
import { Tokenizer } from "./tokenizer.js";
import { TOKENS, TokenRow } from "./tokens.js";

const CSS = `${BARS}${TOKENS}
  p { margin: 0 0 .5em; } .wide { display: flex; margin: 0 0 .6em; } .says { min-height: 3em; }
  textarea { flex: 1 1 14em; min-height: 2em; height: 2em; }
  .tokens { max-height: 9em; min-height: 2.2em; margin-bottom: .7em; }
  .stations { border-collapse: collapse; width: 100%; font-size: 13px; margin-bottom: .7em; font-variant-numeric: tabular-nums; }
  .stations th { text-align: start; font-weight: 400; padding: 1px .5em 1px 0; }
  .stations thead th { border-bottom: 1px solid var(--line); font-weight: 700; vertical-align: bottom; }
  .stations td { padding: 1px .4em; white-space: pre; } .stations .cosine { text-align: end; }
  .stations thead th:nth-child(n + 2):nth-child(-n + 4) { text-align: end; padding-right: .4em; }
  .stations thead th:nth-child(5) { padding-left: .4em; }
  .stations .amount { text-align: end; min-width: 4em; background:
    linear-gradient(color-mix(in srgb, var(--own) 40%, transparent) 0 0) no-repeat 0 0 / var(--share) 100%; }
  .stations .guess { max-width: 8em; overflow: hidden; text-overflow: ellipsis; }
  .stations [aria-current=true] { outline: 2px solid var(--vermillion); outline-offset: -1px; font-weight: 700; }
  .size { --own: var(--blue); } .writes { --own: var(--green); }
  .bars { max-width: 24em; }
  @media (max-width: 480px) { .stations { font-size: 12px; } .stations td { padding: 1px .25em; } .stations .amount { min-width: 3.2em; }
    .stations .guess { max-width: 5em; } .stations thead th:nth-child(n + 2):nth-child(-n + 4) { padding-right: .25em; } }`;
const SHOWN = 6, MOST = 160; // bars; tokens of a text that are read
const OWN = "own"; // the text that the reader types

// The parts of a model, in the order in which they write.
const partsOf = (model) => ["embedding", ...model.blocks.flatMap((_, b) => [`${b + 1} attention`, `${b + 1} feed-forward`])];

// What each part writes at each place: written[place][part].
function writtenBy(model, ids) {
  const written = [], reader = model.reader((numbers) => written.at(-1).push(numbers.slice()));
  for (const id of ids) {
    written.push([]);
    reader.read(id);
  }
  return written;
}

const dot = (a, b) => a.reduce((sum, number, i) => sum + number * b[i], 0);
const sizeOf = (x) => Math.sqrt(dot(x, x) / x.length);

// The stream of a token behind each part: its size, the size of what was written and its
// cosine with what was there, and what the head makes of it, behind the last norm.
function stations(model, written) {
  const stream = new Float32Array(model.sizes.width), room = new Float32Array(model.sizes.width);
  return written.map((added, part) => {
    const cosine = part ? dot(added, stream) / Math.sqrt(dot(added, added) * dot(stream, stream)) : undefined;
    for (let i = 0; i < stream.length; i++) stream[i] += added[i];
    const logits = model.head.times(model.norm(model.last, stream, room), new Float32Array(model.vocabSize));
    return { size: sizeOf(stream), writes: sizeOf(added), cosine, probabilities: distribution(logits, 1) };
  });
}

function render({ model: page, el }) {
  const model = modelOf(page.get("model")), tokenizer = new Tokenizer(model.said.tokenizer);
  const texts = page.get("texts"), end = page.get("end"), parts = partsOf(model);
  const pieceOf = (id) => (id === end ? "(the end)" : tokenizer.shown(id));
  const looks = (id) => {
    const name = pieceOf(id);
    return { name: id === end ? "the sign before the text" : name, mark: id === end, text: id === end ? "∎" : name.startsWith("⟨") ? name : tokenizer.decode([id]) };
  };
  let ids = [], written = [], at = 0;

  const chosen = select("Text", [...texts.map((text, i) => [i, `${text.split(/\s+/).slice(0, 4).join(" ")} …`]), [OWN, "typed by you"]], 0);
  const after = slider("Guess behind", { min: 0, max: parts.length - 1, step: 1, value: page.get("part"), shown: (part) => parts[part] });
  const own = Object.assign(element("textarea"), { spellcheck: false, placeholder: "One sunny morning in May, Ben" });
  const field = element("label", "Type a text", "wide");
  field.append(own);
  const tokens = new TokenRow("the text: pick the token to follow", (i) => go(i));
  const table = element("table", undefined, "stations"), says = element("p", "", "says"), list = bars();
  table.setAttribute("aria-label", "the stream of the picked token, behind each part");
  says.setAttribute("aria-live", "polite");
  el.replaceChildren(element("style", CSS), row(chosen.box, button("Reset", reset)), field, tokens.node, table, row(after.box), says, list);

  function amount(name, number, most) {
    const cell = element("td", number.toFixed(2), "amount", name);
    cell.style.setProperty("--share", `${(100 * number) / most}%`);
    return cell;
  }

  function line(station, part, most) {
    const tr = element("tr"), name = element("th", parts[part]), { probabilities } = station, best = ranked(probabilities)[0];
    name.scope = "row";
    tr.setAttribute("aria-current", part === +after.value);
    tr.append(name, amount("writes", station.writes, most), element("td", station.cosine === undefined ? "–" : station.cosine.toFixed(2).replace("-", "−"), "cosine"),
      amount("size", station.size, most), element("td", pieceOf(best), "guess"), element("td", percent(probabilities[best])));
    return tr;
  }

  function head() {
    const line = element("tr");
    for (const title of ["part", "writes", "cosine", "stream", "guess", ""]) line.append(Object.assign(element("th", title), { scope: "col" }));
    const thead = element("thead");
    thead.append(line);
    return thead;
  }

  function show() {
    const found = stations(model, written[at]), most = Math.max(...found.map(({ size, writes }) => Math.max(size, writes)));
    const body = element("tbody"), { probabilities } = found[after.value], next = ids[at + 1], order = ranked(probabilities);
    body.append(...found.map((station, part) => line(station, part, most)));
    table.replaceChildren(head(), body);
    fill(list, likeliest(probabilities, order, next, pieceOf, SHOWN));
    const told = next === undefined ? "The text ends here." : `► What comes next in the text, ${pieceOf(next)}, gets ${percent(probabilities[next])}; behind the last part, ${percent(found.at(-1).probabilities[next])}.`;
    says.textContent = `We follow ${looks(ids[at]).name}. If the model ended behind “${parts[after.value]}”, it would guess ${pieceOf(order[0])}. ${told}`;
    tokens.pick(at);
    tokens.toPicked();
  }

  function take() {
    const text = chosen.value === OWN ? own.value : texts[chosen.value];
    ids = [end, ...tokenizer.encode(text)].slice(0, Math.min(MOST, model.contextLength));
    written = writtenBy(model, ids);
    tokens.show(ids.map(looks));
  }

  function go(place) {
    at = Math.max(0, Math.min(place, ids.length - 1));
    show();
  }

  function reset() {
    [chosen.value, own.value, after.value] = [0, "", page.get("part")];
    after.say();
    take();
    go(page.get("at"));
  }

  // From the text of the page: a word of the first text to follow, and a part.
  function attempt() {
    reset();
    if (page.get("behind") !== undefined) after.value = page.get("behind");
    after.say();
    const place = ids.findLastIndex((id) => id !== end && tokenizer.decode([id]).trim() === page.get("word"));
    go(place < 0 ? at : place);
  }

  chosen.addEventListener("input", () => {
    take();
    go(ids.length - 1);
  });
  own.addEventListener("input", () => {
    chosen.value = OWN;
    take();
    go(ids.length - 1);
  });
  onInput([after], show);
  page.on("try", attempt);
  take();
  go(page.get("at"));
}
export default { render };
