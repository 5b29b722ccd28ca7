// Protected systems: all of them, and one with the recovery points that it has.

import { get, part, post } from "./api.js";
import {
  button,
  chip,
  dialog,
  facts,
  field,
  h,
  kept,
  link,
  note,
  notice,
  section,
  svg,
  table,
  time,
} from "./dom.js";
import { bytes, count, dayName, dayOf, moment, span, timeOfDay, exactly } from "./format.js";
import {
  all,
  isGood,
  isLive,
  isSuspect,
  loadRecent,
  now,
  one,
  placed,
  pointsOf,
  world,
} from "./world.js";
import { byUrgency, columns, lastChecked, rpoChip } from "./view-overview.js";
import { begun, jobLine } from "./view-jobs.js";

// Rows that are drawn until more are asked for.
const ROWS = 100;

// Days that the strip above the list shows at most.
const DAYS = 60;

export function systemsView() {
  loadRecent().catch(() => {});
  let wanted = "";
  const draw = () => {
    const systems = all("system").sort(byUrgency);
    const found = systems.filter((system) =>
      `${system.name} ${system.id} ${system.client}`.toLowerCase().includes(wanted),
    );
    const search = h("input", { id: "wanted", type: "search", autocomplete: "off" });
    search.oninput = (event) => {
      wanted = event.currentTarget.value.trim().toLowerCase();
      view.changed();
    };
    return [
      h("h1", {}, "Systems"),
      h("div", { class: "field search" }, h("label", { for: "wanted" }, "Name or client"), search),
      h(
        "p",
        { class: "quiet", role: "status" },
        wanted
          ? `${found.length} of ${count(systems.length, "system")}`
          : count(systems.length, "system"),
      ),
      found.length > 0 &&
        table("Protected systems, the most urgent first", columns(), found, (system) => system.id),
    ];
  };
  const view = { title: "Systems", draw };
  return view;
}

const FILTERS = [
  ["all", "All", () => true],
  ["good", "Good to go back to", isGood],
  ["checked", "Verified or proved", (point) => point.verified_at > 0 || point.proved_at > 0],
  ["held", "Held", (point) => point.held],
  ["odd", "Unusual or broken", (point) => point.signals.length > 0 || point.broken],
  ["removed", "Removed", (point) => point.removed],
];

export async function systemView(id) {
  const [first, page] = await Promise.all([get(`/systems/${part(id)}`), pointsOf(id)]);
  const list = { points: page.points, more: page.more, filter: "all", rows: ROWS, turn: 0 };
  const last = {};
  const wants = (event) => take(list, id, event);
  const draw = () => {
    const system = one("system", id) ?? first;
    return [
      h("p", { class: "path" }, link("#/systems", "Systems")),
      h(
        "div",
        { class: "title" },
        h("h1", {}, system.name || system.id),
        rpoChip(system),
        system.paused && chip("warn", "Paused"),
      ),
      system.paused && note("Paused: ", system.pause_reason || "no reason was given"),
      best(list),
      running(id),
      section("Agreed and done", about(system), controls(system)),
      section("Recovery points", timeline(list, last, id, view)),
    ];
  };
  const view = { title: first.name || first.id, draw, wants };
  return view;
}

// Takes over what an event says of the recovery points of this system.
function take(list, id, event) {
  if (event.kind === "reload") {
    pointsOf(id)
      .then(({ points, more }) => {
        Object.assign(list, { points, more, turn: list.turn + 1 });
      })
      .catch(() => {});
  }
  if (event.kind !== "point" || event.object.system !== id) return;
  list.turn += 1;
  list.points = event.gone
    ? list.points.filter((point) => point.id !== event.object.id)
    : placed(list.points, event.object);
}

// The newest recovery point that nothing speaks against, first of all: it is what somebody comes
// for whose server is dead.
function best(list) {
  const point = list.points.find(isGood);
  if (!point) {
    return list.points.length === 0
      ? note("There is no recovery point yet.")
      : h(
          "div",
          { class: "card edge bad" },
          h("p", {}, "None of the newest recovery points is without doubt. Look at them below."),
        );
  }
  const newer = list.points.indexOf(point);
  return h(
    "div",
    { class: "card edge good best", "data-key": "best" },
    h("h2", { class: "small" }, "Newest good recovery point"),
    h(
      "p",
      { class: "big" },
      time(point.created_at),
      " ",
      h("span", { class: "quiet" }, time(point.created_at, now())),
    ),
    h("p", {}, marks(point, true), " ", h("span", { class: "quiet" }, bytes(point.logical_bytes))),
    checkedOne(list, point),
    newer > 0 &&
      note(
        `${count(newer, "newer one")} ${newer === 1 ? "is" : "are"} removed, broken, or look like encryption.`,
      ),
    h(
      "p",
      { class: "buttons" },
      h(
        "a",
        { class: "button main", href: `#/point/${point.id}` },
        world.may.recover ? "Recover from it" : "Open it",
      ),
    ),
  );
}

