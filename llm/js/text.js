// A text that grows by a token at a time, as a model with a limited context reads it:
// the windows are those of llm/generate.py.

// Where the window of a text of n tokens begins. When it is full and one more token
// comes, it forgets its oldest half, and fills up again.
function windowStart(n, contextLength) {
  const half = Math.max(1, Math.floor(contextLength / 2));
  return contextLength === Infinity ? 0 : Math.max(0, Math.ceil((n - contextLength) / half)) * half;
}

class Text {
  constructor(model) {
    this.model = model;
    this.ids = [];
    this.windows = []; // { start, reader }: the newest, and one more to look back
  }

  push(id) {
    this.ids.push(id);
    this.at(this.ids.length - 1);
  }

  // Read other ids; what both begin with is not read again.
  set(ids) {
    let same = 0;
    while (same < ids.length && ids[same] === this.ids[same]) same++;
    if (same < this.ids.length) this.windows = [];
    this.ids = ids.slice();
    if (ids.length) this.at(ids.length - 1);
  }

  // What has read up to a position, in the window in which that was the newest:
  // { reader, start, place }, place = position − start.
  at(position) {
    const start = windowStart(position + 1, this.model.contextLength);
    let window = this.windows.find((known) => known.start === start);
    if (!window) {
      window = { start, reader: this.model.reader(), read: 0 };
      this.windows = [...this.windows.slice(-1), window];
    }
    for (; start + window.read <= position; window.read++) window.reader.read(this.ids[start + window.read]);
    return { reader: window.reader, start, place: position - start };
  }

  logits(position = this.ids.length - 1) {
    const { reader, place } = this.at(position);
    return reader.logits(place);
  }
}

export { Text, windowStart };
