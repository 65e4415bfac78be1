// Three models that run in the page, and beside them the truth: what each expects
// after the text read so far, at any temperature, and how each of them writes on.
const CSS = `
  .row { display: flex; flex-wrap: wrap; gap: .5em 1.2em; align-items: center; margin-bottom: .6em; }
  .row label { margin: 0; } .row select { width: 17em; }
  p { margin: 0; }
  .text { border-block: 1px solid var(--line); padding: .3em 0; margin-bottom: .5em; height: 6.8em; overflow-y: auto; }
  .place { border-left: 3px solid var(--vermillion); margin-left: 1px; }
  .says { min-height: 3em; margin-bottom: .4em; }
  .columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.2em, 1fr)); gap: .3em 1em; }
  section { display: grid; grid-row: span 4; grid-template-rows: subgrid; min-width: 0; margin-bottom: .8em; }
  section { --tint: 45%; } .table { --own: var(--grey); } .window { --own: var(--vermillion); }
  .transformer { --own: var(--blue); } .oracle { --own: currentColor; --tint: 25%; }
  .name { font-weight: 700; border-bottom: 3px solid var(--own); }
  .oracle .name { border-bottom-style: dashed; }
  .cost, li, .written { font-size: 13px; }
  ol { list-style: none; margin: 0; padding: 0; }
  li { display: flex; height: 1.6em; line-height: 1.6em; margin-bottom: 2px; padding: 0 .25em; white-space: pre; background:
    linear-gradient(color-mix(in srgb, var(--own) var(--tint), transparent) 0 0) no-repeat 0 0 / var(--share) 100%; }
  li.next { font-weight: 700; outline: 1.5px solid currentColor; outline-offset: -1px; }
  .piece { flex: 1; overflow: hidden; text-overflow: ellipsis; }
  .written { border-left: 3px solid var(--own); padding-left: .5em; overflow-wrap: anywhere; }
  .oracle .written { border-left-style: dashed; } .written:empty { display: none; }`;
const SHOWN = 8; // bars in a column
const LENGTH = 40; // tokens that each writes on
const NAMES = { table: "the table", window: "the window", transformer: "the Transformer", oracle: "the oracle" };

// --- Numbers out of text ---

const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
const floats = (text) => new Float32Array(bytes(text).buffer);
// A matrix of whole numbers up to 127, with a scale for each of its rows.
const matrix = ({ eight, scales }) => ({ numbers: new Int8Array(bytes(eight).buffer), scales: floats(scales) });

// What came after each token, [id, how often] for each that did. In the text stand for
// each row how many there are, then the step to the next id and the count, in turn;
// each number in bytes of seven bits, and an eighth that says whether more follow.
function readCounts(text, size) {
  const stream = bytes(text);
  let at = 0;
  function number() {
    let value = 0, byte = 128;
    for (let shift = 0; byte > 127; shift += 7) value |= ((byte = stream[at++]) & 127) << shift;
    return value;
  }
  return Array.from({ length: size }, () => {
    let id = 0;
    return Array.from({ length: number() }, () => [(id += number()), number()]);
  });
}

// --- The parts of the models ---

function row({ numbers, scales }, i) {
  const width = numbers.length / scales.length;
  return Float64Array.from(numbers.subarray(i * width, (i + 1) * width), (n) => n * scales[i]);
}

// W x, and a bias if there is one.
function multiply({ numbers, scales }, x, bias) {
  const y = new Float64Array(scales.length);
  for (let i = 0, at = 0; i < y.length; i++) {
    let sum = 0;
    for (let j = 0; j < x.length; j++) sum += numbers[at++] * x[j];
    y[i] = scales[i] * sum + (bias ? bias[i] : 0);
  }
  return y;
}

const add = (x, y) => x.map((number, i) => number + y[i]);
const dot = (x, y) => x.reduce((sum, number, i) => sum + number * y[i], 0);

