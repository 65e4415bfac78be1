// A bowl of two parameters: the way that an optimizer takes down it, and the loss at each
// step. The reader chooses the optimizer, its rate, the condition number, and the angle.
import { button, element, onInput, row, select, shape, slider } from "./elements.js";

const STEPS = 200, KEPT = 0.9, BETAS = [0.9, 0.999], EPS = 1e-8, GOAL = 1e-6;
const NAMES = { descent: "gradient descent", momentum: "momentum (0.9)", adam: "Adam" };
const CSS = `
  .side { display: flex; flex-wrap: wrap; gap: .6em 1em; margin: .4em 0; }
  svg { max-width: 100%; height: auto; display: block; }
  svg text { fill: currentColor; font-size: 12px; }
  p { margin: .4em 0; min-height: 3em; }`;

// --- The bowl and the walk --------------------------------------------------------------

// The matrix of the loss, turned by an angle in degrees; curvatures 1 and 1 / condition.
function bowl(condition, angle) {
  const c = Math.cos((angle * Math.PI) / 180), s = Math.sin((angle * Math.PI) / 180), flat = 1 / condition;
  return { c, s, matrix: [[c * c + flat * s * s, (1 - flat) * c * s], [(1 - flat) * c * s, s * s + flat * c * c]] };
}

const times = (matrix, p) => matrix.map((line) => line[0] * p[0] + line[1] * p[1]);
const lossAt = (matrix, p) => { const g = times(matrix, p); return (p[0] * g[0] + p[1] * g[1]) / 2; };

// One step of each optimizer: from the gradient, and what it remembers, to the step.
const RULES = {
  descent: (g, memory, rate) => g.map((x) => rate * x),
  momentum(g, memory, rate) {
    memory.velocity = g.map((x, i) => KEPT * (memory.velocity?.[i] ?? 0) + x);
    return memory.velocity.map((x) => rate * x);
  },
  adam(g, memory, rate) {
    const [beta1, beta2] = BETAS, step = memory.step = (memory.step ?? 0) + 1;
    memory.mean = g.map((x, i) => beta1 * (memory.mean?.[i] ?? 0) + (1 - beta1) * x);
    memory.square = g.map((x, i) => beta2 * (memory.square?.[i] ?? 0) + (1 - beta2) * x * x);
    return g.map((_, i) => {
      const mean = memory.mean[i] / (1 - beta1 ** step), square = memory.square[i] / (1 - beta2 ** step);
      return (rate * mean) / (Math.sqrt(square) + EPS);
    });
  },
};

// From (1, 1), turned with the bowl: the points, and their losses.
function walk({ optimizer, rate, condition, angle }, steps = STEPS) {
  const { c, s, matrix } = bowl(condition, angle), memory = {};
  let p = [c - s, s + c];
  const points = [p], losses = [lossAt(matrix, p)];
  for (let i = 0; i < steps; i++) {
    const move = RULES[optimizer](times(matrix, p), memory, rate);
    p = p.map((x, j) => x - move[j]);
    points.push(p);
    losses.push(lossAt(matrix, p));
  }
  return { points, losses };
}

// --- What is drawn ----------------------------------------------------------------------

const SIDE = 264, REACH = 1.6, MARGIN = 34;
const WIDE = 312, LEFT = 52, RIGHT = 10, ABOVE = 26, BELOW = 40, LOWEST = -9, HIGHEST = 1;
const TICKS = { 0: "1", "-2": "10⁻²", "-4": "10⁻⁴", "-6": "10⁻⁶", "-8": "10⁻⁸" };
const at = (x) => ((x + REACH) / (2 * REACH)) * SIDE;
const down = (y) => SIDE - at(y);

// Where the loss is the same: ellipses, each as wide as its radius over √condition.
function contours(condition, angle) {
  const root = Math.sqrt(condition), scale = SIDE / (2 * REACH);
  const radii = [0.4, 0.8, 1.2, ...[0.1, 0.25, 0.45, 0.7, 1, 1.35].map((share) => share * root)];
  return radii.map((radius) => shape("ellipse", {
    cx: SIDE / 2, cy: SIDE / 2, rx: (radius / root) * scale, ry: radius * scale,
    transform: `rotate(${-angle} ${SIDE / 2} ${SIDE / 2})`, fill: "none", stroke: "currentColor", opacity: 0.35,
  }));
}

