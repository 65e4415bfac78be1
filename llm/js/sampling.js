// From logits to a token: samplers, which go from logits to logits as in llm/sampling.py,
// a penalty as in llm/processors.py, and dice that fall alike for the same seed.
import { softmax } from "./numbers.js";

const unchanged = (logits) => logits;

function greedy(logits) {
  const best = logits.reduce((best, logit, id) => (logit > logits[best] ? id : best), 0);
  return logits.map((logit, id) => (id === best ? logit : -Infinity));
}

// Below 1 the likely tokens gain, above 1 they lose; the best is taken off first, so
// that no quotient overflows.
function temperature(t) {
  if (!(t > 0 && t < Infinity)) throw new Error(`temperature=${t} must be above 0 and finite; for 0 take greedy`);
  return (logits) => {
    const best = logits.reduce((a, b) => Math.max(a, b), -Infinity);
    return logits.map((logit) => (logit - best) / t);
  };
}

// Leave only the k likeliest tokens, and those equal to the last of them.
function topK(k) {
  if (!(k >= 1)) throw new Error(`top_k=${k} must be at least 1`);
  return (logits) => {
    const least = Float64Array.from(logits).sort().at(-Math.min(k, logits.length));
    return logits.map((logit) => (logit < least ? -Infinity : logit));
  };
}

// Leave the fewest tokens, likeliest first, that together have probability p.
function topP(p) {
  if (!(p > 0 && p <= 1)) throw new Error(`top_p=${p} must be above 0 and at most 1`);
  return (logits) => {
    const probabilities = softmax(Float64Array.from(logits));
    return firstOf(ranked(probabilities), probabilities, p, logits);
  };
}

// Leave the tokens that are at least p times as likely as the likeliest.
function minP(p) {
  if (!(p >= 0 && p <= 1)) throw new Error(`min_p=${p} must be between 0 and 1; 0 leaves every token`);
  return (logits) => {
    const least = logits.reduce((a, b) => Math.max(a, b), -Infinity) + Math.log(p);
    return logits.map((logit) => (logit < least ? -Infinity : logit));
  };
}

// Leave the fewest tokens, those nearest to the expected surprise first, that together
// have probability p.
function typical(p) {
  if (!(p > 0 && p <= 1)) throw new Error(`typical=${p} must be above 0 and at most 1`);
  return (logits) => {
    const probabilities = softmax(Float64Array.from(logits));
    const entropy = probabilities.reduce((sum, q) => (q > 0 ? sum - q * Math.log(q) : sum), 0);
    const far = probabilities.map((q) => Math.abs(-Math.log(q) - entropy));
    return firstOf([...far.keys()].sort((a, b) => far[a] - far[b] || a - b), probabilities, p, logits);
  };
}

// Of tokens in an order, the fewest that together have probability p.
function firstOf(ids, probabilities, p, logits) {
  const left = logits.map(() => -Infinity);
  let before = 0;
  for (const id of ids) {
    if (before >= p) break;
    left[id] = logits[id];
    before += probabilities[id];
  }
  return left;
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

const compose = (...samplers) => (logits) => samplers.reduce((x, sampler) => sampler(x), logits);

// The probabilities at a temperature.
function distribution(logits, t = 1) {
  const scores = new Float64Array(logits.length);
  for (let i = 0; i < scores.length; i++) scores[i] = logits[i] / t;
  return softmax(scores);
}

// Ids, the likeliest first; of equals, the smaller.
function ranked(probabilities) {
  return [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a] || a - b);
}

// Numbers from 0 up to 1, the same for the same seed (mulberry32).
function dice(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

// The token into whose share the point falls, when the shares lie side by side.
function draw(probabilities, point) {
  let drawn = 0;
  for (let id = 0; id < probabilities.length && point >= 0; id++) {
    if (probabilities[id] > 0) drawn = id;
    point -= probabilities[id];
  }
  return drawn;
}

export { unchanged, greedy, temperature, topK, topP, minP, typical, repetitionPenalty, compose, distribution, ranked, dice, draw };
