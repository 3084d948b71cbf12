
"use strict";
// The view of a map: `x`, `y` is the unit of the sheet in the middle, `s` pixels per unit, `wide` and `high` pixels of the canvas.
// `later` asks for a new drawing.
function makeView(data, canvas, later) {
  const view = { x: data.width / 2, y: data.height / 2, s: 1, wide: 0, high: 0 };
  let moving = 0;
  const fitted = () => Math.min((view.wide - 32) / data.width, (view.high - 48) / data.height);
  const limit = () => {
    view.s = Math.min(Math.max(view.s, fitted() * 0.5), Math.max(12, fitted()));
    view.x = Math.min(Math.max(view.x, 0), data.width);
    view.y = Math.min(Math.max(view.y, 0), data.height);
  };
  const toUnits = (x, y) => [view.x + (x - view.wide / 2) / view.s, view.y + (y - view.high / 2) / view.s];
  const zoom = (factor, x = view.wide / 2, y = view.high / 2) => {
    cancelAnimationFrame(moving);
    const [ux, uy] = toUnits(x, y);
    view.s *= factor;
    limit();
    view.x = ux - (x - view.wide / 2) / view.s;
    view.y = uy - (y - view.high / 2) / view.s;
    limit();
    later();
  };
  const pan = (dx, dy) => {
    cancelAnimationFrame(moving);
    view.x -= dx / view.s;
    view.y -= dy / view.s;
    limit();
    later();
  };
  const goTo = (b, part, most = 3) => {
    cancelAnimationFrame(moving);
    const from = { s: view.s, x: view.x, y: view.y };
    const s = Math.min(part * view.wide / Math.max(b.r - b.l, 1), part * view.high / Math.max(b.b - b.t, 1), Math.max(most, fitted()));
    const to = { x: (b.l + b.r) / 2, y: (b.t + b.b) / 2, s };
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      Object.assign(view, to);
      limit();
      return later();
    }
    const start = performance.now();
    const step = (now) => {
      const k = Math.min(Math.max((now - start) / 320, 0), 1), ease = k * k * (3 - 2 * k);
      view.s = from.s * (to.s / from.s) ** ease;
      // Places move as the picture grows, so that the target does not leave the view on the way.
      const share = from.s === to.s ? ease : (1 / from.s - 1 / view.s) / (1 / from.s - 1 / to.s);
      view.x = from.x + (to.x - from.x) * share;
      view.y = from.y + (to.y - from.y) * share;
      limit();
      later();
      if (k < 1) moving = requestAnimationFrame(step);
    };
    moving = requestAnimationFrame(step);
  };
  const showAll = () => goTo({ l: 0, t: 0, r: data.width, b: data.height }, 1, 0);
  const resize = () => {
    const first = !view.wide, dpr = devicePixelRatio || 1;
    const whole = !first && Math.abs(view.s / fitted() - 1) < 0.01;
    view.wide = canvas.clientWidth;
    view.high = canvas.clientHeight;
    canvas.width = Math.round(view.wide * dpr);
    canvas.height = Math.round(view.high * dpr);
    if (first || whole) Object.assign(view, { x: data.width / 2, y: data.height / 2, s: fitted() });
    limit();
    return first;
  };
  return Object.assign(view, { toUnits, zoom, pan, goTo, showAll, resize });
}
