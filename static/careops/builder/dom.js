/* The builder's common ground: its data, its texts, and making elements. Loaded first. */
"use strict";

window.CareOps = (() => {
  const data = JSON.parse(document.getElementById("builder-data").textContent);

  const text = (key, value) => (data.texts[key] || key).replace("%s", value === undefined ? "" : value);

  /** h("button", {type: "button", onclick: …}, "Save"): an element with attributes, listeners and children. */
  function h(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === false || value === null || value === undefined) continue;
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (name === "value") element.value = value;
      else if (value === true) element.setAttribute(name, "");
      else element.setAttribute(name, value);
    }
    element.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return element;
  }

  const icon = (name) => h("span", { class: "material-symbols-outlined", "aria-hidden": "true" }, name);

  const button = (label, symbol, onclick, extra = {}) =>
    h("button", { type: "button", class: "co-tool", title: label, "aria-label": label, onclick, ...extra }, icon(symbol));

  /** A <select> of [value, label] pairs, or of {group: [pairs]}. */
  function select(pairs, chosen, attributes) {
    const option = ([value, label]) => h("option", { value, selected: value === chosen }, label);
    const options = Array.isArray(pairs)
      ? pairs.map(option)
      : Object.entries(pairs).map(([group, of]) => (group ? h("optgroup", { label: group }, of.map(option)) : of.map(option)));
    const element = h("select", { class: "co-select", ...attributes }, options);
    element.value = chosen;
    return element;
  }

  /** The answer of a fragment view, as HTML; null when it did not come. */
  async function fragment(url, body) {
    const options = body ? { method: "POST", body } : {};
    try {
      const answer = await fetch(url, { credentials: "same-origin", headers: { "X-Requested-With": "fetch" }, ...options });
      return answer.ok && !answer.redirected ? await answer.text() : null;
    } catch {
      return null;
    }
  }

  const changed = (element) => element.dispatchEvent(new Event("change", { bubbles: true }));

  return { data, text, h, icon, button, select, fragment, changed };
})();
