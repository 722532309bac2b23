/** Asks before something that can not be taken back. The browser's own dialog keeps the focus, and gives it back. */

import { h } from "./dom.js";

/**
 * Resolves to the form's data, or to null where the user decided otherwise.
 * @param fields more of the form: nodes
 */
export function confirm(title, text, action, { danger = false, fields = [] } = {}) {
  const cancel = h("button", { type: "button" }, "Keep as it is");
  const yes = h("button", { type: "submit", class: danger ? "danger" : "primary" }, action);
  const form = h("form", { method: "dialog" },
    h("h2", { id: "question" }, title), h("p", { id: "consequence" }, text), ...fields,
    h("div", { class: "actions" }, cancel, yes));
  const dialog = h("dialog", { "aria-labelledby": "question", "aria-describedby": "consequence" }, form);
  return new Promise((resolve) => {
    let answer = null;
    cancel.addEventListener("click", () => dialog.close());
    form.addEventListener("submit", () => (answer = new FormData(form)));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
    cancel.focus();
  });
}
