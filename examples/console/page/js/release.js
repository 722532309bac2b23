/** The view of one release: how it is now, what is done to it, and what it was. */

import * as api from "./api.js";
import { confirm } from "./dialog.js";
import { Rows, h, setHidden, setText } from "./dom.js";
import { failure } from "./failure.js";
import { ObjectsTable } from "./objects.js";
import { OperationPanel } from "./operations.js";
import { badge, running, when } from "./status.js";

export class Release {
  constructor(feed, { name }) {
    this.feed = feed;
    this.name = name;
    this.title = name;
    this.stamp = undefined;
    this.state = badge();
    this.about = h("p", { class: "about" });
    this.description = h("p", { class: "description" });
    this.gone = h("p", { class: "none", hidden: true }, "There is no such release.");
    this.upgrade = h("a", { class: "button primary", href: `#/releases/${name}/upgrade` }, "Upgrade");
    this.test = h("button", { type: "button", onclick: () => this.start({ kind: "test" }) }, "Test");
    this.remove = h("button", { type: "button", class: "danger", onclick: () => this.uninstall() }, "Uninstall");
    this.actions = h("div", { class: "actions" }, this.upgrade, this.test, this.remove);
    this.refusal = failure();
    this.operation = new OperationPanel(feed, name);
    this.objects = new ObjectsTable(feed, name);
    this.history = new History((revision) => this.rollBack(revision));
    this.notes = text("Notes");
    this.values = text("Values");
    this.heading = h("h1", { tabIndex: -1 }, name);
    this.rest = h("div", { class: "rest", hidden: true }, this.history.node, this.notes.node, this.values.node);
    this.node = h("div", { class: "release" },
      h("div", { class: "heading" }, this.heading, this.state.node), this.about, this.description, this.gone,
      this.actions, this.refusal.node, this.operation.node, this.objects.node, this.operation.written, this.rest);
    this.look();
  }

  /** Have the server look at the objects of this release, once it knows the page's stream. */
  async look() {
    const { known } = await api.look(this.feed.page, this.name).catch(() => ({ known: true }));
    if (!known && !this.left) setTimeout(() => this.look(), 500);
  }

  leave() {
    this.left = true;
    api.look(this.feed.page, null).catch(() => {});
  }

  render() {
    const row = this.feed.releases.get(this.name);
    const busy = isBusy(this.feed, this.name);
    this.operation.render();
    this.objects.render();
    setHidden(this.state.node, !row);
    setHidden(this.about, !row);
    setHidden(this.description, !row || ["deployed", "superseded"].includes(row.status));
    setHidden(this.actions, !row);
    setHidden(this.gone, Boolean(row) || busy || !this.feed.loaded);
    setHidden(this.rest, !row);
    setHidden(this.objects.node, !row && !this.feed.objects.get(this.name)?.size);
    if (row) {
      this.state.update(row.status);
      setText(this.about, `${row.chart} ${row.chart_version}${row.app_version ? ` (app ${row.app_version})` : ""} · revision ${row.revision} · ${when(row.updated)}`);
      setText(this.description, row.description);
      this.upgrade.setAttribute("aria-disabled", String(busy));
    }
    for (const button of [this.test, this.remove]) button.disabled = busy;
    this.history.busy(busy);
    const stamp = row && `${row.revision} ${row.status} ${row.updated}`;
    if (stamp !== this.stamp) {
      this.stamp = stamp;
      this.read();
    }
  }

  async read() {
    if (this.stamp === undefined) {
      this.show({ history: [], notes: "", values: "", tests: false });
      return;
    }
    const stamp = this.stamp;
    try {
      const found = await api.release(this.name);
      if (!this.left && stamp === this.stamp) this.show(found);
    } catch (error) {
      if (!this.left && stamp === this.stamp && error.status !== 404) this.refusal.update(error.told);
    }
  }

  show({ history, notes, values, tests }) {
    this.history.update(history);
    this.notes.update(notes);
    this.values.update(values);
    setHidden(this.test, !tests);
  }

  async start(wanted) {
    this.refusal.update(null);
    try {
      await api.start({ release: this.name, ...wanted });
    } catch (error) {
      this.refusal.update(error.told);
    }
  }

  async rollBack(revision) {
    const answer = await confirm(`Roll ${this.name} back to revision ${revision}?`,
      `Its objects become what they were then, as a new revision.`, `Roll back to ${revision}`);
    if (answer !== null) await this.start({ kind: "rollback", revision });
  }

  async uninstall() {
    const keep = h("label", { class: "check" }, h("input", { type: "checkbox", name: "keep" }), "Keep its history");
    const answer = await confirm(`Uninstall ${this.name}?`, "All its objects are deleted from the cluster.", "Uninstall",
      { danger: true, fields: [keep] });
    if (answer !== null) await this.start({ kind: "uninstall", keep_history: answer.has("keep") });
  }
}

const isBusy = (feed, release) => {
  const operation = feed.operationOn(release);
  return operation !== undefined && running(operation);
};

class History {
  constructor(rollBack) {
    this.body = h("tbody");
    this.rows = new Rows(this.body, (past) => this.row(past));
    this.rollBack = rollBack;
    this.table = h("table", { class: "history" },
      h("caption", { class: "unseen" }, "Revisions, the newest first"),
      h("thead", {}, h("tr", {}, ...["Revision", "State", "Chart", "When", "What", ""].map((name) =>
        h("th", { scope: "col" }, name || h("span", { class: "unseen" }, "Roll back"))))),
      this.body);
    this.node = h("section", { "aria-labelledby": "history-title" }, h("h2", { id: "history-title" }, "History"), this.table);
    this.buttons = new Map();
    this.isBusy = false;
  }

  row({ revision }) {
    const state = badge();
    const cells = ["chart", "when", "what"].map((name) => h("td", { class: name }));
    const button = h("button", { type: "button", class: "small", onclick: () => this.rollBack(revision) },
      "Roll back", h("span", { class: "unseen" }, ` to revision ${revision}`));
    const node = h("tr", {}, h("th", { scope: "row" }, String(revision)), h("td", { class: "state" }, state.node), ...cells,
      h("td", { class: "act" }, button));
    return { node, update: (past) => {
      state.update(past.status);
      [past.chart, when(past.updated), past.description].forEach((text, at) => setText(cells[at], text));
      setHidden(button, past.newest);
      button.disabled = this.isBusy;
      this.buttons.set(revision, button);
    } };
  }

  update(history) {
    this.rows.update(history.map((past, at) => ({ ...past, newest: at === 0 })), (past) => past.revision);
    setHidden(this.node, history.length === 0);
  }

  busy(busy) {
    if (busy === this.isBusy) return;
    this.isBusy = busy;
    for (const button of this.buttons.values()) button.disabled = busy;
  }
}

function text(title) {
  const pre = h("pre", { tabIndex: 0, "aria-label": title });
  const node = h("section", { hidden: true }, h("h2", {}, title), pre);
  return { node, update(content) {
    setText(pre, content);
    setHidden(node, content === "");
  } };
}
