// Recorded training runs, one at a time: losses, length of the gradient and learning rate
// against the step. The reader names the fault, and is told by what it is recognised.
import { button, element, onInput, row, select, shape } from "./elements.js";

const CSS = `
  .side { display: flex; flex-wrap: wrap; gap: .6em 1em; margin: .4em 0; }
  svg { max-width: 100%; height: auto; display: block; }
  svg text { fill: currentColor; font-size: 12px; }
  @media (max-width: 480px) { svg text { font-size: 13px; } } /* the plots are narrower there, their text is not */
  p { margin: .4em 0; min-height: 4.6em; } .mark { font-weight: 700; }`;
const UNKNOWN = "choose …";

// --- What is drawn ----------------------------------------------------------------------

const WIDE = 360, TALL = 300, LEFT = 46, RIGHT = 8, ABOVE = 22, BELOW = 34;

// A place on an axis from `low` to `high`, as a share; `log` for a logarithmic one.
function share(value, [low, high], log) {
  const at = (x) => (log ? Math.log(Math.max(x, 1e-9)) : x);
  return Math.max(0, Math.min(1, (at(value) - at(low)) / (at(high) - at(low))));
}

// Axes with ticks, and what turns steps and values into places.
function plot({ width, height, steps, limits, log, ticks, title, label }) {
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, width, role: "img", "aria-label": label });
  const bottom = height - BELOW;
  const across = (step) => LEFT + ((width - LEFT - RIGHT) * step) / steps;
  const up = (value) => bottom - (bottom - ABOVE) * share(value, limits, log);
  for (const [value, text] of ticks) {
    svg.append(shape("line", { x1: LEFT, x2: width - RIGHT, y1: up(value), y2: up(value), stroke: "currentColor", opacity: 0.15 }),
      shape("text", { x: LEFT - 6, y: up(value) + 4, "text-anchor": "end" }, text));
  }
  for (let step = 0; step <= steps; step += steps / 4) svg.append(shape("text", { x: across(step), y: bottom + 15, "text-anchor": step === steps ? "end" : "middle" }, `${Math.round(step)}`));
  svg.append(shape("text", { x: LEFT, y: 13 }, title), shape("text", { x: (LEFT + width) / 2, y: height - 4, "text-anchor": "middle" }, "step"));
  const line = (points, attributes) => svg.append(shape("polyline", { points: points.map(([x, y]) => `${across(x).toFixed(1)},${up(y).toFixed(1)}`).join(" "), fill: "none", ...attributes }));
  return { svg, across, up, line };
}

const numbered = (values) => values.map((value, i) => [i + 1, value]);

function losses(run, floor, limits) {
  const steps = run.loss.length, [last, held] = [run.loss.at(-1), run.heldOut.at(-1)[1]];
  const label = `losses against the step; at the end training ${last.toPrecision(2)}, held-out ${held.toPrecision(2)}, floor ${floor.toPrecision(2)} nats per token`;
  const ticks = [[0.1, "0.1"], [1, "1"], [10, "10"]];
  const { svg, across, up, line } = plot({ width: WIDE, height: TALL, steps, limits, log: true, ticks, title: "loss (nats per token)", label });
  line([[0, floor], [steps, floor]], { stroke: "currentColor", "stroke-width": 1.5, "stroke-dasharray": "6 4" });
  line(numbered(run.loss), { stroke: "var(--blue)", "stroke-width": 1.5 });
  line(run.heldOut, { stroke: "var(--vermillion)", "stroke-width": 2 });
  for (const [x, y] of run.heldOut) svg.append(shape("circle", { cx: across(x), cy: up(y), r: 3, fill: "var(--vermillion)" }));
  svg.setAttribute("viewBox", `0 0 ${WIDE} ${TALL + 22}`);  // the names stand below, where no curve comes
  const names = [["training", LEFT, { stroke: "var(--blue)" }], ["held-out (dots)", LEFT + 100, { stroke: "var(--vermillion)" }], ["floor", LEFT + 238, { stroke: "currentColor", "stroke-dasharray": "6 4" }]];
  for (const [name, x, style] of names) svg.append(
    shape("line", { x1: x, x2: x + 26, y1: TALL + 12, y2: TALL + 12, "stroke-width": 2, ...style }),
    shape("text", { x: x + 32, y: TALL + 16 }, name));
  return svg;
}

function gradients(run) {
  const ticks = [[0.01, "0.01"], [0.1, "0.1"], [1, "1"], [10, "10"]], label = `length of the gradient against the step; at the end ${run.norm.at(-1).toPrecision(2)}`;
  const { svg, line } = plot({ width: 270, height: 150, steps: run.norm.length, limits: [0.01, 30], log: true, ticks, title: "length of the gradient", label });
  line(numbered(run.norm), { stroke: "currentColor", "stroke-width": 1.2 });
  return svg;
}

function rates(run) {
  const label = `learning rate against the step, as a share of its peak; at the end ${run.rate.at(-1).toPrecision(2)}`;
  const { svg, line } = plot({ width: 270, height: 150, steps: run.rate.length, limits: [0, 1], ticks: [[0, "0"], [0.5, "½"], [1, "1"]], title: "learning rate, share of its peak", label });
  line(numbered(run.rate), { stroke: "currentColor", "stroke-width": 1.5 });
  return svg;
}

const ASKED = "Choose what is wrong with this run, and then check.";

// What is said to a reader who has chosen `claim` for a run with `fault`.
function verdict(claim, fault, signs) {
  if (!(claim in signs)) return ["", "Nothing is chosen yet: choose what is wrong with this run, and then check."];
  if (claim === fault) return [claim === "healthy" ? "Right: nothing is wrong here. " : "Right. ", signs[fault]];
  return ["Not this. ", `It would look like this: ${signs[claim][0].toLowerCase()}${signs[claim].slice(1)}`];
}

function render({ model, el }) {
  const [runs, faults, signs, floor, limits] = ["runs", "faults", "signs", "floor", "limits"].map((name) => model.get(name));
  const letters = Object.keys(runs), found = new Set(), claims = {};
  const run = select("Run", letters.map((letter) => [letter, letter]), model.get("letter"));
  const claim = select("What is wrong?", [["", UNKNOWN], ...Object.keys(signs).sort().map((name) => [name, name])], "");
  const side = element("div", undefined, "side"), below = element("div"), says = element("p"), count = element("output");
  says.setAttribute("aria-live", "polite");

  function draw() {
    below.replaceChildren(gradients(runs[run.value]), rates(runs[run.value]));
    side.replaceChildren(losses(runs[run.value], floor, limits), below);
  }

  function say(mark, text) {
    says.replaceChildren(element("span", mark, "mark"), text);
    count.textContent = `${found.size} of ${letters.length} found`;
  }

  function check() {
    const fault = faults[run.value];
    if (claim.value === fault) found.add(run.value);
    say(...verdict(claim.value, fault, signs));
  }

  function next() {
    run.value = letters[(letters.indexOf(run.value) + 1) % letters.length];
    show();
  }

  function show() { // another run: with what was chosen for it
    claim.value = claims[run.value] ?? "";
    draw();
    say("", ASKED);
  }

  onInput([run], show);
  onInput([claim], () => { claims[run.value] = claim.value; say("", claim.value ? `You say: ${claim.value}. Now check.` : ASKED); });
  model.on("try", () => { if (model.get("letter") in runs) { run.value = model.get("letter"); show(); } });
  el.append(element("style", CSS), row(run.box, button("Next run", next)), side, row(claim.box, button("Check", check), count), says);
  show();
}

export default { render };
