// The guessing game. A story is uncovered word by word; the reader guesses and says how
// sure the guess is, and each word costs everybody −ln of the probability they gave it.
import { BARS, bars, fill, percent } from "./bars.js";
import { button, checkbox, element, onInput, row, select, shape, slider, textField } from "./elements.js";
import { TOKENS, TokenRow } from "./tokens.js";

const CSS = `${BARS}${TOKENS}
  form { margin: .6em 0; } form .row { margin-bottom: .3em; }
  input[type=text] { width: 15em; } p { margin: .2em 0 .5em; }
  .tokens { min-height: 5em; max-height: 11em; }
  .tokens .paid { border-bottom: 2px solid var(--vermillion); --mark: var(--vermillion); }
  .offered button { margin: 0 .3em .3em 0; } .offered [aria-pressed=true] { background: color-mix(in srgb, var(--blue) 30%, transparent); font-weight: 700; }
  [hidden] { display: none !important; }
  .scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: 14px; margin: .2em 0 .6em; }
  caption { text-align: start; } th { font-weight: 400; text-align: start; } td, th { padding: .15em .7em .15em 0; vertical-align: top; }
  th { white-space: nowrap; } thead th { border-bottom: 1px solid var(--line); font-size: 13px; } td.number { text-align: end; font-variant-numeric: tabular-nums; white-space: nowrap; }
  .you th { font-weight: 700; } .small { font-size: 13px; }
  svg { max-width: 100%; height: auto; } svg text { fill: currentColor; font-size: 12px; }
  .legend { display: flex; flex-wrap: wrap; gap: .1em 1.2em; } .legend span { white-space: nowrap; } .legend svg { vertical-align: middle; margin-right: .4em; }
  .bars li { --own: var(--blue); } .bars li:first-child { --own: var(--vermillion); } .bars li:last-child { --own: currentColor; --tint: 25%; }`;
const MOST = 8; // nats: a surprise that is drawn in full, and the width of the bars
const OFFERED = 8, AT_ONCE = 10; // words to pick; words that are shown at once
const AT_FIRST = 50; // how sure the reader is at the beginning, in %
const WIDE = 340, HIGH = 190, LEFT = 40, RIGHT = 10, ABOVE = 10, BELOW = 34; // of the plot
// Lines of the reader and of those who play with them: colour, dashes, width.
const LINES = [["var(--vermillion)", "", 2.4], ["var(--grey)", "2 3", 1.6], ["var(--blue)", "8 3 2 3", 1.6], ["var(--purple)", "", 1.6], ["currentColor", "6 4", 1.6]];

// --- What a guess costs ------------------------------------------------------------

// The words of a guess, each once: parted by commas, capital letters aside.
function guessed(text) {
  const words = text.split(",").map((word) => word.trim().toLowerCase());
  return [...new Set(words)].filter(Boolean);
}

// What the reader gave to the word that came: the guessed words share what the reader
// is sure of, the rest goes to all words as often as they come (`common`, that of this one).
function given(words, sure, came, common) {
  const trust = words.length ? sure : 0;
  return (words.includes(came.toLowerCase()) ? trust / words.length : 0) + (1 - trust) * common;
}

const surprise = (probability) => -Math.log(Math.max(probability, 1e-12));
const mean = (numbers) => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;

// --- A story that is uncovered -------------------------------------------------------

class Game {
  constructor({ pieces, begin, asked }) {
    Object.assign(this, { pieces, asked, begin });
    this.again();
  }

  again() {
    this.paid = new Map(); // place of a guessed word: what the reader gave it
    this.at = this.begin;
    this.skipSigns();
  }

  skipSigns() {
    while (this.at < this.pieces.length && !this.asked[this.at]) this.at++;
  }

  get over() { return this.at >= this.pieces.length; }
  word(place) { return this.pieces[place].trim(); }

  guess(words, sure) {
    if (this.over) return;
    this.paid.set(this.at, given(words, sure, this.word(this.at), this.asked[this.at][0][0]));
    this.show(1);
  }

  show(n) {
    for (; n > 0 && !this.over; n--) {
      this.at++;
      this.skipSigns();
    }
  }

  // The place of the last word that was uncovered.
  last() {
    return this.asked.slice(0, this.at).findLastIndex(Boolean);
  }

  // Words to pick: what those that count find likely here, in the order of the alphabet.
  offers(words) {
    const found = this.over ? [] : this.asked[this.at].slice(0, -1).flatMap(([, ...guesses]) => guesses.filter((_, i) => i % 2 === 0));
    return [...new Set(found)].map((i) => words[i]).slice(0, OFFERED).sort((a, b) => a.localeCompare(b));
  }

  // The mean surprise of the reader and of each player at the words that were guessed.
  means() {
    const players = this.asked.find(Boolean).map((_, k) => mean([...this.paid.keys()].map((t) => surprise(this.asked[t][k][0]))));
    return [mean([...this.paid.values()].map(surprise)), ...players];
  }

