/* The list of steps: add, remove, move, choose the action, preview its texts. */
"use strict";

(() => {
  const { h, text, fragment, changed, data } = CareOps;
  const section = document.querySelector("[data-steps]");
  if (!section) return CareOps.conditions.enhance(document);

  const list = section.querySelector(".co-step-list");
  const total = section.querySelector("input[name$=TOTAL_FORMS]");
  const announce = (words) => { section.querySelector("[data-announce]").textContent = words; };
  const all = () => [...list.querySelectorAll(":scope > [data-step]")];
  const there = () => all().filter((step) => !step.classList.contains("co-step-removed"));
  const field = (step, name) => step.querySelector(`[name="${step.dataset.prefix}-${name}"]`);

  CareOps.steps = {
    /** The steps before this one whose results may be asked about. */
    before: (step) => there().slice(0, Math.max(0, there().indexOf(step))).filter((each) => field(each, "key").value)
      .map((each) => ({ key: field(each, "key").value, label: `${each.querySelector("[data-number]").textContent} (${field(each, "key").value})` })),
  };

  // ── Order ───────────────────────────────────────────────────────────────────────────────────────────
  function number() {
    all().forEach((step, place) => { field(step, "position").value = place; });
    there().forEach((step, place) => {
      step.querySelector("[data-number]").textContent = `${place + 1}.`;
      step.setAttribute("aria-label", text("step", place + 1));
      step.querySelector('[data-move="-1"]').disabled = place === 0;
      step.querySelector('[data-move="1"]').disabled = place === there().length - 1;
      const key = field(step, "key").value;
      step.querySelector("[data-key]").textContent = key ? `step.${key}.result` : "";
    });
    section.classList.toggle("co-steps-empty", all().length === 0);
    CareOps.conditions.refresh();
  }

  function move(step, by) {
    const steps = there();
    const other = steps[steps.indexOf(step) + by];
    if (!other) return;
    if (by < 0) other.before(step);
    else other.after(step);
    number();
    changed(field(step, "position"));
    const tool = step.querySelector(`[data-move="${by}"]`);
    (tool.disabled ? step.querySelector(`[data-move="${-by}"]`) : tool).focus();
    announce(text("moved", there().indexOf(step) + 1));
  }

  // ── Come and go ─────────────────────────────────────────────────────────────────────────────────────
  function add() {
    const index = Number(total.value);
    const holder = h("div");
    holder.innerHTML = section.querySelector("[data-empty-step]").innerHTML.replaceAll("__prefix__", index);
    const step = holder.firstElementChild;
    list.append(step);
    total.value = index + 1;
    take(step);
    number();
    field(step, "action").focus();
  }

  function remove(step, gone) {
    let box = field(step, "DELETE");
    if (!box) {
      box = h("input", { type: "checkbox", name: `${step.dataset.prefix}-DELETE`, class: "co-hidden", tabindex: "-1" });
      step.append(box);
    }
    box.checked = gone;
    step.classList.toggle("co-step-removed", gone);
    step.querySelector("[data-gone]").hidden = !gone;
    number();
    changed(box);
    if (gone) {
      announce(text("removed"));
      step.querySelector("[data-restore]").focus();
    } else field(step, "action").focus();
  }

  // ── The action and what it is told ──────────────────────────────────────────────────────────────────
  function newKey(action) {
    const taken = all().map((step) => field(step, "key").value);
    let number = 1;
    while (taken.includes(`${action}_${number}`)) number += 1;
    return `${action}_${number}`;
  }

  function chooseAction(step) {
    const action = field(step, "action").value;
    const template = action && section.querySelector(`[data-parameters-of="${CSS.escape(action)}"]`);
    step.querySelector("[data-parameters]").innerHTML = template ? template.innerHTML.replaceAll(data.placeholder, step.dataset.prefix) : "";
    const isSaved = field(step, "id")?.value;
    if (!isSaved) field(step, "key").value = action ? newKey(action) : "";
    number();
    preview(step);
  }

  async function preview(step) {
    const into = step.querySelector("[data-preview]");
    if (!into) return;
    const body = new FormData();
    body.set("csrfmiddlewaretoken", document.querySelector("[name=csrfmiddlewaretoken]").value);
    body.set("action", field(step, "action").value);
    body.set("prefix", step.dataset.prefix);
    for (const input of step.querySelectorAll("[data-parameters] [name]")) {
      if (input.type !== "checkbox" || input.checked) body.append(input.name, input.value);
    }
    const answer = await fragment(data.urls.preview, body);
    if (answer !== null) into.innerHTML = answer;
  }

  const waiting = new WeakMap();
  function previewSoon(step) {
    clearTimeout(waiting.get(step));
    waiting.set(step, setTimeout(() => preview(step), 400));
  }

  // ── Listening ───────────────────────────────────────────────────────────────────────────────────────
  function take(step) {
    CareOps.conditions.enhance(step);
    preview(step);
  }

  section.addEventListener("click", (event) => {
    const step = event.target.closest("[data-step]");
    const tool = event.target.closest("button");
    if (!tool) return;
    if ("addStep" in tool.dataset) add();
    else if (tool.dataset.move) move(step, Number(tool.dataset.move));
    else if ("remove" in tool.dataset) remove(step, true);
    else if ("restore" in tool.dataset) remove(step, false);
  });
  section.addEventListener("change", (event) => {
    if (event.target.matches("[data-action]")) chooseAction(event.target.closest("[data-step]"));
  });
  section.addEventListener("input", (event) => {
    if (event.target.closest("[data-parameters]")) previewSoon(event.target.closest("[data-step]"));
  });
  new MutationObserver(number).observe(list, { childList: true });

  section.classList.add("co-alive");
  CareOps.conditions.enhance(document);
  all().forEach((step) => preview(step));
  all().filter((step) => field(step, "DELETE")?.checked).forEach((step) => remove(step, true));
  number();
})();
