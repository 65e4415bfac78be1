// A computation graph: the values on the way forward, the gradients on the way back, one
// step at a time. The reader chooses or types the expression, and the numbers it is given.
import { button, element, number, onInput, row, select, shape, slider, textField } from "./elements.js";

const FUNCTIONS = {
  exp: { of: Math.exp, slope: (x, y) => y, why: "the exponential is its own slope" },
  log: { of: Math.log, slope: (x) => 1 / x, why: "the slope of the logarithm of x is 1/x" },
  tanh: { of: Math.tanh, slope: (x, y) => 1 - y * y, why: "the slope of tanh is 1 − tanh²" },
  "-": { of: (x) => -x, slope: () => -1, why: "the sign changes" },
};
const OF_TWO = {
  "+": { of: (a, b) => a + b, slopes: () => [1, 1], why: "in a sum, the slope for each part is 1" },
  "-": { of: (a, b) => a - b, slopes: () => [1, -1], why: "in a difference, the slopes are 1 and −1" },
  "*": { of: (a, b) => a * b, slopes: (a, b) => [b, a], why: "in a product, the slope for one factor is the other" },
  "/": { of: (a, b) => a / b, slopes: (a, b) => [1 / b, -a / (b * b)], why: "in a quotient a/b, the slopes are 1/b and −a/b²" },
};
const SIGNS = { "+": "+", "-": "−", "*": "·", "/": "/" };
const LETTERS = [..."abcdefghijklmnopqrstuvwxyz"], MOST = 24; // names, and parts of an expression
const GIVEN = [1, 2, 0.5, -1, 3];

// --- The expression, as a list of parts: each from earlier ones --------------------------

// [{ name, sign, parents, value }]: a value for a constant, parents for what is computed.
function read(text) {
  const tokens = text.match(/\d+\.?\d*|\.\d+|[A-Za-z]\w*|\S/g) ?? [], parts = [], known = {};
  let at = 0;
  const fail = (what) => { throw new Error(`This cannot be read: ${what}.`); };
  const expect = (sign) => { if (tokens[at++] !== sign) fail(`a ${sign} is missing`); };
  const add = (part) => { if (parts.push({ parents: [], ...part }) > MOST) fail("it is too long"); return parts.length - 1; };

  function once(key, part) { // a name stands for one thing, however often it is used
    return (known[key] ??= add(part));
  }

  function chain(signs, next) {
    let left = next();
    while (signs.includes(tokens[at])) left = add({ sign: tokens[at++], parents: [left, next()] });
    return left;
  }

  function factor() {
    const token = tokens[at++];
    if (token === undefined) fail("it ends too early");
    if (token === "(") { const inside = sum(); expect(")"); return inside; }
    if (token === "-") return add({ sign: "-", parents: [factor()] });
    if (/^[\d.]/.test(token)) return once(`${+token}`, { name: `${+token}`, value: +token });
    if (Object.hasOwn(FUNCTIONS, token)) { expect("("); const inside = sum(); expect(")"); return add({ sign: token, parents: [inside] }); }
    if (!/^[A-Za-z]/.test(token)) fail(`${token} stands where a name or a number should`);
    if (tokens[at] === "(") fail(`there is no function ${token}; try exp, log or tanh`);
    return once(`name ${token}`, { name: token });
  }

  const product = () => chain("*/", factor), sum = () => chain("+-", product);
  sum();
  if (at < tokens.length) fail(`${tokens[at]} is one too many`);
  if (!parts.at(-1).parents.length) fail("there is nothing to compute");
  return named(parts);
}

// What is computed gets a letter that no given name has; the last is the result.
function named(parts) {
  const taken = new Set(parts.map(({ name }) => name));
  const free = LETTERS.filter((letter) => !taken.has(letter));
  const result = taken.has("L") ? free.pop() : "L";
  parts.forEach((part, i) => { part.name ??= i === parts.length - 1 ? result : free.shift() ?? `n${i}`; });
  return parts;
}

const isGiven = (part) => !part.parents.length;
const isVariable = (part) => isGiven(part) && part.value === undefined;

function definition(part, parts) {
  const of = part.parents.map((i) => parts[i].name);
  if (of.length === 2) return `${of[0]} ${SIGNS[part.sign]} ${of[1]}`;
  return part.sign === "-" ? `−${of[0]}` : `${part.sign} ${of[0]}`;
}

