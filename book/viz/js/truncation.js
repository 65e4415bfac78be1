// More samplers, as in llm/sampling.py and llm/processors.py: from logits to logits.
import { softmax } from "./numbers.js";

const probabilitiesOf = (logits) => softmax(Float64Array.from(logits));

// Leave the tokens that are at least p times as likely as the likeliest.
function minP(p) {
  return (logits) => {
    const least = logits.reduce((a, b) => Math.max(a, b), -Infinity) + Math.log(p);
    return logits.map((logit) => (logit < least ? -Infinity : logit));
  };
}

// Leave the fewest tokens, those nearest to the expected surprise first, that together
// have probability p.
function typical(p) {
  return (logits) => {
    const probabilities = probabilitiesOf(logits), left = logits.map(() => -Infinity);
    const entropy = probabilities.reduce((sum, q) => (q > 0 ? sum - q * Math.log(q) : sum), 0);
    const far = probabilities.map((q) => Math.abs(-Math.log(q) - entropy));
    let before = 0;
    for (const id of [...far.keys()].sort((a, b) => far[a] - far[b] || a - b)) {
      if (before >= p) break;
      left[id] = logits[id];
      before += probabilities[id];
    }
    return left;
  };
}

// Make the tokens less likely that the text holds already, but for those in `spare`.
function repetitionPenalty(penalty, spare) {
  return (logits, text) => {
    const found = logits.slice();
    for (const id of new Set(text)) {
      if (!spare.has(id)) found[id] = logits[id] > 0 ? logits[id] / penalty : logits[id] * penalty;
    }
    return found;
  };
}

export { minP, typical, repetitionPenalty };
