// Makes a button of each {try} in the text: it tells the figure of that name what to
// show (host.js hears it), and brings it into view.
(() => {
  function press(figure, values) {
    const host = document.querySelector(`.llm-figure[data-module="${figure}"]`);
    if (!host) return;
    host.dispatchEvent(new CustomEvent("llm-try", { detail: Object.fromEntries(new URLSearchParams(values)) }));
    host.scrollIntoView({ block: "nearest" });
  }

  for (const words of document.querySelectorAll("span.llm-try")) {
    const { figure, values } = words.dataset, button = document.createElement("button");
    button.type = "button";
    button.className = "llm-try";
    button.append(...words.childNodes);
    button.addEventListener("click", () => press(figure, values));
    words.replaceWith(button);
  }
})();
