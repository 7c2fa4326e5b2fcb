/* "All on this page": ticks every dead letter except those of unknown outcome, which are looked at one by one. */
"use strict";

for (const all of document.querySelectorAll("[data-all]")) {
  all.hidden = false;
  all.querySelector("input").addEventListener("change", (event) => {
    for (const box of document.querySelectorAll('input[name="chosen"]:not([data-held])')) box.checked = event.target.checked;
  });
}
