// What the box shows, as it is now: all objects that this account sees, kept up to date by the
// events of the box. Views draw from here and ask for nothing themselves, but for recovery points,
// of which there are many.
//
// Nothing here asks the box at intervals: a page that stands open all night must not keep its
// session alive.

import { get, part } from "./api.js";
import { say } from "./dom.js";
import { moment } from "./format.js";

const READERS = ["owner", "technician", "client-technician", "client-reader", "auditor"];
const RESTORERS = ["owner", "technician", "client-technician"];
const ASKERS = ["owner", "technician", "client-technician", "client-reader"];
const DESK = ["owner", "technician"];
const WITNESSES = ["owner", "technician", "auditor"];

// Kinds that are kept, and what names an object among those of its kind.
const KEYS = {
  system: "id",
  job: "number",
  alert: "number",
  export: "number",
  intake: "number",
  disk: "id",
};

const ENDS = {
  done: "done",
  warned: "done with warnings",
  failed: "failed",
  cancelled: "cancelled",
  interrupted: "interrupted",
};

// How long to wait before the stream of events is asked for again, in milliseconds.
const AGAIN = 5_000;

// Most recovery points that are kept for one list.
export const PAGE = 500;

export const world = {
  me: null,
  may: {},
  box: {},
  status: {},
  // Seconds that the clock of the box is ahead of this one.
  ahead: 0,
  // Since when the engine does not answer, or null.
  lostSince: null,
  // Since when the box itself does not answer, or null.
  cutSince: null,
  kinds: {},
  // The newest recovery points of all systems, or null until they are there.
  recent: null,
  // Whether these are all that there are.
  isRecentAll: false,
};

const watchers = new Set();
let stream = null;
let drawn = 0;
let loading = null;
let session = 0;
let ticking = null;
let asked = null;

// The clock of the box, by which ages are told.
export const now = () => Math.floor(Date.now() / 1000) + world.ahead;

export const all = (kind) => [...(world.kinds[kind]?.values() ?? [])];
export const one = (kind, key) => world.kinds[kind]?.get(String(key)) ?? null;
export const isEnded = (job) => job.state in ENDS;
export const isLive = (job) => !isEnded(job);

// Whether it looks like the work of an intruder who encrypts, and nobody has looked at it.
export const isSuspect = (point) =>
  !point.cleared && point.signals.includes("change") && point.signals.includes("dense");

// Whether it is one to go back to without a second thought.
export const isGood = (point) => !point.broken && !point.removed && !isSuspect(point);

// Calls `then` whenever something changed, at most twice a second; ends with what this gives.
export function watch(then) {
  watchers.add(then);
  return () => watchers.delete(then);
}

function changed(event = null) {
  for (const watcher of watchers) if (event && watcher.wants) watcher.wants(event);
  if (drawn) return;
  drawn = setTimeout(() => {
    drawn = 0;
    for (const watcher of [...watchers]) watcher();
  }, 200);
}

// What the role may, as the routes of the box have it. The box decides all the same.
function allowed(me) {
  const wide = me.clients.length === 0 && !me.role.startsWith("client-");
  const is = (roles) => roles.includes(me.role);
  return {
    read: is(READERS),
    recover: is(RESTORERS),
    ask: is(ASKERS),
    desk: is(DESK),
    wide,
    wideDesk: wide && is(DESK),
    witness: wide && is(WITNESSES),
    owner: wide && me.role === "owner",
    listen: true,
  };
}

// Begins for an account: loads everything, then listens.
export async function begin(me) {
  end();
  session += 1;
  world.me = me;
  world.may = allowed(me);
  await load();
  listen();
  // Ages grow without anything happening.
  ticking = setInterval(changed, 20_000);
}

export function end() {
  session += 1;
  stream?.close();
  clearTimeout(asked);
  clearInterval(ticking);
  Object.assign(world, {
    me: null,
    may: {},
    status: {},
    kinds: {},
    recent: null,
    lostSince: null,
    cutSince: null,
  });
  [stream, loading] = [null, null];
}

// Asks for everything anew; who asks while it is being done waits for the same.
export function load() {
  loading ??= loadAll().finally(() => {
    loading = null;
  });
  return loading;
}

async function loadAll() {
  const mine = session;
  const kinds = ["alert"];
  if (world.may.read) kinds.push("system", "job", "export", "intake");
  if (world.may.witness) kinds.push("disk");
  const [status, ...lists] = await Promise.all([
    get("/status"),
    ...kinds.map((kind) => get(`/${kind}s`)),
  ]);
  if (mine !== session) return;
  world.status = status;
  world.ahead = status.now - Math.floor(Date.now() / 1000);
  if (status.engine) world.lostSince = null;
  else world.lostSince ??= now();
  // Without its engine the box knows of nothing; what was known before is worth more than that.
  if (status.engine || Object.keys(world.kinds).length === 0) {
    kinds.forEach((kind, at) => {
      const entries = lists[at][`${kind}s`].map((object) => [String(object[KEYS[kind]]), object]);
      world.kinds[kind] = new Map(entries);
    });
  }
  changed();
}

