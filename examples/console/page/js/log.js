/** Shows what an operation and its hooks wrote, and follows it while the reader is at the end. */

import { h } from "./dom.js";
import { clock } from "./status.js";

/** `{node, update(lines)}`, where `lines` is a map by number. */
export function log(label) {
  const list = h("ol", {});
  const node = h("div", { class: "log", tabIndex: 0, role: "region", "aria-label": label }, list);
  const shown = new Map();
  const update = (lines) => {
    const followed = node.scrollTop + node.clientHeight >= node.scrollHeight - 8;
    let changed = false;
    for (const [number, row] of shown)
      if (!lines.has(number)) {
        row.remove();
        shown.delete(number);
      }
    const fresh = [...lines.keys()].filter((number) => !shown.has(number)).sort((one, other) => one - other);
    for (const number of fresh) {
      const line = lines.get(number);
      const row = h("li", { class: line.kind },
        h("time", {}, clock(line.time)), h("span", { class: "source" }, line.source), h("span", { class: "text" }, line.text));
      list.append(row);
      shown.set(number, row);
      changed = true;
    }
    if (changed && followed) node.scrollTop = node.scrollHeight;
  };
  return { node, update };
}
