// A size calculator: the sizes of a configuration, and what they cost. The counts are
// those of llm/count.py, and tests/test_calculator.py compares them.
import { BARS, bars, fill } from "./bars.js";
import { element, number, row, select } from "./elements.js";

const CSS = `${BARS}
  .sizes { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 15.5em), 1fr)); gap: .45em 1.6em; margin-bottom: .6em; }
  .sizes label { display: flex; flex-wrap: nowrap; justify-content: space-between; margin: 0; gap: .4em; }
  .sizes input { width: 6.6em; } .sizes select { max-width: 8.5em; }
  @media (max-width: 480px) { /* two sizes in a line, each below its name: the counts are not far */
    .sizes { grid-template-columns: 1fr 1fr; gap: .3em .8em; } .sizes label { flex-direction: column; align-items: stretch; gap: 0; font-size: 14px; }
    .sizes input, .sizes select { width: 100%; max-width: none; } }
  .results { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20em), 1fr)); gap: .8em 1.6em; }
  h4 { margin: .2em 0 .3em; font-size: 14px; } p { margin: .3em 0; font-size: 13px; }
  .wrong { min-height: 1.5em; color: inherit; font-weight: 600; }`;

// --- The counts, as in llm/count.py ---

const kvHeads = (c) => c.n_kv_heads || c.n_heads;
const kvWidth = (c) => (c.d_model / c.n_heads) * kvHeads(c);
const llama = (c) => c.architecture === "llama";

function feedForwardWidth(c) {
  if (c.d_ff) return c.d_ff;
  return llama(c) ? Math.ceil((8 * c.d_model) / 96) * 32 : 4 * c.d_model;
}

// The matrices of one block: the widths of what goes in and of what comes out.
function matrices(c) {
  const C = c.d_model, F = feedForwardWidth(c), up = [C, F];
  return {
    attention: [[C, C], [C, C], [C, kvWidth(c)], [C, kvWidth(c)]],
    "feed-forward": llama(c) ? [up, up, [F, C]] : [up, [F, C]],
  };
}

const total = (numbers) => Object.values(numbers).reduce((sum, n) => sum + n, 0);
const each = (shapes, count) => shapes.reduce((sum, [n, m]) => sum + count(n, m), 0);

// GPT-2 has biases and one matrix for both ends, Llama neither, unless told otherwise.
const biased = (c) => c.bias ?? !llama(c);
const tied = (c) => c.tie_embeddings ?? !llama(c);

function parametersByPart(c) {
  const parts = matrices(c), norm = (llama(c) || !biased(c) ? 1 : 2) * c.d_model;
  const inBlocks = (part) => c.n_layers * each(parts[part], (n, m) => (n + biased(c)) * m);
  return {
    tokens: c.vocab_size * c.d_model,
    positions: llama(c) ? 0 : c.context_length * c.d_model,
    attention: inBlocks("attention"),
    "feed-forward": inBlocks("feed-forward"),
    norms: (2 * c.n_layers + 1) * norm,
    head: tied(c) ? 0 : c.vocab_size * c.d_model,
  };
}

function flopsByPart(c, T) {
  const parts = matrices(c), inBlocks = (part) => 2 * T * c.n_layers * each(parts[part], (n, m) => n * m);
  return {
    attention: inBlocks("attention"),
    "feed-forward": inBlocks("feed-forward"),
    scores: 4 * c.n_layers * ((T * (T + 1)) / 2) * c.d_model,
    head: 2 * T * c.d_model * c.vocab_size,
  };
}

function activationNumbers(c, B, T) {
  const C = c.d_model, norm = llama(c) ? 3 * C + 1 : 2 * C + 2;
  const normed = c.qk_norm ? C + kvWidth(c) + c.n_heads + kvHeads(c) : 0;
  const attention = 2 * C + 2 * kvWidth(c) + c.n_heads + normed, feedForward = (llama(c) ? 4 : 2) * feedForwardWidth(c);
  const forEachToken = c.n_layers * (2 * norm + attention + feedForward) + norm + c.vocab_size;
  const once = c.n_layers * (T * T + (llama(c) ? (4 * T * C) / c.n_heads : 0));
  return B * T * forEachToken + once;
}