function ground({ points }, { optimizer, condition, angle }, shown) {
  const svg = shape("svg", { viewBox: `0 0 ${SIDE + MARGIN} ${SIDE + MARGIN}`, width: SIDE + MARGIN, role: "img",
    "aria-label": `the way of ${NAMES[optimizer]} over the contours of the bowl, ${shown} steps` });
  const inner = shape("svg", { x: MARGIN, y: 0, width: SIDE, height: SIDE, viewBox: `0 0 ${SIDE} ${SIDE}` }); // it clips
  const way = points.slice(0, shown + 1).filter((p) => p.every((x) => Math.abs(x) < 1e4));
  inner.append(...contours(condition, angle));
  inner.append(shape("polyline", { points: way.map(([x, y]) => `${at(x).toFixed(1)},${down(y).toFixed(1)}`).join(" "), fill: "none", stroke: "var(--blue)", "stroke-width": 1.5 }));
  for (const [x, y] of way) inner.append(shape("circle", { cx: at(x), cy: down(y), r: 2.2, fill: "var(--blue)" }));
  const [x, y] = way.at(-1);
  inner.append(shape("circle", { cx: at(x), cy: down(y), r: 5, fill: "none", stroke: "var(--vermillion)", "stroke-width": 2 }));
  inner.append(shape("path", { d: `M${SIDE / 2 - 6} ${SIDE / 2}h12m-6 -6v12`, stroke: "currentColor", "stroke-width": 1.5 }));
  const middle = SIDE / 2;
  svg.append(shape("rect", { x: MARGIN, y: 0.5, width: SIDE - 0.5, height: SIDE, fill: "none", stroke: "currentColor", opacity: 0.4 }), inner,
    shape("text", { x: MARGIN + middle, y: SIDE + 24, "text-anchor": "middle" }, "first parameter"),
    shape("text", { x: 14, y: middle, "text-anchor": "middle", transform: `rotate(-90 14 ${middle})` }, "second parameter"));
  return svg;
}

const across = (step) => LEFT + ((WIDE - LEFT - RIGHT) * step) / STEPS;
const bottom = SIDE + MARGIN - BELOW;
function up(share) {
  const power = share > 0 ? Math.log10(share) : LOWEST;
  return ABOVE + ((bottom - ABOVE) * (HIGHEST - Math.max(LOWEST, Math.min(HIGHEST, power)))) / (HIGHEST - LOWEST);
}

function curve(losses, attributes) {
  const points = losses.map((loss, i) => `${across(i).toFixed(1)},${up(loss / losses[0]).toFixed(1)}`);
  return shape("polyline", { points: points.join(" "), fill: "none", ...attributes });
}

const BEFORE = { stroke: "var(--grey)", "stroke-width": 1.4, "stroke-dasharray": "3 3" };

function chart(losses, before, shown) {
  const svg = shape("svg", { viewBox: `0 0 ${WIDE} ${SIDE + MARGIN}`, width: WIDE, role: "img",
    "aria-label": `loss against step, as a share of the loss at the start: ${(losses[shown] / losses[0]).toExponential(1)} after ${shown} steps` });
  for (const power of Object.keys(TICKS).map(Number)) {
    const goal = 10 ** power === GOAL, y = up(10 ** power);
    svg.append(shape("line", { x1: LEFT, x2: WIDE - RIGHT, y1: y, y2: y, stroke: "currentColor", opacity: goal ? 0.9 : 0.15, "stroke-dasharray": goal ? "6 4" : "none" }));
    svg.append(shape("text", { x: LEFT - 6, y: y + 4, "text-anchor": "end" }, TICKS[power]));
  }
  for (const step of [0, 50, 100, 150, 200]) svg.append(shape("text", { x: across(step), y: bottom + 16, "text-anchor": "middle" }, `${step}`));
  const middle = (ABOVE + bottom) / 2;
  svg.append(shape("text", { x: (LEFT + WIDE) / 2, y: SIDE + MARGIN - 6, "text-anchor": "middle" }, "step"),
    shape("text", { x: 12, y: middle, "text-anchor": "middle", transform: `rotate(-90 12 ${middle})` }, "loss, of that at the start"));
  if (before) {
    svg.append(shape("line", { x1: LEFT + 110, x2: LEFT + 140, y1: 8, y2: 8, ...BEFORE }), shape("text", { x: LEFT + 148, y: 12 }, "as it was before"), curve(before, BEFORE));
  }
  svg.append(curve(losses, { stroke: "var(--blue)", "stroke-width": 2 }));
  svg.append(shape("circle", { cx: across(shown), cy: up(losses[shown] / losses[0]), r: 4, fill: "none", stroke: "var(--vermillion)", "stroke-width": 2 }));
  return svg;
}

