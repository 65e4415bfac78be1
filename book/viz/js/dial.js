// Rotary positions as dials: query and key are arrows, one pair for each speed, and each
// is turned by its position. The score depends on the distance between the two only.
import { button, element, onInput, row, shape, slider } from "./elements.js";

const MOST = 256, FARTHEST = 1000; // positions, and how far both can be shifted
const SIDE = 152, MIDDLE = SIDE / 2, RADIUS = 58;
const WIDE = 330, HIGH = 168, LEFT = 40, RIGHT = 10, ABOVE = 10, BELOW = 36, DISTANCES = 64;
const CSS = `
  .dials { display: flex; flex-wrap: wrap; gap: .4em .9em; margin: .4em 0; }
  .dial { margin: 0; width: ${SIDE}px; font-size: 13px; text-align: center; }
  .below { display: flex; flex-wrap: wrap; gap: .6em 1.4em; align-items: flex-start; }
  .says { flex: 1 1 14em; min-height: 7.5em; } .says p { margin: 0 0 .5em; } .says .score { font-weight: 700; }
  svg { max-width: 100%; height: auto; display: block; }
  svg text { fill: currentColor; font-size: 12px; }`;

// --- The rotation ------------------------------------------------------------------------

// Radians from a position to the next, one for each pair of components.
const speedsOf = (width, base) => Array.from({ length: width / 2 }, (_, i) => base ** ((-2 * i) / width));

// The points of a vector, component i of the first half with component i of the second,
// each turned by what its speed makes of the position.
function turned(vector, position, base) {
  const half = vector.length / 2;
  return speedsOf(vector.length, base).map((speed, i) => {
    const c = Math.cos(position * speed), s = Math.sin(position * speed), [x, y] = [vector[i], vector[i + half]];
    return [x * c - y * s, y * c + x * s];
  });
}

// What each pair adds to the score of a query at a position with a key at another.
function shares({ query, key, base }, at, of) {
  const q = turned(query, at, base), k = turned(key, of, base), scale = Math.sqrt(query.length);
  return q.map(([x, y], i) => (x * k[i][0] + y * k[i][1]) / scale);
}

const total = (numbers) => numbers.reduce((sum, x) => sum + x, 0);

// --- What is drawn -----------------------------------------------------------------------

const shown = (x) => x.toFixed(2).replace("-", "−").replace("−0.00", "0.00");
const degrees = ([x, y]) => (Math.atan2(y, x) * 180) / Math.PI;
// The angle from the key to the query, from −180 to 180 degrees.
const between = (q, k) => ((degrees(q) - degrees(k) + 540) % 360) - 180;

function arrow([x, y], longest, name, colour, dashes) {
  const size = Math.hypot(x, y), reach = (RADIUS * size) / longest, [c, s] = [x / size, -y / size];
  const tip = [MIDDLE + reach * c, MIDDLE + reach * s], group = shape("g", {});
  group.append(
    shape("line", { x1: MIDDLE, y1: MIDDLE, x2: tip[0] - 6 * c, y2: tip[1] - 6 * s, stroke: colour, "stroke-width": 3, "stroke-dasharray": dashes }),
    shape("path", { d: "M0 0L-10 -5L-10 5Z", fill: colour, transform: `translate(${tip}) rotate(${(Math.atan2(s, c) * 180) / Math.PI})` }),
    shape("text", { x: MIDDLE + (reach + 10) * c, y: MIDDLE + (reach + 10) * s + 4, "text-anchor": "middle", "font-weight": 700 }, name));
  return group;
}

function dial(q, k, longest, speed, share) {
  const figure = element("figure", undefined, "dial"), angle = between(q, k);
  const svg = shape("svg", { viewBox: `0 0 ${SIDE} ${SIDE}`, width: SIDE, role: "img",
    "aria-label": `speed ${+speed.toPrecision(3)}: the query points ${Math.round(Math.abs(angle))} degrees ${angle < 0 ? "behind" : "ahead of"} the key` });
  svg.append(shape("circle", { cx: MIDDLE, cy: MIDDLE, r: RADIUS, fill: "none", stroke: "currentColor", opacity: 0.4 }));
  for (let i = 0; i < 12; i++) {
    svg.append(shape("line", { x1: MIDDLE + RADIUS - 4, x2: MIDDLE + RADIUS, y1: MIDDLE, y2: MIDDLE, stroke: "currentColor", opacity: 0.5, transform: `rotate(${30 * i} ${MIDDLE} ${MIDDLE})` }));
  }
  svg.append(arrow(k, longest, "k", "var(--vermillion)", "6 3"), arrow(q, longest, "q", "var(--blue)", "none"));
  const lines = [`speed ${+speed.toPrecision(3)}`, `between them ${Math.round(angle)}°`.replace("-", "−"), `adds ${shown(share)}`];
  const caption = element("figcaption");
  caption.append(...lines.map((line) => element("div", line)));
  figure.append(svg, caption);
  return figure;
}

