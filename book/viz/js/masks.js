// Draw a mask: who is moved by whom behind it, at once; and a forecaster trained behind
// it in a worker, its loss beside the floor and the least that this mask allows.
import { button, element, row, select, shape } from "./elements.js";
import { dice, draw } from "./sampling.js";
import { forecasters } from "./forecaster.js";

const { DAYS, movedBy, newForecaster, leastLoss } = forecasters(dice, draw);
const STEPS = 400, EVERY = 5, NOTHING = 1e-9, PAGE = [0, 1, 2, 2, 3, 2, 1, 4];
const CSS = `
  .side { display: flex; flex-wrap: wrap; gap: 1em 1.6em; align-items: flex-start; margin: .4em 0 .8em; }
  .square { max-width: 100%; overflow-x: auto; }
  table { border-collapse: collapse; font-size: 12px; }
  caption { caption-side: top; text-align: left; font-size: 13px; padding-bottom: .3em; }
  th { font-weight: 400; padding: .1em .35em; text-align: right; white-space: nowrap; }
  thead th { writing-mode: vertical-rl; padding: .35em .1em; text-align: left; }
  td { width: 25px; height: 25px; padding: 0; text-align: center; border: 1px solid var(--line); }
  td button { display: block; width: 24px; height: 24px; min-width: 0; min-height: 0; padding: 0; border: 0; border-radius: 0; font-size: 12px; line-height: 24px; }
  td.on { background: color-mix(in srgb, var(--blue) 30%, transparent); }
  td.leaks, td.on.later { background: var(--vermillion); color: #000; font-weight: 700; }
  svg { max-width: 100%; height: auto; display: block; }
  svg text { fill: currentColor; font-size: 12px; }
  @media (max-width: 480px) { svg text { font-size: 14px; } } /* the plot is narrower there, its text is not */
  p { margin: .4em 0; min-height: 1.5em; } ol { margin: .2em 0; padding-left: 1.6em; }
  .diaries { font-family: ui-monospace, monospace; font-size: 13px; }
  .again { margin-left: auto; }`;

const square = (sees) => Array.from({ length: DAYS * DAYS }, (_, i) => sees(Math.floor(i / DAYS), i % DAYS));
const MASKS = {
  causal: ["causal", square((t, s) => s <= t)],
  hole: ["causal, with one hole", square((t, s) => s <= t || (t === 3 && s === 4))],
  shifted: ["shifted by one", square((t, s) => s <= t + 1)],
  "day-after": ["tomorrow hidden, the day after not", square((t, s) => s !== t + 1)],
  transposed: ["transposed", square((t, s) => s >= t)],
  missing: ["no mask", square(() => true)],
  window: ["the last two days", square((t, s) => s <= t && s > t - 2)],
  itself: ["today only", square((t, s) => s === t)],
  strict: ["today hidden", square((t, s) => s < t)],
};
const PLACES = { before: "before the softmax", after: "after the softmax", columns: "before, but summed over columns" };

// --- Two squares: the mask, to draw in; and what it lets through ---

function grid(days, caption, cell) {
  const table = element("table"), head = table.createTHead().insertRow(), body = table.createTBody();
  table.append(element("caption", caption));
  head.append(Object.assign(element("td"), { style: "border: 0" }));
  for (const day of days) head.append(Object.assign(element("th", day), { scope: "col" }));
  days.forEach((day, t) => {
    const line = body.insertRow();
    line.append(Object.assign(element("th", day), { scope: "row" }), ...days.map((_, s) => cell(t, s)));
  });
  return table;
}

const STEP = { ArrowUp: -DAYS, ArrowDown: DAYS, ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };

// A square of buttons, of which one can be reached by Tab and the others by arrow keys.
function drawing(days, toggle) {
  const buttons = [];
  const table = grid(days, "The mask: row = day that looks, column = day looked at", (t, s) => {
    const cell = element("td"), one = button("", () => toggle(t * DAYS + s));
    one.title = `day ${t + 1} looks at day ${s + 1}`;
    one.tabIndex = buttons.length ? -1 : 0;
    buttons.push(one);
    cell.append(one);
    return cell;
  });
  table.addEventListener("keydown", (event) => {
    const at = buttons.indexOf(event.target), step = STEP[event.key];
    if (at < 0 || step === undefined) return;
    event.preventDefault();
    const to = Math.max(0, Math.min(buttons.length - 1, at + step));
    buttons.forEach((one, i) => { one.tabIndex = i === to ? 0 : -1; });
    buttons[to].focus();
  });
  function show(mask) {
    buttons.forEach((one, i) => {
      const later = i % DAYS > Math.floor(i / DAYS);
      one.setAttribute("aria-pressed", mask[i]);
      one.setAttribute("aria-label", `${one.title}: ${mask[i] ? "may" : "hidden"}`);
      one.textContent = mask[i] ? (later ? "!" : "●") : "×";
      one.parentElement.className = mask[i] ? (later ? "on later" : "on") : "";
    });
  }
  return { table, show };
}

