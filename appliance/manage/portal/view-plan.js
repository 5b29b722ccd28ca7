// Texts that say what the box does: the protection plan, and the channels by which it tells people.
// Both are changed in the same way: what would be different is seen before it is so.

import { get, part, post, put } from "./api.js";
import {
  button,
  chip,
  h,
  note,
  notice,
  once,
  problemText,
  say,
  section,
  table,
  time,
} from "./dom.js";
import { now, world } from "./world.js";

export const planView = () =>
  editorView({
    title: "Plan",
    path: "/plan",
    name: "plan",
    about: [
      "Which systems are protected for whom, how often, and how long their recovery points stay. One TOML document.",
    ],
    applied: "The plan is in force.",
  });

export async function channelsView() {
  const state = await get("/channels/status");
  const view = await editorView({
    title: "Channels",
    path: "/channels",
    name: "channels",
    about: ["By which ways the box tells people of alerts and reports."],
    applied: "The channels are in force.",
    after: () => refresh(state, holder),
  });
  const holder = h("div", {}, statusOf(state));
  view.node.splice(2, 0, section("How they do", holder));
  return view;
}

async function refresh(state, holder) {
  Object.assign(state, await get("/channels/status"));
  holder.replaceChildren(...statusOf(state));
}

// Channels that cannot be used are no channels: nobody is told of anything.
const statusOf = ({ channels, problem }) => [
  problem && h("p", { class: "why" }, `What was set up is not used: ${problem}`),
  statusTable(channels),
].filter(Boolean);

function statusTable(channels) {
  if (!channels?.length) return note("There are none yet.");
  const columns = [
    {
      name: "Channel",
      cell: (channel) => [
        channel.name,
        h("div", { class: "quiet" }, `${channel.kind ?? ""} ${channel.peer ?? ""}`),
      ],
    },
    { name: "State", cell: stateOf },
    { name: "Last delivered", wide: true, cell: (channel) => time(channel.last_success, now()) },
    { name: "Waiting", wide: true, right: true, cell: (channel) => String(channel.waiting ?? 0) },
  ];
  if (world.may.wideDesk) {
    columns.push({
      name: "Action",
      right: true,
      cell: (channel) =>
        button("Test", () => test(channel), {
          class: "small",
          "aria-label": `Test ${channel.name}`,
        }),
    });
  }
  return table("Channels", columns, channels, (channel) => channel.name);
}

function stateOf(channel) {
  if (channel.dead_since) return [chip("bad", "Does not work"), h("div", {}, channel.cause)];
  if (channel.failing_since) return [chip("warn", "Failing"), h("div", {}, channel.cause)];
  return channel.last_success ? chip("good", "Works") : chip("none", "Not used yet");
}

async function test(channel) {
  await post(`/channels/${part(channel.name)}/test`);
  notice(`A test went to ${channel.name}. See that it arrived.`);
}

// A view with a text, what another one would change, and what is wrong with it as the box says it.
async function editorView({ title, path, name, about, applied, after = () => {} }) {
  const first = (await get(path))[name];
  const isWriter = world.may.wideDesk;
  let inForce = first;
  let checked = null;
  const text = h("textarea", {
    id: "text",
    class: "code",
    rows: "24",
    spellcheck: "false",
    readonly: !isWriter,
    wrap: "off",
  });
  text.value = first;
  const outcome = h("div", { class: "outcome", "aria-live": "polite" });
  const apply = h("button", { type: "button", class: "main", disabled: true }, "Apply");
  const check = h("button", { type: "button" }, "Show what would change");
  text.oninput = () => {
    // What was checked is not what stands there any more.
    checked = null;
    apply.disabled = true;
    outcome.replaceChildren();
  };
  check.onclick = () =>
    once(check, () =>
      tried(outcome, async () => {
        const { difference } = await put(path, { [name]: text.value, dry_run: true });
        checked = text.value;
        apply.disabled = checked === inForce;
        outcome.replaceChildren(changes(difference));
        say("What would change is shown below.");
      }),
    );
  apply.onclick = () =>
    once(apply, () =>
      tried(outcome, async () => {
        if (checked !== text.value) return;
        await put(path, { [name]: checked, dry_run: false });
        inForce = checked;
        apply.disabled = true;
        outcome.replaceChildren();
        notice(applied);
        text.focus();
        await after();
      }),
    );
  const node = [
    h("h1", {}, title),
    h("p", { class: "quiet" }, about),
    h(
      "div",
      { class: "field" },
      h(
        "label",
        { for: "text" },
        isWriter ? `Text of the ${name}` : `Text of the ${name} (to be read only)`,
      ),
      text,
    ),
    isWriter && h("p", { class: "buttons" }, check, apply),
    outcome,
  ];
  const stay = (event) => {
    if (isWriter && text.value !== inForce) event.preventDefault();
  };
  addEventListener("beforeunload", stay);
  return { title, node, stop: () => removeEventListener("beforeunload", stay) };
}

// Problems of a text are shown as the box gives them, line by line.
async function tried(outcome, run) {
  try {
    await run();
  } catch (problem) {
    const shown = problemText(problem);
    shown.classList.add("lines");
    outcome.replaceChildren(shown);
    shown.focus();
  }
}

// A difference comes as lines, or as what the command prints with `--json`, which has them and
// warnings.
function read(difference) {
  try {
    const { lines = [], warnings = [] } = JSON.parse(difference);
    const text = (one) => (typeof one === "string" ? one : JSON.stringify(one));
    return { lines: lines.map(text), warnings: warnings.map(text) };
  } catch {
    return { lines: difference.split("\n").filter((line) => line.trim() !== ""), warnings: [] };
  }
}

function changes(difference) {
  const { lines, warnings } = read(difference);
  return h(
    "div",
    {},
    h("h2", {}, "What would change"),
    lines.length === 0
      ? note("Nothing would be different.")
      : h("pre", { tabindex: "0" }, lines.map(lineOf)),
    warnings.length > 0 && h("h2", {}, "Warnings"),
    warnings.map((warning) => h("p", { class: "why" }, warning)),
  );
}

// Marked by its first sign, as people know it.
function lineOf(line) {
  const moods = { "+": "good", "-": "bad" };
  return h("span", { class: `diff ${moods[line.trimStart()[0]] ?? ""}` }, `${line}\n`);
}
