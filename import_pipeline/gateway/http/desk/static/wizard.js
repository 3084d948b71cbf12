/* What makes the wizard quicker: a file that is dropped, the count of mapped columns, a start that is pressed once.
   Every step works without this file. */
"use strict";

/* <form data-drop>: a file may be dropped anywhere on it. One that is too large is told before it is sent. */
function dropping(form) {
  const input = form.querySelector("input[type=file]"), place = form.querySelector(".drop");
  const words = form.querySelector("[role=status]"), limit = Number(input.dataset.limit);
  const chosen = () => {
    const file = input.files[0], large = file && file.size > limit;
    place.classList.toggle("wrong", Boolean(large));
    input.setCustomValidity(large ? "the file is too large" : "");
    if (large) words.textContent = `${file.name} has ${(file.size / 1e6).toFixed(1)} MB; at most ${(limit / 1e6).toFixed(1)} MB are taken`;
    else words.textContent = file ? `${file.name} is chosen` : "";
  };
  input.addEventListener("change", chosen);
  const over = (event, on) => {
    if (!event.dataTransfer || !Array.from(event.dataTransfer.types).includes("Files")) return;
    event.preventDefault();
    place.classList.toggle("over", on);
  };
  form.addEventListener("dragover", (event) => over(event, true));
  form.addEventListener("dragleave", (event) => over(event, form.contains(event.relatedTarget)));
  form.addEventListener("drop", (event) => {
    over(event, false);
    const files = event.dataTransfer ? event.dataTransfer.files : [];
    if (files.length > 1) words.textContent = "one import takes one file";
    else if (files.length === 1) {
      input.files = files;
      chosen();
    }
  });
  /* Refused because another window was quicker: the next try keeps what stands here. */
  form.addEventListener("desk:refused", (event) => {
    place.classList.add("wrong");
    const newest = event.detail.getResponseHeader("X-Desk-Version");
    if (newest) form.querySelector("input[name=version]").value = newest;
  });
}

/* <form data-map>: tells how many columns are imported, and marks a field that is chosen twice before it is sent. */
function mapping(form) {
  const told = document.querySelector("[data-taken]"), selects = Array.from(form.querySelectorAll("select"));
  form.addEventListener("change", () => {
    const keys = selects.map((one) => one.value).filter(Boolean);
    told.textContent = `${keys.length} of ${selects.length} ${selects.length === 1 ? "column" : "columns"} ${keys.length === 1 ? "is" : "are"} imported.`;
    selects.forEach((one) => {
      const twice = one.value && keys.filter((key) => key === one.value).length > 1;
      one.setCustomValidity(twice ? `${one.value} is chosen for two columns` : "");
      one.toggleAttribute("aria-invalid", false);
      if (twice) one.setAttribute("aria-invalid", "true");
    });
  });
}

/* <form data-once>: a second press of the button does nothing. */
function once(form) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "1";
    form.querySelectorAll("button").forEach((one) => one.setAttribute("aria-disabled", "true"));
  });
  window.addEventListener("pageshow", () => { delete form.dataset.sent; });
}

/* <form data-confirm="…">: what cannot be taken back is asked once more. */
function confirming(form) {
  form.addEventListener("submit", (event) => { if (!window.confirm(form.dataset.confirm)) event.preventDefault(); });
}

document.querySelectorAll("form[data-confirm]").forEach(confirming);
document.querySelectorAll("form[data-drop]").forEach(dropping);
document.querySelectorAll("form[data-map]").forEach(mapping);
document.querySelectorAll("form[data-once]").forEach(once);
