// What was agreed with clients, and the work that was done for them.

import { get, older, part, post, put, remove } from "./api.js";
import {
  button,
  chip,
  dialog,
  facts,
  field,
  h,
  meter,
  note,
  notice,
  refuse,
  section,
  table,
  time,
} from "./dom.js";
import { bytes, count, hours, untyped } from "./format.js";
import { clientNames, world } from "./world.js";

const [HOUR, GB] = [3_600, 1_000_000_000];

// From this share on what was agreed is nearly used up.
const NEARLY = 0.8;

// Pieces of work that stand in the list until more are asked for.
const PAGE = 50;

export async function contractsView() {
  const state = { ...(await load()), most: PAGE };
  const view = { title: "Contracts", draw: () => drawn(state, view) };
  return view;
}

async function load() {
  const [{ contracts }, { work, more }] = await Promise.all([get("/contracts"), get("/work")]);
  return { contracts, work, more };
}

async function again(state, view) {
  Object.assign(state, await load());
  view.changed();
}

function drawn(state, view) {
  const { contracts } = state;
  const cards = contracts.map((contract) => cardOf(contract, state, view));
  return [
    h(
      "div",
      { class: "title" },
      h("h1", {}, "Contracts"),
      world.may.desk && button("Add a contract", () => agree(null, state, view), { class: "main" }),
    ),
    note("What was agreed with each client. A report says how much of it is used."),
    section(
      "Agreed",
      contracts.length === 0
        ? note("No contract is written down here.")
        : h("ul", { class: "cards two" }, cards),
    ),
    section("Work done", workDone(state, view)),
  ];
}

function cardOf(contract, state, view) {
  const { client, tier, systems, retention_days: days } = contract;
  const atMost = (amount) => (amount === null ? null : `${bytes(amount)} at most`);
  return h(
    "li",
    { class: "card", "data-key": client },
    h("h3", {}, client, tier && [" ", h("span", { class: "quiet" }, tier)]),
    facts([
      ["Protected systems", systems === null ? null : `${systems} at most`],
      ["Size of their disks", atMost(contract.source_bytes)],
      ["Room of their recovery points", atMost(contract.stored_bytes)],
      ["Recovery points reach back", days === null ? null : `${count(days, "day")} at least`],
    ]),
    monthly(contract),
    h("p", { class: "buttons" }, used(client), world.may.desk && changes(contract, state, view)),
  );
}

// Work of this month against what was agreed for one.
function monthly({ client, work_seconds: agreed, worked_seconds: worked }) {
  const done = h("b", {}, `${hours(worked)} of work this month`);
  if (agreed === null) return h("p", {}, done, "; no hours are agreed.");
  const [mood, text] = shareOf(worked, agreed);
  return [
    h("p", {}, done, `, ${hours(agreed)} are agreed. `, chip(mood, text)),
    meter(worked, agreed, `Work of this month for ${client}, of what is agreed`, mood),
  ];
}

function shareOf(worked, agreed) {
  if (worked > agreed) return ["bad", `${hours(worked - agreed)} too much`];
  const share = agreed > 0 ? worked / agreed : 0;
  return [share < NEARLY ? "good" : "warn", `${Math.floor(100 * share)} % used`];
}

const used = (client) =>
  h(
    "a",
    {
      class: "button small",
      href: `/api/v1/reports/usage?${new URLSearchParams({ format: "html", client })}`,
      target: "_blank",
      rel: "noopener",
      "aria-label": `What is used: ${client}`,
    },
    "What is used",
  );

function changes(contract, state, view) {
  const about = (text) => ({ class: "small", "aria-label": `${text}: ${contract.client}` });
  return [
    button("Change", () => agree(contract, state, view), about("Change")),
    button("End", () => end(contract, state, view), about("End")),
  ];
}

async function end({ client }, state, view) {
  const done = await dialog({
    title: `End the contract with ${client}?`,
    lost: "what was agreed. The work that was done stays.",
    danger: true,
    submit: "End it",
    run: () => remove(`/contracts/${part(client)}`),
  });
  if (!done) return;
  notice(`There is no contract with ${client} any more.`);
  await again(state, view);
}

// What can be agreed: name, label, how it is typed, and how much of it the box counts one of those.
const LIMITS = [
  ["systems", "Protected systems, at most", "1", 1],
  ["source_bytes", "Size of their disks in GB, at most", "any", GB],
  ["stored_bytes", "Room of their recovery points in GB, at most", "any", GB],
  ["retention_days", "Days that recovery points reach back, at least", "1", 1],
  ["work_seconds", "Hours of work a month, at most", "any", HOUR],
];

