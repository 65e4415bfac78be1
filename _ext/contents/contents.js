// The contents beside the text mark the section that is read: by what stands on the
// screen, and after a jump by where it led. The theme's own script, which waits for
// headings to pass by, finds no contents any more, since they lose their id.
(() => {
  const ACTIVE = "active";
  const nav = document.querySelector("#pst-page-toc-nav");
  if (!nav) return;
  nav.removeAttribute("id");
  const links = new Map();
  for (const link of nav.querySelectorAll("a[href^='#']")) {
    const section = target(link.hash);
    if (section) links.set(section, link);
  }
  const sections = [...links.keys()];
  const root = document.scrollingElement;
  let jump = null; // the place that a link led to, until the reader scrolls
  let arrived = false;
  let marked = null;

  function target(hash) {
    return document.getElementById(decodeURIComponent(hash.slice(1)));
  }

  /** The section of the contents that holds this element, or null. */
  function sectionOf(element) {
    while (element && !links.has(element)) element = element.parentElement;
    return element;
  }

  /** How far down the screen the reader reads: near the top, but at the end of the
   * page, where nothing more moves up, at its foot. */
  function readingLine() {
    const top = parseFloat(getComputedStyle(root).scrollPaddingTop) || 0;
    const rest = root.scrollHeight - root.clientHeight - root.scrollTop;
    const share = Math.max(0, 1 - rest / root.clientHeight);
    return top + 8 + share * (root.clientHeight - top - 8);
  }

  function sectionByPlace() {
    const line = readingLine();
    const begun = sections.filter((s) => s.getBoundingClientRect().top <= line);
    return begun.at(-1) ?? null;
  }

  /** Keep to a jump while its target is on the screen, or still to come. */
  function sectionByJump() {
    if (!jump) return null;
    const { top } = jump.getBoundingClientRect();
    const seen = top >= -1 && top < root.clientHeight;
    if (arrived && !seen) jump = null;
    arrived ||= seen;
    return jump && sectionOf(jump);
  }

  function mark(section) {
    if (section === marked) return;
    marked = section;
    const current = links.get(section);
    for (const link of links.values()) {
      link.classList.toggle(ACTIVE, link === current);
      link.toggleAttribute("aria-current", false);
    }
    current?.setAttribute("aria-current", "true");
    for (const entry of nav.querySelectorAll(".toc-entry")) {
      entry.classList.toggle(ACTIVE, entry.contains(current ?? null));
    }
    if (current) show(current);
  }

  /** Move the contents, and only them, until the marked entry is in sight. */
  function show(link) {
    const pane = link.closest(".bd-sidebar-secondary");
    if (!pane) return;
    const [entry, frame] = [link, pane].map((e) => e.getBoundingClientRect());
    const above = entry.top - frame.top - 40;
    const below = entry.bottom - frame.bottom + 40;
    if (above < 0) pane.scrollTop += above;
    else if (below > 0) pane.scrollTop += below;
  }

  let asked = false;
  function update() {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      mark(sectionByJump() ?? sectionByPlace());
    });
  }

  function jumped() {
    jump = location.hash.length > 1 ? target(location.hash) : null;
    arrived = false;
    update();
  }

  for (const kind of ["wheel", "touchmove", "keydown", "pointerdown"]) {
    addEventListener(kind, () => (jump = null), { passive: true });
  }
  addEventListener("scroll", update, { passive: true });
  addEventListener("hashchange", jumped);
  // A second click on the same entry changes no hash.
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href^='#']");
    if (link && link.hash === location.hash) jumped();
  });
  new ResizeObserver(update).observe(document.body);
  jumped();
})();