// One that was verified or booted is worth more than a younger one that was not.
function checkedOne(list, point) {
  if (point.verified_at || point.proved_at) return null;
  const checked = list.points.find(
    (other) => isGood(other) && (other.verified_at || other.proved_at),
  );
  if (!checked) return null;
  const how = checked.proved_at ? "proved by booting" : "verified";
  return h(
    "p",
    {},
    `The newest that was ${how}: `,
    link(`#/point/${checked.id}`, moment(checked.created_at)),
  );
}

function running(id) {
  const live = all("job").filter((job) => job.system === id && isLive(job));
  return live.length > 0 && section("Running jobs", h("ul", { class: "cards" }, live.map(jobLine)));
}

const about = (system) =>
  facts([
    ["Client", system.client],
    ["Source", system.kind],
    ["RPO", system.rpo_seconds ? `${span(system.rpo_seconds)} at most` : "nothing agreed"],
    ["RTO", system.rto_seconds ? `${span(system.rto_seconds)} at most` : "nothing agreed"],
    ["Last recovery point", time(system.last_point_at, now())],
    ["Checked", lastChecked(system)],
    [
      "Next run",
      system.paused
        ? "paused"
        : system.next_run_at
          ? time(system.next_run_at, now())
          : "none planned",
    ],
    ["Last run", system.last_result],
    ["Size", bytes(system.logical_bytes)],
    ["Recovery points", String(system.points)],
  ]);

function controls(system) {
  if (!world.may.recover) return null;
  const pauseIt = system.paused
    ? button("Resume", () => resume(system))
    : button("Pause", () => pause(system));
  return h(
    "p",
    { class: "buttons" },
    button("Back it up now", () => run(system)),
    world.may.desk && pauseIt,
  );
}

async function run(system) {
  await dialog({
    title: "Back it up now?",
    text: `A recovery point of ${system.name} is made at once, whatever its schedule says.`,
    content: [
      field("full", "Read everything, whatever is known to be unchanged (takes longer)", "check"),
    ],
    submit: "Back it up",
    run: async ({ full }) => {
      const { job } = await post(`/systems/${part(system.id)}/run`, full ? { full } : {});
      begun(job, "The backup has begun.");
    },
  });
}

const pause = (system) =>
  dialog({
    title: `Pause ${system.name}?`,
    text: "Its schedule starts no backups until somebody resumes it. Its RPO goes on counting.",
    content: [
      field(
        "reason",
        "Reason",
        "text",
        { required: true, maxlength: "1000" },
        "For whoever finds it paused.",
      ),
    ],
    submit: "Pause it",
    run: async ({ reason }) => {
      await post(`/systems/${part(system.id)}/pause`, { reason });
      notice(`${system.name} is paused.`);
    },
  });

async function resume(system) {
  await post(`/systems/${part(system.id)}/resume`);
  notice(`${system.name} is backed up by its schedule again.`);
}

// What is to be known of a recovery point at a glance.
export function marks(point, isWhole = false) {
  const chips = [];
  if (point.broken) chips.push(chip("bad", "Broken"));
  if (isSuspect(point)) chips.push(chip("bad", "Looks like encryption"));
  else if (point.signals.length > 0)
    chips.push(chip(point.cleared ? "none" : "warn", signalWords(point)));
  if (point.removed)
    chips.push(
      chip(
        "warn",
        point.goes_in_seconds ? `Removed, goes in ${span(point.goes_in_seconds)}` : "Removed",
      ),
    );
  if (point.held) chips.push(chip("busy", "Held"));
  if (point.proved_at) chips.push(chip("good", "Proved by booting"));
  if (point.verified_at) chips.push(chip("good", "Verified"));
  if (isWhole && chips.length === 0) chips.push(chip("none", "Not verified yet"));
  return h("span", { class: "chips" }, chips);
}

const SIGNALS = { change: "much changed", dense: "changes cannot be compressed" };

export function signalWords(point) {
  const words = point.signals.map((signal) => SIGNALS[signal] ?? signal).join(", ");
  return point.cleared ? `${words}: looked at` : words;
}

const moodOf = (point) =>
  point.broken || isSuspect(point)
    ? "bad"
    : point.removed || (point.signals.length > 0 && !point.cleared)
      ? "warn"
      : point.verified_at || point.proved_at
        ? "good"
        : "none";

