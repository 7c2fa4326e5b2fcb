/* The right-hand side of a condition: an input that fits the fact's kind and the operator. */
"use strict";

CareOps.values = (() => {
  const { h, text, select } = CareOps;

  const operatorsOf = (fact) =>
    CareOps.data.operators.filter((each) => fact.kind === "open" || each.kinds.includes(fact.kind));

  /** What a value of the condition is typed into: whole, number, date, choice or text. */
  function typed(fact, operator) {
    if (operator.whole) return "whole";
    if (fact.choices) return "choice";
    return { number: "number", date: "date", open: "open" }[fact.kind] || "text";
  }

  /** What stands in an input, as the JSON that is stored; null while there is nothing. */
  function read(kind, raw) {
    if (raw === "") return null;
    if (kind === "whole" || kind === "number") return Number(raw);
    if (kind === "open" && /^-?\d+(\.\d+)?$/.test(raw)) return Number(raw);
    return raw;
  }

  const shown = (value) => (value === null || value === undefined ? "" : String(value));

  function input(kind, fact, value, label, tell) {
    if (kind === "choice") {
      const pairs = fact.choices.some(([known]) => known === value) ? fact.choices : [[shown(value), shown(value) || "—"], ...fact.choices];
      return select(pairs, shown(value), { "aria-label": label, onchange: (event) => tell(event.target.value) });
    }
    const date = kind === "date" && !shown(value).includes("T") ? "date" : "text";
    const attributes = { number: { type: "number", step: "any" }, whole: { type: "number", step: "1", min: "0" } }[kind] || { type: date };
    const oninput = (event) => tell(read(kind, event.target.value));
    return h("input", { class: "co-input", "aria-label": label, value: shown(value), oninput, ...attributes });
  }

  function many(kind, fact, node, tell) {
    const chosen = Array.isArray(node.value) ? node.value : [];
    if (kind === "choice") {
      const gone = chosen.filter((value) => !fact.choices.some(([known]) => known === value)).map((value) => [value, value]);
      const boxes = [...fact.choices, ...gone].map(([value, label]) =>
        h("label", { class: "co-check" }, h("input", { type: "checkbox", value, checked: chosen.includes(value) }), label));
      const collect = (event) => tell([...event.currentTarget.querySelectorAll("input:checked")].map((box) => box.value));
      return h("fieldset", { class: "co-choices", onchange: collect }, h("legend", { class: "co-hidden" }, text("value")), boxes);
    }
    const lines = (raw) => raw.split("\n").map((line) => line.trim()).filter(Boolean).map((line) => read(kind, line));
    return h("textarea", {
      class: "co-input", rows: "3", "aria-label": text("one_per_line"), placeholder: text("one_per_line"),
      value: chosen.join("\n"), oninput: (event) => tell(lines(event.target.value)),
    });
  }

  function range(kind, fact, node, tell) {
    const ends = Array.isArray(node.value) ? [...node.value] : [null, null];
    const end = (place) => (value) => { ends[place] = value; tell([...ends]); };
    return [
      input(kind, fact, ends[0], text("low"), end(0)), h("span", { class: "co-and" }, text("and")),
      input(kind, fact, ends[1], text("high"), end(1)),
    ];
  }

  /** The elements for the condition's value; none for an operator that takes none. */
  function editor(fact, operator, node, tell) {
    const kind = typed(fact, operator);
    if (operator.takes === "none") return [];
    if (operator.takes === "range") return range(kind, fact, node, tell);
    if (operator.takes === "values") return [many(kind, fact, node, tell)];
    const unit = operator.spans ? text("days") : fact.kind === "number" ? fact.unit : "";
    return [input(kind, fact, node.value, text("value"), tell), unit ? h("span", { class: "co-and" }, unit) : null];
  }

  /** A value to begin with, or the one there is where it still fits. */
  function fitting(fact, operator, value) {
    const isList = Array.isArray(value);
    if (operator.takes === "none") return undefined;
    if (operator.takes === "value") {
      if (typed(fact, operator) === "choice") return fact.choices.some(([known]) => known === value) ? value : (fact.choices[0] || [null])[0];
      return isList || value === undefined ? null : value;
    }
    if (operator.takes === "range") return isList && value.length === 2 ? value : [null, null];
    return isList ? value : [];
  }

  return { operatorsOf, editor, fitting };
})();
