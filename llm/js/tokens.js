// A text as its tokens, one of them picked: by a click, or by the arrow keys, Home and End.
import { element } from "./elements.js";

const TOKENS = `
  .tokens { white-space: pre-wrap; overflow-wrap: anywhere; overflow-y: auto; max-height: 16em; line-height: 1.9;
    border: 1px solid var(--line); border-radius: 4px; padding: .3em .5em; min-height: 5em; position: relative; }
  .tokens span { cursor: pointer; border-bottom: 2px solid var(--line); margin-right: 1px; padding: 2px 0; border-radius: 2px; background:
    color-mix(in srgb, var(--mark, var(--blue)) calc(64% * var(--weight, 0)), transparent); }
  .tokens [aria-selected=true] { outline: 2px solid var(--vermillion); outline-offset: 1px; }
  .tokens .mark { font-size: .8em; opacity: .75; }`;

// onPick(i) is called when the reader picks token i. `show(rows)` takes { text, name,
// mark } for each token; what is there already is not drawn again.
class TokenRow {
  constructor(label, onPick) {
    this.node = element("div", undefined, "tokens");
    this.node.setAttribute("role", "listbox");
    this.node.setAttribute("aria-label", label);
    this.onPick = onPick;
    this.picked = -1;
    this.rows = [];
    this.node.addEventListener("click", ({ target }) => this.choose([...this.node.children].indexOf(target)));
    this.node.addEventListener("keydown", (event) => this.press(event));
  }

  show(rows) {
    const { children } = this.node, same = rows.findIndex((row, i) => this.rows[i]?.name !== row.name);
    while (children.length > (same < 0 ? rows.length : same)) this.node.lastChild.remove();
    for (const { text, name, mark } of rows.slice(children.length)) {
      const token = element("span", text, mark && "mark");
      for (const [attribute, value] of Object.entries({ role: "option", "aria-label": name, "aria-selected": "false", tabindex: -1 })) {
        token.setAttribute(attribute, value);
      }
      this.node.append(token);
    }
    this.rows = rows;
    if (this.picked >= children.length) this.picked = -1;
  }

  // Mark a token as picked; the Tab key comes to it.
  pick(i) {
    const { children } = this.node, old = children[this.picked];
    this.mark(old, false);
    this.picked = i;
    this.mark(children[i], true);
  }

  mark(token, picked) {
    token?.setAttribute("aria-selected", picked);
    token?.setAttribute("tabindex", picked ? 0 : -1);
  }

  choose(i) {
    if (i < 0 || i >= this.node.children.length) return;
    this.pick(i);
    this.node.children[i].focus();
    this.onPick(i);
  }

  press(event) {
    const last = this.node.children.length - 1, at = this.picked;
    const to = { ArrowLeft: at - 1, ArrowUp: at - 1, ArrowRight: at + 1, ArrowDown: at + 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.choose(Math.min(last, Math.max(0, to)));
  }

  // Colour the first tokens by weights; `most` is the strongest, unless told, the largest.
  tint(weights, most = Math.max(...weights, 1e-9)) {
    [...this.node.children].forEach((token, i) => token.style.setProperty("--weight", Math.min(1, (weights[i] ?? 0) / most).toFixed(3)));
  }

  // Bring what is picked into sight, without moving the page.
  toPicked() {
    const { offsetTop = 0 } = this.node.children[this.picked] ?? {};
    this.node.scrollTop = offsetTop - this.node.clientHeight / 2;
  }

  toEnd() {
    this.node.scrollTop = this.node.scrollHeight;
  }
}

export { TOKENS, TokenRow };
