/** Makes and updates elements, touching only what differs. Text is never markup. */

/** An element: properties by name, `on…` listeners, attributes where there is no such property. */
export function h(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else if (name in node && !name.startsWith("aria")) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setClass(node, name) {
  if (node.className !== name) node.className = name;
}

export function setHidden(node, hidden) {
  if (node.hidden !== hidden) node.hidden = hidden;
}

/** A parent whose children are rows by key: `make(item)` gives `{node, update(item)}`, once for each key. */
export class Rows {
  constructor(parent, make) {
    this.parent = parent;
    this.make = make;
    this.rows = new Map();
  }

  update(items, keyOf) {
    // What is gone goes first: were it still in its place, those after it would be moved, and lose the focus.
    const keys = new Set(items.map(keyOf));
    for (const [key, row] of this.rows)
      if (!keys.has(key)) {
        row.node.remove();
        this.rows.delete(key);
      }
    let place = this.parent.firstElementChild;
    for (const item of items) {
      const key = keyOf(item);
      let row = this.rows.get(key);
      if (row === undefined) this.rows.set(key, (row = this.make(item)));
      row.update(item);
      if (row.node === place) place = place.nextElementSibling;
      else this.parent.insertBefore(row.node, place);
    }
  }
}
