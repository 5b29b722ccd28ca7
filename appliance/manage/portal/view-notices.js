// Changes to the service that are planned, and whether everybody whom they concern was told in time.

import { get, older, post } from "./api.js";
import { button, chip, dialog, field, h, note, notice, refuse, section, time } from "./dom.js";
import { moment, sentence, span, typed, untyped } from "./format.js";
import { clientNames, now, world } from "./world.js";

const HOUR = 3_600;

// So long before a change those are told whom it concerns.
const AHEAD = 72 * HOUR;

// Changes that are over which stand in the list until more are asked for.
const PAGE = 25;

export async function noticesView() {
  const state = { ...(await get("/notices")), most: PAGE };
  const view = { title: "Changes", draw: () => drawn(state, view) };
  return view;
}

async function again(state, view) {
  Object.assign(state, await get("/notices"));
  view.changed();
}

const isAhead = (change) => !change.cancelled && now() < change.end;

function drawn(state, view) {
  const ahead = state.notices.filter(isAhead).sort((a, b) => a.begin - b.begin);
  const over = state.notices.filter((change) => !isAhead(change));
  const card = (change) => cardOf(change, state, view);
  const list = (changes) => h("ul", { class: "cards" }, changes.map(card));
  return [
    h(
      "div",
      { class: "title" },
      h("h1", {}, "Changes"),
      world.may.recover &&
        button("Announce a change", () => announce(state, view), { class: "main" }),
    ),
    note("Planned work that you may notice. Whoever it concerns is told 72 hours ahead."),
    section("Ahead", ahead.length === 0 ? note("Nothing is planned.") : list(ahead)),
    over.length > 0 && section("Over or cancelled", list(over.slice(0, state.most))),
    (over.length > state.most || state.more) &&
      button("Show older", async () => {
        state.most += PAGE;
        if (state.more && over.length < state.most) {
          await older("/notices", state, "notices", "id");
        }
        view.changed();
      }),
  ];
}

// Where a change stands: its mood, and a word if there is one to say.
function standOf(change) {
  if (change.cancelled) return ["none", "Cancelled"];
  if (!isAhead(change)) return ["none", "Over"];
  return change.begin <= now() ? ["busy", "Going on"] : null;
}

function cardOf(change, state, view) {
  const stand = standOf(change);
  const mayCancel = world.may.desk || (world.may.recover && change.by === world.me.account);
  const about = { class: "small danger", "aria-label": `Cancel: ${change.what}` };
  return h(
    "li",
    { class: `card edge ${worst(change)}`, "data-key": String(change.id) },
    h("h3", {}, stand && [chip(...stand), " "], change.what),
    change.reason && h("p", {}, sentence(change.reason)),
    change.emergency &&
      h("p", { class: "why" }, h("b", {}, "It could not wait: "), change.emergency),
    h("p", {}, time(change.begin), " to ", time(change.end), " ", wait(change)),
    h("p", { class: "quiet" }, heard(change)),
    h(
      "ul",
      { class: "told" },
      change.clients.map((one) => clientLine(one, change, state, view)),
    ),
    mayCancel &&
      isAhead(change) &&
      h(
        "p",
        { class: "buttons" },
        button("Cancel", () => cancel(change, state, view), about),
      ),
  );
}

// How long it is until then, while somebody may wait for it.
function wait(change) {
  if (!isAhead(change) || change.begin <= now()) return null;
  return h("span", { class: "quiet" }, "(", time(change.begin, now()), ")");
}

const heard = ({ by, cancelled }) => [
  `Announced by ${by}`,
  cancelled && [", cancelled ", time(cancelled)],
];

const TOLD = {
  "in-time": ["good", (long) => `Told in time, ${long} ahead`],
  due: ["warn", (long) => `To be told within ${long}`],
  emergency: ["warn", () => "Emergency"],
  "no-reason": ["bad", () => "Emergency without a reason"],
  short: ["bad", (long) => `Told too late by ${long}`],
  "not-told": ["bad", () => "Not told in time"],
};

const moodOf = ({ state }) => TOLD[state]?.[0] ?? "none";

// Of what does not take place nobody is told too late.
function worst(change) {
  const moods = change.cancelled ? [] : change.clients.map(moodOf);
  return ["bad", "warn", "good"].find((mood) => moods.includes(mood)) ?? "none";
}

function clientLine(one, change, state, view) {
  const text = TOLD[one.state]?.[1](span(one.seconds)) ?? one.state;
  const about = {
    class: "small",
    "aria-label": `Told by telephone: ${one.client}, ${change.what}`,
  };
  const tell = world.may.desk && !one.told && isAhead(change);
  return h(
    "li",
    { "data-key": one.client },
    h("b", {}, one.client),
    change.cancelled ? null : chip(moodOf(one), text),
    toldOf(one, change),
    tell && button("Told by telephone", () => told(one, change, state, view), about),
  );
}