  // What the reader and each player had paid in all after each word that was guessed.
  sums() {
    const places = [...this.paid.keys()], given = [places.map((t) => this.paid.get(t)), ...this.asked.find(Boolean).map((_, k) => places.map((t) => this.asked[t][k][0]))];
    return given.map((probabilities) => {
      let total = 0;
      return [0, ...probabilities.map((p) => (total += surprise(p)))];
    });
  }
}

// --- What is shown -------------------------------------------------------------------

const nats = (x) => x.toFixed(2);
const plural = (n, one) => `${n} ${one}${n === 1 ? "" : "s"}`;

function tableOf(caption, head, rows) {
  const table = element("table"), top = element("thead"), line = element("tr"), body = element("tbody");
  for (const name of head) line.append(Object.assign(element("th", name), { scope: "col" }));
  top.append(line);
  for (const { cells, you } of rows) {
    const tr = element("tr", undefined, you && "you");
    tr.append(Object.assign(element("th", cells[0]), { scope: "row" }), ...cells.slice(1).map((text, i) => element("td", text, i < 2 && "number")));
    body.append(tr);
  }
  table.append(element("caption", caption), top, body);
  return table;
}

const stroke = ([colour, dashes, width]) => ({ fill: "none", stroke: colour, "stroke-dasharray": dashes, "stroke-width": width });

