/* What pages of the desk do without being loaded anew: parts that refresh themselves, and uploads that show how far they are.
   Every page works without this file. */
"use strict";

/* <div data-refresh="/desk/…" data-every="1500">: its content is fetched again and again until an answer has the header X-Desk-Done;
   with data-then="reload" the page is loaded then. A reader is told only what changed (aria-live in the page). */
function refreshing(part) {
  let waits = Number(part.dataset.every || 2000);
  const again = () => window.setTimeout(look, waits);
  async function look() {
    if (document.hidden) return again();
    let answer;
    try {
      answer = await fetch(part.dataset.refresh, { headers: { "X-Desk-Fragment": "1" }, credentials: "same-origin" });
    } catch {
      waits = Math.min(waits * 2, 30000);
      return again();
    }
    if (answer.status === 401) return window.location.reload();
    if (!answer.ok) {
      waits = Math.min(waits * 2, 30000);
      return again();
    }
    waits = Number(part.dataset.every || 2000);
    const text = await answer.text();
    if (text !== part.dataset.shown) {
      part.dataset.shown = text;
      part.innerHTML = text;
    }
    if (!answer.headers.get("X-Desk-Done")) return again();
    if (part.dataset.then === "reload") window.location.reload();
  }
  again();
}

/* <form data-upload enctype="multipart/form-data">: sent with a progress bar; then the browser goes where the answer points. The form
   holds a <progress hidden> and an element with role="status" for words. */
function uploading(form) {
  form.addEventListener("submit", (event) => {
    const chosen = form.querySelector("input[type=file]");
    if (!chosen || !chosen.files.length) return;
    event.preventDefault();
    const bar = form.querySelector("progress"), words = form.querySelector("[role=status]");
    const buttons = form.querySelectorAll("button");
    const request = new XMLHttpRequest();
    const total = chosen.files[0].size;
    const told = (text) => { if (words) words.textContent = text; };
    buttons.forEach((one) => { if (!one.dataset.cancel) one.disabled = true; });
    if (bar) { bar.hidden = false; bar.max = 100; bar.value = 0; }
    request.open("POST", form.action);
    request.setRequestHeader("X-CSRF-Token", form.querySelector("input[name=csrf]").value);
    request.setRequestHeader("X-Desk-Upload", "1");
    request.setRequestHeader("X-Desk-Fragment", "1");
    request.upload.addEventListener("progress", (now) => {
      const part = now.total ? Math.floor(100 * now.loaded / now.total) : 0;
      if (bar) bar.value = part;
      told(part < 100 ? `${part} % of ${(total / 1e6).toFixed(1)} MB sent` : "sent, the file is being looked at …");
    });
    const failed = (text) => {
      buttons.forEach((one) => { one.disabled = false; });
      if (bar) bar.hidden = true;
      told(text);
    };
    request.addEventListener("load", () => {
      const to = request.getResponseHeader("X-Desk-Location");
      if (to && to.startsWith("/desk")) return window.location.assign(to);
      if (request.status === 401) return failed("you are signed out: sign in in another window, load this page again there, and send the file");
      form.dispatchEvent(new CustomEvent("desk:refused", { detail: request }));
      failed(request.responseText.length < 2000 && !request.responseText.startsWith("<") ? request.responseText : `the file was refused (${request.status})`);
    });
    request.addEventListener("error", () => failed("the connection broke; send the file again"));
    request.send(new FormData(form, event.submitter));
  });
}

document.querySelectorAll("[data-refresh]").forEach(refreshing);
document.querySelectorAll("form[data-upload]").forEach(uploading);
/* On a phone the parts of the desk scroll sideways: the one that is open is in sight. */
document.querySelector("header.top nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
