// The bug museum: choose an exhibit; its curve beside the healthy one and the floor, the
// wrong line beside the right one, and what each check says of it.
import { button, element, onInput, row, select, shape } from "./elements.js";

const CSS = `
  .side { display: flex; flex-wrap: wrap; gap: .6em 1.4em; margin: .4em 0; }
  .plot, .said { flex: 1 1 290px; min-width: 0; }
  svg { max-width: 100%; height: auto; display: block; }
  svg text { fill: currentColor; font-size: 13px; }
  .row label { max-width: 100%; margin: 0; } select { flex: 0 1 auto; min-width: 0; width: auto; max-width: 100%; }
  p { margin: .4em 0; } .symptom { min-height: 2.8em; }
  pre { margin: .2em 0; padding: .2em .5em; white-space: pre-wrap; overflow-wrap: anywhere; border-left: 4px solid; }
  .right { border-color: var(--green); } .wrong { border-color: var(--vermillion); }
  ul { list-style: none; margin: .3em 0; padding: 0; columns: 2 11em; } li { break-inside: avoid; }
  .fires { font-weight: 700; } .message { min-height: 6em; overflow-wrap: anywhere; }`;

const WIDE = 380, TALL = 270, LEFT = 40, RIGHT = 8, ABOVE = 22, BELOW = 56, MOST = 4;

// A place between the lowest and the highest loss that are drawn, as a share.
const share = (loss) => Math.max(0, Math.min(1, loss / MOST));

function curve(exhibit, healthy, floor, steps) {
  const bottom = TALL - BELOW, last = exhibit.heldOut.at(-1);
  const across = (step) => LEFT + ((WIDE - LEFT - RIGHT) * step) / steps, up = (loss) => bottom - (bottom - ABOVE) * share(loss);
  const end = last ? `at the end ${last[1].toPrecision(3)}` : "the run stopped before it was measured";
  const label = `held-out loss against the step; ${end}; healthy ${healthy.at(-1)[1].toPrecision(3)}, floor ${floor.toPrecision(3)} nats per token`;
  const svg = shape("svg", { viewBox: `0 0 ${WIDE} ${TALL}`, width: WIDE, role: "img", "aria-label": label });
  const text = (x, y, words, anchor = "start") => svg.append(shape("text", { x, y, "text-anchor": anchor }, words));
  const line = (points, style) => svg.append(shape("polyline", { points: points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" "), fill: "none", ...style }));
  for (const tick of [0, 1, 2, 3, 4]) {
    line([[LEFT, up(tick)], [WIDE - RIGHT, up(tick)]], { stroke: "currentColor", opacity: 0.15 });
    text(LEFT - 6, up(tick) + 4, `${tick}`, "end");
  }
  for (const step of [0, steps / 2, steps]) text(across(step), bottom + 15, `${step}`, step === steps ? "end" : "middle");
  text(LEFT, 13, "held-out loss (nats per token)");
  text((LEFT + WIDE) / 2, bottom + 30, "step", "middle");
  const styles = [
    ["floor", { stroke: "currentColor", "stroke-width": 1.5, "stroke-dasharray": "6 4" }, [[0, floor], [steps, floor]]],
    ["healthy", { stroke: "var(--grey)", "stroke-width": 4 }, healthy],
    ["with the bug", { stroke: "var(--vermillion)", "stroke-width": 2 }, exhibit.heldOut]];
  styles.forEach(([name, style, points], i) => {
    line(points.map(([step, loss]) => [across(step), up(loss)]), style);
    const x = LEFT + [0, 84, 178][i];
    line([[x, TALL - 10], [x + 24, TALL - 10]], style);
    text(x + 30, TALL - 6, name);
  });
  for (const [step, loss] of exhibit.heldOut) svg.append(shape("circle", { cx: across(step), cy: up(loss), r: 3, fill: "var(--vermillion)" }));
  return svg;
}

// What is said about the checks: how many fire, and the words of the first that does.
function verdict(exhibit, checks) {
  const firing = checks.filter((name) => name in exhibit.fired);
  if (!firing.length) return ["No check fires. ", "Only weights or texts from elsewhere would show it."];
  const [first] = firing;
  return [`${firing.length} of ${checks.length} fire. “${first}”: `, exhibit.fired[first]];
}

function render({ model, el }) {
  const [exhibits, checks, floor, healthy, steps] = ["exhibits", "checks", "floor", "healthy", "steps"].map((name) => model.get(name));
  const index = (name) => exhibits.findIndex((exhibit) => exhibit.function === name);
  const parts = [...new Set(exhibits.map((exhibit) => exhibit.part))];
  const part = select("Room", parts.map((name) => [name, name]));
  const chosen = select("Exhibit", exhibits.map((exhibit, i) => [i, exhibit.name]), Math.max(0, index(model.get("name"))));
  const plot = element("div", undefined, "plot"), said = element("div", undefined, "said"), side = element("div", undefined, "side");
  const symptom = element("p", undefined, "symptom"), message = element("p", undefined, "message");
  message.setAttribute("aria-live", "polite");
  side.append(plot, said);

  function draw() {
    const exhibit = exhibits[chosen.value];
    part.value = exhibit.part;
    plot.replaceChildren(curve(exhibit, healthy, floor, steps));
    const list = element("ul");
    for (const name of checks) list.append(element("li", `${name in exhibit.fired ? "✗" : "·"} ${name}`, name in exhibit.fired && "fires"));
    said.replaceChildren(element("p", "Right:"), element("pre", exhibit.right, "right"), element("p", "Wrong:"), element("pre", exhibit.wrong, "wrong"), element("p", "What the checks say (✗ fires):"), list);
    symptom.textContent = exhibit.symptom + (exhibit.stopped ? ` The run stopped: ${exhibit.stopped}.` : "");
    const [count, words] = verdict(exhibit, checks);
    message.replaceChildren(element("strong", count), words);
  }

  function go(i) { chosen.value = (i + exhibits.length) % exhibits.length; draw(); }

  onInput([chosen], draw);
  onInput([part], () => go(exhibits.findIndex((exhibit) => exhibit.part === part.value)));
  model.on("try", () => { const i = index(model.get("name")); if (i >= 0) go(i); });
  el.append(element("style", CSS), row(part.box, chosen.box), row(button("Back", () => go(+chosen.value - 1)), button("Next", () => go(+chosen.value + 1))), symptom, side, message);
  draw();
}

export default { render };
