// What tests/browser/test_typography.py asks of a page.
({
  // Lines of prose that are longer than `most` characters; paragraphs with formulas, whose
  // letters cannot be counted, are left out.
  longLines(most) {
    const range = document.createRange(), found = [];
    const outside = "pre, table, .llm-figure, nav, .toctree-wrapper, figure, .cell_output";
    const prose = [...document.querySelectorAll(".bd-article :is(p, li, dd)")]
      .filter((e) => e.checkVisibility() && !e.closest(outside) && !e.querySelector("p, li, mjx-container"));
    for (const e of prose) {
      const walker = document.createTreeWalker(e, NodeFilter.SHOW_TEXT), lines = new Map();
      for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        for (let i = 0; i < node.length; i++) {
          range.setStart(node, i);
          range.setEnd(node, i + 1);
          const box = range.getClientRects()[0];
          if (!box) continue;
          const at = [...lines.keys()].find((y) => Math.abs(y - box.bottom) < 10) ?? box.bottom;
          lines.set(at, (lines.get(at) ?? "") + node.data[i]);
        }
      }
      for (const line of lines.values()) if (line.trim().length > most) found.push(line.trim());
    }
    return found;
  },

  // Code that is wider than its box, and a page that is wider than the window. Numbers in
  // columns may be moved on a phone, so of what a cell shows only text counts there.
  sideways() {
    const wide = (e) => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1;
    const code = [...document.querySelectorAll(".bd-article pre")]
      .filter((e) => innerWidth > 800 || !e.closest(".cell_output") || e.closest(".llm-wraps")).filter(wide)
      .map((e) => `code ${e.scrollWidth - e.clientWidth} too wide: ${e.textContent.slice(0, 60)}`);
    const page = document.documentElement.scrollWidth - innerWidth;
    return page > 0 ? [...code, `the page is ${page} too wide`] : code;
  },

  // Letters in figures that are smaller than `least` pixels: live ones by what is computed,
  // pictures by their scale, for in them 9 points are 12.5 pixels.
  smallLetters(least) {
    const found = [], small = (size, what) => { if (size < least - 0.05) found.push(`${size.toFixed(1)} px: ${what.slice(0, 40)}`); };
    for (const { shadowRoot } of document.querySelectorAll(".llm-figure > div")) {
      for (const e of shadowRoot?.querySelectorAll(".figure *") ?? []) {
        const own = [...e.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
        if (!own || e.tagName === "STYLE" || !e.checkVisibility()) continue;
        const { a, b } = e.ownerSVGElement ? e.getScreenCTM() : { a: 1, b: 0 };
        small(parseFloat(getComputedStyle(e).fontSize) * Math.hypot(a, b), e.textContent);
      }
    }
    for (const box of document.querySelectorAll(".llm-wide")) {
      const img = [...box.querySelectorAll("img")].find((e) => e.checkVisibility());
      const full = parseFloat(box.style.getPropertyValue("--w"));
      if (img) small((12.5 * img.getBoundingClientRect().width) / full, img.alt);
    }
    return found;
  },

  // Pictures that do not stand in a box of their own.
  unboxed() {
    return [...document.querySelectorAll(".bd-article .cell_output img")]
      .filter((e) => e.checkVisibility() && !e.closest(".llm-wide, .llm-figure"))
      .map((e) => `no box: ${e.alt.slice(0, 60)}`);
  },

  // Pictures of a cell that are white on a dark page.
  white() {
    return [...document.querySelectorAll(".bd-article .cell_output img")].filter((e) => e.checkVisibility())
      .filter((e) => !e.matches(".llm-map-dark") && !getComputedStyle(e).filter.includes("invert"))
      .map((e) => `white: ${e.alt.slice(0, 60)}`);
  },

  // Tables whose numbers do not stand below one another.
  loose() {
    return [...document.querySelectorAll("table.llm-table, table.table")]
      .filter((e) => !getComputedStyle(e).fontVariantNumeric.includes("tabular-nums"))
      .map((e) => `loose: ${e.textContent.slice(0, 40)}`);
  },

  async faces() {
    await document.fonts.ready;
    const family = (selector) => getComputedStyle(document.querySelector(selector)).fontFamily.split(",")[0];
    const loaded = [...document.fonts].filter((face) => face.status === "loaded");
    return { text: family(".bd-article p"), code: family("pre"), loaded: loaded.map((face) => face.family) };
  },
})
