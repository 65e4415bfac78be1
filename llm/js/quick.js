// The products of `Linear` in WebAssembly: four numbers in each step, of four rows at a
// time. The sums are those of `times`, but for rounding; where a browser has no
// WebAssembly, `times` stays as it is.

const I32 = 0x7f, V128 = 0x7b, NOTHING = 0x40;
const get = (local) => [0x20, local], set = (local) => [0x21, local], constant = (number) => [0x41, ...unsigned(number)];
const ADD = [0x6a], SUBTRACT = [0x6b], LESS = [0x49], F32_ADD = [0x92], END = [0x0b];
const again = [0x0d, 0], loop = (...body) => [0x03, NOTHING, ...body.flat(), ...END];
const vector = (code) => [0xfd, ...unsigned(code)];
const LOAD = [...vector(0x00), 2, 0], TIMES = vector(0xe6), PLUS = vector(0xe4), ZERO = [...vector(0x0c), ...Array(16).fill(0)];
const lane = (i) => [...vector(0x1f), i], store = (offset) => [0x38, 2, offset];

// A number below 2^32 as WebAssembly writes it, seven bits in a byte.
function unsigned(number) {
  return number < 128 ? [number] : [(number & 127) | 128, ...unsigned(number >>> 7)];
}

// multiply(w, x, y, n, size): y = W x, for n rows of `size` bytes each; all are addresses
// of 32-bit floats. n is a multiple of 4, size of 16.
function code() {
  const [w, x, y, n, size] = [0, 1, 2, 3, 4], rows = [5, 6, 7, 8], at = 9, end = 10, sums = [11, 12, 13, 14], here = 15;
  const forward = (local, by) => [...get(local), ...by, ...ADD, ...set(local)];
  return loop(
    [...get(w), ...set(rows[0])],
    ...[1, 2, 3].map((i) => [...get(rows[i - 1]), ...get(size), ...ADD, ...set(rows[i])]),
    ...sums.map((sum) => [...ZERO, ...set(sum)]),
    [...get(x), ...set(at), ...get(x), ...get(size), ...ADD, ...set(end)],
    loop(
      [...get(at), ...LOAD, ...set(here)],
      ...rows.map((row, i) => [...get(sums[i]), ...get(row), ...LOAD, ...get(here), ...TIMES, ...PLUS, ...set(sums[i])]),
      ...rows.map((row) => forward(row, constant(16))),
      forward(at, constant(16)),
      [...get(at), ...get(end), ...LESS, ...again],
    ),
    ...sums.map((sum, i) => [
      ...get(y), ...get(sum), ...lane(0), ...get(sum), ...lane(1), ...F32_ADD,
      ...get(sum), ...lane(2), ...F32_ADD, ...get(sum), ...lane(3), ...F32_ADD, ...store(4 * i),
    ]),
    forward(y, constant(16)),
    [...get(rows[3]), ...set(w)], // which has come to the end of its row, where the next one begins
    [...get(n), ...constant(4), ...SUBTRACT, ...set(n), ...get(n), ...again],
  );
}

function assembled() {
  const text = (name) => [name.length, ...[...name].map((letter) => letter.charCodeAt(0))];
  const section = (id, ...content) => [id, ...unsigned(content.flat().length), ...content.flat()];
  const body = [2, 6, I32, 5, V128, ...code(), ...END]; // two kinds of locals: six and five of them
  return Uint8Array.from([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, [1, 0x60, 5, I32, I32, I32, I32, I32, 0]), // the type of the function
    ...section(2, [1], text("js"), text("memory"), [2, 0, 0]), // the memory comes from outside
    ...section(3, [1, 0]),
    ...section(7, [1], text("multiply"), [0, 0]),
    ...section(10, [1], unsigned(body.length), body),
  ]);
}

const PAGE = 65536, fours = (number) => 4 * Math.ceil(number / 4);

// Give each of these layers the quick `times`. Their matrices move into the memory of
// WebAssembly, with zeros for what is missing to fours.
function speedUp(linears) {
  const widest = Math.max(...linears.map(({ shape }) => fours(Math.max(...shape))));
  const floats = linears.reduce((sum, { shape: [n, m] }) => sum + fours(n) * fours(m), 2 * widest);
  try {
    const memory = new WebAssembly.Memory({ initial: Math.ceil((4 * floats) / PAGE) });
    const module = new WebAssembly.Module(assembled());
    const { multiply } = new WebAssembly.Instance(module, { js: { memory } }).exports;
    let free = 2 * widest; // what comes in stands first, then what goes out
    for (const linear of linears) {
      move(linear, new Float32Array(memory.buffer), free, widest, multiply);
      free += fours(linear.shape[0]) * fours(linear.shape[1]);
    }
  } catch {
    // no WebAssembly, or none that computes with four numbers at once
  }
}

function move(linear, numbers, begin, widest, multiply) {
  const { weight, bias, shape: [n, m] } = linear, wide = fours(m);
  for (let i = 0; i < n; i++) numbers.set(weight.subarray(i * m, (i + 1) * m), begin + i * wide);
  const out = numbers.subarray(widest, widest + n);
  linear.weight = null; // it is kept once
  linear.times = (x, y) => {
    numbers.fill(0, m, wide);
    numbers.set(x);
    multiply(4 * begin, 0, 4 * widest, fours(n), 4 * wide);
    y.set(out);
    if (bias) for (let i = 0; i < n; i++) y[i] += bias[i];
    return y;
  };
}

export { speedUp };
