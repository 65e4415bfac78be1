// The heads of a Transformer at work on a text of the reader's: for the token that is
// pointed at, what each head looks at most, and all that the chosen head looks at.
import { BARS, bars, fill, percent } from "./bars.js";
import { element } from "./elements.js";
import { modelOf } from "./models.js";
import { ranked } from "./sampling.js";
import { Text } from "./text.js";
import { Tokenizer } from "./tokenizer.js";
import { TOKENS, TokenRow } from "./tokens.js";

const CSS = `${BARS}${TOKENS}
  textarea { width: 100%; min-height: 3.5em; } .wide { display: block; margin: 0 0 .6em; }
  .tokens { min-height: 3em; }
  p, h2 { margin: .3em 0; overflow-wrap: anywhere; } h2 { font-size: 1em; }
  .wrong { border-left: 3px solid var(--vermillion); padding-left: .5em; } .wrong:empty { display: none; }
  .both { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(17em, 100%), 1fr)); gap: .6em 2em; margin-top: .8em; }
  fieldset { border: 0; margin: 0; padding: 0; min-width: 0; } legend { padding: 0; font-weight: 700; }
  .choice { display: flex; flex-wrap: nowrap; margin: 0; padding: 0 .25em; border-radius: 3px; font-size: 13px; line-height: 24px; }
  .choice .most { flex: 1; overflow: hidden; text-overflow: ellipsis; white-space: pre; }
  .choice:has(:checked) { font-weight: 700; outline: 1.5px solid currentColor; outline-offset: -1px; }`;
const SHOWN = 9; // bars
const END_OF_TEXT = "<|endoftext|>";

// What each head of each layer looks at from a position: [{ layer, head, weights }].
function allHeads(text, position) {
  const { reader, place } = text.at(position);
  return reader.attention(place).flatMap((heads, layer) => heads.map((weights, head) => ({ layer, head, weights })));
}

const named = ({ layer, head }) => `${layer + 1}.${head + 1}`;

// Ids of the text behind the sign that begins a document, as the model was trained.
function idsOf(tokenizer, words, contextLength) {
  const ids = [tokenizer.specialTokens[END_OF_TEXT], ...tokenizer.encode(words)];
  if (ids.length === 1) throw new Error("it is empty: type a few words");
  if (ids.length > contextLength) throw new Error(`it has ${ids.length} tokens, and the model reads ${contextLength} at most`);
  return ids;
}

function render({ model: state, el }) {
  const model = modelOf(state.get("model")), tokenizer = new Tokenizer(model.said.tokenizer);
  const text = new Text(model), shown = (i) => tokenizer.shown(text.ids[i]);
  const words = Object.assign(element("textarea"), { value: state.get("text"), spellcheck: false });
  const field = element("label", "Text", "wide"), fault = element("p", "", "wrong"), both = element("div", undefined, "both");
  const choices = element("fieldset"), chosenName = element("h2"), list = bars(), chosen = element("section");
  let head = state.get("head"), hovered = -1; // the number of the chosen head; the token under the mouse
  field.append(words);
  for (const live of [fault, chosenName]) live.setAttribute("aria-live", "polite");
  chosen.append(chosenName, list);
  both.append(choices, chosen);
  const tokens = new TokenRow("tokens: pick one to see what it looks at", () => look());

  // One line for each head; the lines stay, and only what they say changes.
  const legend = element("legend"), lines = Array.from({ length: model.config.n_layers * model.config.n_heads }, (_, i) => {
    const line = element("label", undefined, "choice"), most = element("span", "", "most"), share = element("span");
    const input = Object.assign(element("input"), { type: "radio", name: "head", checked: i === head });
    input.addEventListener("input", () => { head = i; look(); });
    const name = element("span", named({ layer: Math.floor(i / model.config.n_heads), head: i % model.config.n_heads }));
    line.append(input, name, most, share);
    return { line, input, most, share };
  });
  choices.append(legend, ...lines.map(({ line }) => line));
  el.replaceChildren(element("style", CSS), field, fault, tokens.node, both);

  function read() {
    try {
      text.set(idsOf(tokenizer, words.value, model.contextLength));
      fault.textContent = "";
    } catch (error) {
      fault.textContent = `The model cannot read this: ${error.message}.`;
      return;
    }
    tokens.show(text.ids.map((id) => {
      const mark = tokenizer.specialIds.has(id), name = tokenizer.shown(id);
      return { name, mark, text: mark ? "▷" : name.startsWith("⟨") ? name : tokenizer.decode([id]) };
    }));
    hovered = -1;
    tokens.pick(text.ids.length - 1);
    look();
  }

  function look() {
    const position = hovered < 0 ? tokens.picked : hovered, heads = allHeads(text, position);
    legend.textContent = `“${shown(position)}” looks most at`;
    heads.forEach(({ weights }, i) => {
      const [most] = ranked(weights);
      lines[i].most.textContent = shown(most);
      lines[i].share.textContent = percent(weights[most]);
      lines[i].input.checked = i === head;
    });
    const { weights } = heads[head];
    tokens.tint(weights);
    chosenName.textContent = `Head ${named(heads[head])}, from “${shown(position)}”`;
    fill(list, ranked(weights).slice(0, SHOWN).map((s) => ({ name: `${s}: ${shown(s)}`, share: weights[s], marked: s === position })));
  }

  words.addEventListener("input", read);
  tokens.node.addEventListener("mouseover", ({ target }) => {
    hovered = [...tokens.node.children].indexOf(target);
    look();
  });
  tokens.node.addEventListener("mouseleave", () => { hovered = -1; look(); });
  state.on("try", () => {
    head = +state.get("head");
    const at = +(state.get("token") ?? -1);
    if (at >= 0 && at < text.ids.length) tokens.pick(at);
    look();
  });
  read();
}
export default { render };
