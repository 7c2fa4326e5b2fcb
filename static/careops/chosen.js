/* "All on this page": ticks every dead letter that may be retried together with others. */
"use strict";

for (const all of document.querySelectorAll("[data-all]")) {
  all.hidden = false;
  all.querySelector("input").addEventListener("change", (event) => {
    for (const box of document.querySelectorAll('input[name="chosen"]')) box.checked = event.target.checked;
  });
}
