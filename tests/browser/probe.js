// A small figure for the tests: a softmax with a temperature, with one control of
// each kind.
function render({ model, el }) {
  el.innerHTML = `
    <label>Temperature <input type="range" min="0.1" max="3" step="0.1" value="1"></label>
    <output></output>
    <label>First name <input type="text"></label>
    <label>Show <select><option>weights</option><option>scores</option></select></label>
    <button>Reverse</button>
    <ol></ol>`;
  const [range, name] = el.querySelectorAll("input");
  const [select, button, list] = ["select", "button", "ol"].map((s) => el.querySelector(s));
  let rows = model.get("scores").map((score, i) => ({ score, name: model.get("names")[i] }));
  name.value = rows[0].name;
  function draw() {
    const powers = rows.map((row) => Math.exp(row.score / range.value));
    const total = powers.reduce((a, b) => a + b, 0);
    el.querySelector("output").textContent = range.value;
    list.replaceChildren(...rows.map((row, i) => {
      const line = document.createElement("li");
      const shown = select.value === "scores" ? row.score : powers[i] / total;
      line.textContent = `${i === 0 ? name.value : row.name}: ${shown.toFixed(3)}`;
      return line;
    }));
  }
  for (const control of [range, name, select]) control.addEventListener("input", draw);
  button.addEventListener("click", () => { rows = rows.reverse(); draw(); });
  draw();
}
export default { render };
