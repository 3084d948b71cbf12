/* The table of failed rows: a change is saved when its cell is left, and Enter goes to the row below. Without this file the page is saved
   by its button. */
"use strict";

(() => {
  const form = document.querySelector("form[data-mend]");
  if (!form) return;
  const status = form.querySelector("[role=status]");
  const conflicts = document.getElementById("conflicts");
  const waiting = new Map();
  document.querySelectorAll(".scripted").forEach((one) => { one.hidden = false; });
  form.querySelectorAll(".unscripted").forEach((one) => { one.hidden = true; });

  const cells = (row) => [...row.querySelectorAll("[name^='c-']")];
  const baseOf = (cell) => cell.dataset.base === undefined ? cell.defaultValue : cell.dataset.base;
  const told = (text) => { status.textContent = text; };

  function body(row, changed) {
    const sent = new URLSearchParams();
    for (const name of ["csrf", "show", "group", "page"]) sent.set(name, form.elements[name].value);
    const line = row.dataset.line;
    sent.set(`v-${line}`, row.querySelector(`[name='v-${line}']`).value);
    for (const cell of changed) {
      sent.append(cell.name, cell.value);
      sent.append(cell.name.replace("c-", "o-"), baseOf(cell));
    }
    return sent;
  }

  function refusedCell(cell, words) {
    const old = cell.parentElement.querySelector(".refused");
    if (old) old.remove();
    if (!words) return;
    const said = document.createElement("p");
    said.className = "error refused";
    said.id = cell.name.replace("c-", "w-");
    said.textContent = `Not saved: ${words}`;
    cell.after(said);
    cell.setAttribute("aria-describedby", said.id);
  }

  function shown(row, changed, answer) {
    const line = row.dataset.line;
    const conflict = answer.conflicts[line];
    for (const cell of changed) {
      const words = answer.wrong[cell.name.slice(2)];
      refusedCell(cell, words);
      if (!words && !conflict) cell.dataset.base = cell.dataset.sending;
    }
    if (line in answer.versions) {
      row.querySelector(`[name='v-${line}']`).value = answer.versions[line];
      const places = new Set(answer.changed[line].map(String));
      for (const cell of cells(row)) {
        const is = places.has(cell.name.split("-")[2]);
        cell.parentElement.classList.toggle("changed", is);
        if (is) cell.removeAttribute("aria-invalid");
        else if (cell.parentElement.classList.contains("wrong")) cell.setAttribute("aria-invalid", "true");
      }
      const mark = row.querySelector(".mark");
      mark.textContent = "";
      if (places.size) {
        const badge = document.createElement("span");
        badge.className = "badge warn";
        badge.textContent = "changed";
        mark.append(badge);
      }
      told(`Line ${line} is saved.`);
    }
    if (conflict) {
      conflicts.querySelectorAll(`[data-of='${line}']`).forEach((one) => one.remove());
      const piece = document.createElement("div");
      piece.dataset.of = line;
      piece.innerHTML = conflict;
      conflicts.append(piece);
      piece.scrollIntoView({ block: "nearest" });
      told(`Line ${line} is not saved: somebody else changed it.`);
    }
    if (Object.keys(answer.wrong).length) told(`Line ${line}: a cell could not be saved.`);
    const count = document.getElementById("changed");
    count.textContent = answer.count.toLocaleString("en");
    document.querySelectorAll("[data-changed]").forEach((one) => { one.textContent = answer.count.toLocaleString("en"); });
    const radio = document.querySelector(".send input[value=changed]");
    if (radio && answer.count && count.dataset.count === "0") radio.checked = true;
    count.dataset.count = answer.count;
  }

  async function save(row) {
    const changed = cells(row).filter((cell) => cell.value !== baseOf(cell));
    if (!changed.length) return;
    changed.forEach((cell) => { cell.dataset.sending = cell.value; });
    row.classList.add("saving");
    try {
      const answer = await fetch(form.action, { method: "POST", body: body(row, changed), headers: { "X-Desk-Fragment": "1" }, credentials: "same-origin", keepalive: true });
      if (answer.status === 401) return window.location.reload();
      if (!answer.ok) return told(`Not saved: ${(await answer.text()).slice(0, 300)}`);
      shown(row, changed, await answer.json());
    } catch {
      told("Not saved: the connection broke. The text is kept here; leave the cell once more to try again.");
    } finally {
      row.classList.remove("saving");
    }
  }

  /* One save of a row at a time: the next one needs the version that the one before gave. */
  function soon(row) {
    const before = waiting.get(row) || Promise.resolve();
    const next = before.then(() => save(row));
    waiting.set(row, next);
    next.finally(() => { if (waiting.get(row) === next) waiting.delete(row); });
  }

  form.addEventListener("focusout", (event) => {
    const cell = event.target.closest("[name^='c-']");
    if (cell && cell.value !== baseOf(cell)) soon(cell.closest("tr"));
  });
  form.addEventListener("keydown", (event) => {
    const cell = event.target.closest("[name^='c-']");
    if (!cell) return;
    if (event.key === "Escape") cell.value = baseOf(cell);
    if (event.key !== "Enter" || cell.tagName !== "INPUT" || event.isComposing) return;
    event.preventDefault();
    const place = cell.name.split("-")[2];
    const column = [...form.querySelectorAll("input[name^='c-'], textarea[name^='c-']")].filter((one) => one.name.split("-")[2] === place);
    const next = column[column.indexOf(cell) + (event.shiftKey ? -1 : 1)];
    if (next) next.focus();
    else soon(cell.closest("tr"));
  });
  form.addEventListener("click", (event) => {
    const jump = event.target.closest("a.jump");
    if (jump) {
      event.preventDefault();
      const wrong = document.getElementById(jump.hash.slice(1));
      wrong.focus({ preventScroll: true });
      wrong.scrollIntoView({ block: "nearest", inline: "center" });
      return;
    }
    const taken = event.target.closest("button.take");
    if (!taken) return;
    event.preventDefault();
    const cell = form.querySelector(`[name='c-${taken.value}']`);
    cell.value = taken.dataset.text;
    cell.focus();
    taken.hidden = true;
    soon(cell.closest("tr"));
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    form.querySelectorAll("tr[data-line]").forEach((row) => soon(row));
  });
  /* Other forms of the page, such as the one that sends the rows, go off when everything typed is saved. */
  document.addEventListener("submit", async (event) => {
    const other = event.target;
    if (other === form || !waiting.size) return;
    event.preventDefault();
    await Promise.allSettled(waiting.values());
    other.requestSubmit();
  });
  window.addEventListener("beforeunload", (event) => {
    const unsaved = cells(form).some((cell) => cell.value !== baseOf(cell) && cell.value !== cell.dataset.sending);
    if (unsaved) event.preventDefault();
  });
})();
