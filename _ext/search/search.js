// The search page: looks through the text of all sections (booktext.js).
(() => {
  const AT_ONCE = 20; // results that are shown before somebody asks for more
  const EXCERPT = 230; // characters
  const field = document.querySelector(".llm-search input[name=q]");
  const form = field.form;
  const status = document.querySelector(".llm-search-status");
  const list = document.querySelector(".llm-search-results");
  const more = document.querySelector(".llm-search-more");

  // ------------------------------------------------------------------ what is asked
  /** The words of a question; what stands in quotation marks is one. */
  function wordsOf(question) {
    const found = question.matchAll(/["“„]([^"“”]+)["”]|(\S+)/g);
    return [...found].map((m) => (m[1] ?? m[2]).trim()).filter((w) => /[\p{L}\p{N}]/u.test(w));
  }

  /** A pattern for a word where it begins, in the singular or the plural, in British
   * or American spelling, with a hyphen, a space or nothing between its parts. */
  function patternOf(word) {
    const core = word
      .replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, "")
      .replace(/[.*+?^${}()|[\]\\/]/g, "\\$&")
      .replace(/i[sz](?=e|ing|ation)/gi, "i[sz]")
      .replace(/y[sz](?=e|ing)/gi, "y[sz]")
      .replace(/(?<=\p{L})ou?r(?=$|s|ed|ing|al)/giu, "ou?r")
      .replace(/(?<=\p{L}{2})(?:ies|y)$/iu, "(?:y|ies)")
      .replace(/(?<=\p{L}{2}[^su])s$/iu, "s?")
      .replace(/\s*[-‐–\s]\s*/g, "[-‐–\\s]?");
    return new RegExp(`(?<![\\p{L}\\p{N}])${core}`, "giu");
  }

  // ------------------------------------------------------------------ what is found
  const sections = globalThis.llmBookText.flatMap((page) =>
    page.sections.map(([anchor, number, title, text, code]) => ({
      page, anchor, title, text, code, heading: number ? `${number} ${title}` : title,
      term: anchor.startsWith("term-"),
    })),
  );

  function count(pattern, text) {
    return text.match(pattern)?.length ?? 0;
  }

  /** Does a pattern match the whole of a text? */
  function isWhole(pattern, text) {
    return [...text.matchAll(pattern)].some((m) => m.index === 0 && m[0].length === text.length);
  }

  /** How well a section answers: words in its title weigh most, a term of the glossary
   * that was asked for by its name comes first, then what defines a name of the code. */
  function score(section, words, patterns, whole) {
    let sum = 0;
    for (const pattern of patterns) {
      const inTitle = count(pattern, section.heading), inText = count(pattern, section.text);
      const inCode = count(pattern, section.code);
      if (!inTitle && !inText && !inCode) return 0;
      sum += (inTitle ? 12 : 0) + Math.min(inText, 8) + Math.min(inCode, 2);
    }
    if (isWhole(whole, section.title)) sum += section.term ? 200 : 30;
    const code = section.code.toLowerCase();
    const begins = words.flatMap((word) => [`def ${word}(`, `class ${word}`]);
    if (begins.some((begin) => code.includes(begin.toLowerCase()))) sum += 50;
    return sum + Math.min(6 * count(whole, section.text), 24);
  }

  function search(question) {
    const words = wordsOf(question);
    if (!words.length) return { patterns: [], found: [] };
    const patterns = words.map(patternOf);
    const whole = patternOf(words.join(" "));
    const found = sections
      .map((section) => ({ section, score: score(section, words, patterns, whole) }))
      .filter((hit) => hit.score > 0)
      .sort((a, b) => b.score - a.score) // equals stay in the order of the book
      .map((hit) => hit.section);
    return { patterns, found };
  }

  // ------------------------------------------------------------------ what is shown
  function element(name, className = "", content = "") {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.append(content);
    return made;
  }

  /** Where the patterns match, in order, without overlaps. */
  function places(text, patterns) {
    const all = patterns.flatMap((pattern, i) =>
      [...text.matchAll(pattern)].map((m) => [m.index, m.index + m[0].length, i]));
    all.sort((a, b) => a[0] - b[0] || b[1] - a[1]);
    return all.filter((p, i) => i === 0 || p[0] >= Math.max(...all.slice(0, i).map((q) => q[1])));
  }

  /** The text with its matches marked, to the end of the word. */
  function marked(text, patterns) {
    const made = document.createDocumentFragment();
    let at = 0;
    for (const [start, end] of places(text, patterns)) {
      const rest = text.slice(end).match(/^[\p{L}\p{N}]*/u)[0].length;
      if (start < at) continue;
      made.append(text.slice(at, start), element("mark", "", text.slice(start, end + rest)));
      at = end + rest;
    }
    made.append(text.slice(at));
    return made;
  }

  /** The piece of a text that holds the most different words, then the most matches. */
  function excerpt(text, patterns) {
    const all = places(text, patterns);
    let best = 0, bestValue = -1;
    for (const [start] of all) {
      const inside = all.filter((p) => p[0] >= start && p[1] <= start + EXCERPT - 60);
      const value = 100 * new Set(inside.map((p) => p[2])).size + inside.length;
      if (value > bestValue) [best, bestValue] = [start, value];
    }
    let from = Math.max(0, best - 60), to = Math.min(text.length, from + EXCERPT);
    from = Math.max(0, to - EXCERPT);
    if (from > 0) from = text.indexOf(" ", from) + 1;
    if (to < text.length) to = text.lastIndexOf(" ", to);
    return (from > 0 ? "… " : "") + text.slice(from, to) + (to < text.length ? " …" : "");
  }

  /** The excerpt of a section: of its code only where its prose holds less. */
  function excerptOf({ text, code }, patterns) {
    const inText = patterns.filter((pattern) => count(pattern, text)).length;
    const inCode = patterns.filter((pattern) => count(pattern, code)).length;
    const source = inCode > inText ? code : text;
    const content = marked(excerpt(source, patterns), patterns);
    const shown = source === code ? element("code", "", content) : content;
    return source ? [element("p", "llm-search-excerpt", shown)] : [];
  }

  function result(section, patterns) {
    const { page, anchor, heading } = section;
    const item = element("li");
    const link = element("a", "", marked(heading, patterns));
    link.href = page.url + (anchor ? `#${anchor}` : "");
    item.append(element("h2", "", link));
    const where = [page.place, page.title].filter(Boolean).join(" · ");
    if (anchor) item.append(element("p", "llm-search-place", where));
    else if (page.place) item.append(element("p", "llm-search-place", page.place));
    item.append(...excerptOf(section, patterns));
    return item;
  }

  function number(n, word) {
    return `${n} ${word}${n === 1 ? "" : "s"}`;
  }

  let shown = { patterns: [], found: [] };

  function showMore() {
    const from = list.childElementCount;
    const next = shown.found.slice(from, from + AT_ONCE);
    list.append(...next.map((section) => result(section, shown.patterns)));
    const rest = shown.found.length - list.childElementCount;
    more.hidden = rest === 0;
    more.textContent = `Show ${Math.min(rest, AT_ONCE)} of ${rest} more`;
    return from;
  }

  function show(question) {
    shown = search(question);
    list.replaceChildren();
    showMore();
    document.title = question ? `${question} – ${title}` : title;
    if (!shown.patterns.length) status.textContent = "";
    else if (!shown.found.length) status.textContent = `No section holds ${question}. Try fewer words, or another form of the word.`;
    else {
      const n = new Set(shown.found.map((section) => section.page)).size;
      status.textContent = `${number(shown.found.length, "section")} on ${number(n, "page")}`;
    }
  }

  // ------------------------------------------------------------------ who asks
  const title = document.title;
  let waiting;

  function ask() {
    const question = field.value.trim();
    const address = question ? `?q=${encodeURIComponent(question)}` : location.pathname;
    history.replaceState(null, "", address);
    show(question);
  }

  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(ask, 200);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(waiting);
    ask();
  });
  more.addEventListener("click", () => {
    const first = showMore();
    list.children[first].querySelector("a").focus();
  });
  // The arrow keys go from the field through the results, and back.
  document.querySelector(".llm-search").addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || event.target === more) return;
    const stops = [field, ...list.querySelectorAll("a")];
    const next = stops[stops.indexOf(document.activeElement) + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
  });

  field.value = new URLSearchParams(location.search).get("q") ?? "";
  show(field.value.trim());
  field.focus();
  field.select();
})();