// --- The steps --------------------------------------------------------------------------

const slopesOf = (part, x, y) => (x.length === 2 ? OF_TWO[part.sign].slopes(...x) : [FUNCTIONS[part.sign].slope(x[0], y)]);
const why = (part) => (part.parents.length === 2 ? OF_TWO : FUNCTIONS)[part.sign].why;

// All steps, forward and back: what is known behind each, and what was done in it.
function steps(parts, inputs) {
  const values = parts.map((part) => part.value ?? (isGiven(part) ? inputs[part.name] : undefined));
  const grads = parts.map(() => undefined), done = [];
  const keep = (step) => done.push({ values: [...values], grads: [...grads], ...step });
  keep({ kind: "start" });
  parts.forEach((part, i) => {
    if (isGiven(part)) return;
    const x = part.parents.map((p) => values[p]);
    values[i] = (x.length === 2 ? OF_TWO : FUNCTIONS)[part.sign].of(...x);
    keep({ kind: "forward", at: i });
  });
  grads[parts.length - 1] = 1;
  keep({ kind: "seed", at: parts.length - 1 });
  for (let i = parts.length - 1; i >= 0; i--) {
    const { parents } = parts[i], slopes = isGiven(parts[i]) ? [] : slopesOf(parts[i], parents.map((p) => values[p]), values[i]);
    parents.forEach((to, side) => {
      const before = grads[to] ?? 0, share = grads[i] * slopes[side];
      grads[to] = before + share;
      keep({ kind: "back", at: i, to, side, slope: slopes[side], share, before });
    });
  }
  return done;
}

// --- Where each part stands: layers from the top down, as in graph.py --------------------

function layersOf(parts) {
  const depth = parts.map(() => 0);
  parts.forEach((part, i) => { if (!isGiven(part)) depth[i] = 1 + Math.max(...part.parents.map((p) => depth[p])); });
  parts.forEach((part, i) => { // what is given stands just above its first use
    const uses = parts.flatMap((other, j) => (other.parents.includes(i) ? [depth[j]] : []));
    if (isGiven(part) && uses.length) depth[i] = Math.min(...uses) - 1;
  });
  return depth;
}

// x in units of a box, 0 in the middle of the layer.
function places(parts) {
  const depth = layersOf(parts), inLayer = {};
  parts.forEach((_, i) => (inLayer[depth[i]] ??= []).push(i));
  const x = parts.map((_, i) => inLayer[depth[i]].indexOf(i) - (inLayer[depth[i]].length - 1) / 2);
  return parts.map((_, i) => ({ x: x[i], y: depth[i] }));
}

// --- What is drawn ----------------------------------------------------------------------

const BOX = { width: 104, height: 58, across: 116, down: 92 };
const CSS = `
  .both { display: flex; flex-wrap: wrap; gap: .6em 1.6em; align-items: flex-start; }
  .both[hidden] { display: none; }
  .graph { flex: 0 1 auto; min-width: 0; max-width: 100%; overflow-x: auto; }
  .says { flex: 1 1 15em; min-height: 8em; }
  .says p { margin: 0 0 .5em; } .says .step { font-weight: 700; }
  .error { color: inherit; border-left: 4px solid var(--vermillion); padding-left: .6em; }
  svg { max-width: 100%; height: auto; display: block; }
  svg text { fill: currentColor; font-size: 13px; text-anchor: middle; }
  @media (max-width: 480px) { svg text { font-size: 14px; } } /* the graph is narrower there, its text is not */
  input[type=number] { width: 6em; } input[type=text] { width: 18em; }
  label { margin-right: .4em; }`;

const shown = (x) => (x === undefined ? "" : !Number.isFinite(x) ? "∞" : Math.abs(x) >= 1e4 || (x !== 0 && Math.abs(x) < 1e-3) ? x.toExponential(1).replace("-", "−") : `${+x.toFixed(3)}`.replace("-", "−"));
const bracketed = (x) => (x < 0 ? `(${shown(x)})` : shown(x));

