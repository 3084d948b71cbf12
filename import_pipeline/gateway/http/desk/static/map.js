/* The map of territories: zoom, pan, and the tie between the map and the tables. The page tells the same without this file. */
"use strict";

document.querySelectorAll("[data-map]").forEach((sheet) => {
  const svg = sheet.querySelector("svg"), titles = svg.querySelector(".titles");
  const [, , wide, high] = svg.getAttribute("viewBox").split(" ").map(Number);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const words = [...titles.querySelectorAll("text")].map((text) => ({ text, x: +text.getAttribute("x"), y: +text.getAttribute("y"), wide: +text.dataset.wide, high: +text.dataset.high }));
  const hatches = svg.querySelectorAll("pattern[patternTransform]"), marks = svg.querySelectorAll(".mark");
  let view = { x: 0, y: 0, s: 1 };   // the unit at the left top, and units of the sheet per unit of the view's width as a share
  let waiting = 0;

  sheet.classList.add("live");

  // What is seen: x, y, width and height in units of the sheet, in the proportions of the picture.
  const box = () => {
    const ratio = svg.clientHeight / Math.max(svg.clientWidth, 1);
    const fit = Math.max(wide, high / Math.max(ratio, 0.05)) * 1.04;
    return { w: fit / view.s, h: fit * ratio / view.s };
  };
  const limit = () => {
    view.s = Math.min(Math.max(view.s, 1), 400);
    const { w, h } = box();
    const keep = (at, seen, whole) => (seen >= whole ? (whole - seen) / 2 : Math.min(Math.max(at, -seen * 0.2), whole - seen * 0.8));
    view.x = keep(view.x, w, wide);
    view.y = keep(view.y, h, high);
  };
  const draw = () => {
    waiting = 0;
    limit();
    const { w, h } = box();
    svg.setAttribute("viewBox", `${view.x.toFixed(1)} ${view.y.toFixed(1)} ${w.toFixed(1)} ${h.toFixed(1)}`);
    const pixel = w / Math.max(svg.clientWidth, 1), size = 13 * pixel, taken = [];
    titles.setAttribute("font-size", size.toFixed(2));
    for (const one of words) {
      const half = one.text.textContent.length * size * 0.33, b = { l: one.x - half, r: one.x + half, t: one.y - size * 0.7, b: one.y + size * 0.7 };
      const fits = 2 * half <= one.wide && size <= one.high && !taken.some((o) => o.l < b.r && o.r > b.l && o.t < b.b && o.b > b.t);
      one.text.classList.toggle("unfit", !fits);
      if (fits) taken.push(b);
    }
    hatches.forEach((one) => one.setAttribute("patternTransform", `scale(${pixel.toFixed(4)})`));
    marks.forEach((one) => one.classList.toggle("unfit", one.dataset.size / pixel > 14));
    svg.querySelector(".scale text").setAttribute("font-size", size.toFixed(2));
  };
  const later = () => { waiting = waiting || requestAnimationFrame(draw); };
  const zoom = (factor, px = 0.5, py = 0.5) => {
    const before = box();
    const x = view.x + before.w * px, y = view.y + before.h * py;
    view.s = Math.min(Math.max(view.s * factor, 1), 400);
    const after = box();
    view.x = x - after.w * px;
    view.y = y - after.h * py;
    later();
  };
  const pan = (dx, dy) => { const { w, h } = box(); view.x += w * dx; view.y += h * dy; later(); };
  const showAll = () => { view = { x: 0, y: 0, s: 1 }; later(); };
  const goTo = ([l, t, r, b]) => {
    view.s = 1;
    const whole = box();
    view.s = Math.min(whole.w / Math.max((r - l) * 1.8, 300), whole.h / Math.max((b - t) * 1.8, 300), 400);
    const { w, h } = box();
    view.x = (l + r - w) / 2;
    view.y = (t + b - h) / 2;
    later();
  };

  // Buttons and keys.
  const buttons = document.createElement("div");
  buttons.className = "buttons";
  for (const [label, sign, act] of [["Zoom in", "+", () => zoom(1.6)], ["Zoom out", "−", () => zoom(1 / 1.6)], ["Show all", "⤢", showAll]]) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "button", textContent: sign });
    button.setAttribute("aria-label", label);
    button.addEventListener("click", act);
    buttons.append(button);
  }
  sheet.append(buttons);
  const keys = Object.assign(document.createElement("p"), { className: "hint keys", textContent: "Drag or arrow keys move the map; the buttons, + and −, or Ctrl with the wheel zoom; 0 shows all." });
  sheet.append(keys);
  sheet.tabIndex = 0;
  const KEYS = {
    ArrowLeft: () => pan(-0.15, 0), ArrowRight: () => pan(0.15, 0), ArrowUp: () => pan(0, -0.15), ArrowDown: () => pan(0, 0.15),
    "+": () => zoom(1.6), "=": () => zoom(1.6), "-": () => zoom(1 / 1.6), 0: showAll, Escape: () => pick(null),
  };
  sheet.addEventListener("keydown", (event) => {
    if (event.target !== sheet || event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(KEYS, event.key)) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  svg.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && view.s === 1 && event.deltaY > 0) return;   // the page scrolls where there is nothing to zoom out of
    event.preventDefault();
    const place = svg.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY * (event.deltaMode === 1 ? 16 : 1) * (event.ctrlKey ? 0.01 : 0.0018)), (event.clientX - place.left) / place.width, (event.clientY - place.top) / place.height);
  }, { passive: false });

  // Dragging, and picking by a click that was no drag.
  let from = null;
  svg.addEventListener("pointerdown", (event) => { if (event.button === 0 && event.isPrimary) from = { x: event.clientX, y: event.clientY, moved: false }; });
  window.addEventListener("pointermove", (event) => {
    if (!from || !event.isPrimary) return;
    const dx = event.clientX - from.x, dy = event.clientY - from.y;
    if (!from.moved && Math.hypot(dx, dy) < 5) return;
    from = { x: event.clientX, y: event.clientY, moved: true };
    pan(-dx / svg.clientWidth, -dy / svg.clientHeight);
  });
  for (const end of ["pointerup", "pointercancel"]) window.addEventListener(end, (event) => {
    const moved = from?.moved ?? true;
    from = null;
    if (end === "pointerup" && !moved && event.target instanceof Element) pick(event.target.closest("[data-n], [data-finding]"), true);
  });

  // The tie between map and tables: what is pointed at or focused lights up in both, what is picked stays.
  const partsOf = (one) => (one.dataset.finding !== undefined ? all(`[data-finding="${one.dataset.finding}"]`) : all(`[data-n="${one.dataset.n}"]`));
  const light = (one, on) => partsOf(one).forEach((part) => part.classList.toggle("lit", on));
  function pick(one, scroll = false) {
    all(".picked").forEach((part) => part.classList.remove("picked"));
    if (!one) return;
    for (const part of partsOf(one)) {
      part.classList.add("picked");
      if (scroll && part.tagName === "TR") part.scrollIntoView({ block: "nearest" });
    }
  }
  all("[data-n], [data-finding]").forEach((one) => {
    for (const [name, on] of [["pointerenter", true], ["pointerleave", false], ["focusin", true], ["focusout", false]]) one.addEventListener(name, () => light(one, on));
  });
  all("a[data-box]").forEach((link) => link.addEventListener("click", (event) => {
    event.preventDefault();
    history.replaceState(null, "", link.getAttribute("href"));
    pick(link.closest("tr"));
    goTo(link.dataset.box.split(" ").map(Number));
    if (sheet.getBoundingClientRect().top < 0 || sheet.getBoundingClientRect().top > window.innerHeight / 2) sheet.scrollIntoView({ block: "start" });
  }));

  // Search in the list.
  const search = document.querySelector("[data-search]");
  if (search) {
    const input = search.querySelector("input"), told = search.querySelector("[role=status]");
    const rows = all("tr[data-n]").map((row) => ({ row, title: (row.querySelector("th a") || row.querySelector("th")).textContent.toLowerCase() }));
    search.hidden = rows.length < 8;
    input.addEventListener("input", () => {
      const wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let found = 0;
      for (const one of rows) {
        one.row.hidden = !wanted.every((word) => one.title.includes(word));
        found += !one.row.hidden;
      }
      told.textContent = wanted.length ? `${found.toLocaleString("en")} found` : "";
    });
  }

  // As high as the map needs at this width, and no higher than leaves the words below in sight.
  const size = () => { svg.style.height = `${Math.round(Math.min(Math.max(1.04 * svg.clientWidth * high / wide, 260), window.innerHeight * 0.74))}px`; later(); };
  new ResizeObserver(size).observe(sheet);
  size();
  const target = location.hash && document.querySelector(`a[href="${CSS.escape(location.hash).replace("\\#", "#")}"]`);
  draw();
  if (target) { pick(target.closest("tr")); goTo(target.dataset.box.split(" ").map(Number)); }
});
