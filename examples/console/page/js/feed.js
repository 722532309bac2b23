/** Holds what the server tells: the newest state of everything, over a stream that goes on where it broke off. */

const RETRY = 2000;

export class Feed {
  /**
   * @param changed called when something changed; many times between two frames, perhaps
   * @param connection called with "live", "waiting" or "refused"
   */
  constructor(changed, connection) {
    this.page = crypto.randomUUID();
    this.changed = changed;
    this.connection = connection;
    this.seen = null;
    this.opened = () => {};
    this.empty();
  }

  empty() {
    this.cluster = null;
    this.loaded = false;
    this.releases = new Map();
    this.operations = new Map();
    this.objects = new Map(); // by release, then by key
    this.lines = new Map(); // by operation, then by number
  }

  open() {
    const query = new URLSearchParams({ page: this.page });
    if (this.seen !== null) query.set("seen", this.seen);
    const source = new EventSource(`/api/events?${query}`);
    source.onopen = () => {
      this.connection("live");
      this.opened();
    };
    source.onmessage = (message) => {
      this.seen = message.lastEventId;
      this.take(JSON.parse(message.data));
    };
    source.onerror = () => {
      this.connection(source.readyState === EventSource.CLOSED ? "refused" : "waiting");
      // The browser tries again by itself unless the server answered with an error.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.open(), RETRY);
    };
  }

  take({ whole, changes }) {
    if (whole) this.empty();
    for (const [key, value] of changes) this.set(key.split("/"), key, value);
    this.loaded = true;
    this.changed();
  }

  set([group, first, second], key, value) {
    switch (group) {
      case "cluster":
        this.cluster = value;
        break;
      case "release":
        put(this.releases, first, value);
        break;
      case "operation":
        put(this.operations, Number(first), value);
        break;
      case "object":
        put(below(this.objects, first), key, value);
        break;
      case "line":
        put(below(this.lines, Number(first)), Number(second), value);
        break;
    }
  }

  /** The newest operation on a release, or undefined. */
  operationOn(release) {
    let newest;
    for (const operation of this.operations.values())
      if (operation.release === release && (newest === undefined || operation.id > newest.id)) newest = operation;
    return newest;
  }
}

function put(map, key, value) {
  if (value === null) map.delete(key);
  else map.set(key, value);
}

function below(map, key) {
  let found = map.get(key);
  if (found === undefined) map.set(key, (found = new Map()));
  return found;
}