// From the bottom of a box to the top of the next; or around what stands between, from
// side to side.
function edge(from, to, middle, sideways) {
  const half = BOX.height / 2;
  if (to.y - from.y < 1.5 * BOX.down) return `M${from.x + sideways} ${from.y + half}L${to.x + sideways} ${to.y - half}`;
  const side = from.x <= middle ? -1 : 1, start = from.x + (side * BOX.width) / 2, end = to.x + (side * BOX.width) / 2;
  const far = (side < 0 ? Math.min(start, end) : Math.max(start, end)) + side * (20 + 9 * (to.y - from.y) / BOX.down);
  return `M${start} ${from.y}C${far} ${from.y} ${far} ${from.y + half} ${far} ${(from.y + to.y) / 2}S${far} ${to.y} ${end} ${to.y}`;
}

// The head of an arrow at a point, which comes from a direction.
function head({ x, y }, from, colour) {
  const angle = (Math.atan2(y - from.y, x - from.x) * 180) / Math.PI;
  return shape("path", { d: "M0 0L-9 -4.5L-9 4.5Z", transform: `translate(${x} ${y}) rotate(${angle})`, fill: colour });
}

function drawing(parts, step) {
  const at = places(parts), widest = Math.max(...at.map(({ x }) => Math.abs(x))) * 2 + 1;
  const bows = parts.some((part, i) => part.parents.some((p) => at[i].y - at[p].y > 1));
  const width = widest * BOX.across + (bows ? 1.4 * BOX.across : 8), height = Math.max(...at.map(({ y }) => y)) * BOX.down + BOX.height + 8;
  const middle = ({ x, y }) => ({ x: width / 2 + x * BOX.across, y: y * BOX.down + BOX.height / 2 + 4 });
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, width, role: "img", "aria-label": labelOf(parts, step) });
  parts.forEach((part, i) => part.parents.forEach((p, side) => {
    const a = middle(at[p]), b = middle(at[i]), now = (step.kind === "back" && step.at === i && step.side === side) || (step.kind === "forward" && step.at === i);
    const twice = part.parents.length === 2 && part.parents[0] === part.parents[1] ? (side ? 14 : -14) : 0;
    const back = now && step.kind === "back", colour = back ? "var(--vermillion)" : now ? "var(--blue)" : "currentColor";
    svg.append(shape("path", { d: edge(a, b, width / 2, twice), fill: "none", stroke: colour, "stroke-width": now ? 3.5 : 1.2,
      opacity: now ? 1 : 0.6, "stroke-dasharray": back ? "7 4" : "none" }));
    const round = b.y - a.y >= 1.5 * BOX.down, away = a.x <= width / 2 ? -1 : 1, half = { x: (away * BOX.width) / 2, y: BOX.height / 2 };
    const top = round ? { x: a.x + half.x, y: a.y } : { x: a.x + twice, y: a.y + half.y };
    const end = round ? { x: b.x + half.x, y: b.y } : { x: b.x + twice, y: b.y - half.y };
    const beside = (point) => ({ x: point.x + away, y: point.y });
    svg.append(back ? head(top, round ? beside(top) : end, colour) : head(end, round ? beside(end) : top, colour));
  }));
  parts.forEach((part, i) => svg.append(boxOf(part, i, parts, step, middle(at[i]))));
  return svg;
}

function boxOf(part, i, parts, step, { x, y }) {
  const group = shape("g", {}), now = step.at === i && step.kind !== "back", receives = step.kind === "back" && step.to === i;
  group.append(shape("rect", { x: x - BOX.width / 2, y: y - BOX.height / 2, width: BOX.width, height: BOX.height, rx: isGiven(part) ? 16 : 4,
    fill: "none", stroke: receives ? "var(--vermillion)" : now ? "var(--blue)" : "currentColor", "stroke-width": receives || now ? 3 : 1.2 }));
  const title = isGiven(part) ? part.name : `${part.name} = ${definition(part, parts)}`;
  group.append(shape("text", { x, y: y - 13, "font-weight": 700 }, title));
  if (part.name !== shown(part.value)) group.append(shape("text", { x, y: y + 4 }, shown(step.values[i])));
  if (step.grads[i] !== undefined) group.append(shape("text", { x, y: y + 21 }, `grad ${shown(step.grads[i])}`));
  return group;
}

function labelOf(parts, step) {
  const of = (i) => `${parts[i].name} ${shown(step.values[i]) || "not yet"}${step.grads[i] === undefined ? "" : `, gradient ${shown(step.grads[i])}`}`;
  return `a computation graph: ${parts.map((_, i) => of(i)).join("; ")}`;
}