// The newest recovery points of all systems: to show what was verified, and where to go back to.
export async function loadRecent() {
  if (world.recent || !world.may.read) return;
  const mine = session;
  const { points, more } = await get(`/points?most=${PAGE}`);
  if (mine !== session) return;
  Object.assign(world, { recent: points, isRecentAll: !more });
  changed();
}

// One page of the recovery points of a system, from the newest or from below a sequence on.
export const pointsOf = (system, before = null) =>
  get(`/points?system=${part(system)}&most=${PAGE}${before === null ? "" : `&before=${before}`}`);

function listen() {
  const mine = session;
  stream = new EventSource("/api/v1/events");
  const on = (name, then) =>
    stream.addEventListener(name, (event) => {
      if (mine === session) then(JSON.parse(event.data));
    });
  on("ready", ready);
  on("shown", ({ kind, object }) => shown(kind, object));
  on("gone", ({ kind, object }) => gone(kind, object));
  on("lost", lost);
  on("reload", reload);
  stream.onerror = () => {
    if (mine === session) cut();
  };
}

// What happened between loading and listening was not told: a stream that opens again loads again.
let opened = 0;
function ready({ now: at }) {
  world.ahead = at - Math.floor(Date.now() / 1000);
  world.cutSince = null;
  if (opened === session) reload();
  opened = session;
  changed();
}

// The browser tries again by itself while the box is away; not when it was turned away, which is
// when the session has ended. Then asking finds that out.
function cut() {
  world.cutSince ??= now();
  changed();
  if (stream.readyState !== EventSource.CLOSED) return;
  const mine = session;
  clearTimeout(asked);
  asked = setTimeout(async () => {
    await get("/me").catch(() => null);
    if (mine === session) listen();
  }, AGAIN);
}

function lost() {
  world.lostSince = now();
  say("The engine does not answer.");
  changed();
}

let soon = null;
function reload() {
  clearTimeout(soon);
  const mine = session;
  soon = setTimeout(() => {
    if (mine !== session) return;
    world.recent = null;
    load()
      .then(loadRecent)
      .catch(() => {});
    changed({ kind: "reload" });
  }, 300);
}

function shown(kind, object) {
  // The engine is back: everything is told anew, and what went meanwhile is not.
  if (world.lostSince !== null) {
    world.lostSince = null;
    reload();
  }
  if (kind === "appliance" || kind === "pool") world.status[kind] = object;
  if (kind === "point" && world.recent) world.recent = placed(world.recent, object);
  if (kind in KEYS) {
    world.kinds[kind] ??= new Map();
    const key = String(object[KEYS[kind]]);
    const before = world.kinds[kind].get(key);
    world.kinds[kind].set(key, object);
    if (kind === "job" && before) tellEnd(before, object);
  }
  changed({ kind, object });
}

function tellEnd(before, job) {
  if (isLive(before) && isEnded(job)) say(`${titleOf(job)}: ${ENDS[job.state]}.`);
}

function gone(kind, object) {
  if (kind === "point" && world.recent) {
    world.recent = world.recent.filter((point) => point.id !== object.id);
  }
  if (kind in KEYS) world.kinds[kind]?.delete(String(object[KEYS[kind]]));
  changed({ kind, object, gone: true });
}

// A list of recovery points with one more, or with that one as it is now; the newest first.
export function placed(points, point) {
  const others = points.filter((other) => other.id !== point.id);
  const at = others.findIndex((other) => other.sequence < point.sequence);
  others.splice(at < 0 ? others.length : at, 0, point);
  return others;
}

// Names of the clients that this account has to do with.
export const clientNames = () =>
  [...new Set([...world.me.clients, ...all("system").map((system) => system.client)])]
    .filter(Boolean)
    .sort();

const WORK = {
  ingest: "Backup",
  restore: "Restore",
  verify: "Verify",
  scrub: "Scrub",
  reclaim: "Reclaim",
  expire: "Expire",
  resync: "Resync",
  export: "Export",
  receive: "Receive",
};

export const workOf = (job) => WORK[job.kind] ?? job.kind;
export function titleOf(job) {
  const subject = subjectOf(job);
  return subject ? `${workOf(job)}: ${subject}` : workOf(job);
}

// What is done with a recovery point names it by its id, which tells nobody anything.
function subjectOf(job) {
  if (!job.point || job.subject !== job.point) return job.subject;
  const point = world.recent?.find((one) => one.id === job.point);
  return point
    ? `${nameOf(point.system)} of ${moment(point.created_at)}`
    : `point ${job.point.slice(0, 8)}`;
}

// Marks that turn the direction of what follows them have no place in the middle of a sentence.
const TURNS = /[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

// What a system is called, for the middle of a sentence.
export const nameOf = (id) => (one("system", id)?.name || id).replaceAll(TURNS, "");