function timeline(list, last, id, view) {
  const test = FILTERS.find(([key]) => key === list.filter)[2];
  const found = list.points.filter(test);
  const change = (what) => {
    Object.assign(list, what);
    list.turn += 1;
    view.changed();
  };
  const filter = h(
    "select",
    { id: "filter" },
    FILTERS.map(([value, text]) => h("option", { value }, text)),
  );
  filter.onchange = (event) => change({ filter: event.currentTarget.value, rows: ROWS });
  const today = dayOf(now());
  const version = `${list.turn} ${today}`;
  return [
    h("div", { class: "field search" }, h("label", { for: "filter" }, "Show"), filter),
    h(
      "p",
      { class: "quiet", role: "status" },
      `${count(found.length, "recovery point")}${list.more ? " of those loaded; there are older ones" : ""}.`,
    ),
    kept(last, version, () => [
      strip(list.points),
      h("div", { class: "timeline" }, days(found.slice(0, list.rows), today)),
    ]),
    older(list, found, id, change),
  ];
}

// What is loaded is shown first; then the box is asked for older ones.
function older(list, found, id, change) {
  if (found.length > list.rows) {
    return button(`Show ${Math.min(ROWS, found.length - list.rows)} older`, () =>
      change({ rows: list.rows + ROWS }),
    );
  }
  if (!list.more) return null;
  return button("Load older ones", async () => {
    const page = await pointsOf(id, list.points.at(-1).sequence);
    change({ points: [...list.points, ...page.points], more: page.more, rows: list.rows + ROWS });
  });
}

function days(points, today) {
  return [...byDay(points)].map(([day, own]) =>
    h(
      "div",
      { class: "day", "data-key": day },
      h("h3", {}, dayName(day, today)),
      h("ul", {}, own.map(row)),
    ),
  );
}

function byDay(points) {
  const groups = new Map();
  for (const point of points) {
    const day = dayOf(point.created_at);
    if (groups.has(day)) groups.get(day).push(point);
    else groups.set(day, [point]);
  }
  return groups;
}

const row = (point) =>
  h(
    "li",
    { class: `point ${moodOf(point)}`, "data-key": point.id },
    h(
      "a",
      { href: `#/point/${point.id}`, title: exactly(point.created_at) },
      timeOfDay(point.created_at),
      h("span", { class: "spoken" }, ` on ${dayOf(point.created_at)}`),
    ),
    marks(point),
    h(
      "span",
      { class: "quiet figure" },
      `${bytes(point.logical_bytes)}, ${bytes(point.added_bytes)} added`,
    ),
  );

// The last days at a glance: how many recovery points each has. The list says the same in words.
function strip(points) {
  if (points.length < 2) return null;
  const groups = byDay(points);
  const newest = new Date(`${dayOf(points[0].created_at)}T12:00:00`);
  const oldest = new Date(`${dayOf(points.at(-1).created_at)}T12:00:00`);
  const length = Math.min(DAYS, Math.round((newest - oldest) / 86_400_000) + 1);
  if (length < 3) return null;
  const shown = Array.from({ length }, (_, back) => {
    const day = new Date(newest);
    day.setDate(day.getDate() - (length - 1 - back));
    return groups.get(dayOf(day / 1000)) ?? [];
  });
  const most = Math.max(...shown.map((own) => own.length));
  const without = shown.filter((own) => own.length === 0).length;
  const label = `Recovery points of each of the last ${length} days, up to ${most} a day; ${
    without === 0 ? "none is without" : `${count(without, "day")} without`
  }.`;
  return [
    svg(
      "svg",
      { class: "strip", viewBox: `0 0 ${length * 12} 44`, role: "img", "aria-label": label },
      shown.map((own, at) => barOf(own, at * 12 + 1, 42 / most)),
    ),
    h(
      "p",
      { class: "quiet stripfoot" },
      `${length} days up to ${dayOf(points[0].created_at)}, each with its recovery points`,
    ),
  ];
}

// A bar of one day; what is wrong stands on top, where it is seen.
function barOf(own, x, scale) {
  const rect = (mood, y, height) =>
    svg("rect", {
      class: mood,
      x: String(x),
      y: y.toFixed(1),
      width: "10",
      height: height.toFixed(1),
    });
  if (own.length === 0) return rect("empty", 41, 2);
  let y = 43;
  return ["good", "none", "warn", "bad"].map((mood) => {
    const height = scale * own.filter((point) => moodOf(point) === mood).length;
    y -= height;
    return height > 0 && rect(mood, y, height);
  });
}
