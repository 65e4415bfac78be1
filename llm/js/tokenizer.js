// The tokenizers of llm/tokenizers, from what a packed model says of them: text to ids
// and back, id for id the same.
const encoder = new TextEncoder();
const decoder = () => new TextDecoder("utf-8", { ignoreBOM: true }); // or a U+FEFF at the start would vanish
const UNKNOWN = "<|unknown|>";

// A token in the file of a tokenizer: bytes that are no UTF-8 as \xNN, a backslash as two.
function fromReadable(text) {
  const bytes = [];
  for (const [piece] of text.matchAll(/\\x[0-9a-f]{2}|\\\\|[^\\]+/g)) {
    if (piece.startsWith("\\x")) bytes.push(parseInt(piece.slice(2), 16));
    else bytes.push(...encoder.encode(piece === "\\\\" ? "\\" : piece));
  }
  return Uint8Array.from(bytes);
}

// Bytes as a string that a Map can look up: each byte as the character of that number.
const keyOf = (bytes) => bytes.reduce((text, byte) => text + String.fromCharCode(byte), "");

// A class of characters, in [brackets], from the steps between the edges of its ranges. A
// browser has classes of its own, \p{L}, but they grow with every new Unicode.
function characters(steps) {
  let at = 0, text = "";
  const escape = (point) => `\\u{${point.toString(16)}}`;
  for (let i = 0; i < steps.length; i += 2) {
    const first = (at += steps[i]);
    at += steps[i + 1];
    text += `${escape(first)}-${escape(at - 1)}`;
  }
  return text;
}

// Where each kind of tokenizer cuts a text.
const CUT = {
  bytes: () => /[^]+/gu,
  characters: () => /[^]/gu,
  words: ({ word }) => new RegExp(`[${characters(word)}]+(?:['\\u2019][${characters(word)}]+)*|[^]`, "gu"),
  bpe(ranges) {
    const [L, N, S] = [ranges.letter, ranges.number, ranges.space].map(characters);
    return new RegExp(`'(?:[sdmt]|ll|ve|re)| ?[${L}]+| ?[${N}]+| ?[^${S}${L}${N}]+|[${S}]+(?![^${S}])|[${S}]+`, "gu");
  },
};

class Tokenizer {
  // fields: what `Tokenizer.save` writes, and `ranges`, the classes of characters.
  constructor({ kind, tokens, special_tokens: special, merges = [], ranges }) {
    this.kind = kind;
    this.tokens = tokens.map(fromReadable); // id -> bytes
    this.vocabSize = tokens.length;
    this.ids = new Map(this.tokens.map((bytes, id) => [keyOf(bytes), id]));
    this.specialTokens = Object.fromEntries(special.map((name) => [name, this.ids.get(keyOf(encoder.encode(name)))]));
    this.specialIds = new Set(Object.values(this.specialTokens));
    this.pattern = CUT[kind](ranges);
    if (kind === "bpe") this.learn(merges);
    else for (const name of special) if (kind !== "bytes") this.ids.delete(keyOf(encoder.encode(name)));
  }

  // What each pair of neighbours becomes. Ranks: a byte is its own, and the token that
  // merge number k makes has 256 + k.
  learn(merges) {
    const made = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
    const rank = new Map(made.map((key, i) => [key, i]));
    this.merged = new Map();
    for (const [left, right] of merges.map((pair) => pair.map((part) => keyOf(fromReadable(part))))) {
      this.merged.set(rank.get(left) * 2 ** 24 + rank.get(right), made.length);
      rank.set(left + right, made.length);
      made.push(left + right);
    }
    this.idOfRank = made.map((key) => this.ids.get(key));
    this.cache = new Map();
  }

  // The ids of a text. allowed: the special tokens that it may produce; the name of any
  // other is text like all else. Throws for text that the vocabulary cannot spell.
  encode(text, allowed = []) {
    const lone = /\p{Cs}/u.exec(text);
    if (lone) throw new Error(`position ${[...text.slice(0, lone.index)].length} holds a lone surrogate, half of a character`);
    for (const name of allowed) if (!(name in this.specialTokens)) throw new Error(`“${name}” is not a special token of this tokenizer`);
    const names = [...allowed].sort((a, b) => [...b].length - [...a].length).map((name) => name.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"));
    const pieces = names.length ? text.split(new RegExp(`(${names.join("|")})`)) : [text];
    const ids = [];
    let start = 0;
    pieces.forEach((piece, i) => {
      if (i % 2) ids.push(this.specialTokens[piece]);
      else this.encodeOrdinary(piece, ids, start);
      start += [...piece].length;
    });
    return ids;
  }

  encodeOrdinary(text, ids, start) {
    for (const [piece] of text.matchAll(this.pattern)) {
      if (this.kind === "bpe") for (const id of this.merge(piece)) ids.push(id);
      else if (this.kind === "bytes") for (const byte of encoder.encode(piece)) ids.push(byte);
      else ids.push(this.look(piece, start));
      start += [...piece].length;
    }
  }

  look(piece, position) {
    const id = this.ids.get(keyOf(encoder.encode(piece))) ?? this.specialTokens[UNKNOWN];
    if (id === undefined) throw new Error(`the ${this.kind.slice(0, -1)} “${piece}” at position ${position} is not in the vocabulary`);
    return id;
  }

  // Merge the bytes of a piece as training would have: the oldest merge first,
  // everywhere in the piece, from left to right.
  merge(piece) {
    const known = this.cache.get(piece);
    if (known) return known;
    let row = [...encoder.encode(piece)];
    for (;;) {
      let oldest = Infinity;
      for (let i = 0; i + 1 < row.length; i++) oldest = Math.min(oldest, this.merged.get(row[i] * 2 ** 24 + row[i + 1]) ?? Infinity);
      if (oldest === Infinity) break;
      const next = [];
      for (let i = 0; i < row.length; i++) {
        const here = i + 1 < row.length && this.merged.get(row[i] * 2 ** 24 + row[i + 1]) === oldest;
        next.push(here ? oldest : row[i]);
        if (here) i++;
      }
      row = next;
    }
    const ids = row.map((rank) => this.idOfRank[rank]);
    if (this.cache.size > 65536) this.cache.clear();
    this.cache.set(piece, ids);
    return ids;
  }

  // The text of ids; bytes that are no UTF-8 become U+FFFD, a special token its name.
  decode(ids) {
    const all = decoder();
    return ids.map((id) => all.decode(this.bytes(id), { stream: true })).join("") + all.decode();
  }

  bytes(id) {
    const found = this.tokens[id];
    if (!found) throw new Error(`id ${id} is not in the vocabulary`);
    return found;
  }

  // A token as it is shown: blanks to be seen, bytes that are no characters by their numbers.
  shown(id) {
    if (this.specialIds.has(id)) return decoder().decode(this.tokens[id]);
    const text = decoder().decode(this.bytes(id)).replace(/ /g, "␣").replace(/\n/g, "⏎").replace(/\t/g, "⇥");
    if (!/[\p{C}\ufffd]/u.test(text)) return text;
    return `⟨${[...this.tokens[id]].map((byte) => byte.toString(16).padStart(2, "0")).join(" ")}⟩`;
  }
}

export { Tokenizer };
