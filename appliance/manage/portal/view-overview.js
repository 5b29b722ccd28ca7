// How everything is: the verdict in a sentence, then what it rests on.

import {
  button,
  chip,
  dialog,
  facts,
  field,
  h,
  link,
  meter,
  note,
  notice,
  prose,
  section,
  table,
  time,
} from "./dom.js";
import { part, post } from "./api.js";
import { bytes, count, sentence, span } from "./format.js";
import { all, isGood, isSuspect, isLive, loadRecent, nameOf, now, world } from "./world.js";
import { jobLine } from "./view-jobs.js";
import { alertLine, openAlerts } from "./view-alerts.js";

// Most systems that stand here; the ones in trouble come first.
const MOST = 30;

// From this severity on an alert is trouble; below it is good to know.
const TROUBLE = 5;

const RPO = {
  met: ["good", "RPO met"],
  warning: ["warn", "RPO at risk"],
  breached: ["bad", "RPO breached"],
  unknown: ["none", "RPO unknown"],
};

export function rpoChip(system) {
  if (!system.last_point_at) return chip("warn", "No recovery point yet");
  return system.rpo_seconds
    ? chip(...(RPO[system.rpo_state] ?? RPO.unknown))
    : chip("none", "No RPO agreed");
}

const URGENCY = { breached: 0, unknown: 1, warning: 2, met: 3 };

// The most urgent first, then by name.
export const byUrgency = (a, b) =>
  (URGENCY[a.rpo_state] ?? 1) - (URGENCY[b.rpo_state] ?? 1) || a.name.localeCompare(b.name);

export function overviewView() {
  loadRecent().catch(() => {});
  return { title: "Overview", draw };
}

function draw() {
  return [
    verdict(),
    world.may.read && systems(),
    h("div", { class: "pair" }, world.may.read && runningJobs(), alerts()),
    world.status.pool && pool(),
  ];
}

// What is to be said of everything, with its mood and what to do. The worst comes first.
function judged() {
  const { status } = world;
  if (!status.engine && world.lostSince !== null && !world.status.appliance) {
    return [
      "bad",
      "The engine does not answer",
      "See `systemctl status holdfast-engine` at the console.",
    ];
  }
  if (isLocked()) {
    const where = world.may.wideDesk ? "here, or at the console" : "at the console";
    const next = `Unlock it with its passphrase or recovery kit, ${where}: \`holdfast unlock\`.`;
    return ["bad", "The pool is locked: nothing can be read or written", next];
  }
  if (status.appliance?.state === "starting")
    return ["warn", "The engine is starting", "Wait a moment."];
  const trouble = openAlerts().filter((alert) => alert.severity >= TROUBLE);
  if (trouble.length > 0) return ofAlerts(trouble);
  const ofSystems = judgedSystems();
  if (ofSystems) return ofSystems;
  const verdicts = { degraded: "bad", critical: "bad", attention: "warn" };
  const mood = verdicts[status.appliance?.verdict];
  const small = openAlerts();
  if (mood && small.length > 0) return ofAlerts(small);
  if (mood) return [mood, "Something needs a look", "See the alerts and jobs below."];
  return ["good", "All is well", ""];
}

// What is wrong with systems, whether an alert says so already or not.
function judgedSystems() {
  const kinds = [
    [
      suspects,
      "bad",
      "what looks like encryption by an intruder",
      "Open it, compare it with an older recovery point, and hold both.",
    ],
    [
      (system) => system.rpo_state === "breached",
      "bad",
      "no recovery point young enough",
      "Open it below, see its jobs, and run it now.",
    ],
    [
      (system) => !system.last_point_at,
      "warn",
      "no recovery point yet",
      "Open it below and run it now, or see when it is to run.",
    ],
  ];
  for (const [is, mood, what, next] of kinds) {
    const found = all("system").filter(is);
    const who = found.length === 1 ? `The system ${nameOf(found[0].id)} has` : `${found.length} systems have`;
    if (found.length > 0) return [mood, `${who} ${what}`, next];
  }
  return null;
}

function ofAlerts(trouble) {
  const [worst] = trouble;
  const others = trouble.length > 1 ? `${trouble.length} things are wrong; first: ` : "";
  const mood = worst.severity >= 7 ? "bad" : "warn";
  return [mood, `${others}${worst.cause || worst.subject}`, worst.next_step];
}

