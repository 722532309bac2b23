/** Says states in words, with a sign beside: never by colour alone. */

import { h, setClass, setText } from "./dom.js";

const STATES = {
  // of objects
  ready: ["✓", "ready", "good"],
  succeeded: ["✓", "succeeded", "good"],
  in_progress: ["◔", "in progress", "busy"],
  terminating: ["◔", "terminating", "busy"],
  failed: ["✗", "failed", "bad"],
  not_found: ["✗", "not found", "bad"],
  unknown: ["?", "unknown", "dull"],
  applied: ["·", "applied", "dull"],
  deleted: ["−", "deleted", "dull"],
  // of releases
  deployed: ["✓", "deployed", "good"],
  superseded: ["·", "superseded", "dull"],
  uninstalled: ["−", "uninstalled", "dull"],
  uninstalling: ["◔", "uninstalling", "busy"],
  "pending-install": ["◔", "pending install", "busy"],
  "pending-upgrade": ["◔", "pending upgrade", "busy"],
  "pending-rollback": ["◔", "pending rollback", "busy"],
  // of operations
  running: ["◔", "running", "busy"],
  cancelling: ["◔", "cancelling", "busy"],
  done: ["✓", "done", "good"],
  cancelled: ["■", "cancelled", "warn"],
};

/** A badge: `{node, update(state, text)}`; the text is the state's own unless another is given. */
export function badge(state = "unknown") {
  const sign = h("span", { "aria-hidden": "true", class: "sign" });
  const word = h("span");
  const node = h("span", { class: "badge" }, sign, word);
  const update = (next, text) => {
    const [glyph, name, tone] = STATES[next] ?? ["?", next, "dull"];
    setText(sign, glyph);
    setText(word, text ?? name);
    setClass(node, `badge ${tone}`);
  };
  update(state);
  return { node, update };
}

export const running = (operation) => operation.state === "running" || operation.state === "cancelling";

const KINDS = { install: "Install", upgrade: "Upgrade", rollback: "Rollback", uninstall: "Uninstall", test: "Test" };
export const kind = (operation) => KINDS[operation.kind] ?? operation.kind;

/** What an operation does now, in one line. */
export function progress(operation) {
  if (!running(operation)) return operation.error ? operation.error.message.split("\n")[0] : "";
  const count = operation.total && operation.phase === "waiting" ? ` ${operation.ready}/${operation.total}` : "";
  return [`${operation.phase || "starting"}${count}`, operation.message].filter(Boolean).join(" · ");
}

export function elapsed(operation) {
  const seconds = ((operation.ended ?? Date.now()) - operation.started) / 1000;
  if (seconds < 0) return "0 s";
  if (!operation.ended) return duration(Math.floor(seconds));
  return seconds < 10 ? `${seconds.toFixed(1)} s` : duration(Math.round(seconds));
}

const duration = (seconds) => (seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`);

export function when(text) {
  const time = new Date(text);
  return Number.isNaN(time.valueOf()) ? text : time.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

export const clock = (milliseconds) => new Date(milliseconds).toLocaleTimeString(undefined, { hour12: false });
