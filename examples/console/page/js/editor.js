/** The editor of values: the text that users have, and what is wrong with it while they write. */

import { h } from "./dom.js";
import { Checker } from "./values.js";

const PAUSE = 120;

export class Editor {
  /** @param changed called when the text changed */
  constructor(changed) {
    this.changed = changed;
    this.checker = null;
    this.problems = [];
    this.text = h("textarea", {
      id: "values", rows: 14, spellcheck: false, autocomplete: "off", autocapitalize: "off",
      "aria-describedby": "values-hint values-problems", oninput: () => this.typed(),
    });
    this.hint = h("p", { id: "values-hint", class: "hint" });
    this.list = h("ul", { id: "values-problems", class: "problems", "aria-live": "polite" });
    this.node = h("div", { class: "editor" }, h("label", { for: "values" }, "Values (YAML)"), this.hint, this.text, this.list);
  }

  use(chart) {
    this.checker = chart === null ? null : new Checker(chart);
    this.hint.textContent = this.checker?.validator
      ? "Over the chart's own. Checked against its schema while you write."
      : "Over the chart's own. The chart has no schema.";
    this.check();
  }

  get value() {
    return this.text.value;
  }

  set value(text) {
    this.text.value = text;
    this.text.rows = Math.min(24, Math.max(14, text.split("\n").length + 2));
    this.check();
  }

  typed() {
    this.changed();
    clearTimeout(this.pause);
    this.pause = setTimeout(() => this.check(), PAUSE);
  }

  /** Whether nothing is wrong, as far as this page can tell. */
  check() {
    clearTimeout(this.pause);
    this.problems = this.checker === null ? [] : this.checker.check(this.text.value);
    this.text.setAttribute("aria-invalid", String(this.problems.length > 0));
    const told = this.problems.map(({ path, line, message }) => `${line ?? ""}\0${path}\0${message}`).join("\n");
    if (told !== this.told) {
      this.told = told;
      this.list.replaceChildren(...this.problems.map((problem) => h("li", {}, this.problem(problem))));
    }
    return this.problems.length === 0;
  }

  problem({ path, line, message }) {
    const text = [h("span", { class: "sign", "aria-hidden": "true" }, "✗"), path ? h("code", {}, path) : null, path ? " " : null, message];
    if (line === null || line === undefined) return h("span", {}, ...text);
    return h("button", { type: "button", class: "plain", onclick: () => this.goTo(line) },
      h("span", { class: "line-number" }, `line ${line} `), ...text);
  }

  goTo(line) {
    const lines = this.text.value.split("\n");
    const start = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
    this.text.focus();
    this.text.setSelectionRange(start, start + (lines[line - 1] ?? "").length);
  }
}
