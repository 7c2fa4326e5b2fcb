/* Buttons that ask the server about the page as it stands, unsaved: the audience, and the whole in words. */
"use strict";

(() => {
  const { h, text, fragment, data } = CareOps;

  async function ask(button) {
    const into = document.getElementById(button.dataset.into);
    button.disabled = true;
    into.setAttribute("aria-busy", "true");
    into.replaceChildren(h("p", { class: "co-working" }, text("working")));
    const answer = await fragment(data.urls[button.dataset.ask], new FormData(document.querySelector("#content-main form[method=post][id]")));
    into.removeAttribute("aria-busy");
    button.disabled = false;
    if (answer === null) into.replaceChildren(h("p", { class: "co-errors" }, text("failed")));
    else into.innerHTML = answer;
  }

  for (const button of document.querySelectorAll("[data-ask]")) button.addEventListener("click", () => ask(button));
})();