function trainingBytes(c, B, T) {
  const n = total(parametersByPart(c));
  return { parameters: 4 * n, gradients: 4 * n, optimizer: 8 * n, activations: 4 * activationNumbers(c, B, T) };
}

function writingBytes(c, B, T, size) {
  return { parameters: size * total(parametersByPart(c)), cache: size * 2 * B * c.n_layers * kvWidth(c) * T };
}

// --- What a reader may set ---

const MOST = 1e9;

// What a configuration cannot be, in words; nothing where all is well.
function complaint(c) {
  for (const [name, value] of Object.entries(c)) {
    if (name === "architecture") continue;
    if (!Number.isInteger(value) || value < 1) return `${name} must be a whole number, at least 1.`;
    if (value > MOST) return `${name} must be at most ${MOST.toLocaleString("en")}.`;
  }
  if (c.d_model % c.n_heads) return `n_heads=${c.n_heads} does not divide d_model=${c.d_model}.`;
  if (c.n_heads % c.n_kv_heads) return `n_kv_heads=${c.n_kv_heads} does not divide n_heads=${c.n_heads}.`;
  if (llama(c) && (c.d_model / c.n_heads) % 2) return `Heads of odd width ${c.d_model / c.n_heads}: rotary positions turn pairs.`;
  return "";
}

// What divides n, smallest first: all the head counts that there can be.
function divisors(n) {
  const found = [];
  if (n > MOST) return found;
  for (let d = 1; d * d <= n; d++) if (n % d === 0) found.push(d, n / d);
  return [...new Set(found)].sort((a, b) => a - b);
}

const UNITS = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];

// Three digits and a letter: 124 M parameters, 27.0 GB.
function short(n, unit, letters = {}) {
  const [size, letter] = UNITS.find(([size]) => n >= size) ?? [1, ""], x = n / size;
  const digits = size === 1 ? (Number.isInteger(n) ? 0 : 1) : x >= 100 ? 0 : x >= 10 ? 1 : 2;
  return `${x.toFixed(digits)} ${letters[letter] ?? letter}${unit}`.trim();
}

const PARAMETERS = { G: "billion", M: "million", k: "thousand", T: "trillion" };
const counted = (n) => short(n, "", PARAMETERS);
const inBytes = (n) => short(n, "B");
const operations = (n) => short(n, "FLOP");

// --- The figure ---

const SIZES = ["vocab_size", "context_length", "d_model", "n_layers", "n_heads", "n_kv_heads", "d_ff"];
const LETTERS = { vocab_size: "V", d_model: "C", n_layers: "L", n_heads: "H", d_ff: "F" };
const HEADS = ["n_heads", "n_kv_heads"], OWN = "own";
const STEPS = { d_model: 64 }; // the next width that heads of usual widths divide

function board(title) {
  const section = element("section"), sum = element("p"), list = bars();
  section.append(element("h4", title), sum, list);
  function show(parts, said, shown) {
    const all = total(parts), largest = Math.max(...Object.values(parts));
    sum.textContent = said(all);
    const rows = Object.entries(parts).map(([name, n]) => ({ name, share: n / largest, n }));
    let at = 0; // fill writes the shares one after the other
    fill(list, rows, () => shown(rows[at++].n));
  }
  return { section, sum, show };
}