function verdict() {
  const [mood, what, next] = judged();
  const words = { good: "Good", warn: "Needs a look", bad: "Act now" };
  return h(
    "div",
    { class: `verdict ${mood}` },
    h("p", { class: "mood" }, chip(mood, words[mood])),
    h("h1", {}, sentence(what)),
    next && h("p", { class: "next" }, h("b", {}, "Next: "), prose(next)),
    unlocking(),
    h("p", { class: "quiet" }, protection()),
  );
}

const isLocked = () => world.status.appliance?.state === "locked";

// What unlocks a pool that is locked, for who may do that.
export const unlocking = () =>
  isLocked() && world.may.wideDesk
    ? h("p", { class: "buttons" }, button("Unlock the pool", unlock, { class: "main" }))
    : null;

const unlock = () =>
  dialog({
    title: "Unlock the pool",
    text: "The box keeps its key until it is locked again or starts anew.",
    content: [
      field(
        "passphrase",
        "Passphrase",
        "password",
        { required: true, autocomplete: "off", maxlength: "4096" },
        "Or the words of the recovery kit.",
      ),
    ],
    submit: "Unlock it",
    run: async (given) => {
      await post("/pool/unlock", given);
      notice("The pool is unlocked.");
    },
  });

// What the sentence rests on, in figures.
function protection() {
  const systems = all("system");
  if (!world.may.read) return `${count(world.status.systems?.all ?? 0, "protected system")}.`;
  if (systems.length === 0) return "No systems are protected yet.";
  const young = systems.filter(
    (system) => system.rpo_state === "met" || system.rpo_state === "warning",
  );
  const made = systems.filter((system) => system.last_point_at > 0);
  const [behind] = made.sort((a, b) => a.last_point_at - b.last_point_at);
  const oldest = behind
    ? ` Furthest behind is ${nameOf(behind.id)}: ${span(now() - behind.last_point_at)}.`
    : "";
  return `${young.length} of ${count(systems.length, "protected system")} have a recovery point as young as agreed.${oldest}`;
}

function runningJobs() {
  const live = all("job")
    .filter(isLive)
    .sort((a, b) => a.number - b.number);
  if (live.length === 0) return null;
  const more = live.length > 6 ? h("p", {}, link("#/jobs", `All ${live.length} jobs`)) : null;
  return section("Running jobs", h("ul", { class: "cards" }, live.slice(0, 6).map(jobLine)), more);
}

function alerts() {
  const open = openAlerts();
  if (open.length === 0) return null;
  const more =
    open.length > 5 ? h("p", {}, link("#/alerts", `All ${open.length} open alerts`)) : null;
  return section("Open alerts", h("ul", { class: "cards" }, open.slice(0, 5).map(alertLine)), more);
}

// The newest recovery point to go back to, as far as the newest of all tell.
function goodOf(system) {
  const own = (world.recent ?? []).filter((point) => point.system === system.id);
  return own.find(isGood)?.id ?? (own.length === 0 ? system.last_point : null);
}

const suspects = (system) =>
  (world.recent ?? []).some(
    (point) => point.system === system.id && !point.removed && isSuspect(point),
  );

export function lastChecked(system) {
  const own = (world.recent ?? []).filter((point) => point.system === system.id);
  const verified = own.reduce((newest, point) => Math.max(newest, point.verified_at), 0);
  return [
    h("div", {}, "proved ", time(system.last_proved_at, now())),
    h(
      "div",
      {},
      "verified ",
      verified || world.isRecentAll
        ? time(verified, now())
        : h("span", { class: "quiet" }, "not lately"),
    ),
  ];
}

export function systemName(system) {
  return [
    link(`#/system/${part(system.id)}`, system.name || system.id),
    system.client && h("div", { class: "quiet" }, system.client),
    suspects(system) && h("div", {}, chip("bad", "Looks like encryption")),
    system.paused && h("div", {}, chip("warn", "Paused")),
  ];
}

