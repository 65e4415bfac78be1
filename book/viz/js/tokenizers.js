// Four tokenizers side by side on the reader's text: single characters, byte-pair
// encoding, WordPiece, and Unigram with its likeliest cut or one that is drawn. The same
// cuts as those of `llm.tokenizers`; null stands for what a vocabulary does not have.
import { button, element, onInput, row, select, slider, textField } from "./elements.js";

const CSS = `
  label.wide { display: flex; flex-wrap: nowrap; margin: 0 0 .6em; white-space: nowrap; }
  label.wide input { flex: 1; min-width: 0; max-width: 40em; }
  p { margin: 0; }
  p.part { font-weight: 700; margin: .9em 0 .2em; } p.part span { font-weight: 400; }
  .text { line-height: 2; overflow-wrap: anywhere; }
  .word { display: inline-block; margin-right: .6em; max-width: 100%; }
  .token { font-family: ui-monospace, monospace; border: 1px solid var(--line); border-radius: 3px; padding: 0 .2em; margin-right: 1px; }
  .token.long { background: color-mix(in srgb, var(--blue) 22%, transparent); }
  .token.unknown { border: 2px solid var(--vermillion); font-family: inherit; font-style: italic; }`;
const LONGEST = 400; // characters of a text
const INSIDE = "##";
const PATTERN = /'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

// --- The cuts: each gives the pieces of one pre-token ---------------------------------

const pretokens = (text) => text.match(PATTERN) ?? [];
const bytesOf = (text) => [...new TextEncoder().encode(text)].map((byte) => String.fromCharCode(byte));

const characters = (known) => (word) => [...word].map((character) => (known.has(character) ? character : null));

// Merges by rank, the oldest first; a token is a string with one character for each byte.
function bpe(merges) {
  const key = (a, b) => `${a.length}:${a}${b}`, ranks = new Map(merges.map(([a, b], rank) => [key(a, b), rank]));
  return (word) => {
    let row = bytesOf(word);
    for (;;) {
      let best = Infinity, pair;
      for (let i = 0; i + 1 < row.length; i++) {
        const rank = ranks.get(key(row[i], row[i + 1]));
        if (rank < best) [best, pair] = [rank, [row[i], row[i + 1]]];
      }
      if (!pair) return row;
      const made = [];
      for (let i = 0; i < row.length; i++) {
        const here = row[i] === pair[0] && row[i + 1] === pair[1];
        made.push(here ? row[i] + row[++i] : row[i]);
      }
      row = made;
    }
  };
}

// The longest piece that fits, from the left; unknown as a whole where none fits.
function wordpiece(vocab) {
  return (word) => {
    const letters = [...word], row = [];
    for (let start = 0, end; start < letters.length; start = end) {
      const piece = (to) => (start ? INSIDE : "") + letters.slice(start, to).join("");
      for (end = letters.length; end > start; end--) {
        if (vocab.has(piece(end)) && (start || !piece(end).startsWith(INSIDE))) break;
      }
      if (end === start) return [null];
      row.push(piece(end));
    }
    return row;
  };
}

// Scores are log-probabilities. `ending` gives, for each piece that ends at a place,
// where it begins and its score; a character that no piece spells has one, too.
class Scores {
  constructor(pairs) {
    this.scores = new Map(pairs);
    this.longest = Math.max(1, ...pairs.map(([piece]) => [...piece].length));
    this.unknown = Math.min(0, ...pairs.map(([, score]) => score)) - 10;
  }

  ending(letters, end) {
    const found = [];
    for (let start = Math.max(0, end - this.longest); start < end; start++) {
      const score = this.scores.get(letters.slice(start, end).join(""));
      if (score !== undefined) found.push([start, score]);
      else if (start === end - 1) found.push([start, this.unknown]);
    }
    return found;
  }

  // The pieces between some places; a run of unknown characters is one.
  pieces(letters, cuts) {
    const row = [];
    for (let i = 0; i + 1 < cuts.length; i++) {
      const piece = letters.slice(cuts[i], cuts[i + 1]).join(""), known = this.scores.has(piece);
      if (known || !row.length || row.at(-1) !== null) row.push(known ? piece : null);
    }
    return row;
  }

  // The cut of the largest sum; of equal ones, that with the longest last piece.
  best(word) {
    const letters = [...word], best = [0], begins = [0];
    for (let end = 1; end <= letters.length; end++) {
      let most = -Infinity, from;
      for (const [start, score] of this.ending(letters, end)) {
        if (best[start] + score > most) [most, from] = [best[start] + score, start];
      }
      best.push(most);
      begins.push(from);
    }
    const cuts = [letters.length];
    while (cuts[0] > 0) cuts.unshift(begins[cuts[0]]);
    return this.pieces(letters, cuts);
  }