// When a client was told, or that it was not where nothing else says so.
function toldOf(one, change) {
  const quiet = (...text) => h("span", { class: "quiet" }, text);
  if (one.told) return quiet("told ", time(one.told));
  return change.cancelled || one.state === "emergency" ? quiet("not told") : null;
}

async function told({ client }, change, state, view) {
  const done = await dialog({
    title: `Was ${client} told?`,
    text: `That somebody of ${client} knows of “${change.what}” from now on is written down, as told by ${world.me.account}.`,
    submit: "Told",
    run: () => post(`/notices/${change.id}/told`, { client }),
  });
  if (done) await again(state, view);
}

async function cancel(change, state, view) {
  const done = await dialog({
    title: "Cancel this change?",
    text: `“${change.what}” of ${moment(change.begin)} does not take place. Whom the box told of it hears that too.`,
    danger: true,
    submit: "It does not take place",
    run: () => post(`/notices/${change.id}/cancel`),
  });
  if (!done) return;
  notice("The change is cancelled.");
  await again(state, view);
}

async function announce(state, view) {
  const done = await dialog({
    title: "Announce a change",
    content: changeFields(),
    submit: "Announce it",
    run: (given, element) => post("/notices", asked(given, element)),
  });
  if (!done) return;
  notice("The change is announced. Contacts with a channel of their own are told by it.");
  await again(state, view);
}

function changeFields() {
  // The first full hour that leaves time to tell everybody.
  const first = Math.ceil((now() + AHEAD) / HOUR + 1) * HOUR;
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const at = (seconds, more) => ({ required: true, value: typed(seconds), ...more });
  const rule = h("p", { class: "hint", role: "status" }, ruled(first));
  const end = field("end", "Ends", "datetime-local", at(first + HOUR));
  const onchange = (event) => {
    const begin = untyped(event.currentTarget.value);
    rule.textContent = begin === null ? "" : ruled(begin);
    const last = end.querySelector("input");
    if (begin !== null && !(untyped(last.value) > begin)) last.value = typed(begin + HOUR);
  };
  const begin = field("begin", "Begins", "datetime-local", at(first, { onchange }));
  return [
    field(
      "what",
      "What is done",
      "text",
      { required: true, maxlength: "500" },
      "In the words of those who are told.",
    ),
    field("reason", "Why (may be empty)", "text", { maxlength: "500" }),
    h("div", { class: "row" }, begin, end),
    h("p", { class: "hint" }, `In the time zone of this browser, ${timeZone}.`),
    rule,
    clientFields(),
    field(
      "emergency",
      "Why it cannot wait for 72 hours",
      "text",
      { maxlength: "500" },
      "In an emergency only; else empty.",
    ),
  ];
}

// What the rule makes of a change that begins then.
function ruled(begin) {
  const left = begin - AHEAD - now();
  return left > 0
    ? `${span(left)} are left to tell everybody in time, 72 hours ahead.`
    : "That is less than 72 hours ahead: nobody can be told in time any more.";
}

// The only client is meant without being chosen.
function clientFields() {
  const names = clientNames();
  const boxes = names.map((name) =>
    field(`client ${name}`, name, "check", { checked: names.length === 1 }),
  );
  const every = button(
    "All of them",
    () => {
      for (const box of boxes) box.querySelector("input").checked = true;
    },
    { class: "small" },
  );
  return h(
    "fieldset",
    {},
    h("legend", {}, "Whom it concerns"),
    names.length === 0 && note("No clients are known: none has a protected system."),
    names.length > 12 ? h("div", { class: "many" }, boxes) : boxes,
    names.length > 2 && h("p", { class: "buttons" }, every),
  );
}

// What a form asks for, if that can be.
function asked({ what, reason, emergency, ...given }, element) {
  const [begin, end] = [untyped(given.begin), untyped(given.end)];
  if (end <= begin) {
    refuse("the change would end before it begins", "set a later end", element.elements.end);
  }
  const clients = clientNames().filter((name) => given[`client ${name}`]);
  if (clients.length === 0) {
    const box = element.querySelector("fieldset input");
    refuse("nobody is concerned", "choose the clients who are to be told", box);
  }
  const texts = { reason: reason.trim(), emergency: emergency.trim() };
  const there = Object.fromEntries(Object.entries(texts).filter(([, text]) => text));
  return { what: what.trim(), begin, end, clients, ...there };
}