// Columns of a table of systems.
export const columns = () => [
  { name: "System", cell: systemName },
  {
    name: "Last recovery point",
    cell: (system) => [h("div", {}, time(system.last_point_at, now())), rpoChip(system)],
  },
  {
    name: "Agreed",
    wide: true,
    cell: (system) => [
      h("div", {}, system.rpo_seconds ? `RPO ${span(system.rpo_seconds)}` : "no RPO"),
      h(
        "div",
        { class: "quiet" },
        system.rto_seconds ? `RTO ${span(system.rto_seconds)}` : "no RTO",
      ),
    ],
  },
  { name: "Checked", wide: true, cell: lastChecked },
  {
    name: "Next run",
    wide: true,
    cell: (system) =>
      system.paused
        ? "paused"
        : system.next_run_at
          ? time(system.next_run_at, now())
          : h("span", { class: "quiet" }, "none planned"),
  },
  { name: "Go back", right: true, cell: recoverLink },
];

function recoverLink(system) {
  const good = goodOf(system);
  const name = h("span", { class: "spoken" }, ` ${system.name || system.id}`);
  if (!good) return system.points ? link(`#/system/${part(system.id)}`, "Points", name) : null;
  return h("a", { href: `#/point/${good}`, class: "button small" }, "Recover", name);
}

function systems() {
  const sorted = all("system").sort(byUrgency);
  if (sorted.length === 0) {
    return section(
      "Systems",
      note(
        "Nothing is protected yet. A plan says what is: ",
        world.may.witness ? link("#/plan", "see the plan") : "ask the MSP",
        ".",
      ),
    );
  }
  const more =
    sorted.length > MOST
      ? h(
          "p",
          {},
          link("#/systems", `All ${sorted.length} systems`),
          ", these are the most urgent.",
        )
      : null;
  return section(
    "Systems",
    table(
      "Protected systems, the most urgent first",
      columns(),
      sorted.slice(0, MOST),
      (system) => system.id,
    ),
    more,
  );
}

const POOL = {
  closed: ["bad", "Closed"],
  complete: ["good", "Complete"],
  syncing: ["warn", "Filling a disk"],
  degraded: ["bad", "A copy is missing"],
  stopped: ["bad", "Stopped"],
};

export const poolChip = (state) => chip(...(POOL[state] ?? ["none", state]));

const SMART = {
  unknown: ["none", "says nothing"],
  good: ["good", "good"],
  worn: ["warn", "worn"],
  failing: ["bad", "failing"],
};
export const smartChip = (disk) => chip(...(SMART[disk.smart] ?? SMART.unknown));

const DISK = {
  active: ["good", "active"],
  syncing: ["busy", "being filled"],
  missing: ["bad", "missing"],
  failed: ["bad", "failed"],
  stale: ["warn", "out of date"],
  left: ["none", "removed"],
};
export const diskChip = (disk) => chip(...(DISK[disk.state] ?? ["none", disk.state]));

export function room(pool) {
  const taken = pool.capacity_bytes - pool.free_bytes;
  const percent = pool.capacity_bytes ? taken / pool.capacity_bytes : 0;
  const mood = pool.full || percent > 0.95 ? "bad" : percent > 0.85 ? "warn" : "good";
  const until =
    pool.days_until_full < 0
      ? "It will not be full in sight."
      : `Full in ${count(pool.days_until_full, "day")} if it goes on like this.`;
  return [
    meter(taken, pool.capacity_bytes, "Room of the pool that is taken", mood),
    h(
      "p",
      {},
      h("b", {}, `${bytes(pool.free_bytes)} free`),
      ` of ${bytes(pool.capacity_bytes)}. `,
      pool.full ? "It is full: no recovery points are taken." : until,
    ),
  ];
}

function pool() {
  const { pool } = world.status;
  const disks = all("disk")
    .filter((disk) => disk.state !== "left")
    .sort((a, b) => a.number - b.number);
  const list = disks.map((disk) => [
    `Disk ${disk.number}`,
    [diskChip(disk), " ", smartChip(disk), " ", h("span", { class: "quiet" }, disk.name)],
  ]);
  return section(
    "Pool and disks",
    h("div", { class: "pool" }, room(pool)),
    facts([
      ["Copies", poolChip(pool.state)],
      ["Recovery kit", pool.kit_proved ? chip("good", "proved") : chip("bad", "not proved")],
      ["Lost records", pool.lost_records ? chip("bad", String(pool.lost_records)) : null],
      [
        "All points verified",
        pool.last_verify_at ? time(pool.last_verify_at, now()) : "never at once",
      ],
      ...list,
    ]),
  );
}
