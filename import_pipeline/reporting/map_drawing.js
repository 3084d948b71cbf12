
// Drawing of a map on its canvas. `state` tells what is shown and picked: places, findings, off, picked, pickedFinding, over, shown.
function makeDrawing(data, canvas, view, state) {
  const ctx = canvas.getContext("2d");
  const WEIGHTS = [0, 2.2, 1.2, 0.8, 0.6], SIZES = [0, 14, 12, 11, 10.5];
  const { places, findings } = state;
  const plain = new Set(data.plain);
  plain.delete("deleted");
  const drawn = places.filter((p) => p.path);
  // Outlines grow thinner where the shapes of a level are small, or the map would be all outline.
  const typical = new Map([...new Set(drawn.map((p) => p.level))].map((level) => {
    const sizes = drawn.filter((p) => p.level === level).map((p) => Math.max(p.box.r - p.box.l, p.box.b - p.box.t)).sort((a, b) => a - b);
    return [level, sizes[sizes.length >> 1]];
  }));

  let colour = {}, hatch = {};
  const hatched = (line, d) => {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const c = tile.getContext("2d");
    c.strokeStyle = line;
    c.lineWidth = 1.6;
    c.stroke(new Path2D(d));
    return ctx.createPattern(tile, "repeat");
  };
  const readColours = () => {
    const style = getComputedStyle(document.documentElement);
    const names = ["sea", "halo", "land", "text", "level-1", "level-2", "level-3", "level-4", "created", "updated", "deleted", "pick", "pin",
      "lost-pin", "overlap", "gap", "outside", "orphan", "soft"];
    colour = Object.fromEntries(names.map((n) => [n, style.getPropertyValue("--" + n).trim()]));
    colour.outside_parent = colour.outside;
    colour.no_parent_territory = colour.orphan;
    hatch = { gap: hatched(colour.gap, "M-2 2l4-4M-1 9l10-10M6 10l4-4"), outside_parent: hatched(colour.outside, "M-2 6l4 4M-1-1l10 10M6-2l4 4") };
  };

  const inView = (b, l, t, r, bottom) => b.l <= r && b.r >= l && b.t <= bottom && b.b >= t;
  const weight = (p) => WEIGHTS[p.look] * Math.min(1, Math.max(0.2, typical.get(p.level) * view.s / 26));
  function draw() {
    const dpr = devicePixelRatio || 1, s = view.s;
    ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
    ctx.fillStyle = colour.sea;
    ctx.fillRect(0, 0, view.wide, view.high);
    const [l, t] = view.toUnits(0, 0), [r, b] = view.toUnits(view.wide, view.high);
    const near = drawn.filter((p) => state.shown(p) && inView(p.box, l, t, r, b));
    ctx.setTransform(dpr * s, 0, 0, dpr * s, -l * s * dpr, -t * s * dpr);
    ctx.lineJoin = "round";
    for (const p of near) {
      if (p.change === "deleted") continue;
      ctx.fillStyle = colour.land;
      ctx.fill(p.path, "evenodd");
    }
    for (const p of near) {
      if (!p.change || state.off.has(p.change)) continue;
      ctx.globalAlpha = p.change === "deleted" ? 0.12 : plain.has(p.change) ? 0.14 : 0.34;
      ctx.fillStyle = colour[p.change];
      ctx.fill(p.path, "evenodd");
    }
    ctx.globalAlpha = 1;
    for (let n = near.length - 1; n >= 0; n--) {
      const p = near[n];
      if (p.change !== "deleted") outline(p.path, colour["level-" + p.look], weight(p));
    }
    for (const p of near) {
      if (p.change && !state.off.has(p.change) && !plain.has(p.change)) outline(p.path, colour[p.change], weight(p) * 0.5 + 0.5, p.change === "deleted" ? [5, 4] : []);
    }
    for (let n = findings.length - 1; n >= 0; n--) if (inView(findings[n].box, l, t, r, b)) drawFinding(findings[n], n === state.pickedFinding);
    if (state.over >= 0 && state.over !== state.picked && places[state.over].path) outline(places[state.over].path, colour.pick, 1.6);
    if (state.picked >= 0 && places[state.picked].path) outline(places[state.picked].path, colour.pick, 3.4);
    drawPins(l, t, r, b);
    ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
    if (!state.off.has("titles")) drawTitles(near, l, t);
    drawScale();
  }
  const outline = (path, style, width, dashes = []) => {
    ctx.strokeStyle = style;
    ctx.lineWidth = width / view.s;
    ctx.setLineDash(dashes.map((d) => d / view.s));
    ctx.stroke(path);
    ctx.setLineDash([]);
  };
  const drawFinding = (f, strong) => {
    if (state.off.has(f.code) || !f.path) return;
    const line = colour[f.code] || colour.soft;
    if (f.code !== "no_parent_territory") {
      ctx.globalAlpha = 0.75;
      ctx.fillStyle = hatch[f.code] || line;
      if (hatch[f.code]) hatch[f.code].setTransform(new DOMMatrix([1 / view.s, 0, 0, 1 / view.s, 0, 0]));
      ctx.fill(f.path, "evenodd");
      ctx.globalAlpha = 1;
    }
    outline(f.path, line, strong ? 2.6 : 1.2, f.code === "no_parent_territory" ? [6, 4] : []);
    if (Math.max(f.box.r - f.box.l, f.box.b - f.box.t) * view.s < (strong ? 26 : 10)) {
      const ring = new Path2D();
      ring.arc((f.box.l + f.box.r) / 2, (f.box.t + f.box.b) / 2, (strong ? 22 : 7) / view.s, 0, 7);
      outline(ring, line, strong ? 2.6 : 1.6);
    }
  };
  const drawPins = (l, t, r, b) => {
    if (state.off.has("pins")) return;
    const radius = Math.min(4, Math.max(1.6, 1.2 + view.s * 2)) / view.s;
    for (const held of [1, 0]) {
      const dots = new Path2D();
      for (let n = 0; n < data.pins.length; n += 3) {
        const x = data.pins[n], y = data.pins[n + 1];
        if (data.pins[n + 2] !== held || x < l || x > r || y < t || y > b) continue;
        dots.moveTo(x + radius, y);
        dots.arc(x, y, radius, 0, 7);
      }
      outline(dots, colour.halo, 1.6);
      ctx.fillStyle = colour[held ? "pin" : "lost-pin"];
      ctx.fill(dots);
    }
  };
  const drawTitles = (near, l, t) => {
    const taken = [], s = view.s;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    ctx.lineJoin = "round";
    const ranked = near.filter((p) => p.change !== "deleted" && p.room[2] * s > 14 && p.room[3] * s > 9);
    ranked.sort((p, q) => p.level - q.level || q.room[2] * q.room[3] - p.room[2] * p.room[3]);
    for (const p of ranked.slice(0, 900)) {
      const x = (p.room[0] - l) * s, y = (p.room[1] - t) * s, room = p.room[2] * s;
      for (const size of [SIZES[p.look], SIZES[p.look] * 0.82]) {
        ctx.font = `${p.look === 1 ? 650 : 400} ${size}px system-ui, sans-serif`;
        const lines = fitting(p.title, room, p.room[3] * s, size);
        if (!lines) continue;
        const half = Math.max(...lines.map((w) => ctx.measureText(w).width)) / 2 + 3, tall = size * 0.62 * lines.length + 1;
        if (taken.some((o) => o.l < x + half && o.r > x - half && o.t < y + tall && o.b > y - tall)) continue;
        taken.push({ l: x - half, r: x + half, t: y - tall, b: y + tall });
        ctx.strokeStyle = colour.halo;
        ctx.lineWidth = 3;
        ctx.fillStyle = p.look === 1 ? colour.text : colour["level-2"];
        lines.forEach((words, n) => {
          const down = y + (n - (lines.length - 1) / 2) * size * 1.15;
          ctx.strokeText(words, x, down);
          ctx.fillText(words, x, down);
        });
        break;
      }
    }
  };
  const fitting = (title, room, tall, size) => {
    if (title.length > 80 || tall < size * 1.1) return null;
    if (ctx.measureText(title).width <= room) return [title];
    const middle = title.length / 2, blanks = [...title.matchAll(/\s+/g)].map((m) => m.index);
    if (!blanks.length || tall < 2.3 * size) return null;
    const cut = blanks.reduce((a, b) => (Math.abs(b - middle) < Math.abs(a - middle) ? b : a));
    const lines = [title.slice(0, cut), title.slice(cut).trim()];
    return lines.every((w) => ctx.measureText(w).width <= room * 0.92) ? lines : null;
  };
  const drawScale = () => {
    if (!drawn.length) return;
    const km = 6378.137 * data.unit / Math.cosh(data.top + view.y * data.unit) / view.s;
    const most = 120 * km, power = 10 ** Math.floor(Math.log10(most));
    const length = power * [5, 2, 1].find((n) => n * power <= most);
    const bar = document.getElementById("scale").firstElementChild;
    bar.style.width = Math.round(length / km) + "px";
    bar.textContent = length >= 1 ? length.toLocaleString("en") + " km" : Math.round(length * 1000) + " m";
  };
  return { draw, readColours };
}
