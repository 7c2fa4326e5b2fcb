/* The trigger picker: a search box over the select, and a card that says what the chosen event is. */
"use strict";

(() => {
  const { h, text, fragment, changed, data } = CareOps;
  const select = document.querySelector("select[data-trigger]");
  if (!select) return;

  const find = (name) => data.triggers.find((each) => each.name === name);
  const models = () => (find(select.value) || { models: [] }).models;
  CareOps.trigger = { models };

  let shown = [];
  let active = -1;
  const card = h("div", { class: "co-card", role: "status" });
  const list = h("ul", { class: "co-options", role: "listbox", id: "trigger-options", hidden: true });
  const input = h("input", {
    type: "text", id: "trigger-search", class: "co-input co-search", role: "combobox", autocomplete: "off", spellcheck: "false",
    "aria-controls": "trigger-options", "aria-expanded": "false", "aria-autocomplete": "list", placeholder: text("search_trigger"),
  });
  const heard = h("p", { class: "co-hidden", role: "status" });

  function matching(words) {
    const parts = words.toLowerCase().split(/\s+/).filter(Boolean);
    const haystack = (each) => `${each.name} ${each.says} ${each.noun} ${each.vocabulary}`.toLowerCase();
    const found = data.triggers.filter((each) => parts.every((part) => haystack(each).includes(part)));
    const isNamed = (each) => parts.every((part) => `${each.name} ${each.noun}`.toLowerCase().includes(part));
    return [...found.filter(isNamed), ...found.filter((each) => !isNamed(each))];
  }

  function draw() {
    const groups = Map.groupBy ? Map.groupBy(shown, (each) => each.noun) : group(shown);
    shown = [...groups.values()].flat();
    let index = 0;
    const option = (each) => {
      const place = index++;
      return h("li", {
        role: "option", id: `trigger-option-${place}`, "aria-selected": String(place === active), class: "co-option",
        onmousedown: (event) => { event.preventDefault(); choose(each.name); },
      }, h("span", { class: "co-option-name" }, each.name, each.vocabulary ? h("span", { class: "co-tag" }, each.vocabulary) : null), h("span", { class: "co-soft" }, each.says));
    };
    list.replaceChildren(...[...groups].map(([noun, of]) =>
      h("li", { role: "presentation" }, h("p", { class: "co-option-group", "aria-hidden": "true" }, noun), h("ul", { role: "group", "aria-label": noun }, of.map(option)))));
    if (!shown.length) list.replaceChildren(h("li", { class: "co-option co-soft", role: "presentation" }, text("nothing_found")));
    input.setAttribute("aria-activedescendant", active >= 0 ? `trigger-option-${active}` : "");
    list.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }

  function group(found) {
    const groups = new Map();
    for (const each of found) groups.set(each.noun, [...(groups.get(each.noun) || []), each]);
    return groups;
  }

  function openList(words) {
    shown = matching(words);
    active = words && shown.length ? 0 : -1;
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    heard.textContent = text("found", shown.length);
    draw();
  }

  function close() {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.value = select.value;
  }

  function choose(name) {
    if (!find(name)) return;
    select.value = name;
    changed(select);
    close();
    tellAll();
  }

  async function tellAll() {
    CareOps.conditions.refresh();
    card.innerHTML = select.value ? (await fragment(`${data.urls.trigger}?name=${encodeURIComponent(select.value)}`)) || "" : "";
  }

  function keys(event) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) return openList("");
      if (!shown.length) return;
      active = (active + (event.key === "ArrowDown" ? 1 : -1) + shown.length) % shown.length;
      draw();
    } else if (event.key === "Enter" && !list.hidden) {
      event.preventDefault();
      if (active >= 0) choose(shown[active].name);
    } else if (event.key === "Escape" && !list.hidden) {
      event.stopPropagation();
      close();
    }
  }

  input.addEventListener("input", () => openList(input.value));
  input.addEventListener("focus", () => input.select());
  input.addEventListener("click", () => list.hidden && openList(""));
  input.addEventListener("keydown", keys);
  input.addEventListener("blur", () => {
    const typed = input.value.trim();
    if (typed !== select.value && find(typed)) choose(typed);
    else close();
  });

  document.querySelector(`label[for="${select.id}"]`)?.setAttribute("for", input.id);
  select.hidden = true;
  select.tabIndex = -1;
  input.value = select.value;
  const wrapper = select.parentElement;
  select.after(h("div", { class: "co-combo" }, input, list, heard), card);
  wrapper.classList.add("co-has-combo");
  tellAll();
})();