  // ln of the sum over all cuts of the text up to each place, each to the power alpha.
  sums(letters, alpha) {
    const sums = [0];
    for (let end = 1; end <= letters.length; end++) {
      const ways = this.ending(letters, end).map(([start, score]) => sums[start] + alpha * score), most = Math.max(...ways);
      sums.push(most + Math.log(ways.reduce((sum, x) => sum + Math.exp(x - most), 0)));
    }
    return sums;
  }

  // A cut, drawn by its probability to the power of alpha, from the end to the front.
  draw(word, alpha, random) {
    const letters = [...word], sums = this.sums(letters, alpha), cuts = [letters.length];
    while (cuts[0] > 0) {
      let left = random(), from;
      for (const [start, score] of this.ending(letters, cuts[0])) {
        from = start;
        left -= Math.exp(sums[start] + alpha * score - sums[cuts[0]]);
        if (left < 0) break;
      }
      cuts.unshift(from);
    }
    return this.pieces(letters, cuts);
  }
}

// Numbers from 0 up to 1, the same for the same seed (mulberry32).
function randomNumbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

// --- What is shown --------------------------------------------------------------------

// A piece with its blanks to be seen; bytes that are no characters by their numbers.
function shown(piece, ofBytes) {
  let text = piece;
  if (ofBytes) {
    const bytes = Uint8Array.from(piece, (c) => c.charCodeAt(0));
    text = new TextDecoder().decode(bytes);
    if (/\ufffd/u.test(text)) return `⟨${[...bytes].map((b) => b.toString(16).padStart(2, "0")).join(" ")}⟩`;
  }
  return text.replace(/ /g, "␣").replace(/\n/g, "⏎").replace(/\t/g, "⇥");
}

function boxes(pieces, ofBytes) {
  const word = element("span", undefined, "word");
  pieces.forEach((piece, i) => {
    if (i) word.append(element("wbr"));
    if (piece === null) return word.append(element("span", "unknown", "token", "unknown"));
    const letters = piece.startsWith(INSIDE) && piece.length > 2 ? piece.slice(2) : piece;
    word.append(element("span", shown(piece, ofBytes), "token", [...letters].length > 1 && "long"));
  });
  return word;
}

function render({ model, el }) {
  const scores = new Scores(model.get("scores"));
  const text = textField("Your text", model.get("text"));
  const which = select("Unigram takes", [["best", "the likeliest cut"], ["drawn", "a cut that is drawn"]], "best");
  const alpha = slider("alpha", { min: 0, max: 2, step: 0.1, value: 0.5, shown: (x) => x.toFixed(1) });
  let seed = 1;
  const again = button("draw again", () => { seed++; which.value = "drawn"; show(); });
  text.maxLength = LONGEST;
  text.box.classList.add("wide");
  const unigram = (word, random) => (which.value === "best" ? scores.best(word) : scores.draw(word, +alpha.value, random));
  const cuts = [["Characters", characters(new Set(model.get("alphabet")))], ["Byte-pair encoding", bpe(model.get("merges"))],
    ["WordPiece", wordpiece(new Set(model.get("pieces")))], ["Unigram", unigram]];
  const parts = cuts.map(([name, cut]) => {
    const title = element("p", name, "part"), count = element("span");
    title.append(count);
    return { name, cut, title, count, body: element("div", undefined, "text") };
  });
  const said = element("p");
  said.setAttribute("aria-live", "polite");

  function show() {
    const given = text.value.slice(0, LONGEST), words = pretokens(given), random = randomNumbers(seed);
    const size = bytesOf(given).length, counts = [];
    alpha.disabled = which.value === "best";
    for (const { name, cut, count, body } of parts) {
      const rows = words.map((word) => cut(word, random)), n = rows.flat().length, lost = rows.flat().filter((piece) => piece === null).length;
      body.replaceChildren(...rows.map((pieces) => boxes(pieces, name.startsWith("Byte"))));
      count.textContent = `: ${n} token${n === 1 ? "" : "s"}${n ? `, ${(size / n).toFixed(2)} bytes each` : ""}${lost ? `, ${lost} of them unknown` : ""}`;
      counts.push(`${name} ${n}`);
    }
    said.textContent = `${size} bytes, ${words.length} pre-tokens. Tokens: ${counts.join(", ")}.${which.value === "drawn" ? ` Draw ${seed}.` : ""}`;
  }

  onInput([text, which, alpha], show);
  model.on("try", () => { text.value = model.get("text"); show(); });
  el.append(element("style", CSS), text.box, row(which.box, alpha.box, again), said, ...parts.flatMap(({ title, body }) => [title, body]));
  show();
}

export default { render };
