// Requests to the box, and problems as it tells them.

// What the box said of a request that it did not carry out. Errors of the network look the same,
// so that whoever shows one need not tell them apart.
export class Problem extends Error {
  constructor(kind, problem, next, status = 0) {
    super(next ? `${problem}. Next: ${next}` : problem);
    Object.assign(this, { kind, problem, next, status });
  }
}

let signedOut = () => {};

// What happens when a session has ended: called once for each request that found out.
export function onSignedOut(then) {
  signedOut = then;
}

// Asks the box. `body` is sent as JSON. A changing request carries the header that another site's
// page cannot send; without it the box refuses whatever comes with a cookie.
export async function ask(verb, path, body) {
  const options = { method: verb, headers: { Accept: "application/json" }, cache: "no-store" };
  if (verb !== "GET") {
    options.headers["Content-Type"] = "application/json";
    options.headers["Holdfast-Request"] = "1";
    options.body = JSON.stringify(body ?? {});
  }
  let response;
  try {
    response = await fetch(`/api/v1${path}`, options);
  } catch {
    const next = "see that this computer is in the network of the box, and try again";
    throw new Problem("unreachable", "the box does not answer", next);
  }
  const answer = await response.json().catch(() => null);
  if (response.ok && answer !== null) return answer;
  const problem = problemOf(answer, response.status);
  // Elsewhere than at the door it means that the session is over.
  if (problem.kind === "anonymous" && path !== "/session") signedOut();
  throw problem;
}

function problemOf(answer, status) {
  if (answer && typeof answer.problem === "string") {
    return new Problem(String(answer.error), answer.problem, String(answer.next ?? ""), status);
  }
  const next = "try again; if it stays so see the journal of holdfast-manage";
  return new Problem("failed", `the box answered with status ${status}`, next, status);
}

export const get = (path) => ask("GET", path);
export const post = (path, body) => ask("POST", path, body);
// Adds the next page to a list of records that is shown in part, by the number of its last.
export async function older(path, state, name, key) {
  const next = await get(`${path}?before=${state[name].at(-1)[key]}`);
  Object.assign(state, next, { [name]: [...state[name], ...next[name]] });
}

export const put = (path, body) => ask("PUT", path, body);
export const remove = (path, body) => ask("DELETE", path, body);

// A part of a path: ids of systems have slashes and anything else in them.
export const part = (text) => encodeURIComponent(text);

// Whether a route is there at all: views of routes that a box does not have are not offered.
export async function has(path) {
  try {
    await get(path);
    return true;
  } catch (problem) {
    return !(problem.status === 404 || problem.status === 403 || problem.status === 401);
  }
}
