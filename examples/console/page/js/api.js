/** Asks the console's server, and makes what it refuses an error with its code and details. */

export class ApiError extends Error {
  constructor(status, told) {
    super(told.message);
    this.status = status;
    this.told = told;
  }
}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { "content-type": "application/json" } });
  } catch {
    throw new ApiError(0, { code: "unreachable", message: "The console does not answer: it may have ended." });
  }
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body;
  throw new ApiError(answer.status, body.error ?? { code: "http", message: `${answer.status} ${answer.statusText}` });
}

const post = (path, body) => ask(path, { method: "POST", body: JSON.stringify(body) });
const part = encodeURIComponent;

export const about = () => ask("/api/about");
export const charts = () => ask("/api/charts");
export const chart = (name) => ask(`/api/charts/${part(name)}`);
export const release = (name) => ask(`/api/releases/${part(name)}`);
export const look = (page, name) => post("/api/look", { page, release: name });
export const diff = (wanted) => post("/api/diff", wanted);
export const start = (wanted) => post("/api/operations", wanted);
export const cancel = (id) => post(`/api/operations/${id}/cancel`, {});
export const clear = () => post("/api/operations/clear", {});
