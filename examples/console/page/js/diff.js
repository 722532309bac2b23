/** Shows what would change: each line with its sign, so that it reads without colours too. */

import { h } from "./dom.js";

const ACTIONS = {
  create: "created", change: "changed", delete: "deleted", keep: "kept", none: "left as they are",
  skip: "left alone", conflict: "in conflict", refused: "refused by the server",
};

/** A node for a diff as the server tells it. */
export function diff(found) {
  const counts = new Map();
  for (const { action } of found.objects) counts.set(action, (counts.get(action) ?? 0) + 1);
  const summary = Object.keys(ACTIONS).filter((action) => counts.has(action))
    .map((action) => `${counts.get(action)} ${ACTIONS[action]}`).join(", ");
  const wrong = found.objects.filter(({ action }) => action === "conflict" || action === "refused");
  return h("div", { class: "diff" },
    h("p", { class: "summary" }, found.changed ? `Objects: ${summary}.` : "Nothing would change."),
    ...wrong.map((each) => h("p", { class: "refusal" },
      h("span", { class: "sign", "aria-hidden": "true" }, "✗"), `${each.kind} ${each.name} is ${ACTIONS[each.action]}: ${each.message}`)),
    ...sections(found.text).map(section));
}

/** The text by object: a heading, and the lines below it. */
function sections(text) {
  const all = [];
  for (const line of text.split("\n")) {
    if (line !== "" && !/^[ +\-@#\\]/.test(line)) all.push({ title: line, lines: [] });
    else all.at(-1)?.lines.push(line);
  }
  return all;
}

function section({ title, lines }) {
  while (lines.at(-1) === "") lines.pop();
  return h("section", {}, h("h3", {}, title.replace(/:$/, "")),
    lines.length ? h("pre", { tabIndex: 0, "aria-label": title }, lines.map(line)) : null);
}

function line(text) {
  const kinds = { "+": "added", "-": "removed", "@": "place", "#": "place" };
  return h("span", { class: `line ${kinds[text[0]] ?? ""}` }, text || " ");
}
