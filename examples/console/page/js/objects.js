/** Shows the objects of a release and how each is. */

import { Rows, h, setHidden, setText } from "./dom.js";
import { badge } from "./status.js";

export class ObjectsTable {
  constructor(feed, release) {
    this.feed = feed;
    this.release = release;
    this.body = h("tbody");
    this.rows = new Rows(this.body, row);
    this.count = h("p", { class: "count" });
    this.none = h("p", { class: "none" }, "Nothing is known of its objects yet.");
    this.table = h("table", { class: "objects" },
      h("caption", { class: "unseen" }, `Objects of ${release}`),
      h("thead", {}, h("tr", {}, ...["Object", "State", "Why"].map((name) => h("th", { scope: "col" }, name)))),
      this.body);
    this.node = h("section", { "aria-labelledby": "objects-title" },
      h("div", { class: "heading" }, h("h2", { id: "objects-title" }, "Resources"), this.count), this.none, this.table);
  }

  render() {
    const all = [...(this.feed.objects.get(this.release) ?? new Map()).entries()].sort(byKind);
    this.rows.update(all, ([key]) => key);
    const own = all.filter(([, object]) => !object.hook);
    const ready = own.filter(([, object]) => object.status === "ready").length;
    setText(this.count, own.length ? `${ready} of ${own.length} ready` : "");
    setHidden(this.none, all.length > 0);
    setHidden(this.table, all.length === 0);
  }
}

const byKind = ([, one], [, other]) =>
  Number(Boolean(one.hook)) - Number(Boolean(other.hook)) || one.kind.localeCompare(other.kind) || one.name.localeCompare(other.name);

function row() {
  const kind = h("span", { class: "kind" });
  const name = h("span", { class: "name" });
  const hook = h("span", { class: "hook" });
  const state = badge();
  const why = h("td", { class: "why" });
  const node = h("tr", {}, h("th", { scope: "row" }, kind, " ", name, " ", hook), h("td", { class: "state" }, state.node), why);
  return { node, update([, object]) {
    setText(kind, object.kind);
    setText(name, object.name);
    setText(hook, object.hook ? `hook: ${object.hook}` : "");
    state.update(object.status);
    setText(why, object.message || (object.status === "applied" ? object.action : ""));
  } };
}
