// Elements of a page, and the controls of a figure.

function element(tag, text, ...classes) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  node.classList.add(...classes.filter(Boolean));
  return node;
}

// An element of a drawing (SVG).
function shape(tag, attributes, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

// Elements side by side; a narrow page breaks the row.
function row(...nodes) {
  const line = element("div", undefined, "row");
  line.append(...nodes);
  return line;
}

// --- Controls: each is a labelled <input> or <select>, with its `box`, the label ---

function labelled(name, input, ...behind) {
  const box = element("label", name);
  box.append(" ", input, ...behind);
  input.box = box;
  return input;
}

// A slider with a read-out; `shown` says what stands there for a number. `say()` writes
// it again, for who has moved the slider without the reader's hand.
function slider(name, { shown = (x) => `${x}`, ...attributes }) {
  const input = element("input"), output = element("output");
  Object.assign(input, { type: "range", ...attributes, value: attributes.value }); // its value last: it is cut to the range
  labelled(name, input, " ", output);
  input.say = () => { output.textContent = shown(+input.value); };
  input.addEventListener("input", input.say);
  input.say();
  return input;
}

// choices: [value, what the reader sees] each; value: the one to begin with.
function select(name, choices, value) {
  const input = element("select");
  for (const [value, text] of choices) input.append(Object.assign(element("option", text), { value }));
  if (value !== undefined) input.value = value;
  return labelled(name, input);
}

function checkbox(name, checked) {
  const input = Object.assign(element("input"), { type: "checkbox", checked }), box = element("label");
  box.append(input, " ", name);
  input.box = box;
  return input;
}

function textField(name, value) {
  return labelled(name, Object.assign(element("input"), { type: "text", value, spellcheck: false }));
}

function number(name, attributes) {
  return labelled(name, Object.assign(element("input"), { type: "number", ...attributes }));
}

function button(name, press) {
  const node = Object.assign(element("button", name), { type: "button" });
  node.addEventListener("click", press);
  return node;
}

// A figure is drawn again whenever one of its controls is moved.
function onInput(controls, draw) {
  for (const control of controls) control.addEventListener("input", draw);
}

export { element, shape, row, slider, select, checkbox, textField, number, button, onInput };
