// What proves things to others: the audit log, and reports.

import { get } from "./api.js";
import { button, chip, command, field, h, link, note, section, table, time } from "./dom.js";
import { word } from "./format.js";
import { clientNames, world } from "./world.js";

// Entries of one page.
const PAGE = 100;

export async function auditView() {
  // The newest stand at the end of the log: its length is asked for first.
  const { newest, hash } = await get("/audit?most=1");
  const state = { newest, hash, after: Math.max(0, newest - PAGE), entries: [] };
  await turnTo(state, state.after);
  const view = { title: "Audit log", draw: () => audit(state, view) };
  return view;
}

async function turnTo(state, after) {
  const { entries, newest, hash } = await get(`/audit?after=${after}&most=${PAGE}`);
  Object.assign(state, { entries: entries.reverse(), newest, hash, after });
}

const OUTCOMES = { done: "good", asked: "none", told: "none" };

const COLUMNS = [
  { name: "Number", cell: (entry) => String(entry.sequence) },
  { name: "When", cell: (entry) => time(entry.at) },
  {
    name: "Who",
    cell: (entry) => [
      entry.account || "–",
      h("div", { class: "quiet" }, `${entry.role} ${entry.from}`),
    ],
  },
  {
    name: "What",
    cell: (entry) => [
      h("code", { class: "break" }, entry.what),
      h("div", { class: "quiet break" }, entry.facts),
    ],
  },
  { name: "Outcome", cell: (entry) => chip(OUTCOMES[entry.outcome] ?? "bad", word(entry.outcome)) },
];

function audit(state, view) {
  const to = (text, after, off) =>
    button(
      text,
      async () => {
        await turnTo(state, after);
        view.changed();
      },
      { disabled: off },
    );
  const last = Math.max(0, state.newest - PAGE);
  const oldest = state.entries.at(-1)?.sequence ?? 0;
  const pages = h(
    "p",
    { class: "buttons" },
    to("Newest", last, false),
    to("Newer", Math.min(last, state.after + PAGE), state.after >= last),
    to("Older", Math.max(0, state.after - PAGE), state.after === 0),
  );
  return [
    h("h1", {}, "Audit log"),
    check(state),
    h("h2", {}, "Entries"),
    h(
      "p",
      { role: "status", class: "quiet" },
      `Entries ${oldest} to ${state.entries[0]?.sequence ?? 0} of ${state.newest}.`,
    ),
    pages,
    table(
      "Entries of the audit log, the newest first",
      COLUMNS,
      state.entries,
      (entry) => entry.sequence,
      { class: "log", still: true },
    ),
  ];
}

// How somebody makes sure that nothing was changed, left out or put in.
const check = (state) =>
  h(
    "div",
    { class: "card" },
    h(
      "p",
      {},
      "Each entry holds the hash of the one before. Export the log, and keep the hash of the newest entry somewhere else:",
    ),
    h("p", {}, `Entry ${state.newest}: `, h("code", { class: "break" }, state.hash)),
    h(
      "p",
      { class: "buttons" },
      h(
        "a",
        { class: "button", href: "/api/v1/audit/export", download: "audit.ndjson" },
        "Export the log",
      ),
    ),
    h(
      "details",
      {},
      h("summary", {}, "How to check it"),
      command(
        "holdfast-manage check-audit audit.ndjson",
        "It prints the number of entries and the hash of the last, which must be the one that was kept:",
      ),
    ),
  );

const FORMATS = [
  ["html", "Page"],
  ["csv", "CSV"],
  ["json", "JSON"],
];

const DAYS = [
  ["", "as usual for it"],
  ["1", "1 day"],
  ["7", "7 days"],
  ["31", "31 days"],
  ["92", "92 days"],
  ["366", "366 days"],
];

export async function reportsView() {
  const { reports, mailed } = await get("/reports");
  const kinds = (reports ?? []).map((report) =>
    typeof report === "string" ? { kind: report } : report,
  );
  const clients = clientNames();
  const choices = h(
    "form",
    { class: "row" },
    clients.length > 1 &&
      field("client", "Client", [["", "all"], ...clients.map((client) => [client, client])]),
    field("days", "The last", DAYS),
  );
  const holder = h("div", {});
  const draw = () => holder.replaceChildren(reportTable(kinds, new FormData(choices)));
  choices.onchange = draw;
  choices.onsubmit = (event) => event.preventDefault();
  draw();
  const node = [
    h("h1", {}, "Reports"),
    h(
      "p",
      { class: "quiet" },
      "What was done and how it stands, for clients, auditors and insurers.",
    ),
    choices,
    kinds.length === 0 ? note("This box makes none.") : holder,
    world.may.wideDesk && section("By mail", mailTable(mailed ?? [], kinds)),
  ];
  return { title: "Reports", node };
}

function reportTable(kinds, given) {
  const chosen = ["client", "days"]
    .filter((name) => given.get(name))
    .map((name) => [name, given.get(name)]);
  const columns = [
    {
      name: "Report",
      cell: (report) => [
        report.title ?? word(report.kind),
        report.about && h("div", { class: "quiet" }, report.about),
      ],
    },
    {
      name: "Get it as",
      cell: (report) =>
        h(
          "span",
          { class: "links" },
          FORMATS.map(([format, text]) => {
            const query = new URLSearchParams([["format", format], ...chosen]);
            const href = `/api/v1/reports/${encodeURIComponent(report.kind)}?${query}`;
            const name = h("span", { class: "spoken" }, ` of ${report.title ?? word(report.kind)}`);
            return h(
              "a",
              { href, target: "_blank", rel: "noopener", class: "button small" },
              text,
              name,
            );
          }),
        ),
    },
  ];
  return table("Reports", columns, kinds, (report) => report.kind);
}

const EVERY = {
  day: "every day",
  week: "every week",
  month: "every month",
  quarter: "every quarter",
};

const sentBy = ({ every, channels }) => `${EVERY[every] ?? every}, by ${channels.join(", ")}`;

// What goes out by itself. The channels' settings say so, not this view.
function mailTable(mailed, kinds) {
  const where = world.may.channels ? link("#/channels", "the channels") : "the channels";
  if (mailed.length === 0) {
    return note(
      "None goes out by itself. Tables ",
      h("code", {}, "[[report]]"),
      " of ",
      where,
      " have them sent.",
    );
  }
  const titleOf = ({ kind }) => kinds.find((one) => one.kind === kind)?.title ?? word(kind);
  const columns = [
    {
      name: "Report",
      cell: (mailing) => [
        titleOf(mailing),
        h("div", { class: "quiet" }, mailing.client || "all clients"),
        h("div", { class: "quiet" }, sentBy(mailing)),
      ],
    },
    { name: "Next", cell: (mailing) => time(mailing.next) },
    { name: "Last", cell: (mailing) => time(mailing.last) },
  ];
  const rows = mailed.map((mailing, at) => ({ ...mailing, at }));
  return [
    table("Reports that go out by mail", columns, rows, (mailing) => mailing.at, { still: true }),
    note("What goes out, and when, is set with ", where, "."),
  ];
}
