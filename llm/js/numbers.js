// Numbers: those of a packed model (llm/export.py), and the few sums that models share.

// float16 has 5 bits of exponent and 10 of fraction; below 2^-14 the exponent stands still.
function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const READ = {
  F32: (buffer) => new Float32Array(buffer),
  F16: (buffer) => Float32Array.from(new Uint16Array(buffer), fromHalf),
  I8: (buffer) => new Int8Array(buffer),
  I16: (buffer) => new Int16Array(buffer),
  I32: (buffer) => new Int32Array(buffer),
};

// A matrix in eight bits has a scale for each row; from here on it is as good as any other.
function scaled(numbers, scales) {
  const width = numbers.length / scales.length;
  return Float32Array.from(numbers, (number, i) => number * scales[Math.floor(i / width)]);
}

// The bytes of a packed model: { kind, config, …, tensors }, each tensor a flat row of
// numbers with a `shape`. First come eight bytes, the length of the header; the header,
// in JSON, says where each tensor lies behind it.
function unpack(bytes) {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true)), begin = 8 + length;
  const { __metadata__: said, ...places } = JSON.parse(new TextDecoder().decode(bytes.subarray(8, begin)));
  const tensors = {};
  for (const [name, { dtype, shape, data_offsets: [from, to] }] of Object.entries(places)) {
    tensors[name] = Object.assign(READ[dtype](bytes.slice(begin + from, begin + to).buffer), { shape });
  }
  for (const [name, scales] of Object.entries(tensors)) {
    if (!name.endsWith(".scales")) continue;
    const owner = name.slice(0, -".scales".length), { shape } = tensors[owner];
    tensors[owner] = Object.assign(scaled(tensors[owner], scales), { shape });
    delete tensors[name];
  }
  return { ...JSON.parse(said.llm), tensors };
}

// A layer y = W x + b, b if there is one. `room` is for y, where nobody else gives one.
class Linear {
  constructor(weight, bias) {
    Object.assign(this, { weight, bias, shape: weight.shape, room: new Float32Array(weight.shape[0]) });
  }

  // A sum of products for each row; js/quick.js has a quicker way.
  times(x, y) {
    const { weight, bias, shape: [n, m] } = this;
    for (let i = 0, at = 0; i < n; i++) {
      let sum = bias ? bias[i] : 0;
      for (let j = 0; j < m; j++) sum += weight[at++] * x[j];
      y[i] = sum;
    }
    return y;
  }
}

// Shares of one, larger for larger scores; in place, the first n of them.
function softmax(scores, n = scores.length) {
  let highest = -Infinity, sum = 0;
  for (let i = 0; i < n; i++) if (scores[i] > highest) highest = scores[i];
  for (let i = 0; i < n; i++) sum += scores[i] = Math.exp(scores[i] - highest);
  for (let i = 0; i < n; i++) scores[i] /= sum;
  return scores;
}

// The mean of rows of numbers, place by place.
const meanRow = (rows) => Array.from(rows[0], (_, i) => rows.reduce((sum, row) => sum + row[i], 0) / rows.length);

export { meanRow, unpack, Linear, softmax };
