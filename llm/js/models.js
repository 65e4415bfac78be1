// Every model that can be packed, by one name; each gives readers, which `read(id)` a
// text token by token and have `logits(position)` for what comes behind a token, unless
// told, the last.
import { Linear, unpack } from "./numbers.js";
import { speedUp } from "./quick.js";
import { Transformer } from "./transformer.js";

// A table of counts: what came after each token, and how often.
class BigramTable {
  constructor({ config, tensors }) {
    Object.assign(this, { config, tensors, vocabSize: config.vocab_size, contextLength: Infinity });
  }

  reader() {
    const { vocabSize, config: { alpha }, tensors: { starts, ids, counts } } = this;
    const text = [];
    return {
      read(id) { text.push(id); },
      logits(position = text.length - 1) {
        const shares = new Float64Array(vocabSize).fill(alpha), last = text[position];
        for (let at = starts[last]; at < starts[last + 1]; at++) shares[ids[at]] += counts[at];
        const sum = shares.reduce((a, b) => a + b, 0);
        return shares.map((share) => Math.log(share / sum));
      },
    };
  }
}

// A small network that looks at the last few tokens; before the text all count as token 0.
class WindowModel {
  constructor({ config, tensors }) {
    const linear = (name) => new Linear(tensors[`${name}.weight`], tensors[`${name}.bias`]);
    Object.assign(this, { config, vocabSize: config.vocab_size, contextLength: Infinity, embedding: tensors["tokens.weight"] });
    Object.assign(this, { up: linear("up"), head: linear("head") });
    speedUp([this.up, this.head]);
  }

  reader() {
    const { vocabSize, config: { n_tokens: n, d_model: width }, embedding, up, head } = this;
    const seen = new Float32Array(n * width);
    const text = Array(n - 1).fill(0);
    return {
      read(id) { text.push(id); },
      logits(position = text.length - n) {
        text.slice(position, position + n).forEach((id, i) => seen.set(embedding.subarray(id * width, (id + 1) * width), i * width));
        const hidden = up.times(seen, up.room);
        for (let i = 0; i < hidden.length; i++) hidden[i] = Math.tanh(hidden[i]);
        return head.times(hidden, new Float32Array(vocabSize));
      },
    };
  }
}

const KINDS = { gpt: Transformer, window: WindowModel, bigram: BigramTable };

// The model in the bytes that llm/export.py has packed, with what else they say.
function modelOf(bytes) {
  const packed = unpack(bytes);
  return Object.assign(new KINDS[packed.kind](packed), { kind: packed.kind, said: packed });
}

export { modelOf };