function certificate(days, moved) {
  return grid(days, "The certificate: row = forecast that moves, column = day changed", (t, s) => {
    const broken = Number.isNaN(moved[t][s]), moves = moved[t][s] > NOTHING, leak = moves && s > t;
    return element("td", broken ? "?" : leak ? "!" : moves ? "●" : "", leak ? "leaks" : moves ? "on" : "");
  });
}

function verdict(moved) {
  if (moved.flat().some(Number.isNaN)) {
    const t = moved.findIndex((line) => line.some(Number.isNaN));
    return `Day ${t + 1} has an empty softmax: a sum over nothing is not a number, and neither is the loss of the page.`;
  }
  const leaks = moved.flatMap((line, t) => line.flatMap((far, s) => (s > t && far > NOTHING ? [[t + 1, s + 1]] : [])));
  if (leaks.length === 0) return "No forecast moves when a later day is changed: this mask is causal.";
  const [[look, at]] = leaks, pairs = leaks.length === 1 ? "1 pair" : `${leaks.length} pairs`;
  return `A leak in ${pairs}: the forecast of day ${look} moves when day ${at} is changed.`;
}

// --- The loss against the step ---

const WIDE = 400, HIGH = 270, LEFT = 46, RIGHT = 14, BELOW = 40, ABOVE = 46, TOP = 1.75;
const BEFORE = { stroke: "var(--grey)", "stroke-width": 1.2, "stroke-dasharray": "2 2" };
const acrossAt = (step) => LEFT + ((WIDE - LEFT - RIGHT) * step) / STEPS;
const upAt = (loss) => ABOVE + (HIGH - BELOW - ABOVE) * (1 - Math.min(loss, TOP) / TOP);

function line(losses, attributes) {
  const points = losses.map((loss, i) => `${acrossAt((i + 0.5) * EVERY).toFixed(1)},${upAt(loss).toFixed(1)}`);
  return shape("polyline", { points: points.join(" "), fill: "none", ...attributes });
}

// A level across the plot, and its name in one of two lines above it, where no curve runs.
function level(loss, text, dashes, place) {
  const y = 12 + 17 * place, across = { x1: LEFT, x2: WIDE - RIGHT, y1: upAt(loss), y2: upAt(loss) };
  const look = { stroke: "currentColor", "stroke-dasharray": dashes };
  return [
    shape("line", { ...across, ...look }),
    shape("line", { x1: LEFT, x2: LEFT + 30, y1: y - 4, y2: y - 4, ...look }),
    shape("text", { x: LEFT + 38, y }, text),
  ];
}

function axes(svg) {
  for (const loss of [0, 0.5, 1, 1.5]) {
    svg.append(shape("text", { x: LEFT - 6, y: upAt(loss) + 4, "text-anchor": "end" }, loss.toFixed(1)));
    svg.append(shape("line", { x1: LEFT, x2: WIDE - RIGHT, y1: upAt(loss), y2: upAt(loss), stroke: "currentColor", opacity: 0.15 }));
  }
  for (const step of [0, 100, 200, 300, 400]) {
    svg.append(shape("text", { x: acrossAt(step), y: HIGH - BELOW + 16, "text-anchor": "middle" }, `${step}`));
  }
  svg.append(shape("text", { x: (LEFT + WIDE) / 2, y: HIGH - 6, "text-anchor": "middle" }, "training step"));
  const middle = (ABOVE + HIGH - BELOW) / 2, turned = `rotate(-90 12 ${middle})`;
  svg.append(shape("text", { x: 12, y: middle, "text-anchor": "middle", transform: turned }, "loss (nats per day)"));
}