async function agree(contract, state, view) {
  const done = await dialog({
    title: contract ? `Change the contract with ${contract.client}` : "Add a contract",
    text: "What is left empty is not agreed.",
    content: [contract ? [] : clientField(), limitFields(contract)],
    submit: contract ? "Change it" : "Add it",
    run: async ({ client, ...given }, element) => {
      const name = contract?.client ?? client.trim();
      if (!contract && state.contracts.some((one) => one.client === name)) {
        refuse(`there is a contract with ${name}`, "change that one", element.elements.client);
      }
      await put(`/contracts/${part(name)}`, agreed(given));
    },
  });
  if (done) await again(state, view);
}

// Clients of the plan may have no system yet: what is known is offered, and others can be typed.
function clientField() {
  const names = clientNames().map((name) => h("option", { value: name }));
  const about = { required: true, list: "clients", autocomplete: "off", maxlength: "255" };
  return [
    field("client", "Client", "text", about, "Its name as in the plan."),
    h("datalist", { id: "clients" }, names),
  ];
}

const limitFields = (contract) => [
  field(
    "tier",
    "Called",
    "text",
    { value: contract?.tier ?? "", maxlength: "64" },
    "Such as gold.",
  ),
  ...LIMITS.map(([name, label, step, unit]) => {
    const value = contract?.[name] ?? null;
    const shown = value === null ? "" : String(value / unit);
    return field(name, label, "number", { min: "0", step, value: shown });
  }),
];

function agreed({ tier, ...given }) {
  const limits = LIMITS.filter(([name]) => given[name] !== "").map(([name, , , unit]) => [
    name,
    Math.round(Number(given[name]) * unit),
  ]);
  return { ...Object.fromEntries(limits), ...(tier.trim() && { tier: tier.trim() }) };
}

function workDone(state, view) {
  const { work, most, more } = state;
  const names = knownTo(state);
  const goOn = async () => {
    state.most += PAGE;
    if (more && work.length < state.most) await older("/work", state, "work", "number");
    view.changed();
  };
  return [
    world.may.desk &&
      names.length > 0 &&
      h(
        "p",
        { class: "buttons" },
        button("Write down work", () => writeDown(names, state, view)),
      ),
    work.length === 0 ? note("None is written down.") : workTable(work.slice(0, most)),
    (work.length > most || more) && button("Show older", goOn),
  ];
}

const knownTo = ({ contracts }) =>
  [...new Set([...clientNames(), ...contracts.map(({ client }) => client)])].sort();

function workTable(work) {
  const columns = [
    {
      name: "What",
      cell: (one) => [
        one.what,
        h("div", { class: "quiet" }, [one.client, one.ticket].filter(Boolean).join(" · ")),
      ],
    },
    { name: "Began", cell: (one) => time(one.at) },
    { name: "By", wide: true, cell: (one) => one.by },
    { name: "Took", right: true, cell: (one) => hours(one.seconds) },
  ];
  return table("Work done for clients, the newest first", columns, work, (one) => one.number, {
    still: true,
  });
}

async function writeDown(names, state, view) {
  const number = (most) => ({ min: "0", max: String(most), step: "1", inputmode: "numeric" });
  const done = await dialog({
    title: "Write down work",
    content: [
      field(
        "client",
        "Client",
        names.map((name) => [name, name]),
      ),
      field(
        "what",
        "What was done",
        "text",
        { required: true, maxlength: "500" },
        "The client reads it.",
      ),
      h(
        "div",
        { class: "row" },
        field("hours", "Hours", "number", number(168)),
        field("minutes", "Minutes", "number", number(59)),
      ),
      field("at", "Began (may be empty)", "datetime-local", {}, "Empty: it has ended just now."),
      field("ticket", "Number of the ticket (may be empty)", "text", { maxlength: "64" }),
    ],
    submit: "Write it down",
    run: (given, element) => post("/work", worked(given, element)),
  });
  if (!done) return;
  notice("The work is written down.");
  await again(state, view);
}

function worked({ client, what, ticket, ...given }, element) {
  const seconds = Number(given.hours) * HOUR + Number(given.minutes) * 60;
  if (seconds === 0) {
    refuse("it took no time", "say how many hours and minutes", element.elements.hours);
  }
  const at = untyped(given.at);
  const more = { ...(ticket.trim() && { ticket: ticket.trim() }), ...(at !== null && { at }) };
  return { client, what: what.trim(), seconds, ...more };
}