// The law at a temperature: exp(logit / t), as shares of their sum.
function law(logits, temperature) {
  const highest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = logits.map((logit) => Math.exp((logit - highest) / temperature));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

// RMSNorm: to a root mean square of 1, then times the learned weights.
function normalise(x, { weight, eps }) {
  const size = Math.sqrt(dot(x, x) / x.length + eps);
  return x.map((number, i) => (number / size) * weight[i]);
}

// Rotary positions: entry i of the first half and of the second are a point; turn it.
function turn(x, position, angles) {
  const half = angles.length, turned = new Float64Array(2 * half);
  angles.forEach((angle, i) => {
    const cos = Math.cos(position * angle), sin = Math.sin(position * angle);
    turned[i] = x[i] * cos - x[i + half] * sin;
    turned[i + half] = x[i + half] * cos + x[i] * sin;
  });
  return turned;
}

// Attention of the newest position: memory holds the keys and values of all so far.
function attend({ qkv, project, heads, keyHeads, angles }, x, memory) {
  const all = multiply(qkv, x), width = 2 * angles.length, parts = [];
  for (let at = 0; at < all.length; at += width) parts.push(all.subarray(at, at + width));
  const turned = parts.slice(0, heads + keyHeads).map((part) => turn(part, memory.length, angles));
  memory.push({ keys: turned.slice(heads), values: parts.slice(heads + keyHeads) });
  const mixed = new Float64Array(heads * width);
  for (let head = 0; head < heads; head++) {
    const shared = Math.floor((head * keyHeads) / heads);
    const scores = memory.map(({ keys }) => dot(turned[head], keys[shared]) / Math.sqrt(width));
    law(scores, 1).forEach((weight, s) => {
      for (let i = 0; i < width; i++) mixed[head * width + i] += weight * memory[s].values[shared][i];
    });
  }
  return multiply(project, mixed);
}

function swiglu({ gate, up, down }, x) {
  const open = multiply(gate, x), hidden = multiply(up, x);
  return multiply(down, hidden.map((number, i) => (number * open[i]) / (1 + Math.exp(-open[i]))));
}

// --- The models: each gives readers, which read a text id by id and have logits for the next ---

function makeTable({ alpha, counts }, size) {
  const seen = readCounts(counts, size);
  return () => {
    let last;
    return {
      read: (id) => { last = id; },
      logits() {
        const shares = new Float64Array(size).fill(alpha);
        for (const [id, count] of seen[last]) shares[id] += count;
        const sum = shares.reduce((a, b) => a + b, 0);
        return shares.map((share) => Math.log(share / sum));
      },
    };
  };
}

function makeWindow(state) {
  const [embedding, up, head] = [state.embedding, state.up, state.head].map(matrix);
  const [upBias, headBias] = [state.upBias, state.headBias].map(floats);
  return () => {
    let last = Array(state.n_tokens).fill(0); // before the text all count as token 0
    return {
      read: (id) => { last = [...last.slice(1), id]; },
      logits() {
        const seen = last.flatMap((id) => [...row(embedding, id)]);
        return multiply(head, multiply(up, seen, upBias).map(Math.tanh), headBias);
      },
    };
  };
}

function makeTransformer(state) {
  const [embedding, head, angles] = [matrix(state.embedding), matrix(state.head), floats(state.angles)];
  const norm = ({ weight, eps }) => ({ weight: floats(weight), eps });
  const last = norm(state.norm), { heads, keyHeads } = state;
  const blocks = state.blocks.map(({ norm1, norm2, ...matrices }) => {
    const named = Object.entries(matrices).map(([name, packed]) => [name, matrix(packed)]);
    return { ...Object.fromEntries(named), norm1: norm(norm1), norm2: norm(norm2), heads, keyHeads, angles };
  });
  return () => {
    const memories = blocks.map(() => []);
    let stream;
    return {
      read(id) {
        stream = row(embedding, id);
        blocks.forEach((block, i) => {
          stream = add(stream, attend(block, normalise(stream, block.norm1), memories[i]));
          stream = add(stream, swiglu(block, normalise(stream, block.norm2)));
        });
      },
      logits: () => multiply(head, normalise(stream, last)),
    };
  };
}

// The oracle's law was computed before, for each place of each story: [id, probability, …].
function oracleLogits(sparse, size) {
  const logits = new Float64Array(size).fill(-Infinity);
  for (let i = 0; i < sparse.length; i += 2) logits[sparse[i]] = Math.log(sparse[i + 1]);
  return logits;
}

// --- Writing ---

// Numbers from 0 up to 1, the same for the same seed (mulberry32).
function dice(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

// The token into whose share the point falls, when the shares lie side by side.
function draw(probabilities, point) {
  let drawn = 0;
  for (let id = 0; id < probabilities.length && point >= 0; id++) {
    if (probabilities[id] > 0) drawn = id;
    point -= probabilities[id];
  }
  return drawn;
}

function writeOn(reader, temperature, seed, end) {
  const roll = dice(seed), written = [];
  while (written.length < LENGTH && written.at(-1) !== end) {
    written.push(draw(law(reader.logits(), temperature), roll()));
    reader.read(written.at(-1));
  }
  return written;
}

// --- The page ---

function element(tag, text, name) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (name) node.className = name;
  return node;
}

const percent = (share) => share >= 0.0995 ? `${Math.round(100 * share)}%` : share < 0.0005 ? "<0.1%" : `${(100 * share).toFixed(1)}%`;

function bars(probabilities, next, pieceOf) {
  const known = [...probabilities.keys()].filter((id) => probabilities[id] > 0);
  const ranked = known.sort((a, b) => probabilities[b] - probabilities[a]), rank = ranked.indexOf(next);
  const shown = ranked.slice(0, SHOWN);
  return (rank < SHOWN ? shown : [...shown, next]).map((id) => {
    const line = element("li"), mark = id === next ? "► " : "", far = id === next && rank >= SHOWN ? `${rank + 1}: ` : "";
    if (mark) line.className = "next";
    line.style.setProperty("--share", `${100 * probabilities[id]}%`);
    line.append(element("span", mark + far + pieceOf(id), "piece"), element("span", percent(probabilities[id])));
    return line;
  });
}

// A column: its name, what the next token costs, the bars, and what is written.
function column(key) {
  const section = element("section", undefined, key), [cost, list, written] = [element("p", "", "cost"), element("ol"), element("p", "", "written")];
  section.setAttribute("aria-label", NAMES[key]);
  section.append(element("p", NAMES[key], "name"), cost, list, written);
  return { section, cost, list, written };
}

function render({ model, el }) {
  const tokens = model.get("tokens"), end = model.get("end"), stories = model.get("stories"), size = tokens.length;
  const models = {
    table: makeTable(model.get("table"), size),
    window: makeWindow(model.get("window")),
    transformer: makeTransformer(model.get("transformer")),
  };
  // Tokens are bytes, and a character may be spread over several of them.
  const decode = (spelled) => new TextDecoder().decode(Uint8Array.from(spelled, (byte) => byte.charCodeAt(0)));
  const text = (ids) => decode(ids.map((id) => tokens[id]).join("")) + (ids.at(-1) === end ? " ∎" : "");
  const hex = (spelled) => [...spelled].map((byte) => byte.charCodeAt(0).toString(16).padStart(2, "0")).join(" ");
  function pieceOf(id) {
    const shown = id === end ? "(the end)" : decode(tokens[id]).replace(/ /g, "␣").replace(/\n/g, "⏎").replace(/\t/g, "⇥");
    return /[\p{C}\ufffd]/u.test(shown) ? `⟨${hex(tokens[id])}⟩` : shown; // bytes that are no characters
  }
  el.innerHTML = `<style>${CSS}</style>
    <div class="row"><label>Story <select></select></label>
      <label>Tokens read <input type="range" min="0" step="1"> <output></output></label>
      <label>Temperature <input type="range" min="0.2" max="2" step="0.1" value="1"> <output></output></label>
      <span><button>Write on</button> <button>Again</button></span></div>
    <div class="text" tabindex="0" role="region" aria-label="what has been read"><span></span><span class="place"></span></div>
    <p class="says" aria-live="polite"></p>
    <div class="columns"></div>`;
  const [select, read, temperature] = el.querySelectorAll("select, input"), [write, again] = el.querySelectorAll("button");
  const story = el.querySelector(".text"), columns = Object.fromEntries(Object.keys(NAMES).map((key) => [key, column(key)]));
  let seed = 0; // as long as nothing is written
  el.querySelector(".columns").append(...Object.values(columns).map(({ section }) => section));
  stories.forEach(({ name }, i) => select.append(Object.assign(element("option", name), { value: i })));
  read.max = stories[0].ids.length;
  read.value = model.get("read");

  // What is written is read out only when a button has asked for it.
  function fill(key, probabilities, next, written, aloud) {
    const { cost, list, written: box } = columns[key];
    cost.textContent = `surprise ${Math.abs(Math.log(probabilities[next])).toFixed(2)} nats`;
    list.replaceChildren(...bars(probabilities, next, pieceOf));
    box.setAttribute("aria-live", aloud ? "polite" : "off");
    box.textContent = written;
  }

  function show(aloud) {
    const { ids, laws } = stories[select.value], place = +read.value, next = ids[place] ?? end, t = +temperature.value;
    const shares = [];
    for (const key of Object.keys(NAMES)) {
      const reader = models[key]?.() ?? { read() {}, logits: () => oracleLogits(laws[place], size) };
      [end, ...ids.slice(0, place)].forEach(reader.read);
      const probabilities = law(reader.logits(), t);
      const goesOn = () => (key === "oracle" ? [...ids, end].slice(place, place + LENGTH) : writeOn(reader, t, seed, end));
      fill(key, probabilities, next, seed ? `${key === "oracle" ? "The story itself: " : ""}…${text(goesOn())}` : "", aloud);
      shares.push(`${percent(probabilities[next])} from ${NAMES[key]}`);
    }
    story.firstChild.textContent = text(ids.slice(0, place));
    story.scrollTop = story.scrollHeight; // the place is always in sight
    read.nextElementSibling.textContent = `${place} of ${ids.length}`;
    temperature.nextElementSibling.textContent = t.toFixed(1);
    el.querySelector(".says").textContent = `► What comes next in the story, ${pieceOf(next)}, gets ${shares.join(", ")}.` +
      (seed ? ` Written on with seed ${seed}.` : "");
  }

  function press(nextSeed) {
    seed = nextSeed;
    show(true);
  }
  select.addEventListener("input", () => { read.max = stories[select.value].ids.length; show(false); });
  for (const slider of [read, temperature]) slider.addEventListener("input", () => show(false));
  write.addEventListener("click", () => press(seed || 1));
  again.addEventListener("click", () => press(seed + 1));
  show(false);
}
export default { render };
