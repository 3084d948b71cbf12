/* Forms of exports: fields that a choice does not need are hidden, and a file that is being made says so. Works without this file. */
"use strict";

document.querySelectorAll("[data-moment]").forEach((part) => {
  const kind = part.querySelector("[data-kind]");
  const show = () => part.querySelectorAll("[data-for]").forEach((field) => {
    field.hidden = !field.dataset.for.split(" ").includes(kind.value);
  });
  kind.addEventListener("change", show);
  show();
});

document.querySelectorAll("form[data-making]").forEach((form) => {
  const words = form.querySelector(".actions [role=status]");
  form.addEventListener("submit", () => { words.textContent = "Asked for. The download begins when the file is complete."; });
  // The page stays when the download begins; whoever changes a field asks for something else.
  form.addEventListener("input", () => { words.textContent = ""; });
});