// Surprises add up: nats paid so far, against the words that were guessed.
function plotOf(sums, names) {
  const n = sums[0].length - 1, most = Math.max(...sums.flat()), step = [1, 2, 5, 10, 20, 50, 100, 200].find((s) => most / s <= 5) ?? 500;
  const across = (i) => LEFT + (i / n) * (WIDE - LEFT - RIGHT), up = (nats) => HIGH - BELOW - (nats / most) * (HIGH - ABOVE - BELOW);
  const said = sums.map((sum, k) => `${names[k]} ${nats(sum[n])}`).join(", ");
  const svg = shape("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, width: WIDE, role: "img", "aria-label": `nats paid after ${plural(n, "word")}: ${said}` });
  for (let y = 0; y <= most; y += step) {
    svg.append(shape("line", { x1: LEFT, x2: WIDE - RIGHT, y1: up(y), y2: up(y), stroke: "currentColor", opacity: 0.15 }));
    svg.append(shape("text", { x: LEFT - 6, y: up(y) + 4, "text-anchor": "end" }, `${y}`));
  }
  for (const i of [0, n]) svg.append(shape("text", { x: across(i), y: HIGH - BELOW + 15, "text-anchor": i ? "end" : "start" }, `${i}`));
  svg.append(shape("text", { x: (LEFT + WIDE) / 2, y: HIGH - 5, "text-anchor": "middle" }, "words you guessed"));
  svg.append(shape("text", { x: 11, y: (HIGH - BELOW) / 2, "text-anchor": "middle", transform: `rotate(-90 11 ${(HIGH - BELOW) / 2})` }, "nats paid so far"));
  sums.forEach((sum, k) => svg.append(shape("polyline", { points: sum.map((y, i) => `${across(i)},${up(y)}`).join(" "), ...stroke(LINES[k]) })));
  return svg;
}

function legendOf(sums, names) {
  const legend = element("div", undefined, "legend", "small");
  names.forEach((name, k) => {
    const entry = element("span"), sample = shape("svg", { width: 34, height: 10, "aria-hidden": true });
    sample.append(shape("line", { x1: 0, x2: 34, y1: 5, y2: 5, ...stroke(LINES[k]) }));
    entry.append(sample, `${name}: ${nats(sums[k].at(-1))}`);
    legend.append(entry);
  });
  return legend;
}

function render({ model, el }) {
  const words = model.get("words"), players = model.get("players"), stories = model.get("stories"), small = model.get("small");
  const games = stories.map((story) => new Game(story));
  const story = select("Story", stories.map(({ name }, i) => [i, name]), 0);
  const field = textField("The next word is ", ""), sure = slider("You are sure", { min: 0, max: 99, step: 1, value: AT_FIRST, shown: (x) => `${x}%` });
  const offer = checkbox("words to pick", model.get("offer"));
  const text = new TokenRow("the story, as far as it is uncovered", (place) => look(place));
  const form = element("form"), offered = element("div", undefined, "offered"), [stake, says, ended] = [element("p", "", "small"), element("p"), element("p")];
  const scroll = element("div", undefined, "scroll"), total = element("p"), list = bars(), plot = element("div");
  const submit = Object.assign(element("button", "Guess"), { type: "submit" });
  const picks = Array.from({ length: OFFERED }, () => {
    const pick = button("", () => toggle(pick.textContent));
    return pick;
  });
  const more = button(`Show ${AT_ONCE} words`, () => { game().show(AT_ONCE); draw(game().last()); });
  const again = button("Begin again", () => { game().again(); draw(); });
  for (const live of [says, total]) live.setAttribute("aria-live", "polite");
  field.autocomplete = "off";
  field.setAttribute("autocapitalize", "none");

  const game = () => games[+story.value];

  // What a guess is worth before it is known.
  function sayStake() {
    const chosen = guessed(field.value), share = +sure.value / 100;
    if (!chosen.length) stake.textContent = "No guess: each word counts as often as it comes in the stories.";
    else {
      const each = share / chosen.length, right = each > 0 ? `about ${nats(surprise(each))} nats if ${chosen.length > 1 ? "one of them" : "it"} comes` : "no trust in the guess";
      stake.textContent = `${chosen.length > 1 ? `${Math.round(1000 * each) / 10}% for each of ${chosen.length} words` : `${sure.value}% for “${chosen[0]}”`}: ${right}; if not, ${nats(surprise(1 - share))} nats more than without a guess.`;
    }
    for (const node of picks) node.setAttribute("aria-pressed", chosen.includes(node.textContent.toLowerCase()));
  }

  function toggle(word) {
    const chosen = guessed(field.value), known = chosen.indexOf(word.toLowerCase());
    if (known < 0) chosen.push(word);
    else chosen.splice(known, 1);
    field.value = chosen.join(", ");
    sayStake();
  }

  // What everybody gave to the word at a place, and what they expected.
  function look(place) {
    const asked = game().asked[place];
    scroll.replaceChildren();
    text.pick(place);
    if (small || !asked || place >= game().at) return;
    const expected = (guesses) => guesses.filter((_, i) => i % 2 === 0).map((w, i) => `${words[w]} ${percent(guesses[2 * i + 1])}`).join(", ");
    const rows = asked.map(([p, ...guesses], k) => ({ cells: [players[k][0], percent(p), nats(surprise(p)), expected(guesses)] }));
    const own = game().paid.get(place);
    if (own !== undefined) rows.unshift({ you: true, cells: ["you", percent(own), nats(surprise(own)), ""] });
    scroll.append(tableOf(`“${game().word(place)}”`, ["", "gave it", "nats", "likeliest words"], rows));
  }

  function drawTotal() {
    const { paid } = game();
    list.hidden = !paid.size;
    plot.replaceChildren();
    total.textContent = paid.size ? `Mean surprise at the ${plural(paid.size, "word")} you guessed, in nats a word:` : "";
    if (!paid.size) return;
    const named = ["you", ...players.map(([name, goesBy]) => `${name}: ${goesBy}`)];
    fill(list, game().means().map((x, k) => ({ name: named[k], share: Math.min(1, x / MOST), marked: k === 0, nats: x })), () => "");
    [...list.children].forEach((line, k) => { line.lastChild.textContent = nats(game().means()[k]); });
    if (small || paid.size < 2) return;
    const sums = game().sums(), short = ["you", ...players.map(([name]) => name)];
    plot.append(element("p", "In all, in nats:", "small"), plotOf(sums, short), legendOf(sums, short));
  }

  // place: of the word that is looked at; without one, the next is waited for.
  function draw(place) {
    const { pieces, at, paid, over } = game();
    const shown = pieces.slice(0, at).map((piece) => ({ text: piece, name: piece.trim() || "space" }));
    text.show([...shown, over ? { text: " ∎", name: "the end", mark: true } : { text: " ▁▁▁", name: "the next word", mark: true }]);
    [...text.node.children].forEach((node, t) => node.classList.toggle("paid", paid.has(t)));
    text.tint(shown.map((_, t) => (paid.has(t) ? surprise(paid.get(t)) : 0)), MOST);
    const offers = offer.checked ? game().offers(words) : [];
    picks.forEach((pick, i) => {
      pick.textContent = offers[i] ?? "";
      pick.hidden = pick.disabled = i >= offers.length;
    });
    for (const control of [field, sure, submit, more]) control.disabled = over;
    field.value = "";
    sayStake();
    drawTotal();
    look(place ?? shown.length);
    text.toEnd();
    if (over) says.textContent = "The story is over. Pick a word in it to see what everybody expected there.";
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const place = game().at, chosen = guessed(field.value), { over } = game();
    if (over) return;
    game().guess(chosen, +sure.value / 100);
    const p = game().paid.get(place), hit = chosen.includes(game().word(place).toLowerCase());
    says.textContent = `${hit ? "Yes" : "It was"}: “${game().word(place)}”. You gave it ${percent(p)}, which is ${nats(surprise(p))} nats.`;
    draw(place);
    field.focus();
  });
  onInput([field, sure], sayStake);
  onInput([story, offer], () => draw());
  model.on("try", () => {
    for (const [name, control] of Object.entries({ story, offer })) if (model.get(name) !== undefined) control.value = model.get(name);
    draw();
  });
  offered.append(...picks);
  form.append(row(field.box, sure.box, submit, more, again), offered, stake);
  const rule = element("p", "The words of your guess share what you are sure of; the rest of your 100% goes to all words, as often as they come in the stories. Several words are parted by commas. Signs are uncovered for nothing.", "small");
  el.append(element("style", CSS), row(...(stories.length > 1 ? [story.box] : []), offer.box), text.node, form, says, scroll, total, list, plot, rule);
  draw();
}

export default { render };
