// A text as it is seen, as code points and as bytes; and bytes, typed as hexadecimal
// numbers, as the text that a decoder makes of them.
import { button, element, row, select, textField } from "./elements.js";

const CSS = `
  input[type=text] { width: min(24em, 100%); }
  .scroll { overflow-x: auto; max-width: 100%; }
  table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
  th, td { border: 1px solid var(--line); padding: .15em .5em; text-align: left; vertical-align: top; }
  th { font-weight: 600; }
  td.seen { font-size: 1.3em; }
  code { font-family: ui-monospace, monospace; white-space: nowrap; }
  .mark { font-weight: 700; text-decoration: underline; }
  .bad { outline: 2px solid var(--vermillion); }
  p { margin: .3em 0 .6em; }`;
const MOST = 60; // code points shown

// What a reader sees as one: the browser's own rules, where it has them.
function clusters(text) {
  if (!globalThis.Intl?.Segmenter) return [...text];
  return [...new Intl.Segmenter("en", { granularity: "grapheme" }).segment(text)].map((s) => s.segment);
}

const hex = (n, width) => n.toString(16).toUpperCase().padStart(width, "0");
const utf8 = (text) => [...new TextEncoder().encode(text)];

// The bits of a byte, those that only say how many bytes there are marked.
function bits(byte) {
  const text = byte.toString(2).padStart(8, "0"), shown = element("code");
  const marks = byte < 0x80 ? 1 : text.indexOf("0") + 1;
  shown.append(element("span", text.slice(0, marks), "mark"), text.slice(marks));
  return shown;
}

function cell(line, text, ...classes) {
  const made = line.insertCell();
  if (text !== undefined) made.append(text);
  made.classList.add(...classes);
  return made;
}

function render({ model, el }) {
  const text = textField("Your text", model.get("text"));
  const form = select("form", [["", "as typed"], ["NFC", "composed, NFC"], ["NFD", "decomposed, NFD"], ["NFKC", "NFKC"]], "");
  const typed = textField("or bytes, hexadecimal", "");
  const said = element("p"), scroll = element("div", undefined, "scroll");
  said.setAttribute("aria-live", "polite");
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", "characters, code points and bytes");
  const examples = model.get("examples").map(([name, example]) =>
    button(name, () => { text.value = example; form.value = ""; show(); }));

  function table(shown) {
    const grid = element("table"), head = grid.createTHead().insertRow(), body = grid.createTBody();
    for (const name of ["seen as", "code points", "bytes", "their bits"]) head.append(Object.assign(element("th", name), { scope: "col" }));
    let points = 0;
    for (const cluster of shown) {
      for (const [i, character] of [...cluster].entries()) {
        if (++points > MOST) return grid;
        const line = body.insertRow(), bytes = utf8(character);
        if (i === 0) Object.assign(cell(line, cluster, "seen"), { rowSpan: [...cluster].length });
        cell(line, element("code", `U+${hex(character.codePointAt(0), 4)}`));
        cell(line, element("code", bytes.map((b) => hex(b, 2)).join(" ")));
        const all = cell(line);
        bytes.forEach((byte) => all.append(bits(byte), " "));
      }
    }
    return grid;
  }

  function show() {
    const given = form.value ? text.value.normalize(form.value) : text.value, shown = clusters(given);
    const n = [...given].length;
    said.textContent = `${shown.length} seen, ${n} code points, ${utf8(given).length} bytes${form.value && `, in ${form.value}`}${n > MOST ? `; the first ${MOST} code points` : ""}.`;
    scroll.replaceChildren(table(shown));
  }

  // Valid or not: the text of typed bytes, with a mark where there is none.
  function decode() {
    const wanted = typed.value.trim();
    if (!wanted) return show();
    const pairs = wanted.split(/[\s,]+/u);
    if (!pairs.every((pair) => /^[0-9a-f]{1,2}$/iu.test(pair))) {
      said.textContent = "Write each byte as two hexadecimal digits, with blanks between: C3 A9.";
      return scroll.replaceChildren();
    }
    const bytes = Uint8Array.from(pairs, (pair) => parseInt(pair, 16)), decoded = new TextDecoder().decode(bytes);
    const broken = [...decoded].filter((c) => c === "\uFFFD").length;
    said.textContent = `${bytes.length} bytes, read as “${decoded}”${broken ? `; ${broken} place${broken > 1 ? "s" : ""} where no character could be read` : ""}.`;
    scroll.replaceChildren(table(clusters(decoded)));
  }

  text.addEventListener("input", () => { typed.value = ""; show(); });
  form.addEventListener("input", () => { typed.value = ""; show(); });
  typed.addEventListener("input", decode);
  el.append(element("style", CSS), row(text.box, form.box), row(...examples), row(typed.box), said, scroll);
  show();
}

export default { render };
