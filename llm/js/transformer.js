// A Transformer that reads a text token by token, as `GPT` of llm/model.py does with
// a cache: both presets, with all that GPTConfig can say.
import { Linear, softmax } from "./numbers.js";
import { speedUp } from "./quick.js";

// --- The parts, each on one position: from x into y ---

function layerNorm({ weight, bias, eps }, x, y) {
  const n = x.length;
  let mean = 0, variance = 0;
  for (let i = 0; i < n; i++) mean += x[i] / n;
  for (let i = 0; i < n; i++) variance += (x[i] - mean) ** 2 / n;
  const scale = 1 / Math.sqrt(variance + eps);
  for (let i = 0; i < n; i++) y[i] = (x[i] - mean) * scale * weight[i] + (bias ? bias[i] : 0);
  return y;
}

function rmsNorm({ weight, eps }, x, y) {
  const n = x.length;
  let square = 0;
  for (let i = 0; i < n; i++) square += (x[i] * x[i]) / n;
  const scale = 1 / Math.sqrt(square + eps);
  for (let i = 0; i < n; i++) y[i] = x[i] * scale * weight[i];
  return y;
}

// erf(x) = 2/√π e^(−x²) (x + 2x³/3 + 4x⁵/15 + …); beyond 4 it is ±1 to eight digits.
function erf(x) {
  if (Math.abs(x) > 4) return Math.sign(x);
  let term = x, sum = x;
  for (let n = 1; Math.abs(term) > 1e-9 * Math.abs(sum); n++) sum += term *= (2 * x * x) / (2 * n + 1);
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

const ROOT = Math.sqrt(2 / Math.PI);
const GELU = {
  exact: (x) => (x * (1 + erf(x / Math.SQRT2))) / 2,
  tanh: (x) => (x * (1 + Math.tanh(ROOT * (x + 0.044715 * x * x * x)))) / 2,
};

function feedForward({ up, down, gelu }, x, y) {
  const hidden = up.times(x, up.room);
  for (let i = 0; i < hidden.length; i++) hidden[i] = gelu(hidden[i]);
  return down.times(hidden, y);
}

function swiglu({ gate, up, down }, x, y) {
  const open = gate.times(x, gate.room), hidden = up.times(x, up.room);
  for (let i = 0; i < hidden.length; i++) hidden[i] *= open[i] / (1 + Math.exp(-open[i]));
  return down.times(hidden, y);
}

// Entry i of the first half of each head and entry i of the second are a point; turn it
// by an angle that grows with the position. Angles are rounded as in PyTorch, or far
// from the start the sines would differ.
function rotate(x, position, speeds) {
  const half = speeds.length;
  for (let i = 0; i < half; i++) {
    const angle = Math.fround(position * speeds[i]), cos = Math.cos(angle), sin = Math.sin(angle);
    for (let at = i; at < x.length; at += 2 * half) {
      const first = x[at], second = x[at + half];
      x[at] = first * cos - second * sin;
      x[at + half] = second * cos + first * sin;
    }
  }
}

// Scale each head to a root mean square of 1.
function normHeads(x, size, eps) {
  for (let at = 0; at < x.length; at += size) {
    let square = 0;
    for (let i = at; i < at + size; i++) square += (x[i] * x[i]) / size;
    const scale = 1 / Math.sqrt(square + eps);
    for (let i = at; i < at + size; i++) x[i] *= scale;
  }
}

// How much a position takes from each of those up to it, by one head: weights[0 … position].
function weigh({ queries, keys }, position, head, { width, keyWidth, headDim, shared }, weights) {
  const q = position * width + head * headDim, k = Math.floor(head / shared) * headDim, scale = 1 / Math.sqrt(headDim);
  for (let s = 0; s <= position; s++) {
    let score = 0;
    for (let i = 0, at = s * keyWidth + k; i < headDim; i++, at++) score += queries[q + i] * keys[at];
    weights[s] = score * scale;
  }
  return softmax(weights, position + 1);
}

// --- The model ---

class Transformer {
  // packed: what `unpack` makes of the bytes of a packed model.
  constructor({ config, tensors, speeds }) {
    const heads = config.n_heads, headDim = config.d_model / heads, keyHeads = config.n_kv_heads ?? heads;
    const linear = (name) => new Linear(tensors[`${name}.weight`], tensors[`${name}.bias`]);
    const norm = (name) => ({ weight: tensors[`${name}.weight`], bias: tensors[`${name}.bias`], eps: config.norm_eps });
    const llama = config.architecture === "llama", parts = llama ? ["gate", "up", "down"] : ["up", "down"];
    this.config = config;
    this.vocabSize = config.vocab_size;
    this.contextLength = config.context_length;
    this.sizes = { width: config.d_model, keyWidth: keyHeads * headDim, headDim, heads, shared: heads / keyHeads };
    this.speeds = speeds && Float32Array.from(speeds);
    [this.norm, this.think] = llama ? [rmsNorm, swiglu] : [layerNorm, feedForward];
    this.embedding = tensors["embedding.tokens.weight"];
    this.positions = tensors["embedding.positions_part.weight"];
    this.blocks = Array.from({ length: config.n_layers }, (_, i) => {
      const named = (place, names) => names.map((name) => [name, linear(`blocks.${i}.${place}.${name}`)]);
      return {
        ...Object.fromEntries([...named("attention", ["query", "key", "value", "output"]), ...named("feed_forward", parts)]),
        norm1: norm(`blocks.${i}.norm1`), norm2: norm(`blocks.${i}.norm2`), gelu: GELU[config.gelu],
      };
    });
    this.last = norm("norm");
    this.head = new Linear(tensors["head.weight"] ?? this.embedding); // one matrix is stored once
    speedUp([...this.blocks.flatMap((block) => Object.values(block)), this.head].filter((part) => part instanceof Linear));
  }

  // onWrite(numbers), if given, is called with what each part writes into the stream of a
  // token: the embedding, then attention and feed-forward of each block.
  reader(onWrite) {
    return new Reader(this, onWrite);
  }
}

// One text, read so far up to `length` tokens; what was computed for each is kept.
class Reader {
  constructor(model, onWrite = () => {}) {
    const { contextLength: n, sizes: { width, keyWidth } } = model;
    Object.assign(this, { model, onWrite });
    this.length = 0;
    this.memories = model.blocks.map(() => ({
      queries: new Float32Array(n * width), keys: new Float32Array(n * keyWidth), values: new Float32Array(n * keyWidth),
    }));
    this.streams = new Float32Array(n * width); // what the head reads, at each position
    this.weights = new Float32Array(n);
    [this.normed, this.mixed, this.added] = Array.from({ length: 3 }, () => new Float32Array(width));
  }

  read(id) {
    const { model, length: t } = this, { width } = model.sizes;
    if (t === model.contextLength) throw new Error(`the context is full: ${t} tokens`);
    if (!(id >= 0 && id < model.vocabSize)) throw new Error(`id ${id} is not in the vocabulary`);
    const x = this.streams.subarray(t * width, (t + 1) * width);
    for (let i = 0; i < width; i++) x[i] = model.embedding[id * width + i] + (model.positions ? model.positions[t * width + i] : 0);
    this.onWrite(x);
    model.blocks.forEach((block, layer) => {
      this.attend(block, this.memories[layer], model.norm(block.norm1, x, this.normed));
      this.write(x);
      model.think(block, model.norm(block.norm2, x, this.normed), this.added);
      this.write(x);
    });
    this.length++;
  }

  write(x) {
    for (let i = 0; i < x.length; i++) x[i] += this.added[i];
    this.onWrite(this.added);
  }

  attend(block, memory, x) {
    const { model: { sizes, speeds, config: { qk_norm: normed } }, length: t, mixed, weights } = this, { width, keyWidth, headDim, heads, shared } = sizes;
    const q = memory.queries.subarray(t * width, (t + 1) * width);
    const [k, v] = [memory.keys, memory.values].map((all) => all.subarray(t * keyWidth, (t + 1) * keyWidth));
    block.query.times(x, q);
    block.key.times(x, k);
    block.value.times(x, v);
    if (normed) {
      normHeads(q, headDim, 1e-5);
      normHeads(k, headDim, 1e-5);
    }
    if (speeds) {
      rotate(q, t, speeds);
      rotate(k, t, speeds);
    }
    mixed.fill(0);
    for (let head = 0; head < heads; head++) {
      weigh(memory, t, head, sizes, weights);
      const to = head * headDim, from = Math.floor(head / shared) * headDim;
      for (let s = 0; s <= t; s++) {
        const weight = weights[s];
        for (let i = 0, at = s * keyWidth + from; i < headDim; i++, at++) mixed[to + i] += weight * memory.values[at];
      }
    }
    block.output.times(mixed, this.added);
  }

  // What is expected behind a position: logits, one for each entry of the vocabulary.
  logits(position = this.length - 1) {
    const { model, streams } = this, { width } = model.sizes;
    const x = model.norm(model.last, streams.subarray(position * width, (position + 1) * width), this.normed);
    return model.head.times(x, new Float32Array(model.vocabSize));
  }

  // What a position looked at: attention(t)[layer][head][s], a row of weights for s = 0 … t.
  attention(position = this.length - 1) {
    const { sizes } = this.model, heads = [...Array(sizes.heads).keys()];
    return this.memories.map((memory) => heads.map((head) => weigh(memory, position, head, sizes, new Float32Array(position + 1))));
  }
}

export { Transformer };
