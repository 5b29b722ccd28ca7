// What is wrong now: cause, next step, whose side, and who has taken it on.

import { post } from "./api.js";
import {
  button,
  chip,
  dialog,
  facts,
  field,
  h,
  link,
  note,
  notice,
  prose,
  section,
  time,
} from "./dom.js";
import { count, sentence, word } from "./format.js";
import { all, now, world } from "./world.js";

const SIDES = {
  source: "the protected system",
  network: "the network of the site",
  box: "this box",
  vault: "the vault",
};

const moodOf = (alert) => (alert.severity >= 7 ? "bad" : alert.severity >= 5 ? "warn" : "none");

// Severity as a word, and the priority that was agreed for it.
export function severityChip(alert) {
  const words =
    alert.severity >= 9
      ? "Critical"
      : alert.severity >= 7
        ? "Serious"
        : alert.severity >= 5
          ? "Warning"
          : "Information";
  return chip(moodOf(alert), `${words} ${alert.severity}`);
}

const byWorst = (a, b) => b.severity - a.severity || b.since - a.since;

// Alerts that nobody has taken on, the worst first.
export const openAlerts = () =>
  all("alert")
    .filter((alert) => !alert.acknowledged_by)
    .sort(byWorst);

export const alertLine = (alert) =>
  h(
    "li",
    { class: `card edge ${moodOf(alert)}`, "data-key": String(alert.number) },
    h(
      "p",
      {},
      severityChip(alert),
      " ",
      h("b", {}, alert.subject),
      " ",
      h("span", { class: "quiet" }, time(alert.since, now())),
    ),
    h("p", {}, prose(alert.cause)),
    alert.next_step && h("p", {}, h("b", {}, "Next: "), prose(alert.next_step)),
    world.may.recover && !alert.acknowledged_by && h("p", { class: "buttons" }, takeOn(alert)),
  );

const takeOn = (alert) =>
  button("Take it on", () => acknowledge(alert), {
    class: "small",
    "aria-label": `Take it on: ${alert.subject}`,
  });

export function alertsView() {
  return { title: "Alerts", draw };
}

function draw() {
  const open = openAlerts();
  const taken = all("alert")
    .filter((alert) => alert.acknowledged_by)
    .sort(byWorst);
  const test = world.may.wideDesk ? button("Send a test alert", testAlert) : null;
  return [
    h("div", { class: "title" }, h("h1", {}, "Alerts"), test),
    h("h2", {}, open.length === 0 ? "Nothing is open" : count(open.length, "open alert")),
    open.length === 0
      ? note("What comes up stands here, with its cause and what to do.")
      : list(open),
    taken.length > 0 && h("h2", {}, `Taken on: ${taken.length}`),
    taken.length > 0 && list(taken),
    world.may.wideDesk && support(),
  ];
}

const list = (alerts) => h("ul", { class: "cards" }, alerts.map(card));

function card(alert) {
  return h(
    "li",
    { class: `card edge ${moodOf(alert)}`, "data-key": String(alert.number) },
    h("h3", {}, severityChip(alert), " ", alert.subject),
    h("p", {}, prose(alert.cause)),
    alert.next_step && h("p", {}, h("b", {}, "Next: "), prose(alert.next_step)),
    facts([
      ["Side", SIDES[alert.side] ?? alert.side],
      ["Priority", alert.priority ? word(alert.priority) : null],
      ["Client", alert.client],
      ["Since", time(alert.since, now())],
      ["Seen", [`${alert.count}×, last `, time(alert.last_seen, now())]],
      ["Code", h("code", {}, alert.code)],
      ["Taken on by", alert.acknowledged_by],
    ]),
    world.may.recover && !alert.acknowledged_by && h("p", { class: "buttons" }, takeOn(alert)),
  );
}

const acknowledge = (alert) =>
  dialog({
    title: "Take the alert on",
    text: `${alert.subject}: ${sentence(alert.cause)} It stays until its cause is gone, and counts as taken on by ${world.me.account}.`,
    content: [
      field("comment", "Comment for whoever looks next (may be empty)", "area", {
        rows: "2",
        maxlength: "1000",
      }),
    ],
    submit: "Take it on",
    run: async ({ comment }) => {
      await post(
        `/alerts/${alert.number}/acknowledge`,
        comment.trim() ? { comment: comment.trim() } : {},
      );
      notice("It is yours now.");
    },
  });

// Everything that helps to find a fault, as a file.
export const support = () =>
  section(
    "Support",
    note(
      "One file for whoever helps you from afar: states, plan, channels, and the newest lines of the logs. Passwords and keys are not in it; names of systems, clients and accounts are.",
    ),
    h(
      "p",
      { class: "buttons" },
      h(
        "a",
        { class: "button", href: "/api/v1/support", download: "holdfast-support.json" },
        "Get the support bundle",
      ),
    ),
  );

async function testAlert() {
  await post("/alerts/test");
  const where = world.may.channels ? link("#/channels", "See the channels.") : null;
  notice("A test alert was raised. See that it arrives where it should.", "good", where);
}