// From which step on the loss stays below a millionth of what it was; -1 for none.
function reached(losses) {
  let since = -1;
  losses.forEach((loss, i) => { since = loss <= GOAL * losses[0] ? (since < 0 ? i : since) : -1; });
  return since;
}

function verdict(losses, { optimizer, rate }) {
  const since = reached(losses), last = losses.at(-1) / losses[0];
  const said = since >= 0 ? `From step ${since} of ${STEPS} on, the loss stays below a millionth of what it was.`
    : last > 1 ? `The loss grows: ${last > 1e6 || !Number.isFinite(last) ? "more than a million times" : `${last.toPrecision(2)} times`} that of the start after ${STEPS} steps.`
      : `After ${STEPS} steps the loss is ${inMillionths(last)} of what it was; the goal, one millionth, is not reached for good.`;
  return `${NAMES[optimizer][0].toUpperCase()}${NAMES[optimizer].slice(1)}, rate ${rateShown(rate)}. ${said}`;
}

const inMillionths = (share) => (share < 0.001 ? `${+(1e6 * share).toPrecision(2)} millionths` : share.toPrecision(2));
const rateShown = (rate) => `${+rate.toPrecision(2)}`;

function render({ model, el }) {
  const start = Object.fromEntries(["optimizer", "rate", "condition", "angle"].map((name) => [name, model.get(name)]));
  const optimizer = select("Optimizer", Object.entries(NAMES), start.optimizer);
  const rate = slider("Learning rate", { min: -3, max: 0.7, step: "any", value: Math.log10(start.rate), shown: (x) => rateShown(10 ** x) });
  const condition = slider("Condition number", { min: 0, max: 3, step: 0.1, value: Math.log10(start.condition), shown: (x) => `${+(10 ** x).toPrecision(2)}` });
  const angle = slider("Bowl turned by", { min: 0, max: 90, step: 5, value: start.angle, shown: (x) => `${x}°` });
  const shown = slider("Steps shown", { min: 0, max: STEPS, step: 1, value: STEPS });
  const side = element("div", undefined, "side"), says = element("p");
  let settings, now, kept, before; // kept: the losses when a control was last let go
  says.setAttribute("aria-live", "polite");

  function take() {
    settings = { optimizer: optimizer.value, rate: 10 ** rate.value, condition: 10 ** condition.value, angle: +angle.value };
    now = walk(settings);
    draw();
  }

  function keep() { // the walk before stays, to be compared with
    [before, kept] = [kept, now.losses];
    draw();
  }

  function draw() {
    side.replaceChildren(ground(now, settings, +shown.value), chart(now.losses, before, +shown.value));
    says.textContent = verdict(now.losses, settings);
  }

  function set(wanted) {
    if (wanted.optimizer in NAMES) optimizer.value = wanted.optimizer;
    if (+wanted.rate > 0) rate.value = Math.log10(+wanted.rate);
    if (+wanted.condition >= 1) condition.value = Math.log10(+wanted.condition);
    if (wanted.angle !== undefined) angle.value = +wanted.angle;
    shown.value = STEPS;
    for (const control of [rate, condition, angle, shown]) control.say();
    take();
    keep();
  }

  const style = element("style", CSS), reset = button("Reset", () => { kept = undefined; set(start); });
  el.append(style, row(optimizer.box, rate.box, reset), row(condition.box, angle.box, shown.box), says, side);
  onInput([optimizer, rate, condition, angle], take);
  for (const control of [optimizer, rate, condition, angle]) control.addEventListener("change", keep);
  onInput([shown], draw);
  model.on("try", () => set(Object.fromEntries(Object.keys(start).map((name) => [name, model.get(name)]))));
  take();
  keep();
}

export default { render };
