// Fifty comparisons of two recipes, each with its interval: how many find which one
// better? The reader chooses the recipe, what is compared, and how much is measured.
import { button, element, onInput, row, select, shape, slider } from "./elements.js";

const N_EXPERIMENTS = 50;
const WAYS = {
  stories: "one run each, over stories",
  apart: "seeds of their own",
  paired: "the same seeds",
};
const CSS = `
  .side { display: flex; flex-wrap: wrap; gap: .4em 1.4em; align-items: flex-start; }
  svg { max-width: 100%; height: auto; display: block; }
  svg text { fill: currentColor; font-size: 12px; }
  p { margin: .4em 0; } .says { flex: 1 1 15em; min-width: 0; }
  ul { list-style: none; padding: 0; margin: .4em 0; } li { margin: .2em 0; }
  .key { display: inline-block; width: 1.6em; text-align: center; }`;

// --- One comparison ---------------------------------------------------------------------

const sum = (values) => values.reduce((a, b) => a + b, 0);
const mean = (values) => sum(values) / values.length;
const spread = (values) => {
  const middle = mean(values);
  return sum(values.map((x) => (x - middle) ** 2)) / (values.length - 1);
};

// The difference of two recipes, in nats per token, and an interval around it.
// usual, other: rows of costs, one a run, by story; tokens: by story; factors: Student's
// of 1, 2, … degrees of freedom.
function compared({ usual, other, tokens, way, factors }) {
  const all = sum(tokens), perToken = (costs) => sum(costs) / all;
  if (way === "stories") {
    const less = other[0].map((cost, i) => cost - usual[0][i]), middle = sum(less) / all, n = less.length;
    const square = sum(less.map((x, i) => (x - middle * tokens[i]) ** 2)) * (n / (n - 1));
    return around(middle, (factors.many * Math.sqrt(square)) / all);
  }
  const a = usual.map(perToken), b = other.map(perToken), n = a.length;
  if (way === "paired") {
    const less = b.map((x, i) => x - a[i]);
    return around(mean(less), factors.few[n - 2] * Math.sqrt(spread(less) / n));
  }
  const freedom = 2 * n - 2;
  return around(mean(b) - mean(a), factors.few[freedom - 1] * Math.sqrt((spread(a) + spread(b)) / n));
}

const around = (middle, half) => ({ middle, low: middle - half, high: middle + half });

// --- Chance -----------------------------------------------------------------------------

