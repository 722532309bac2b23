/** Shows an error: its code, its message, and why what is not ready is not. */

import { h } from "./dom.js";
import { badge } from "./status.js";

/** `{node, update(error)}`; hidden where there is no error. */
export function failure() {
  const node = h("div", { class: "failure", hidden: true });
  let shown;
  const update = (error) => {
    if (error === shown) return;
    shown = error;
    node.hidden = !error;
    node.replaceChildren(...(error ? parts(error) : []));
  };
  return { node, update };
}

function parts(error) {
  const details = Object.entries(error.details ?? {}).filter(([name]) => name !== "resource");
  return [
    h("p", { class: "code" }, h("span", { class: "sign", "aria-hidden": "true" }, "✗"), "Failed: ", h("code", {}, error.code),
      ...details.flatMap(([name, value]) => [" · ", `${name} `, h("code", {}, String(value))])),
    h("p", { class: "message" }, error.message),
    ...(error.not_ready ?? []).map(object),
  ];
}

function object(found) {
  const state = badge(found.status);
  return h("section", { class: "cause" },
    h("h3", {}, `${found.kind} ${found.name} `, state.node),
    h("p", {}, found.message),
    list("Pods", found.pods, (pod) => `${pod.name} — ${pod.phase}${pod.message ? `: ${pod.message}` : ""}`),
    list("Claims", found.claims, (claim) => `${claim.name} — ${claim.phase}: ${claim.message}`),
    list("Events", found.events, (event) =>
      `${event.object} — ${event.reason}: ${event.message}${event.count > 1 ? ` (${event.count} times)` : ""}`),
    ...(found.logs ?? []).map((log) =>
      h("div", {}, h("h4", {}, `Log of ${log.pod} ${log.container}${log.previous ? " (the one before)" : ""}`),
        h("pre", { tabIndex: 0 }, log.lines.join("\n")))));
}

function list(title, found, told) {
  if (!found?.length) return null;
  return h("div", {}, h("h4", {}, title), h("ul", {}, found.map((each) => h("li", {}, told(each)))));
}