// One step in words: what it is, and the sum that was done.
function inWords(parts, step) {
  const name = (i) => parts[i].name, x = (i) => shown(step.values[i]);
  if (step.kind === "start") return ["Before the first step", "The numbers at the top are given. Everything else is computed from what stands above it."];
  if (step.kind === "forward") {
    const part = parts[step.at], of = part.parents.map((p) => bracketed(step.values[p]));
    const sum = of.length === 2 ? of.join(` ${SIGNS[part.sign]} `) : part.sign === "-" ? `−${of[0]}` : `${part.sign} ${of[0]}`;
    return ["Forward", `${name(step.at)} = ${definition(part, parts)} = ${sum} = ${x(step.at)}`];
  }
  if (step.kind === "seed") return ["Back: the beginning", `The derivative of the result ${name(step.at)} for itself is 1.`];
  const added = `${bracketed(step.grads[step.at])} · ${bracketed(step.slope)} = ${shown(step.share)}`;
  const sum = step.before ? ` It had ${shown(step.before)} already, and now has ${shown(step.before + step.share)}: the shares add up.` : "";
  return [`Back: from ${name(step.at)} to ${name(step.to)}`,
    `${name(step.at)} = ${definition(parts[step.at], parts)}: ${why(parts[step.at])}. Here it is ${shown(step.slope)}.`,
    `Gradient times slope: ${added}. That is the share of ${name(step.to)}.${sum}`];
}

function render({ model, el }) {
  const examples = model.get("examples"); // name: { title, expression, inputs }
  let parts = [], fields = [], done = [], remembered = {};
  const example = select("Example", Object.entries(examples).map(([name, { title }]) => [name, title]), model.get("example"));
  const field = textField("Expression", ""), given = element("div", undefined, "row");
  const at = slider("Step", { min: 0, max: 1, step: 1, value: 0, shown: (x) => `${x} of ${Math.max(0, done.length - 1)}` });
  const graph = element("div", undefined, "graph"), says = element("div", undefined, "says"), both = element("div", undefined, "both");
  says.setAttribute("aria-live", "polite");

  function take(text, inputs) { // a new expression: its parts, and a field for each given name
    try {
      parts = read(text);
    } catch (error) {
      both.hidden = true;
      says.replaceChildren(element("p", error.message, "error"));
      both.before(says);
      return;
    }
    both.hidden = false;
    both.replaceChildren(says, graph);
    remembered = { ...remembered, ...inputs };
    fields = parts.filter(isVariable).map(({ name }, i) => {
      const one = number(name, { value: remembered[name] ?? GIVEN[i % GIVEN.length], step: 0.1 });
      onInput([one], () => { remembered[name] = +one.value; compute(+at.value); });
      return one;
    });
    given.replaceChildren(...fields.map((one) => one.box));
    compute(0);
  }

  function compute(step) {
    const names = parts.filter(isVariable).map(({ name }) => name);
    done = steps(parts, Object.fromEntries(names.map((name, i) => [name, +fields[i].value])));
    at.max = done.length - 1;
    go(step);
  }

  function go(step) {
    if (both.hidden) return; // the expression cannot be read, and that is said
    at.value = Math.max(0, Math.min(done.length - 1, step));
    at.say();
    const now = done[+at.value], [title, ...lines] = inWords(parts, now);
    graph.replaceChildren(drawing(parts, now));
    says.replaceChildren(element("p", title, "step"), ...lines.map((line) => element("p", line)));
    if (+at.value === done.length - 1) says.append(element("p", "The last step: all gradients are there."));
  }

  function choose(name) {
    if (!Object.hasOwn(examples, name)) return;
    const { expression, inputs } = examples[name];
    example.value = name;
    field.value = expression;
    remembered = {};
    take(expression, inputs);
  }

  const forward = () => done.findIndex(({ kind }) => kind === "seed") - 1;
  el.append(element("style", CSS), row(example.box, field.box), given,
    row(button("◀ Step back", () => go(+at.value - 1)), button("Step ▶", () => go(+at.value + 1)), button("All values", () => go(forward())),
      button("All gradients", () => go(done.length - 1)), button("Start", () => go(0)), at.box), both);
  onInput([example], () => choose(example.value));
  onInput([field], () => take(field.value, {}));
  onInput([at], () => go(+at.value));
  model.on("try", () => { choose(model.get("example")); go(done.length - 1); });
  choose(model.get("example"));
  go(model.get("step") ?? 0);
}

export default { render };
