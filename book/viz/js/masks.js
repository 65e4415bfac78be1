// Pick a mask: who is moved by whom, measured on the trained model; the loss it leads
// to, with the floor; and a diary the model writes when tomorrow is not on the page.
import { element, onInput, row, select, shape, slider } from "./elements.js";

const CSS = `
  .both { display: flex; flex-wrap: wrap; gap: 1em 2em; align-items: flex-start; margin-top: .6em; }
  table { border-collapse: collapse; font-size: 13px; }
  th { font-weight: 400; padding: .1em .4em; text-align: right; white-space: nowrap; }
  thead th { writing-mode: vertical-rl; padding: .4em .1em; text-align: left; }
  td { width: 1.9em; height: 1.9em; text-align: center; border: 1px solid var(--line); }
  td.sees { background: color-mix(in srgb, var(--blue) 30%, transparent); }
  td.leaks { background: var(--vermillion); color: #000; font-weight: 700; }
  tr.picked th { font-weight: 700; } tr.picked td { border-block: 2px solid currentColor; }
  svg { max-width: 100%; height: auto; display: block; }
  svg text { fill: currentColor; font-size: 12px; }
  p { margin: .4em 0; } .diary { font-family: ui-monospace, monospace; font-size: 13px; }`;
const WIDTH = 330, HEIGHT = 190, LEFT = 34, BOTTOM = 26, TOP = 1.7;

const LEAST = 1e-4; // what moves less than this is drawn as not moved

function table(days, moved, picked) {
  const grid = element("table"), head = grid.createTHead().insertRow(), body = grid.createTBody();
  head.append(element("td", ""));
  head.firstChild.style.border = "0";
  days.forEach((day) => head.append(Object.assign(element("th", day), { scope: "col" })));
  moved.forEach((row, look) => {
    const line = body.insertRow();
    if (look === picked) line.className = "picked";
    line.append(Object.assign(element("th", days[look]), { scope: "row" }));
    row.forEach((change, at) => {
      const moves = change > LEAST, leak = moves && at > look;
      line.append(element("td", leak ? "!" : moves ? "●" : "", leak ? "leaks" : moves ? "sees" : ""));
    });
  });
  return grid;
}

function curve(losses, floor, every) {
  const x = (step) => LEFT + ((WIDTH - LEFT - 6) * step) / (every * losses.length);
  const y = (loss) => 6 + (HEIGHT - BOTTOM - 6) * (1 - Math.min(loss, TOP) / TOP);
  const label = `loss against training step, from ${losses[0].toFixed(2)} to ${losses.at(-1).toFixed(2)} nats`;
  const svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, role: "img", "aria-label": label });
  svg.append(shape("rect", { x: LEFT, y: y(floor), width: WIDTH - LEFT - 6, height: y(0) - y(floor), fill: "currentColor", opacity: 0.08 }));
  for (const loss of [0, 0.5, 1, 1.5]) {
    svg.append(shape("text", { x: LEFT - 6, y: y(loss) + 4, "text-anchor": "end" }, loss.toFixed(1)));
    svg.append(shape("line", { x1: LEFT, x2: WIDTH - 6, y1: y(loss), y2: y(loss), stroke: "currentColor", opacity: 0.15 }));
  }
  svg.append(shape("line", { x1: LEFT, x2: WIDTH - 6, y1: y(floor), y2: y(floor), stroke: "currentColor", "stroke-dasharray": "5 4" }));
  svg.append(shape("text", { x: WIDTH - 8, y: y(floor) - 5, "text-anchor": "end" }, "the floor"));
  const points = losses.map((loss, i) => `${x((i + 0.5) * every).toFixed(1)},${y(loss).toFixed(1)}`).join(" ");
  svg.append(shape("polyline", { points, fill: "none", stroke: "var(--blue)", "stroke-width": 2 }));
  svg.append(shape("text", { x: (LEFT + WIDTH) / 2, y: HEIGHT - 6, "text-anchor": "middle" }, `step, up to ${every * losses.length}`));
  return svg;
}

function render({ model, el }) {
  const masks = model.get("masks"), days = model.get("days"), floor = model.get("floor");
  el.innerHTML = `<style>${CSS}</style>
    <p class="says" aria-live="polite"></p>
    <div class="both"><div class="map"></div><div class="loss"></div></div>
    <p class="result"></p><p>It writes: <span class="diary"></span></p>`;
  const $ = (selector) => el.querySelector(selector);
  const picked = select("Mask", masks.map(({ name }, i) => [i, name]), model.get("picked"));
  const looks = slider("Day that looks", { min: 1, max: days.length, step: 1, value: 1 });
  $("style").after(row(picked.box, looks.box));

  function draw() {
    const mask = masks[picked.value], look = looks.value - 1;
    const later = days.filter((_, at) => at > look && mask.moved[look][at] > LEAST).length;
    $(".says").textContent = `Day ${look + 1} (${days[look]}) is moved by ${later} later ${later === 1 ? "day" : "days"}` +
      (later ? ": it sees the future." : ".");
    $(".map").replaceChildren(table(days, mask.moved, look));
    $(".loss").replaceChildren(curve(mask.curve, floor, model.get("every")));
    $(".result").textContent = `Test: ${mask.tested.toFixed(2)} nats a day (floor ${floor.toFixed(2)}). On air, with tomorrow blank: ${mask.on_air.toFixed(2)}.`;
    $(".diary").textContent = mask.diary;
  }
  onInput([picked, looks], draw);
  draw();
}
export default { render };
