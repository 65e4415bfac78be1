// Show the definition of a term beside its link: to who points at it, and to who comes
// to it by keyboard. To a screen reader it is the link's description (its title).
(() => {
  const definitions = globalThis.llmTerms;
  const links = [...document.querySelectorAll("a.llm-term")].filter((a) => definitions[anchor(a)]);
  const tip = document.createElement("div");
  tip.className = "llm-term-tip";
  tip.setAttribute("aria-hidden", "true");
  tip.hidden = true;
  document.body.append(tip);
  let shown = null; // the link whose definition is shown
  let leaving;

  function anchor(link) {
    return link.hash.slice(1);
  }

  /** Below the words, or above where there is no room; never beyond the page. */
  function place(link) {
    const words = link.getClientRects()[0];
    const { width, height } = tip.getBoundingClientRect();
    const right = document.documentElement.clientWidth - width - 8;
    const below = words.bottom + 6 + height <= innerHeight;
    tip.style.left = `${scrollX + Math.max(8, Math.min(words.left, right))}px`;
    tip.style.top = `${scrollY + (below ? words.bottom + 6 : words.top - height - 6)}px`;
  }

  function show(link) {
    clearTimeout(leaving);
    shown = link;
    tip.textContent = definitions[anchor(link)];
    tip.hidden = false;
    place(link);
  }

  function hide() {
    shown = null;
    tip.hidden = true;
  }

  function leave() {
    clearTimeout(leaving);
    leaving = setTimeout(hide, 150); // long enough to reach the definition
  }

  for (const link of links) {
    link.title = definitions[anchor(link)];
    let touched = false;
    link.addEventListener("pointerenter", (event) => {
      if (event.pointerType === "touch") return;
      link.removeAttribute("title"); // the browser would show it a second time
      show(link);
    });
    link.addEventListener("pointerleave", () => {
      link.title = definitions[anchor(link)];
      if (document.activeElement !== link) leave();
    });
    link.addEventListener("focus", () => link.matches(":focus-visible") && show(link));
    link.addEventListener("blur", hide);
    link.addEventListener("pointerdown", (event) => (touched = event.pointerType === "touch"));
    // A first touch shows the definition, a second one goes to the glossary.
    link.addEventListener("click", (event) => {
      if (touched && shown !== link) {
        event.preventDefault();
        show(link);
      }
    });
  }
  tip.addEventListener("pointerenter", () => clearTimeout(leaving));
  tip.addEventListener("pointerleave", leave);
  addEventListener("keydown", (event) => event.key === "Escape" && hide());
  addEventListener("resize", hide);
  document.addEventListener("pointerdown", (event) => {
    if (shown && !shown.contains(event.target) && !tip.contains(event.target)) hide();
  });
})();