function curve(now, before, floor, least) {
  const said = now.length ? `from ${now[0].toFixed(2)} to ${now.at(-1).toFixed(2)} nats after ${now.length * EVERY} steps` : "not trained yet";
  const svg = shape("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, width: WIDE, role: "img", "aria-label": `loss against training step, ${said}` });
  const ground = { x: LEFT, y: upAt(floor), width: WIDE - LEFT - RIGHT, height: upAt(0) - upAt(floor), fill: "currentColor", opacity: 0.07 };
  svg.append(shape("rect", ground));
  axes(svg);
  if (before.length) {
    svg.append(shape("line", { x1: LEFT + 210, x2: LEFT + 240, y1: 8, y2: 8, ...BEFORE }));
    svg.append(shape("text", { x: LEFT + 248, y: 12 }, "the run before"));
  }
  svg.append(line(before, BEFORE));
  svg.append(line(now, { stroke: "var(--blue)", "stroke-width": 2 }));
  svg.append(...level(floor, `the floor, ${floor.toFixed(2)}`, "6 4", 0));
  if (least < floor - 1e-6) svg.append(...level(least, `the least behind this mask, ${least.toFixed(2)}`, "1 3", 1));
  return svg;
}

// --- The worker: it trains, tells the loss, and is asked a few questions at the end ---

const trainer = `(${function (post, chain, how, seed, steps, every, begin, { training, tested, written }, dice) {
  const { model, step } = training(chain, how, seed);
  for (let done = 0; done < steps; done += every) {
    let mean = 0;
    for (let i = 0; i < every; i++) mean += step() / every;
    post({ loss: mean });
    if (Number.isNaN(mean)) return;
  }
  const diaries = [1, 2, 3].map((n) => written(model, how, begin, dice(seed + n)));
  post({ model, diaries, ...tested(model, chain, how) });
}})`;

function work(...args) {
  const source = `const dice = ${dice}, draw = ${draw}, all = (${forecasters})(dice, draw);
    ${trainer}(postMessage, ...${JSON.stringify(args)}, all, dice);`;
  const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(address);
  URL.revokeObjectURL(address);
  return worker;
}

// --- The figure ---

function render({ model, el }) {
  const { weathers, transition, shares, least } = Object.fromEntries(["weathers", "transition", "shares", "least"].map((n) => [n, model.get(n)]));
  const days = PAGE.map((id) => weathers[id]), STORM = weathers.indexOf("storm"), floor = least[0];
  const start = { mask: model.get("mask"), place: model.get("place") };
  let mask, trained, losses = [], before = [], worker, seed = 1;

  const names = Object.entries(MASKS).map(([name, [said]]) => [name, said]);
  const preset = select("Mask", [...names, ["own", "drawn by you"]], start.mask);
  const place = select("applied", Object.entries(PLACES), start.place);
  const train = button("Train a forecaster", () => (worker ? stop() : begin()));
  const reset = button("Reset", () => {
    seed = 1;
    pick(start);
  });
  const { table, show } = drawing(days, (at) => set(mask.map((may, i) => (i === at ? !may : may)), "own"));
  const [says, result] = [element("p"), element("div")], found = element("div", undefined, "square");
  const [drawn, plot] = [element("div", undefined, "square"), element("div", undefined, "square")];
  says.setAttribute("aria-live", "polite");
  result.setAttribute("aria-live", "polite");
  drawn.append(table);
  const side = element("div", undefined, "side");
  side.append(drawn, found, plot);
  el.append(Object.assign(element("style"), { textContent: CSS }), row(preset.box, place.box, train, reset), says, side, result);

  const how = () => ({ mask, place: place.value });

  function set(next, name) {
    stop();
    [mask, preset.value, trained, losses] = [next, name, newForecaster(dice(seed)), []];
    show(mask);
    result.replaceChildren();
    look();
    chart();
  }

  function pick({ mask: name, place: where = place.value }) {
    if (!(name in MASKS) || !(where in PLACES)) return;
    place.value = where;
    before = [];
    set(MASKS[name][1], name);
  }

  function look() {
    const moved = movedBy(trained, PAGE, how());
    found.replaceChildren(certificate(days, moved));
    says.textContent = verdict(moved);
  }

  const chart = () => plot.replaceChildren(curve(losses, before, floor, leastLoss(how(), least)));

  function begin() {
    if (losses.length) before = losses;
    losses = [];
    result.replaceChildren();
    train.textContent = "Stop";
    worker = work({ shares, transition }, how(), seed, STEPS, EVERY, STORM);
    worker.onmessage = ({ data }) => (data.model ? finish(data) : advance(data.loss));
    seed += 1;
  }

  function advance(loss) {
    if (Number.isNaN(loss)) {
      stop();
      return result.replaceChildren(element("p", "The loss is not a number from the first step on: nothing can be learned from it."));
    }
    losses.push(loss);
    chart();
  }

  function stop() {
    worker?.terminate();
    worker = undefined;
    train.textContent = "Train a forecaster";
  }

  function finish({ model: parameters, diaries, onThePage, onAir }) {
    stop();
    trained = parameters;
    look();
    const list = element("ol", undefined, "diaries");
    list.append(...diaries.map((ids) => element("li", ids.map((id) => weathers[id]).join(" "))));
    result.replaceChildren(
      element("p", `On fresh diaries: ${onThePage.toFixed(2)} nats a day, where the floor is ${floor.toFixed(2)}.`),
      element("p", `On air, with the rest of the page still blank, after 1 to ${DAYS - 1} days: ` +
        `${onAir.map((loss) => loss.toFixed(2)).join(", ")}. Drawing lots costs ${Math.log(5).toFixed(2)}.`),
      element("p", "Three diaries that it writes:"), list,
    );
  }

  preset.addEventListener("input", () => (preset.value === "own" ? show(mask) : pick({ mask: preset.value })));
  place.addEventListener("input", () => set(mask, preset.value));
  model.on("try", () => pick({ mask: model.get("mask"), place: model.get("place") }));
  pick(start);
}
export default { render };
