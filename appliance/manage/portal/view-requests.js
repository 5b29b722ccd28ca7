// Restores that somebody asked for: what was promised runs until the desk has answered and begun.

import { get, older, part, post } from "./api.js";
import { button, chip, dialog, field, h, note, notice, table, time } from "./dom.js";
import { span } from "./format.js";
import { all, now, world } from "./world.js";

// What is said of a step that was taken, and what the button says that takes it.
const STEPS = {
  acknowledged: ["answered", "I take it on"],
  started: ["begun", "The restore is begun"],
  "first-byte": ["first data there", "First data is there"],
  usable: ["usable", "It can be used"],
  verified: ["confirmed", "It is right"],
};

export async function requestsView() {
  const state = await get("/requests");
  const view = { title: "Requests", draw: () => drawn(state, view) };
  return view;
}

async function again(state, view) {
  Object.assign(state, await get("/requests"));
  view.changed();
}

function drawn(state, view) {
  return [
    h("h1", {}, "Requests"),
    h("p", { class: "quiet" }, "Who wants something back says so here. The MSP is told at once."),
    world.may.ask &&
      h(
        "p",
        { class: "buttons" },
        button("Ask for something back", () => asking(state, view), { class: "main" }),
      ),
    state.requests.length === 0 ? note("Nobody has asked for anything.") : listed(state, view),
    state.more &&
      button("Show older", async () => {
        await older("/requests", state, "requests", "id");
        view.changed();
      }),
  ];
}

function listed(state, view) {
  const columns = [
    {
      name: "What",
      cell: (request) => [
        h("b", {}, request.system),
        h("div", { class: "quiet" }, `${request.client} · ${request.requester}`),
        h("div", { class: "lines" }, request.wish),
      ],
    },
    { name: "Asked", cell: (request) => time(request.clocks.requested, now()) },
    { name: "Promises", cell: (request) => request.promises.map(promised) },
    { name: "Action", right: true, cell: (request) => action(request, state, view) },
  ];
  return table("Requests", columns, state.requests, (request) => String(request.id));
}

function promised({ step, state, seconds }) {
  const name = STEPS[step]?.[0] ?? step;
  const long = span(seconds);
  const texts = {
    kept: ["good", `${name} after ${long}`],
    late: ["bad", `${name} ${long} too late`],
    due: ["warn", `to be ${name} in ${long}`],
    overdue: ["bad", `not ${name}, ${long} too late`],
  };
  return h("div", {}, chip(...(texts[state] ?? ["none", state])));
}

// Who may only look says at last whether it is right.
function action(request, state, view) {
  const { next } = request;
  if (next === null) return STEPS.verified[0];
  if (!world.may.recover && next !== "verified") return STEPS[before(next)]?.[0] ?? "waits";
  const run = async () => {
    await post(`/requests/${part(request.id)}/step`, { step: next });
    await again(state, view);
  };
  const text = STEPS[next]?.[1] ?? next;
  const about = { class: "small", "aria-label": `${text}: request ${request.id}` };
  return button(text, run, about);
}

const before = (step) => Object.keys(STEPS)[Object.keys(STEPS).indexOf(step) - 1];

async function asking(state, view) {
  const systems = all("system").map((system) => [system.id, system.name]);
  const done = await dialog({
    title: "Ask for something back",
    content: [
      field("system", "System", systems, { required: true }),
      field("class", "How much", [
        ["file", "Files: answered within 20 minutes, begun within 4 hours"],
        ["system", "The system is down: answered within 15 minutes, begun within 1 hour"],
      ]),
      field("wish", "What, of which day, and where to", "area", { required: true, rows: "4" }),
    ],
    submit: "Ask",
    run: (given) => post("/requests", given),
  });
  if (!done) return;
  notice("The MSP is told, and its time runs.");
  await again(state, view);
}
