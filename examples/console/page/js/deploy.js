/** The form that installs a chart or upgrades a release: values, what they would change, and then the deed. */

import * as api from "./api.js";
import { diff } from "./diff.js";
import { h, setHidden } from "./dom.js";
import { Editor } from "./editor.js";
import { failure } from "./failure.js";

const NAME = "[a-z0-9]([\\-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([\\-a-z0-9]*[a-z0-9])?)*";

export class Deploy {
  /** @param name the release to upgrade; null to install one */
  constructor(feed, { name = null, go }) {
    this.feed = feed;
    this.upgrading = name;
    this.go = go;
    this.chart = null;
    this.reviewed = null;
    this.title = name === null ? "Install a chart" : `Upgrade ${name}`;
    this.heading = h("h1", { tabIndex: -1 }, this.title);
    this.charts = h("select", { id: "chart", required: true, onchange: () => this.choose(this.charts.value) });
    this.about = h("p", { class: "hint", id: "chart-about" });
    this.charts.setAttribute("aria-describedby", "chart-about");
    this.release = h("input", {
      id: "release", required: true, pattern: NAME, maxLength: 53, spellcheck: false, autocomplete: "off", value: name ?? "",
      "aria-describedby": "release-hint", oninput: () => this.named(),
    });
    this.taken = h("p", { id: "release-hint", class: "hint" });
    this.editor = new Editor(() => this.stale());
    this.wait = check("wait", "Wait until everything is ready", true);
    this.undo = check("undo", name === null ? "Uninstall if it fails" : "Roll back if it fails", false);
    this.timeout = h("input", { id: "timeout", type: "number", min: 1, max: 3600, value: 300, required: true });
    this.review = h("button", { type: "submit", value: "review" }, "Review changes");
    this.deed = h("button", { type: "submit", value: "deploy", class: "primary" }, name === null ? "Install" : "Upgrade");
    this.refusal = failure();
    this.refusal.node.setAttribute("role", "alert");
    this.changes = h("section", { class: "changes", hidden: true, tabIndex: -1, "aria-labelledby": "changes-title" });
    this.reference = h("div", { class: "reference" });
    this.form = h("form", { noValidate: true, onsubmit: (event) => this.submit(event) },
      h("div", { class: "fields" },
        h("div", {}, h("label", { for: "chart" }, "Chart"), this.charts, this.about),
        h("div", {}, h("label", { for: "release" }, "Release name"), this.release, this.taken)),
      this.editor.node, this.reference,
      h("fieldset", {}, h("legend", {}, "How"), this.wait.node, this.undo.node,
        h("div", { class: "inline" }, h("label", { for: "timeout" }, "Seconds to wait, for each phase"), this.timeout)),
      this.refusal.node,
      h("div", { class: "actions" }, this.review, name === null ? this.deed : null),
      this.changes);
    this.node = h("div", { class: "deploy" }, this.heading, this.form);
    this.release.readOnly = name !== null;
    this.load();
  }

  render() {}

  leave() {
    this.left = true;
  }

  async load() {
    try {
      const [{ charts }, present] = await Promise.all([
        api.charts(), this.upgrading === null ? null : api.release(this.upgrading),
      ]);
      if (this.left) return;
      const usable = charts.filter((chart) => chart.error === null);
      this.charts.replaceChildren(...usable.map((chart) => h("option", { value: chart.id }, `${chart.name} ${chart.version}`)));
      const own = usable.find((chart) => present && chart.name === present.chart && chart.version === present.chart_version)
        ?? usable.find((chart) => present && chart.name === present.chart);
      if (own !== undefined) this.charts.value = own.id;
      else this.charts.prepend(h("option", { value: "", disabled: true, selected: true }, "Choose a chart"));
      if (present && own === undefined)
        this.about.textContent = `It was made of ${present.chart} ${present.chart_version}, which is not among the charts here.`;
      if (this.charts.value) await this.choose(this.charts.value, present?.values);
      else if (present) this.editor.value = present.values;
    } catch (error) {
      if (!this.left) this.refusal.update(error.told ?? { code: "page", message: String(error) });
    }
  }

  async choose(id, values) {
    this.stale();
    const suggested = this.chart?.name;
    try {
      const chart = await api.chart(id);
      if (this.left || this.charts.value !== id) return;
      const untouched = this.chart === null || this.editor.value === this.chart.suggested;
      this.chart = chart;
      this.about.textContent = chart.description;
      this.editor.use(chart);
      if (values !== undefined) this.editor.value = values;
      else if (this.upgrading === null && untouched) this.editor.value = chart.suggested;
      if (this.upgrading === null && (this.release.value === "" || this.release.value === suggested)) this.release.value = chart.name;
      this.named();
      this.reference.replaceChildren(
        ...[["The chart's own values", chart.values], ["README", chart.readme]].filter(([, text]) => text).map(([title, text]) =>
          h("details", {}, h("summary", {}, title), h("pre", { tabIndex: 0, "aria-label": title }, text))));
    } catch (error) {
      if (!this.left) this.refusal.update(error.told ?? { code: "page", message: String(error) });
    }
  }

  /** What was reviewed is not what is written any more. */
  stale() {
    this.reviewed = null;
    setHidden(this.changes, true);
    this.refusal.update(null);
  }

  named() {
    const taken = this.upgrading === null && this.feed.releases.has(this.release.value);
    const wrong = this.release.value !== "" && !this.release.checkValidity();
    this.taken.replaceChildren(...(taken
      ? ["There is a release of this name: ", h("a", { href: `#/releases/${this.release.value}/upgrade` }, "upgrade it"), "."]
      : wrong ? ["Lower case letters, digits, - and ., 53 at most."] : []));
    this.taken.classList.toggle("bad", wrong);
    this.release.setAttribute("aria-invalid", String(wrong));
    this.stale();
  }

  wanted() {
    return {
      kind: this.upgrading === null ? "install" : "upgrade",
      release: this.release.value, chart: this.charts.value, values: this.editor.value,
      wait: this.wait.box.checked, rollback_on_failure: this.undo.box.checked, timeout: Number(this.timeout.value),
    };
  }

  async submit(event) {
    event.preventDefault();
    const deed = event.submitter?.value !== "review" && (this.upgrading === null || this.reviewed !== null);
    if (!this.editor.check()) {
      this.editor.text.focus();
      return;
    }
    if (!this.form.reportValidity()) return;
    const button = deed ? this.deed : this.review;
    button.disabled = true;
    this.refusal.update(null);
    try {
      const wanted = this.wanted();
      if (deed) {
        await api.start(wanted);
        if (!this.left) this.go(`#/releases/${wanted.release}`);
      } else {
        const found = await api.diff(wanted);
        if (!this.left && JSON.stringify(wanted) === JSON.stringify(this.wanted())) this.show(found);
      }
    } catch (error) {
      if (this.left) return;
      this.refusal.update(error.told ?? { code: "page", message: String(error) });
      this.refusal.node.scrollIntoView({ block: "nearest" });
    } finally {
      button.disabled = false;
    }
  }

  show(found) {
    this.reviewed = found;
    this.changes.replaceChildren(
      h("h2", { id: "changes-title" }, "What would change"), diff(found),
      ...(this.upgrading === null ? [] : [h("div", { class: "actions" }, this.deed)]));
    this.changes.hidden = false;
    this.changes.focus();
    this.changes.scrollIntoView({ block: "start" });
  }
}

function check(id, label, checked) {
  const box = h("input", { type: "checkbox", id, checked });
  return { box, node: h("label", { class: "check" }, box, label) };
}
