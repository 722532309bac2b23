/** The first view: what runs, and what there is to do. */

import { h, setHidden, setText } from "./dom.js";
import { OperationsTable } from "./operations.js";

export class Home {
  title = "Operations";

  constructor(feed, { about }) {
    this.feed = feed;
    this.table = new OperationsTable(feed);
    this.text = h("p", { class: "lead" });
    this.none = h("section", { class: "welcome" }, this.text,
      h("p", {}, h("a", { class: "button primary", href: "#/install" }, "Install a chart")));
    this.about = about;
    this.heading = h("h1", { tabIndex: -1 }, "What runs");
    this.node = h("div", {}, this.heading, this.none, this.table.node);
  }

  render() {
    this.table.render();
    const count = this.feed.releases.size;
    setHidden(this.none, this.feed.operations.size > 0 || !this.feed.cluster || this.feed.cluster.error !== null);
    setText(this.text, count
      ? `Nothing runs. ${count} ${count === 1 ? "release is" : "releases are"} in ${this.about().namespace}: choose one to see how its objects are.`
      : `Nothing is installed in ${this.about().namespace}.`);
  }

  leave() {}
}
