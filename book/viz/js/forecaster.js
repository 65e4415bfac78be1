// The forecaster of chapter 9, small enough to be trained in a page: one attention over
// a diary, with a mask in the right place or in a wrong one; forward, backward, AdamW.
//
// Numbers lie in flat arrays, row by row. n diaries of T days are n·T rows; ids are the
// weathers of the days. how = { mask: T·T of true and false, row = who looks; place:
// "before" or "after" the softmax, or "columns", a softmax over the wrong axis }.
// All of it is one function, so that a worker can be given its text; it closes over
// nothing, and gets the dice as arguments.
function forecasters(dice, draw) {
  const WEATHERS = 5, DAYS = 8, WIDTH = 16, HIDDEN = 32;
  const BATCH = 32, RATE = 0.01, WARM_UP = 30, CLIP = 1;

  const SHAPES = {
    weather: [WEATHERS, WIDTH], day: [DAYS, WIDTH],
    query: [WIDTH, WIDTH], key: [WIDTH, WIDTH], value: [WIDTH, WIDTH],
    up: [HIDDEN, 2 * WIDTH], upBias: [HIDDEN, 1],
    guess: [WEATHERS, HIDDEN], guessBias: [WEATHERS, 1],
  };

  // Random parameters as PyTorch draws them: tables from a normal distribution, matrices
  // and biases uniform within one over the root of the number of inputs.
  function newForecaster(roll) {
    const normal = () => Math.sqrt(-2 * Math.log(1 - roll())) * Math.cos(2 * Math.PI * roll());
    const inputs = { upBias: 2 * WIDTH, guessBias: HIDDEN };
    const model = {};
    for (const [name, [rows, columns]] of Object.entries(SHAPES)) {
      const within = 1 / Math.sqrt(inputs[name] ?? columns), table = name === "weather" || name === "day";
      model[name] = Float64Array.from({ length: rows * columns }, () => (table ? normal() : (2 * roll() - 1) * within));
    }
    return model;
  }

  // --- Matrices: y = x Wᵀ + b, and what flows back ---

  function linear(x, weight, bias, from, to) {
    const n = x.length / from, y = new Float64Array(n * to);
    for (let row = 0; row < n; row++) {
      for (let i = 0; i < to; i++) {
        let sum = bias ? bias[i] : 0;
        for (let j = 0; j < from; j++) sum += weight[i * from + j] * x[row * from + j];
        y[row * to + i] = sum;
      }
    }
    return y;
  }

  // Adds to the gradients of weight and bias; returns that of x.
  function linearBack(dy, x, weight, dWeight, dBias, from, to) {
    const n = x.length / from, dx = new Float64Array(x.length);
    for (let row = 0; row < n; row++) {
      for (let i = 0; i < to; i++) {
        const slope = dy[row * to + i];
        if (slope === 0) continue;
        if (dBias) dBias[i] += slope;
        for (let j = 0; j < from; j++) {
          dWeight[i * from + j] += slope * x[row * from + j];
          dx[row * from + j] += slope * weight[i * from + j];
        }
      }
    }
    return dx;
  }

  // --- From scores to weights, T·T of them ---

  // The entries among which one softmax is shared: a row, or by mistake a column.
  function groups(T, place) {
    const all = [...Array(T).keys()], columns = place === "columns";
    return all.map((a) => all.map((b) => (columns ? b * T + a : a * T + b)));
  }

  function weigh(scores, T, { mask, place }) {
    const weights = new Float64Array(T * T);
    for (const group of groups(T, place)) {
      const seen = place === "after" ? group : group.filter((at) => mask[at]);
      const highest = Math.max(...seen.map((at) => scores[at]));
      let sum = 0;
      for (const at of seen) sum += weights[at] = Math.exp(scores[at] - highest);
      for (const at of seen) weights[at] /= sum;
      if (seen.length === 0) for (const at of group) weights[at] = NaN; // a softmax over nothing
    }
    return weights;
  }

  // With w the weights before any are struck out, and g their gradient: w (g − Σ w g).
  function weighBack(gradient, weights, T, { mask, place }) {
    const back = new Float64Array(T * T);
    for (const group of groups(T, place)) {
      let mean = 0;
      const g = (at) => (place === "after" && !mask[at] ? 0 : gradient[at]);
      for (const at of group) mean += weights[at] * g(at);
      for (const at of group) back[at] = weights[at] * (g(at) - mean);
    }
    return back;
  }

  const struckOut = (weights, { mask, place }) => (place === "after" ? weights.map((w, at) => (mask[at] ? w : 0)) : weights);

  // --- Attention over one diary: q, k, v are T rows of WIDTH ---

  function attend(q, k, v, T, how) {
    const scores = linear(q, k, null, WIDTH, T).map((score) => score / Math.sqrt(WIDTH));
    const weights = weigh(scores, T, how), taken = struckOut(weights, how), out = new Float64Array(T * WIDTH);
    for (let t = 0; t < T; t++) {
      for (let s = 0; s < T; s++) {
        for (let c = 0; c < WIDTH; c++) out[t * WIDTH + c] += taken[t * T + s] * v[s * WIDTH + c];
      }
    }
    return { weights, out };
  }

  // The gradients of q, k and v.
  function attendBack(dOut, weights, q, k, v, T, how) {
    const taken = struckOut(weights, how), dTaken = linear(dOut, v, null, WIDTH, T);
    const dScores = weighBack(dTaken, weights, T, how).map((slope) => slope / Math.sqrt(WIDTH));
    const [dq, dk, dv] = [q, k, v].map((part) => new Float64Array(part.length));
    for (let t = 0; t < T; t++) {
      for (let s = 0; s < T; s++) {
        for (let c = 0; c < WIDTH; c++) {
          dq[t * WIDTH + c] += dScores[t * T + s] * k[s * WIDTH + c];
          dk[s * WIDTH + c] += dScores[t * T + s] * q[t * WIDTH + c];
          dv[s * WIDTH + c] += taken[t * T + s] * dOut[t * WIDTH + c];
        }
      }
    }
    return [dq, dk, dv];
  }

  // --- The model: n diaries of T days to n·T rows of logits, and all that lies between ---

  const ofDiary = (whole, b, T) => whole.subarray(b * T * WIDTH, (b + 1) * T * WIDTH);

  // Two rows of WIDTH side by side, and what was put side by side, apart.
  function joined(x, found) {
    const both = new Float64Array(2 * x.length);
    for (let i = 0; i < x.length; i++) {
      const at = 2 * i - (i % WIDTH);
      [both[at], both[at + WIDTH]] = [x[i], found[i]];
    }
    return both;
  }

  function parted(both) {
    const [x, found] = [new Float64Array(both.length / 2), new Float64Array(both.length / 2)];
    for (let i = 0; i < x.length; i++) {
      const at = 2 * i - (i % WIDTH);
      [x[i], found[i]] = [both[at], both[at + WIDTH]];
    }
    return [x, found];
  }

  function forward(model, ids, T, how) {
    const x = new Float64Array(ids.length * WIDTH), found = new Float64Array(x.length), weights = [];
    for (let i = 0; i < x.length; i++) {
      const row = Math.floor(i / WIDTH), c = i % WIDTH;
      x[i] = model.weather[ids[row] * WIDTH + c] + model.day[(row % T) * WIDTH + c];
    }
    const views = ["query", "key", "value"].map((name) => linear(x, model[name], null, WIDTH, WIDTH));
    for (let b = 0; b * T < ids.length; b++) {
      const attention = attend(...views.map((view) => ofDiary(view, b, T)), T, how);
      weights.push(attention.weights);
      found.set(attention.out, b * T * WIDTH);
    }
    const both = joined(x, found);
    const hidden = linear(both, model.up, model.upBias, 2 * WIDTH, HIDDEN).map((h) => Math.max(h, 0));
    return { x, views, weights, both, hidden, logits: linear(hidden, model.guess, model.guessBias, HIDDEN, WEATHERS) };
  }

  // The softmax of one row of logits.
  function chances(logits, row) {
    const own = [...logits.subarray(row * WEATHERS, (row + 1) * WEATHERS)], highest = Math.max(...own);
    const e = own.map((logit) => Math.exp(logit - highest)), sum = e.reduce((a, b) => a + b);
    return e.map((part) => part / sum);
  }

  // The mean loss over all rows, in nats, and its gradient with respect to the logits.
  function crossEntropy(logits, targets) {
    const dLogits = new Float64Array(logits.length);
    let loss = 0;
    targets.forEach((target, row) => {
      const p = chances(logits, row);
      loss -= Math.log(p[target]) / targets.length;
      for (let i = 0; i < WEATHERS; i++) dLogits[row * WEATHERS + i] = (p[i] - (i === target)) / targets.length;
    });
    return [loss, dLogits];
  }

  // The loss, and its gradient for each parameter.
  function lossAndGradients(model, ids, targets, T, how) {
    const { x, views, weights, both, hidden, logits } = forward(model, ids, T, how);
    const g = Object.fromEntries(Object.entries(model).map(([name, p]) => [name, new Float64Array(p.length)]));
    const [loss, dLogits] = crossEntropy(logits, targets);
    const dHidden = linearBack(dLogits, hidden, model.guess, g.guess, g.guessBias, HIDDEN, WEATHERS);
    const dUp = dHidden.map((slope, i) => (hidden[i] > 0 ? slope : 0));
    const [dx, dFound] = parted(linearBack(dUp, both, model.up, g.up, g.upBias, 2 * WIDTH, HIDDEN));
    const dViews = views.map((view) => new Float64Array(view.length));
    weights.forEach((own, b) => {
      const parts = views.map((view) => ofDiary(view, b, T));
      attendBack(ofDiary(dFound, b, T), own, ...parts, T, how).forEach((part, i) => dViews[i].set(part, b * T * WIDTH));
    });
    ["query", "key", "value"].forEach((name, i) => {
      linearBack(dViews[i], x, model[name], g[name], null, WIDTH, WIDTH).forEach((slope, at) => (dx[at] += slope));
    });
    dx.forEach((slope, i) => {
      const row = Math.floor(i / WIDTH), c = i % WIDTH;
      g.weather[ids[row] * WIDTH + c] += slope;
      g.day[(row % T) * WIDTH + c] += slope;
    });
    return { loss, gradients: g };
  }

  // --- Training, as in the chapter: fresh diaries, AdamW, warm-up, clipping ---

  // n diaries of T days: the first from the long-run shares, each other from the row of the one before.
  function diaries(n, T, { shares, transition }, roll) {
    const ids = new Uint8Array(n * T);
    for (let row = 0; row < ids.length; row++) ids[row] = draw(row % T ? transition[ids[row - 1]] : shares, roll());
    return ids;
  }

  // Of diaries of T + 1 days: the days that are fed, and for each the day after.
  function questions(ids, T) {
    const fed = ids.filter((_, i) => i % (T + 1) < T), answers = ids.filter((_, i) => i % (T + 1) > 0);
    return [fed, answers];
  }

  // One update of AdamW; moments: its two averages for each parameter.
  function update(model, gradients, moments, steps) {
    const all = Object.values(gradients).flatMap((g) => [...g]);
    const scale = Math.min(1, CLIP / (Math.sqrt(all.reduce((sum, g) => sum + g * g, 0)) + 1e-6));
    const rate = RATE * Math.min(1, 0.01 + (0.99 * (steps - 1)) / WARM_UP);
    for (const [name, p] of Object.entries(model)) {
      const [m, v] = moments[name];
      for (let i = 0; i < p.length; i++) {
        const slope = scale * gradients[name][i];
        m[i] += 0.1 * (slope - m[i]);
        v[i] += 0.001 * (slope * slope - v[i]);
        p[i] -= (rate * m[i]) / (1 - 0.9 ** steps) / (Math.sqrt(v[i] / (1 - 0.999 ** steps)) + 1e-8);
      }
    }
  }

  // A trainer: each call of step() is one update, and returns the loss before it.
  function training(chain, how, seed) {
    const roll = dice(seed), model = newForecaster(roll), room = (p) => new Float64Array(p.length);
    const moments = Object.fromEntries(Object.entries(model).map(([name, p]) => [name, [room(p), room(p)]]));
    let steps = 0;
    function step() {
      const [fed, answers] = questions(diaries(BATCH, DAYS + 1, chain, roll), DAYS);
      const { loss, gradients } = lossAndGradients(model, fed, answers, DAYS, how);
      update(model, gradients, moments, (steps += 1));
      return loss;
    }
    return { model, step };
  }

  // --- What a forecaster is asked afterwards ---

  // The mask for the first T days of a page.
  function corner({ mask, place }, T) {
    return { place, mask: mask.filter((_, i) => i % DAYS < T && i < T * DAYS) };
  }

  // How far the logits of day t move when day s is changed: T rows of T.
  function movedBy(model, ids, how) {
    const T = ids.length, before = forward(model, ids, T, how).logits;
    const moved = ids.map(() => Array(T).fill(0));
    for (let s = 0; s < T; s++) {
      const changed = ids.map((id, at) => (at === s ? (id + 1) % WEATHERS : id)), after = forward(model, changed, T, how).logits;
      for (let t = 0; t < T; t++) {
        const apart = [...Array(WEATHERS).keys()].map((i) => Math.abs(after[t * WEATHERS + i] - before[t * WEATHERS + i]));
        moved[t][s] = Math.max(...apart);
      }
    }
    return moved;
  }

  // Mean losses on n fresh diaries: on every question of a page; and on the day after the
  // first 1, 2, … days, with the rest of the page still blank.
  function tested(model, chain, how, n = 300) {
    const ids = diaries(n, DAYS + 1, chain, dice(99)), [fed, answers] = questions(ids, DAYS);
    const mean = (logits, targets, rowOf) =>
      targets.reduce((sum, target, i) => sum - Math.log(chances(logits, rowOf(i))[target]), 0) / targets.length;
    const onAir = [...Array(DAYS - 1).keys()].map((before) => {
      const T = before + 1, at = (day) => ids.filter((_, i) => day(i % (DAYS + 1)));
      const { logits } = forward(model, at((day) => day < T), T, corner(how, T));
      return mean(logits, [...at((day) => day === T)], (b) => b * T + T - 1);
    });
    return { onThePage: mean(forward(model, fed, DAYS, how).logits, [...answers], (row) => row), onAir };
  }

  // A diary that begins with this weather; each further day is drawn from the forecast.
  function written(model, how, begin, roll) {
    const ids = [begin];
    while (ids.length <= DAYS) {
      const T = ids.length, { logits } = forward(model, ids, T, corner(how, T));
      ids.push(draw(chances(logits, T - 1), roll()));
    }
    return ids;
  }

  // How many later days a row can know of: the days it sees and, where scores are summed
  // before they are struck out, those in the sums. `least[gap]` is what tomorrow costs who
  // knows today and the day `gap` days ahead, and least[0] what it costs everybody else.
  function leastLoss({ mask, place }, least) {
    const all = [...Array(DAYS).keys()], sees = (t, s) => mask[t * DAYS + s];
    const knows = (t, s) => {
      if (place === "before") return sees(t, s);
      if (place === "after") return all.some((u) => sees(t, u));
      return sees(t, s) || all.some((u) => sees(t, u) && sees(s, u));
    };
    const gaps = all.map((t) => (all.find((s) => s > t && knows(t, s)) ?? t) - t);
    return gaps.reduce((sum, gap) => sum + least[gap], 0) / DAYS;
  }

  return { DAYS, training, update, newForecaster, lossAndGradients, movedBy, tested, written, leastLoss };
}

export { forecasters };
