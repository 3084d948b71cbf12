/* Parts that refresh themselves keep the place of whoever works with the keyboard: what had the focus and was drawn anew has it again.
   Works beside desk.js; pages without this file lose the place only. */
"use strict";

document.querySelectorAll("[data-refresh]").forEach((part) => {
  let held = "";
  part.addEventListener("focusin", (event) => { held = event.target.id || ""; });
  part.addEventListener("focusout", (event) => { if (event.target.isConnected && event.relatedTarget) held = ""; });
  new MutationObserver(() => {
    const lost = held && (document.activeElement === document.body || document.activeElement === null);
    const again = lost && document.getElementById(held);
    if (again && part.contains(again)) again.focus({ preventScroll: true });
  }).observe(part, { childList: true });
});