// The score against the distance, and where we are on that curve.
function chart(vectors, distance, score) {
  const values = Array.from({ length: 2 * DISTANCES + 1 }, (_, i) => total(shares(vectors, i - DISTANCES, 0)));
  const most = Math.max(...values.map(Math.abs)), bottom = HIGH - BELOW;
  const across = (d) => LEFT + ((WIDE - LEFT - RIGHT) * (d + DISTANCES)) / (2 * DISTANCES);
  const up = (value) => ABOVE + ((bottom - ABOVE) * (1 - value / most)) / 2;
  const svg = shape("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, width: WIDE, role: "img",
    "aria-label": `the score against the distance from the key to the query: ${shown(score)} at a distance of ${distance}` });
  for (const value of [-most, 0, most]) {
    svg.append(shape("line", { x1: LEFT, x2: WIDE - RIGHT, y1: up(value), y2: up(value), stroke: "currentColor", opacity: value ? 0.15 : 0.5 }),
      shape("text", { x: LEFT - 5, y: up(value) + 4, "text-anchor": "end" }, shown(value)));
  }
  for (const d of [-64, -32, 0, 32, 64]) svg.append(shape("text", { x: across(d), y: bottom + 15, "text-anchor": "middle" }, `${d}`.replace("-", "−")));
  svg.append(shape("text", { x: (LEFT + WIDE - RIGHT) / 2, y: HIGH - 5, "text-anchor": "middle" }, "position of the query − position of the key"));
  svg.append(shape("polyline", { points: values.map((value, i) => `${across(i - DISTANCES).toFixed(1)},${up(value).toFixed(1)}`).join(" "), fill: "none", stroke: "var(--grey)", "stroke-width": 2 }));
  if (Math.abs(distance) <= DISTANCES) svg.append(shape("circle", { cx: across(distance), cy: up(score), r: 5, fill: "none", stroke: "var(--blue)", "stroke-width": 2.5 }));
  return svg;
}

function render({ model, el }) {
  const vectors = { query: model.get("query"), key: model.get("key"), base: model.get("base") };
  const start = { at: model.get("at"), of: model.get("of"), shift: 0 };
  const at = slider("Query at", { min: 0, max: MOST, step: 1, value: start.at });
  const of = slider("Key at", { min: 0, max: MOST, step: 1, value: start.of });
  const shift = slider("Shift both by", { min: 0, max: FARTHEST, step: 1, value: 0 });
  const dials = element("div", undefined, "dials"), says = element("div", undefined, "says"), below = element("div", undefined, "below");
  const points = (vector) => vector.slice(0, vector.length / 2).map((x, i) => Math.hypot(x, vector[i + vector.length / 2]));
  const longest = Math.max(...points(vectors.query), ...points(vectors.key));
  says.setAttribute("aria-live", "polite");

  function draw(moved) {
    const [here, there] = [+at.value + +shift.value, +of.value + +shift.value];
    const parts = shares(vectors, here, there), score = total(parts), distance = here - there;
    const q = turned(vectors.query, here, vectors.base), k = turned(vectors.key, there, vectors.base);
    dials.replaceChildren(...speedsOf(vectors.query.length, vectors.base).map((speed, i) => dial(q[i], k[i], longest, speed, parts[i])));
    const why = moved === shift ? "Both arrows of a dial turned by the same angle. The angle between them stayed, and so did the score."
      : moved ? "One arrow turned and the other did not, so the angles between them changed, and the score with them."
        : "Move one of the two positions; then shift both.";
    says.replaceChildren(element("p", `Score ${shown(score)} at a distance of ${distance}`.replace("-", "−"), "score"),
      element("p", `The query stands at position ${here}, the key at ${there}.`), element("p", why));
    below.replaceChildren(chart(vectors, distance, score), says);
  }

  function set(wanted) {
    for (const [name, control] of Object.entries({ at, of, shift })) {
      if (wanted[name] !== undefined && Number.isFinite(+wanted[name])) control.value = +wanted[name];
      control.say();
    }
    draw();
  }

  el.append(element("style", CSS), row(at.box, of.box, shift.box, button("Reset", () => set(start))), dials, below);
  for (const control of [at, of, shift]) onInput([control], () => draw(control));
  model.on("try", () => set({ at: model.get("at"), of: model.get("of"), shift: model.get("shift") }));
  set(start);
}

export default { render };