function render({ model, el }) {
  const presets = model.get("presets");
  const field = (name) => {
    const letter = LETTERS[name] ? ` (${LETTERS[name]})` : "", step = STEPS[name] ?? 1;
    return number(`${name}${letter}`, { min: step, step });
  };
  const preset = select("Model", [...Object.entries(presets).map(([name, { title }]) => [name, title]), [OWN, "your own sizes"]]);
  const architecture = select("parts of", [["gpt2", "GPT-2"], ["llama", "Llama"]]);
  const choice = (name) => select(LETTERS[name] ? `${name} (${LETTERS[name]})` : name, []);
  const fields = Object.fromEntries(SIZES.map((name) => [name, HEADS.includes(name) ? choice(name) : field(name)]));
  const batch = field("batch_size"), length = field("tokens");
  const size = select("writing in", [[4, "float32"], [2, "bfloat16"], [1, "int8"]], 2);
  const wrong = element("p", "", "wrong");
  wrong.setAttribute("aria-live", "polite");
  const boards = {
    parameters: board("Parameters"), flops: board("Operations for a token, reading"),
    training: board("Memory to train: float32, AdamW"), writing: board("Memory to write"),
  };
  boards.parameters.sum.setAttribute("aria-live", "polite"); // one count is said aloud, not twenty

  function config() {
    const sizes = SIZES.map((name) => [name, +fields[name].value]);
    return { architecture: architecture.value, ...Object.fromEntries(sizes) };
  }

  // Of a size only what divides it is offered; what was chosen stays, or the next below.
  function offer(control, fits, wanted) {
    control.replaceChildren(...fits.map((d) => Object.assign(element("option", `${d}`), { value: d })));
    control.value = fits.filter((d) => d <= wanted).at(-1) ?? 1;
  }

  function offerHeads(heads, shared) {
    const width = +fields.d_model.value, rotary = architecture.value === "llama";
    offer(fields.n_heads, divisors(width).filter((d) => !rotary || (width / d) % 2 === 0), heads);
    offer(fields.n_kv_heads, divisors(+fields.n_heads.value), shared);
  }

  function draw() {
    const c = config(), [B, T] = [+batch.value, +length.value];
    fields.context_length.disabled = llama(c); // rotary positions have no parameters
    wrong.textContent = complaint({ ...c, batch_size: B, tokens: T });
    if (wrong.textContent) return;
    if (T > c.context_length) wrong.textContent = `${T} tokens are more than context_length=${c.context_length}: this model could not read them at once.`;
    const flops = flopsByPart(c, T), forToken = Object.fromEntries(Object.entries(flops).map(([name, n]) => [name, n / T]));
    boards.parameters.show(parametersByPart(c), (n) => `${counted(n)} (${n.toLocaleString("en")})`, counted);
    boards.flops.show(forToken, (n) => `${operations(n)} on average; to learn from it, three times as many`, operations);
    boards.training.show(trainingBytes(c, B, T), (n) => `${inBytes(n)} in all`, inBytes);
    boards.writing.show(writingBytes(c, B, T, +size.value), (n) => `${inBytes(n)} in all`, inBytes);
  }

  function pick(name) {
    if (!presets[name]) return;
    const { config: chosen } = presets[name];
    preset.value = name;
    architecture.value = chosen.architecture;
    for (const name of SIZES) if (!HEADS.includes(name)) fields[name].value = chosen[name];
    offerHeads(chosen.n_heads, chosen.n_kv_heads);
    length.value = Math.min(1024, chosen.context_length);
    batch.value = 8;
    draw();
  }

  preset.addEventListener("input", () => pick(preset.value));
  for (const control of [architecture, ...Object.values(fields)]) {
    control.addEventListener("input", () => {
      preset.value = OWN;
      offerHeads(+fields.n_heads.value, +fields.n_kv_heads.value);
      draw();
    });
  }
  for (const control of [batch, length, size]) control.addEventListener("input", draw);
  model.on("try", () => pick(model.get("preset")));

  const sizes = element("div", undefined, "sizes"), use = element("div", undefined, "sizes");
  sizes.append(...Object.values(fields).map((input) => input.box));
  use.append(batch.box, length.box, size.box);
  const results = element("div", undefined, "results");
  results.append(...Object.values(boards).map(({ section }) => section));
  el.append(element("style", CSS), row(preset.box, architecture.box), sizes, use, wrong, results);
  pick(model.get("preset"));
}
export default { render };