// Random numbers from 0 to 1, the same for the same seed (mulberry32).
function dice(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

// k different ones of 0 … n − 1.
function chosen(n, k, roll) {
  const left = [...Array(n).keys()];
  return [...Array(k).keys()].map(() => left.splice(Math.floor(roll() * left.length), 1)[0]);
}

// Which runs and which stories one experiment looks at.
function drawn({ way, seeds, stories, nSeeds, nStories }, roll) {
  const n = way === "stories" ? 1 : seeds, runs = chosen(nSeeds, way === "paired" ? n : 2 * n, roll);
  return { usual: runs.slice(0, n), other: way === "paired" ? runs : runs.slice(n), stories: chosen(nStories, stories, roll) };
}

function experiments(data, settings, seed) {
  const roll = dice(seed), costs = data.costs, all = { ...settings, nSeeds: costs.usual.length, nStories: data.tokens.length };
  return [...Array(N_EXPERIMENTS).keys()].map(() => {
    const pick = drawn(all, roll), of = (rows, runs) => runs.map((run) => pick.stories.map((i) => rows[run][i]));
    return compared({
      usual: of(costs.usual, pick.usual), other: of(costs[settings.recipe], pick.other),
      tokens: pick.stories.map((i) => data.tokens[i]), way: settings.way, factors: data.factors,
    });
  });
}

// The difference of all runs on all stories: as near to the truth as the record goes.
function truth(data, recipe) {
  const total = (rows) => sum(rows.map(sum)) / rows.length / sum(data.tokens);
  return total(data.costs[recipe]) - total(data.costs.usual);
}

const verdict = ({ low, high }) => (high < 0 ? "better" : low > 0 ? "worse" : "undecided");

// --- What is drawn ----------------------------------------------------------------------

const WIDE = 330, LEFT = 8, RIGHT = 8, ABOVE = 22, STEP = 6.4, BELOW = 40;
const LOOKS = { better: ["var(--blue)", "◀", 2.4], worse: ["var(--vermillion)", "▶", 2.4], undecided: ["var(--grey)", "–", 1.4] };
const clipped = (x, reach) => Math.max(-reach, Math.min(reach, x));

function chart(found, middle, reach) {
  const high = ABOVE + N_EXPERIMENTS * STEP, at = (x) => LEFT + ((WIDE - LEFT - RIGHT) * (clipped(x, reach) + reach)) / (2 * reach);
  const svg = shape("svg", { viewBox: `0 0 ${WIDE} ${high + BELOW}`, width: WIDE, role: "img",
    "aria-label": `fifty intervals of the difference; those that leave out 0 are marked; the mean of all runs is ${middle.toFixed(4)}` });
  const upright = (x, attributes) => shape("line", { x1: at(x), x2: at(x), y1: ABOVE - 6, y2: high, ...attributes });
  svg.append(upright(0, { stroke: "currentColor" }), upright(middle, { stroke: "var(--green)", "stroke-width": 2, "stroke-dasharray": "6 4" }));
  found.forEach((one, i) => {
    const y = ABOVE + STEP * (i + 0.5), [colour, , width] = LOOKS[verdict(one)];
    svg.append(shape("line", { x1: at(one.low), x2: at(one.high), y1: y, y2: y, stroke: colour, "stroke-width": width }),
      shape("circle", { cx: at(one.middle), cy: y, r: 1.8, fill: colour }));
  });
  for (const x of [-reach, -reach / 2, 0, reach / 2, reach]) {
    const anchor = x === -reach ? "start" : x === reach ? "end" : "middle";
    svg.append(shape("text", { x: at(x), y: high + 15, "text-anchor": anchor }, `${x > 0 ? "+" : x < 0 ? "−" : ""}${Math.abs(x)}`));
  }
  svg.append(shape("text", { x: LEFT, y: 12 }, "better than usual"), shape("text", { x: WIDE - RIGHT, y: 12, "text-anchor": "end" }, "worse"),
    shape("text", { x: WIDE / 2, y: high + 33, "text-anchor": "middle" }, "difference in loss (nats per token)"));
  return svg;
}

function told(found, middle) {
  const count = (kind) => found.filter((one) => verdict(one) === kind).length;
  const held = found.filter(({ low, high }) => low <= middle && middle <= high).length;
  const list = element("ul");
  for (const [kind, text] of [["better", "say: better than the usual recipe"], ["worse", "say: worse"], ["undecided", "leave it open: 0 is inside"]]) {
    const item = element("li"), key = element("span", LOOKS[kind][1], "key");
    key.style.color = kind === "undecided" ? "" : LOOKS[kind][0];
    key.setAttribute("aria-hidden", "true");
    item.append(key, ` ${count(kind)} of ${N_EXPERIMENTS} ${text}`);
    list.append(item);
  }
  const box = element("div", undefined, "says");
  box.setAttribute("aria-live", "polite");
  box.append(list, element("p", `${held} of ${N_EXPERIMENTS} intervals hold the mean of all runs (${middle > 0 ? "+" : "−"}${Math.abs(middle).toFixed(4)}, dashed). They promise to hold the truth in 95 of 100.`));
  return box;
}

function render({ model, el }) {
  const data = { costs: model.get("costs"), tokens: model.get("tokens"), factors: model.get("factors") };
  const names = ["recipe", "way", "seeds", "stories"], start = Object.fromEntries(names.map((name) => [name, model.get(name)]));
  const recipes = Object.keys(data.costs).filter((name) => name !== "usual");
  const recipe = select("Recipe", recipes.map((name) => [name, name]), start.recipe);
  const way = select("Compare", Object.entries(WAYS), start.way);
  const seeds = slider("Seeds of each", { min: 2, max: Math.floor(data.costs.usual.length / 2), step: 1, value: start.seeds });
  const stories = slider("Stories", { min: 10, max: data.tokens.length, step: 10, value: start.stories });
  const side = element("div", undefined, "side");
  let seed = 18;

  function draw() {
    seeds.disabled = way.value === "stories";
    const settings = { recipe: recipe.value, way: way.value, seeds: +seeds.value, stories: +stories.value };
    const found = experiments(data, settings, seed), middle = truth(data, settings.recipe);
    side.replaceChildren(chart(found, middle, model.get("reach")), told(found, middle));
  }

  function set(wanted) {
    if (recipes.includes(wanted.recipe)) recipe.value = wanted.recipe;
    if (wanted.way in WAYS) way.value = wanted.way;
    if (+wanted.seeds) seeds.value = +wanted.seeds;
    if (+wanted.stories) stories.value = +wanted.stories;
    for (const control of [seeds, stories]) control.say();
    draw();
  }

  const again = button("Fifty others", () => { seed += 1; draw(); });
  const reset = button("Reset", () => { seed = 18; set(start); });
  el.append(element("style", CSS), row(recipe.box, way.box), row(seeds.box, stories.box, again, reset), side);
  onInput([recipe, way, seeds, stories], draw);
  model.on("try", () => set(Object.fromEntries(names.map((name) => [name, model.get(name)]))));
  draw();
}

export default { render };
