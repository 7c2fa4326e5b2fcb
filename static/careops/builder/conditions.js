/* Condition trees as nested rows. The text area keeps the JSON that is sent; the rows only write it. */
"use strict";

CareOps.conditions = (() => {
  const { h, text, select, button, changed, data } = CareOps;
  const { operatorsOf, editor, fitting } = CareOps.values;
  const KINDS = ["all", "any", "none"];
  const PAYLOAD = "event.payload.";
  const builders = new Map();

  // ── From JSON to nodes and back ─────────────────────────────────────────────────────────────────────
  function parse(stored, path, errors) {
    const kind = stored && KINDS.find((each) => Array.isArray(stored[each]) && Object.keys(stored).length === 1);
    const at = (here) => errors.filter((error) => error.path === here).map((error) => error.text);
    if (kind) {
      const here = path ? `${path}.${kind}` : kind;
      return { kind, of: stored[kind].map((each, place) => parse(each, `${here}.${place}`, errors)), errors: at(here) };
    }
    if (!stored || typeof stored !== "object") throw new TypeError("not a condition");
    return { fact: stored.fact || "", operator: stored.operator || "", value: stored.value, parameters: { ...stored.parameters }, errors: at(path) };
  }

  function read(textarea) {
    const errors = data.errors[textarea.name] || [];
    const stored = JSON.parse(textarea.value.trim() || "{}");
    const empty = Object.keys(stored).length === 0;
    const root = parse(empty ? { all: [] } : stored, "", errors);
    if (!root.kind) throw new TypeError("not a group");
    root.errors = [...root.errors, ...errors.filter((error) => error.path === "").map((error) => error.text)];
    return root;
  }

  function dump(node) {
    if (node.kind) return { [node.kind]: node.of.map(dump) };
    const stored = { fact: node.fact, operator: node.operator };
    if (node.value !== undefined) stored.value = node.value;
    if (Object.keys(node.parameters).length) stored.parameters = node.parameters;
    return stored;
  }

  // ── What may be asked ───────────────────────────────────────────────────────────────────────────────
  const open = (name, label) => ({ name, label, kind: "open", parameters: [], choices: null, unit: "", group: text("results") });

  function factOf(name) {
    const known = data.facts.find((fact) => fact.name === name);
    return known || (name.startsWith(PAYLOAD) || name.startsWith("step.") ? open(name, name) : null);
  }

  /** The part of an open fact's name that is not typed by hand. */
  const stem = (name) => (name.startsWith(PAYLOAD) ? PAYLOAD : (name.match(/^step\.[\w-]+\.result\./) || [null])[0]);

  function factChoices(builder, chosen) {
    const models = CareOps.trigger ? CareOps.trigger.models() : [];
    const groups = { "": [["", text("choose_fact")]] };
    for (const fact of data.facts) {
      const fits = !fact.model || models.includes(fact.model);
      if (!fits && fact.name !== chosen) continue;
      (groups[fact.group] ||= []).push([fact.name, fits ? fact.label : `${fact.label} (${text("not_answerable")})`]);
    }
    const event = data.facts.find((fact) => !fact.model);
    if (event) groups[event.group].push([PAYLOAD, text("payload")]);
    const earlier = CareOps.steps && builder.step ? CareOps.steps.before(builder.step) : [];
    const results = earlier.map(({ key, label }) => [`step.${key}.result.`, text("result_of", label)]);
    const stemOf = stem(chosen);
    if (stemOf && stemOf !== PAYLOAD && !results.some(([name]) => name === stemOf)) results.push([stemOf, stemOf]);
    if (results.length) groups[text("results")] = results;
    return groups;
  }

  // ── One builder ─────────────────────────────────────────────────────────────────────────────────────
  class Builder {
    constructor(textarea) {
      this.textarea = textarea;
      this.step = textarea.closest("[data-step]");
      this.view = h("div", { class: "co-tree" });
      this.root = read(textarea);
      textarea.hidden = true;
      textarea.after(this.view);
      this.render();
    }

    /** Write the JSON; the text area is the truth that is sent. */
    write() {
      this.textarea.value = JSON.stringify(this.root.of.length ? dump(this.root) : {});
      changed(this.textarea);
    }

    /** Draw everything anew and put the focus where the hand was, or where it shall go. */
    render(focus) {
      const wanted = focus || (this.view.contains(document.activeElement) && document.activeElement.dataset.focus);
      this.view.replaceChildren(this.group(this.root, [], null));
      if (wanted) this.view.querySelector(`[data-focus="${wanted}"]`)?.focus();
    }

    change(node, focus) {
      if (node) node.errors = [];
      this.write();
      this.render(focus);
    }

    group(node, place, parent) {
      const id = place.join(".");
      const kinds = KINDS.map((kind) => [kind, text(kind)]);
      const kind = select(kinds, node.kind, {
        "aria-label": text("group_kind"), "data-focus": `${id}:kind`,
        onchange: (event) => { node.kind = event.target.value; this.change(node); },
      });
      const add = (label, symbol, make) => h("button", {
        type: "button", class: "co-link", "data-focus": `${id}:${symbol}`,
        onclick: () => { node.of.push(make()); this.change(node, `${[...place, node.of.length - 1].join(".")}:${make().kind ? "kind" : "fact"}`); },
      }, CareOps.icon(symbol), label);
      return h("div", { class: "co-group", role: "group", "aria-label": parent ? text("group", id) : text("group_kind") },
        h("div", { class: "co-group-head" }, parent || node.of.length > 1 || node.kind !== "all" ? kind : null, parent ? this.remover(node, parent, place, "remove_group") : null),
        node.of.length ? null : h("p", { class: "co-soft" }, parent ? "" : text("always")),
        h("ul", { class: "co-rows" }, node.of.map((each, index) =>
          h("li", {}, each.kind ? this.group(each, [...place, index], node) : this.row(each, [...place, index], node)))),
        errorList(node),
        h("div", { class: "co-group-foot" },
          add(text("add_condition"), "add", () => ({ fact: "", operator: "", value: undefined, parameters: {}, errors: [] })),
          place.length < 5 ? add(text("add_group"), "account_tree", () => ({ kind: node.kind === "any" ? "all" : "any", of: [], errors: [] })) : null));
    }

    row(node, place, parent) {
      const id = place.join("."), fact = factOf(node.fact), number = place.map((each) => each + 1).join(".");
      const operator = fact && data.operators.find((each) => each.name === node.operator);
      const tell = (value) => { node.value = value; this.write(); };
      const refresh = (focus) => this.change(node, focus);
      return h("div", { class: `co-row${node.errors.length ? " co-row-wrong" : ""}`, role: "group", "aria-label": text("condition", number) },
        this.factPicker(node, id),
        fact && stem(node.fact) ? this.pathInput(node) : null,
        fact ? fact.parameters.map((each) => this.parameter(node, each)) : null,
        fact ? select(operatorsOf(fact).map((each) => [each.name, each.words]), node.operator, {
          "aria-label": text("operator"), "data-focus": `${id}:operator`,
          onchange: (event) => { this.compare(node, fact, event.target.value); refresh(); },
        }) : null,
        operator ? editor(fact, operator, node, tell) : null,
        this.remover(node, parent, place, "remove_condition"), errorList(node));
    }

    factPicker(node, id) {
      const chosen = stem(node.fact) || node.fact;
      const choose = (event) => {
        node.fact = event.target.value;
        const fact = factOf(node.fact);
        node.parameters = fact ? Object.fromEntries(fact.parameters.map((each) => [each.name, each.default])) : {};
        if (fact) this.compare(node, fact, node.operator);
        this.change(node);
      };
      return select(factChoices(this, node.fact), chosen, { "aria-label": text("fact"), class: "co-select co-fact", "data-focus": `${id}:fact`, onchange: choose });
    }

    /** Keep the operator and the value where they fit the fact; else begin anew. */
    compare(node, fact, name) {
      const possible = operatorsOf(fact);
      const operator = possible.find((each) => each.name === name) || possible[0];
      node.operator = operator.name;
      node.value = fitting(fact, operator, node.value);
    }

    pathInput(node) {
      const start = stem(node.fact);
      const oninput = (event) => { node.fact = start + event.target.value.trim(); this.write(); };
      return h("input", { type: "text", class: "co-input", "aria-label": text("path"), placeholder: text("path"), value: node.fact.slice(start.length), oninput });
    }

    parameter(node, each) {
      const oninput = (event) => { node.parameters[each.name] = event.target.value === "" ? null : Number(event.target.value); this.write(); };
      return h("label", { class: "co-parameter" }, h("span", {}, each.label), h("input", {
        type: "number", class: "co-input", min: each.minimum, max: each.maximum,
        value: node.parameters[each.name] ?? each.default, oninput,
      }));
    }

    remover(node, parent, place, label) {
      const onclick = () => {
        parent.of.splice(parent.of.indexOf(node), 1);
        this.change(null, `${place.slice(0, -1).join(".")}:add`);
      };
      return button(text(label), "close", onclick, { class: "co-tool co-remove" });
    }
  }

  const errorList = (node) =>
    node.errors.length ? h("ul", { class: "co-errors", role: "alert" }, node.errors.map((error) => h("li", {}, error))) : null;

  // ── All of them ─────────────────────────────────────────────────────────────────────────────────────
  function enhance(within) {
    for (const textarea of within.querySelectorAll("textarea[data-conditions]")) {
      if (builders.has(textarea)) continue;
      try {
        builders.set(textarea, new Builder(textarea));
        const field = textarea.closest(".co-field") || textarea.parentElement;
        field.classList.add("co-has-rows");
      } catch (error) {
        if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
        textarea.before(h("p", { class: "co-soft" }, text("as_json")));
      }
    }
  }

  /** The trigger or the steps changed: other facts may be asked now. */
  const refresh = () => builders.forEach((builder) => builder.textarea.isConnected && builder.render());

  return { enhance, refresh };
})();
