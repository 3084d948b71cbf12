
// The map of territories: draws what stands in #map-data (numbers only); every text is read from the tables of the page.
(() => {
  const data = JSON.parse(document.getElementById("map-data").textContent);
  const $ = (id) => document.getElementById(id);
  const canvas = $("map"), tip = $("tip"), card = $("card");
  const probe = document.createElement("canvas").getContext("2d");
  const CHANGES = ["", "created", "updated", "deleted"];
  const rows = [...document.querySelectorAll("#territories tbody tr")];
  const foundRows = [...document.querySelectorAll("#findings tbody tr")];

  const box = (a) => ({ l: a[0], t: a[1], r: a[2], b: a[3] });
  const places = data.territories.map((t, i) => ({
    row: rows[i], level: t[0], look: Math.min(Math.max(t[0], 1), 4), change: CHANGES[t[1]],
    path: t[2] ? new Path2D(t[2]) : null, box: box(t[3]), room: t[4],
    title: rows[i].querySelector("a").textContent, parent: t[5], findings: [],
  }));
  const findings = data.findings.map((f, i) => ({
    row: foundRows[i], code: f[0], path: f[1] ? new Path2D(f[1]) : null, box: box(f[2]), places: f[3],
  }));
  findings.forEach((f, i) => f.places.forEach((n) => places[n].findings.push(i)));

  // What the drawing looks at, and the view.
  const off = new Set();
  const state = { places, findings, off, picked: -1, pickedFinding: -1, over: -1 };
  state.shown = (p) => !off.has("level-" + p.level) && !(p.change === "deleted" && off.has("deleted"));
  let waiting = false;
  const later = () => {
    if (!waiting) requestAnimationFrame(() => { waiting = false; drawing.draw(); });
    waiting = true;
  };
  const view = makeView(data, canvas, later);
  const drawing = makeDrawing(data, canvas, view, state);
  const goTo = (box, part, most) => {
    tip.hidden = true;
    view.goTo(box, part, most);
  };

  // What lies under a point: the deepest level, and of several the smallest.
  const size = (p) => (p.box.r - p.box.l) * (p.box.b - p.box.t);
  const under = (x, y) => {
    const [ux, uy] = view.toUnits(x, y);
    let best = -1;
    places.forEach((p, n) => {
      if (!p.path || !state.shown(p) || ux < p.box.l || ux > p.box.r || uy < p.box.t || uy > p.box.b) return;
      if (best >= 0 && (p.level < places[best].level || (p.level === places[best].level && size(p) >= size(places[best])))) return;
      if (probe.isPointInPath(p.path, ux, uy, "evenodd")) best = n;
    });
    return best;
  };

  // Telling about one territory. Texts come from the tables and go in as text.
  const element = (name, text, to) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (to) to.append(made);
    return made;
  };
  const link = (row, words, to) => {
    const made = element("a", words, to);
    made.href = "#" + row.id;
    return made;
  };
  const cells = (p) => [...p.row.querySelectorAll("td")].map((c) => c.textContent);
  const facts = (p) => {
    const [area, pins] = cells(p);
    const told = [["Level", String(p.level)]];
    if (p.parent >= 0 || p.level > 1) told.push(["Parent", places[p.parent] || p.row.dataset.parent || "none"]);
    if (area) told.push(["Area", area + " km²"]);
    if (pins !== undefined) told.push(["Pins", pins]);
    if (p.change) told.push(["Change", p.change]);
    const below = places.filter((q) => q.parent >= 0 && places[q.parent] === p).length;
    if (below) told.push(["Below it", below.toLocaleString("en")]);
    return told;
  };
  const tell = (p) => {
    card.replaceChildren();
    const close = element("button", "×", card);
    close.type = "button";
    close.setAttribute("aria-label", "Close");
    close.addEventListener("click", () => pick(-1));
    element("h2", p.title, card);
    const list = element("dl", undefined, card);
    for (const [name, value] of facts(p)) {
      element("dt", name, list);
      const told = element("dd", undefined, list);
      if (typeof value === "string") told.textContent = value;
      else link(value.row, value.title, told);
    }
    if (p.findings.length) {
      element("dt", "Findings", list);
      const all = element("ul", undefined, element("dd", undefined, list));
      for (const n of p.findings.slice(0, 20)) {
        const [what, area, share] = [...findings[n].row.querySelectorAll("td")].map((c) => c.textContent.trim());
        const item = element("li", undefined, all);
        link(findings[n].row, what, item);
        item.append(": " + findings[n].row.querySelector("a").textContent + (area ? ", " + area + " km²" : "") + (share ? ", " + share : ""));
      }
      if (p.findings.length > 20) element("li", "and " + (p.findings.length - 20) + " more", all);
    }
    card.hidden = false;
  };
  const address = (hash) => {
    try { history.replaceState(null, "", hash || location.pathname + location.search); } catch { /* a page without an address */ }
  };
  const mark = () => {
    document.querySelectorAll("tr.picked").forEach((row) => row.classList.remove("picked"));
    if (state.picked >= 0) places[state.picked].row.classList.add("picked");
    if (state.pickedFinding >= 0) findings[state.pickedFinding].row.classList.add("picked");
  };
  const pick = (n, move = false) => {
    state.picked = n;
    state.pickedFinding = -1;
    mark();
    if (n < 0) card.hidden = true;
    else tell(places[n]);
    address(n < 0 ? "" : "#" + places[n].row.id);
    if (n >= 0 && move) {
      reveal("level-" + places[n].level);
      if (places[n].path) goTo(places[n].box, 0.62);
      bringMap();
    }
    later();
  };
  const pickFinding = (n) => {
    state.picked = -1;
    state.pickedFinding = n;
    card.hidden = true;
    mark();
    address("#" + findings[n].row.id);
    reveal(findings[n].code);
    // A small piece alone would tell nothing about where it is: some of the territory stays in view.
    const whole = findings[n].places.length ? places[findings[n].places[0]].box : findings[n].box;
    if (findings[n].path) goTo(findings[n].box, 0.3, 4 * Math.min(view.wide / Math.max(whole.r - whole.l, 1), view.high / Math.max(whole.b - whole.t, 1)));
    bringMap();
    later();
  };
  const bringMap = () => {
    const place = canvas.getBoundingClientRect();
    if (place.bottom < 120 || place.top > innerHeight - 120) canvas.scrollIntoView({ block: "center" });
  };
  const reveal = (layer) => {
    const input = document.querySelector(`input[data-layer="${layer}"]`);
    if (input && !input.checked) input.click();
  };
  const follow = (hash) => {
    const row = hash.length > 1 ? document.getElementById(hash.slice(1)) : null;
    const n = rows.indexOf(row), f = foundRows.indexOf(row);
    if (n >= 0) pick(n, true);
    else if (f >= 0) pickFinding(f);
    return n >= 0 || f >= 0;
  };

  // The pointer: drag, pinch, click, hover.
  const held = new Map();
  let travelled = 0, gap = 0;
  const spot = (event) => {
    const place = canvas.getBoundingClientRect();
    return [event.clientX - place.left, event.clientY - place.top];
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    held.set(event.pointerId, spot(event));
    if (held.size === 1) travelled = 0;
    gap = 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = spot(event), before = held.get(event.pointerId);
    if (!before) return hover(event, x, y);
    held.set(event.pointerId, [x, y]);
    travelled += Math.hypot(x - before[0], y - before[1]);
    if (travelled < 4) return undefined;
    canvas.classList.add("drag");
    tip.hidden = true;
    view.pan((x - before[0]) / held.size, (y - before[1]) / held.size);
    if (held.size === 2) {
      const [[ax, ay], [bx, by]] = [...held.values()], now = Math.hypot(ax - bx, ay - by);
      if (gap) view.zoom(now / gap, (ax + bx) / 2, (ay + by) / 2);
      gap = now;
    }
    return undefined;
  });
  const release = (event) => {
    const click = event.type === "pointerup" && held.size === 1 && held.has(event.pointerId) && travelled < 4;
    held.delete(event.pointerId);
    gap = 0;
    if (!held.size) canvas.classList.remove("drag");
    if (click) pick(under(...spot(event)));
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => {
    tip.hidden = true;
    if (state.over >= 0) later();
    state.over = -1;
  });
  const hover = (event, x, y) => {
    if (event.pointerType !== "mouse") return;
    const n = under(x, y);
    canvas.classList.toggle("over", n >= 0);
    if (n !== state.over) later();
    state.over = n;
    tip.hidden = n < 0;
    if (n < 0) return;
    const p = places[n], words = facts(p).map(([name, value]) => name.toLowerCase() + " " + (typeof value === "string" ? value : value.title));
    tip.replaceChildren(element("b", p.title), element("span", words.join(" · ")));
    for (const f of p.findings.slice(0, 3)) tip.append(element("span", findings[f].row.querySelector("td").textContent.trim() + ": " + findings[f].row.querySelector("a").textContent));
    const left = Math.min(x + 14, view.wide - tip.offsetWidth - 6), top = y + 18 + tip.offsetHeight > view.high ? y - tip.offsetHeight - 10 : y + 18;
    tip.style.transform = `translate(${Math.max(left, 4)}px, ${Math.max(top, 4)}px)`;
  };
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    view.zoom(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0018)), ...spot(event));
  }, { passive: false });
  canvas.addEventListener("dblclick", (event) => view.zoom(2, ...spot(event)));

  // Keys, buttons, layers, links, search.
  const KEYS = {
    ArrowLeft: () => view.pan(60, 0), ArrowRight: () => view.pan(-60, 0), ArrowUp: () => view.pan(0, 60), ArrowDown: () => view.pan(0, -60),
    "+": () => view.zoom(1.5), "=": () => view.zoom(1.5), "-": () => view.zoom(1 / 1.5), _: () => view.zoom(1 / 1.5), 0: view.showAll, Home: view.showAll,
    Enter: () => pick(under(view.wide / 2, view.high / 2)), " ": () => pick(under(view.wide / 2, view.high / 2)), Escape: () => pick(-1),
  };
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(KEYS, event.key)) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  const BUTTONS = { in: () => view.zoom(1.7), out: () => view.zoom(1 / 1.7), all: view.showAll };
  document.querySelectorAll("[data-do]").forEach((button) => button.addEventListener("click", () => BUTTONS[button.dataset.do]()));
  document.querySelectorAll("[data-layer]").forEach((input) => {
    const change = () => {
      if (input.checked) off.delete(input.dataset.layer);
      else off.add(input.dataset.layer);
      later();
    };
    input.addEventListener("change", change);
    change();
  });
  document.addEventListener("click", (event) => {
    const to = event.target instanceof Element ? event.target.closest('a[href^="#"]') : null;
    if (to && follow(to.hash)) event.preventDefault();
  });
  addEventListener("hashchange", () => follow(location.hash));
  const search = $("search");
  const lower = rows.map((row) => row.querySelector("a").textContent.toLowerCase());
  const matching = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const good = lower.map((title) => words.every((w) => title.includes(w)));
    rows.forEach((row, n) => { row.hidden = !good[n]; });
    const found = good.filter(Boolean).length;
    $("matches").textContent = words.length ? found.toLocaleString("en") + (found === 1 ? " territory" : " territories") : "";
    return good;
  };
  if (search) {
    search.addEventListener("input", matching);
    search.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      const first = matching().indexOf(true);
      if (first >= 0) pick(first, true);
    });
  }

  // Size and colours.
  const resize = () => {
    const first = view.resize();
    drawing.draw();
    // The browser goes to the row of the list by itself, after the page is loaded: the map is what was asked for.
    if (first && follow(location.hash)) addEventListener("load", () => setTimeout(bringMap, 100));
  };
  drawing.readColours();
  new ResizeObserver(resize).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { drawing.readColours(); later(); });
})();
