// Shares as bars: a list with, in each line, a name, a share of the width behind it,
// and the share in digits. `--own` is the colour, `--tint` how strong it is.
import { element } from "./elements.js";

const BARS = `
  .bars { list-style: none; margin: 0; padding: 0; font-size: 13px; }
  .bars li { display: flex; height: 1.6em; line-height: 1.6em; margin-bottom: 2px; padding: 0 .25em; white-space: pre; background:
    linear-gradient(color-mix(in srgb, var(--own, var(--blue)) var(--tint, 45%), transparent) 0 0) no-repeat 0 0 / var(--share) 100%; }
  .bars .marked { font-weight: 700; outline: 1.5px solid currentColor; outline-offset: -1px; }
  .bars .piece { flex: 1; overflow: hidden; text-overflow: ellipsis; }`;

const percent = (share) => share >= 0.0995 ? `${Math.round(100 * share)}%` : share < 0.0005 ? "<0.1%" : `${(100 * share).toFixed(1)}%`;

// rows: { name, share, marked } each; shown: how a share is written.
function fill(list, rows, shown = percent) {
  list.replaceChildren(...rows.map(({ name, share, marked }) => {
    const line = element("li", undefined, marked && "marked");
    line.style.setProperty("--share", `${100 * share}%`);
    line.append(element("span", name, "piece"), element("span", shown(share)));
    return line;
  }));
}

const bars = () => element("ol", undefined, "bars");

// The likeliest tokens as rows, and the one that came behind them if it is not among them.
function likeliest(probabilities, order, next, pieceOf, most) {
  const rank = order.indexOf(next), ids = order.slice(0, most).filter((id) => probabilities[id] > 0);
  if (rank >= most) ids.push(next);
  return ids.map((id) => {
    const marked = id === next, far = marked && rank >= most ? `${rank + 1}: ` : "";
    return { name: `${marked ? "► " : ""}${far}${pieceOf(id)}`, share: probabilities[id], marked };
  });
}

export { BARS, bars, fill, likeliest, percent };
