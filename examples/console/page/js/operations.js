/** Shows operations: a table of all of them, and one with its progress, its failure and its log. */

import * as api from "./api.js";
import { Rows, h, setHidden, setText } from "./dom.js";
import { failure } from "./failure.js";
import { log } from "./log.js";
import { badge, elapsed, kind, progress, running } from "./status.js";

function canceller(operation) {
  const button = h("button", { type: "button", class: "small", onclick: () => {
    api.cancel(operation.id).catch(() => {}); // Its state tells how that went.
  } }, "Cancel", h("span", { class: "unseen" }, ` ${operation.kind} of ${operation.release}`));
  return button;
}

export class OperationsTable {
  constructor(feed) {
    this.feed = feed;
    this.body = h("tbody");
    this.rows = new Rows(this.body, (operation) => this.row(operation));
    this.clear = h("button", { type: "button", class: "small", onclick: () => api.clear().catch(() => {}) }, "Clear what ended");
    this.count = h("p", { class: "count" });
    this.table = h("table", { class: "operations" },
      h("caption", { class: "unseen" }, "Operations, the newest first"),
      h("thead", {}, h("tr", {}, ...["Release", "Operation", "State", "What it does", "Time", ""].map((name) =>
        h("th", { scope: "col" }, name || h("span", { class: "unseen" }, "Cancel"))))),
      this.body);
    this.node = h("section", { "aria-labelledby": "operations-title" },
      h("div", { class: "heading" }, h("h2", { id: "operations-title" }, "Operations"), this.count, this.clear), this.table);
  }

  row(operation) {
    const state = badge();
    const doing = h("td", { class: "doing" });
    const time = h("td", { class: "number" });
    const cancel = canceller(operation);
    const node = h("tr", {},
      h("th", { scope: "row" }, h("a", { href: `#/releases/${operation.release}` }, operation.release)),
      h("td", { class: "kind" }, kind(operation)), h("td", { class: "state" }, state.node), doing, time,
      h("td", { class: "act" }, cancel));
    return { node, update(next) {
      state.update(next.state);
      setText(doing, progress(next));
      setText(time, elapsed(next));
      setHidden(cancel, !running(next));
      cancel.disabled = next.state === "cancelling";
    } };
  }

  render() {
    const all = [...this.feed.operations.values()].sort((one, other) => other.id - one.id);
    this.rows.update(all, (operation) => operation.id);
    const going = all.filter(running).length;
    setText(this.count, going ? `${going} of ${all.length} running` : "");
    setHidden(this.node, all.length === 0);
    setHidden(this.clear, going === all.length);
  }
}

/** The newest operation on a release. */
export class OperationPanel {
  constructor(feed, release) {
    this.feed = feed;
    this.release = release;
    this.id = null;
    this.node = h("section", { class: "operation", hidden: true, "aria-labelledby": "operation-title" });
    this.written = h("section", { class: "written", hidden: true, "aria-labelledby": "log-title" });
  }

  build(operation) {
    this.id = operation.id;
    this.state = badge();
    this.doing = h("p", { class: "doing" });
    this.time = h("span", { class: "time" });
    this.cancel = canceller(operation);
    this.failure = failure();
    this.log = log(`Log of the ${operation.kind}`);
    this.bar = h("progress", { max: 1, value: 0, "aria-label": "Objects that are ready" });
    this.node.replaceChildren(
      h("div", { class: "heading" }, h("h2", { id: "operation-title" }, kind(operation)), this.state.node, this.time, this.cancel),
      this.bar, this.doing, this.failure.node);
    this.written.replaceChildren(h("h2", { id: "log-title" }, "Log"), this.log.node);
  }

  render() {
    const operation = this.feed.operationOn(this.release);
    setHidden(this.node, operation === undefined);
    setHidden(this.written, operation === undefined);
    if (operation === undefined) {
      this.id = null;
      return;
    }
    if (operation.id !== this.id) this.build(operation);
    const going = running(operation);
    this.state.update(operation.state);
    setText(this.time, elapsed(operation));
    setText(this.doing, going ? progress(operation) : "");
    setHidden(this.doing, !going);
    setHidden(this.bar, !(going && operation.phase === "waiting" && operation.total));
    this.bar.max = operation.total || 1;
    this.bar.value = operation.ready;
    setHidden(this.cancel, !going);
    this.cancel.disabled = operation.state === "cancelling";
    this.failure.update(operation.error);
    this.log.update(this.feed.lines.get(operation.id) ?? new Map());
  }
}
