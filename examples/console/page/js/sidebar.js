/** The list of releases beside everything, with what runs on each. */

import { Rows, h, setHidden, setText } from "./dom.js";
import { badge, progress, running } from "./status.js";

const MANY = 8;

export class Sidebar {
  constructor(node, feed) {
    this.feed = feed;
    this.list = h("ul");
    this.rows = new Rows(this.list, row);
    this.filter = h("input", { type: "search", id: "filter", placeholder: "Filter", "aria-label": "Filter the releases", oninput: () => this.render() });
    this.count = h("span", { class: "count" });
    this.none = h("p", { class: "none" }, "None yet.");
    node.append(h("div", { class: "heading" }, h("h2", {}, "Releases"), this.count), this.filter, this.none, this.list);
  }

  render() {
    const names = new Set(this.feed.releases.keys());
    // What is being installed has no record yet.
    for (const operation of this.feed.operations.values()) if (running(operation)) names.add(operation.release);
    const shown = [...names].filter((name) => name.includes(this.filter.value.trim())).sort();
    const here = decodeURIComponent(location.hash.split("/")[2] ?? "");
    this.rows.update(shown.map((name) => ({
      name, row: this.feed.releases.get(name), operation: this.feed.operationOn(name), here: name === here,
    })), ({ name }) => name);
    setText(this.count, names.size ? String(names.size) : "");
    setHidden(this.filter, names.size < MANY && this.filter.value === "");
    setHidden(this.none, shown.length > 0 || !this.feed.loaded);
    setText(this.none, names.size ? "None of that name." : "None yet.");
  }
}

function row({ name }) {
  const state = badge();
  const chart = h("span", { class: "chart" });
  const doing = h("span", { class: "doing" });
  const link = h("a", { href: `#/releases/${name}` }, h("span", { class: "name" }, name), state.node, chart, doing);
  return { node: h("li", {}, link), update({ row: release, operation, here }) {
    const going = operation !== undefined && running(operation);
    state.update(going ? operation.state : (release?.status ?? "unknown"), going ? operation.kind : undefined);
    setText(chart, release ? `${release.chart} ${release.chart_version} · revision ${release.revision}` : operation?.chart ?? "");
    setText(doing, going ? progress(operation) : "");
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  } };
}
