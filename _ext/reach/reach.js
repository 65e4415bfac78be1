// The Tab key comes to one copy button, that of the code in sight; the arrow keys go on to
// the next. And it comes to a box whose content is wider than itself, to move it.
(() => {
  const BOXES = "div.math, mjx-container[display=true], .output, .highlight pre, .llm-wide, .pst-scrollable-table-container";
  const STEP = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity };
  const seen = new Set();
  let buttons = [];

  function lead(button) {
    for (const other of buttons) other.tabIndex = other === button ? 0 : -1;
  }

  function look(entries) {
    for (const { target, isIntersecting } of entries) seen[isIntersecting ? "add" : "delete"](target);
    if (buttons.includes(document.activeElement)) return; // who is there decides
    const first = buttons.find((button) => seen.has(button.parentElement));
    if (first) lead(first);
  }

  function press(event) {
    const at = buttons.indexOf(event.target), step = STEP[event.key];
    if (at < 0 || step === undefined) return;
    event.preventDefault();
    const open = buttons.filter((button) => button.checkVisibility());
    const to = open[Math.max(0, Math.min(open.length - 1, open.indexOf(event.target) + step))];
    lead(to);
    to.focus();
  }

  function gather() {
    buttons = [...document.querySelectorAll("button.copybtn")];
    const watch = new IntersectionObserver(look);
    for (const button of buttons) watch.observe(button.parentElement);
    lead(buttons[0]);
    document.addEventListener("keydown", press);
  }

  function openBoxes() {
    for (const box of document.querySelectorAll(BOXES)) {
      const wide = box.scrollWidth > box.clientWidth && getComputedStyle(box).overflowX !== "visible";
      if (wide) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  }

  addEventListener("load", () => {
    gather();
    new ResizeObserver(openBoxes).observe(document.body); // formulas are set later, phones are turned
  });
})();
