// What tests/browser/test_accessibility.py asks of a page.
(() => {
  const roots = [document, ...[...document.querySelectorAll(".llm-figure > div")].map((e) => e.shadowRoot).filter(Boolean)];
  const all = (selector) => roots.flatMap((root) => [...root.querySelectorAll(selector)]);
  const controls = () => all("a[href], button, input, select, textarea, summary, [tabindex='0']")
    .filter((e) => e.checkVisibility({ visibilityProperty: true }) && !e.disabled);
  const named = (e) => `<${e.tagName.toLowerCase()} class="${e.className}"> ${(e.ariaLabel ?? e.textContent).trim().slice(0, 40)}`;
  const stops = (selector) => [...document.querySelectorAll(selector)].filter((e) => e.tabIndex >= 0).length;

  return {
    // What has the focus, and no outline of two pixels.
    withoutRing() {
      return controls().filter((e) => {
        e.focus();
        const { outlineStyle, outlineWidth } = getComputedStyle(e);
        const seen = e.matches(":focus-visible") && outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
        return e.matches(":focus") && !seen;
      }).map((e) => `no ring: ${named(e)}`);
    },

    // Targets under 24 pixels. A link or a token in a text is as high as its line, and what
    // is ticked is as large as the label around it.
    small() {
      const inText = (e) => e.matches("a, .llm-try, [role=option]") && getComputedStyle(e).display.startsWith("inline");
      const target = (e) => (e.matches("[type=checkbox], [type=radio]") && e.closest("label")) || e;
      return controls().filter((e) => !inText(e)).filter((e) => {
        const { width, height } = target(e).getBoundingClientRect();
        return width > 0 && Math.min(width, height) < 23.9;
      }).map((e) => `${target(e).getBoundingClientRect().width} × ${target(e).getBoundingClientRect().height}: ${named(e)}`);
    },

    stops: () => ({ formulas: stops("mjx-container"), copyButtons: stops("button.copybtn") }),

    // Headings that are two levels or more below the one before.
    skipped() {
      const headings = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].filter((e) => e.checkVisibility());
      const level = (e) => +(e?.tagName[1] ?? 0);
      return headings.filter((e, i) => level(e) > level(headings[i - 1]) + 1).map((e) => `skips a level: ${e.textContent}`);
    },

    // Figures that say nothing when they change.
    silent() {
      return [...document.querySelectorAll(".llm-figure[data-live]")]
        .filter((figure) => !figure.firstElementChild.shadowRoot.querySelector("[aria-live]"))
        .map((figure) => `silent: ${figure.ariaLabel?.slice(0, 60)}`);
    },

    moving() {
      return [...document.querySelectorAll("*")].filter((e) => {
        const { transitionDuration, animationName, scrollBehavior } = getComputedStyle(e);
        return /[1-9]/.test(transitionDuration) || animationName !== "none" || scrollBehavior === "smooth";
      }).map((e) => e.outerHTML.slice(0, 80));
    },

    // Which of the copy buttons in sight has the focus.
    copyButton() {
      const open = [...document.querySelectorAll("button.copybtn")].filter((e) => e.checkVisibility());
      return open.indexOf(document.activeElement);
    },
  };
})()
