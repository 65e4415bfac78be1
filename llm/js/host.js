// The host of every interactive figure: it makes the one just before this <script>
// live, from a file, in JupyterLab or on any server, with no kernel and no network.
//
// A figure is a plain module:
//
//     import { element, bars } from "./bars.js";
//     function render({ model, el }) { … }
//     export default { render };
//
// What several figures share is a module that ends in `export { … };`; llm/page.py
// puts those that a figure names in front of it.
//
// - model.get(name) is a value of the state that Python passed in, or a Uint8Array of
//   the bytes that came with it; model.set(name, value) changes it, and whoever called
//   model.on("change:" + name, f) hears of it.
//   model.on("try", f) hears of a {try} in the text, which has set some values.
// - el is an empty box in a shadow root: the page's styles do not leak in, the
//   figure's do not leak out. Its CSS goes into a <style> inside el.
// - Colours: var(--blue), --vermillion, --green, --purple, --grey for marks. Text,
//   axes and lines take currentColor: the page may be dark. Never colour alone.
// - Every control has a <label> or an aria-label; <output> shows its value.
// - What a reader typed goes in by textContent, never by innerHTML.
// - What can be pressed is 24 pixels high, no text is smaller than 11 pixels, on a page
//   of 390 pixels too; what changes without being touched has aria-live.
// - No fetch, no timer that runs on, no global name, no id.
(function (factory) {
  const BASE = `
    :host { display: block; }
    .figure { --blue: #0072b2; --vermillion: #d55e00; --green: #009e73;
      --purple: #cc79a7; --grey: #767676; --line: color-mix(in srgb, currentColor 25%, transparent);
      font: 15px/1.5 system-ui, sans-serif; border: 1px solid var(--line);
      border-radius: 6px; padding: .8em; overflow-x: auto; text-align: start; }
    .figure *, .figure *::before { box-sizing: border-box; }
    .row { display: flex; flex-wrap: wrap; gap: .5em 1.2em; align-items: center; margin-bottom: .6em; }
    .row label { margin: 0; }
    label { display: inline-flex; flex-wrap: wrap; gap: .5em; align-items: center; margin-right: 1.2em; min-height: 24px; }
    input, select, button, textarea { font: inherit; color: inherit; background: transparent;
      border: 1px solid var(--line); border-radius: 4px; padding: .2em .5em; max-width: 100%; }
    input, select, button { min-height: 28px; }
    input[type=range] { padding: 0; border: 0; accent-color: var(--blue); }
    input[type=checkbox], input[type=radio] { accent-color: var(--blue); width: 18px; height: 18px; min-height: 0; margin: 3px; }
    button { cursor: pointer; min-width: 28px; } option { color: #111; background: #fff; }
    :focus-visible { outline: 2px solid var(--vermillion); outline-offset: 2px; }
    output { font-variant-numeric: tabular-nums; }`;

  const figure = document.currentScript?.previousElementSibling;
  if (!figure?.classList.contains("llm-figure") || figure.hasAttribute("data-live")) return;
  const state = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
  for (const { dataset: { name, checkpoint }, textContent } of figure.querySelectorAll("script[data-name]")) {
    const text = textContent || globalThis.llmCheckpoints?.[checkpoint]; // of the site, or of a run cell
    if (!text) return; // stored without them: the reader keeps the picture until the cell is run
    state[name] = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  }
  const handlers = new Map();
  const emit = (event) => [...(handlers.get(event) ?? [])].forEach((handle) => handle(model));
  // The part of anywidget's model that a figure may use: a module can move there unchanged.
  const model = {
    get: (name) => state[name],
    set(name, value) {
      if (state[name] === value) return;
      state[name] = value;
      emit("change:" + name);
      emit("change");
    },
    on(event, handle) {
      if (!handlers.has(event)) handlers.set(event, new Set());
      handlers.get(event).add(handle);
    },
    off: (event, handle) => handlers.get(event)?.delete(handle),
    save_changes() {},
  };

  const host = document.createElement("div");
  host.dataset.lmSuppressShortcuts = "true"; // JupyterLab: leave the arrow keys to the slider
  const root = host.attachShadow({ mode: "open" });
  root.innerHTML = `<style>${BASE}</style><div class="figure"></div>`;
  try {
    factory().render({ model, el: root.querySelector(".figure") });
    figure.replaceChildren(host); // the picture goes only once the figure is there
    figure.setAttribute("data-live", "");
    figure.addEventListener("llm-try", ({ detail }) => {
      Object.assign(state, detail); // picked in the text of the page: _ext/book_try.py
      emit("try");
    });
  } catch (error) {
    console.error("[llm-figure]", error); // the reader keeps the picture
  }
})(() => {
  "use strict";
  const shared = {};
/* the modules */
});
