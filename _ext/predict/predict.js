// Makes a form of each box "Predict", keeps what the reader answers in the browser,
// and shows it wherever the page has a place for it: [data-said="name"].
(() => {
  const page = location.pathname.split("/").pop().replace(/\.html$/, "");
  const memory = new Map(); // where the browser keeps nothing
  const key = (name) => `llm-predict:${page}:${name}`;

  function recall(name) {
    try {
      return localStorage.getItem(key(name)) ?? "";
    } catch {
      return memory.get(name) ?? "";
    }
  }

  function keep(name, value) {
    try {
      if (value === "") localStorage.removeItem(key(name));
      else localStorage.setItem(key(name), value);
    } catch {
      memory.set(name, value);
    }
    show(name);
  }

  // A number as people write it: 0.4, .4, 0,4, −2, 40 %. The empty text forgets.
  function asNumber(text) {
    const plain = text.trim().replace("−", "-").replace(/^(-?\d*),(\d+)$/, "$1.$2").replace(/\s*%$/, "");
    return plain === "" ? "" : String(Number(plain));
  }

  // Every place for this prediction: a word in a table or a text, a mark in a figure.
  function show(name) {
    const value = recall(name);
    for (const place of document.querySelectorAll(`[data-said="${CSS.escape(name)}"]`)) {
      place.dataset.blank ??= place.textContent;
      place.classList.toggle("is-said", value !== "");
      if (place.classList.contains("llm-mark")) move(place, value);
      else place.textContent = value === "" ? place.dataset.blank : value;
    }
  }

  // A mark is a box across the axes, one edge of which stands where the value does on
  // their scale; beyond their ends it stands at the end and says so.
  function move(mark, value) {
    const { low, high, scale, along } = mark.dataset;
    const at = scale === "log" ? Math.log : (x) => x;
    const share = (at(Number(value)) - at(Number(low))) / (at(Number(high)) - at(Number(low)));
    mark.hidden = value === "" || Number.isNaN(share);
    if (mark.hidden) return;
    const inside = Math.min(1, Math.max(0, share));
    const back = inside > (along === "x" ? 0.5 : 0.85); // no room beyond the line
    const edges = along === "x" ? ["borderLeftWidth", "borderRightWidth"] : ["borderBottomWidth", "borderTopWidth"];
    mark.style[edges[0]] = back ? "0" : "2px";
    mark.style[edges[1]] = back ? "2px" : "0";
    mark.style.transform = back ? (along === "x" ? "translateX(-100%)" : "translateY(100%)") : "none";
    mark.style[along === "x" ? "left" : "bottom"] = `${100 * inside}%`;
    const label = element("span", { textContent: `you said ${value}${inside === share ? "" : ", off the scale"}` });
    label.style.cssText = "background: rgb(255 255 255 / 80%); padding: 0 4px";
    mark.replaceChildren(label);
  }

  function element(tag, properties, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  }

  function numberField(field, told) {
    const { name, label, unit } = field.dataset;
    const input = element("input", { type: "text", inputMode: "decimal", value: recall(name),
      autocomplete: "off", size: 7 });
    input.setAttribute("aria-label", `${label || "Your number"}${unit ? `, ${unit}` : ""}`);
    input.addEventListener("input", () => {
      const number = asNumber(input.value);
      const wrong = number === "NaN" || number.endsWith("Infinity");
      input.setAttribute("aria-invalid", String(wrong));
      told(wrong ? "Write a number, such as 0.4." : number, wrong);
      if (!wrong) keep(name, number);
    });
    return { holder: input, clear: () => { input.value = ""; input.removeAttribute("aria-invalid"); } };
  }

  function choiceField(field, told) {
    const { name, label, choices } = field.dataset;
    const inputs = choices.split(" | ").map((choice) => {
      const input = element("input", { type: "radio", name: `predict-${name}`, value: choice,
        checked: recall(name) === choice });
      input.addEventListener("change", () => { keep(name, choice); told(choice); });
      return input;
    });
    const labels = inputs.map((input) => element("label", {}, input, ` ${input.value}`));
    const group = element("span", { className: "llm-predict-choices" }, ...labels);
    group.setAttribute("role", "radiogroup");
    group.setAttribute("aria-label", label || "Your choice");
    return { holder: group, clear: () => inputs.forEach((input) => { input.checked = false; }) };
  }

  function bringToLife(box) {
    const status = element("span", { className: "llm-predict-status" });
    status.setAttribute("role", "status");
    const told = (text, wrong = false) => {
      const kept = text === "" ? "" : "Kept in this browser. It will stand beside the result.";
      status.textContent = wrong ? text : kept;
    };
    const fields = [...box.querySelectorAll(".llm-predict-field")].map((field) => {
      const { holder, clear } = field.dataset.choices ? choiceField(field, told) : numberField(field, told);
      field.querySelector(".llm-predict-answer").replaceChildren(holder);
      return { name: field.dataset.name, clear };
    });
    const reset = element("button", { type: "button", textContent: "Clear" });
    reset.addEventListener("click", () => {
      fields.forEach(({ name, clear }) => { clear(); keep(name, ""); });
      told("");
    });
    box.append(element("div", { className: "llm-predict-foot" }, reset, status));
    box.addEventListener("submit", (event) => event.preventDefault());
    box.dataset.live = "";
  }

  document.querySelectorAll(".llm-predict").forEach(bringToLife);
  new Set([...document.querySelectorAll("[data-said]")].map((place) => place.dataset.said)).forEach(show);
})();
