/** Puts the page together: views by address, and at most one rendering a frame however much is told. */

import * as api from "./api.js";
import { Deploy } from "./deploy.js";
import { setHidden, setText } from "./dom.js";
import { Feed } from "./feed.js";
import { Home } from "./home.js";
import { Release } from "./release.js";
import { Sidebar } from "./sidebar.js";
import { kind, running } from "./status.js";

const main = document.getElementById("main");
const live = document.getElementById("live");
const outage = document.getElementById("outage");
const announcer = document.getElementById("announcer");

let about = { namespace: "the namespace", cluster: "", version: "" };
let view = null;
let due = false;

const feed = new Feed(schedule, connection);
const sidebar = new Sidebar(document.getElementById("releases"), feed);

function schedule() {
  if (due) return;
  due = true;
  requestAnimationFrame(render);
}

function render() {
  due = false;
  sidebar.render();
  view.render();
  announce();
  const error = feed.cluster?.error;
  setText(outage, error ? `The cluster does not answer (${error.code}): ${error.message}` : "");
  setHidden(outage, !error);
  document.dispatchEvent(new Event("console:rendered"));
}

function connection(state) {
  document.body.dataset.connection = state;
  setText(live, { live: "Live", waiting: "Reconnecting …", refused: "Not connected" }[state]);
}

const ended = new Map();

/** Tell those who do not see it what ended, once for all of a frame. */
function announce() {
  const news = [];
  for (const operation of feed.operations.values()) {
    const before = ended.get(operation.id);
    ended.set(operation.id, operation.state);
    if (before !== undefined && before !== operation.state && !running(operation))
      news.push(`${kind(operation)} of ${operation.release}: ${operation.state}.`);
  }
  for (const id of ended.keys()) if (!feed.operations.has(id)) ended.delete(id);
  if (news.length) announcer.textContent = news.length > 3 ? `${news.length} operations ended.` : news.join(" ");
}

function go(hash) {
  location.hash = hash;
}

function route() {
  const [, first, name, last] = location.hash.split("/").map(decodeURIComponent);
  view?.leave();
  if (first === "install") view = new Deploy(feed, { go });
  else if (first === "releases" && name && last === "upgrade") view = new Deploy(feed, { name, go });
  else if (first === "releases" && name) view = new Release(feed, { name });
  else view = new Home(feed, { about: () => about });
  document.body.dataset.view = first || "home";
  document.title = `${view.title} · Helm console`;
  main.replaceChildren(view.node);
  schedule();
}

window.addEventListener("hashchange", () => {
  route();
  scrollTo(0, 0);
  view.heading.focus({ preventScroll: true });
});
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault(); // The address names the view.
  view.heading.focus();
});

// What runs takes longer from second to second, though nobody tells.
setInterval(() => {
  if ([...feed.operations.values()].some(running)) schedule();
}, 1000);

feed.opened = () => view.look?.();
route();
feed.open();
api.about().then((found) => {
  about = found;
  setText(document.getElementById("where"), `${about.namespace} · ${about.cluster}`);
  document.getElementById("where").title = about.version;
  schedule();
}, () => {});
