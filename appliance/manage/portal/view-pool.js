// The disks, and the pool that they are together: states, room, upkeep.

import { get, part, post } from "./api.js";
import {
  button,
  chip,
  dialog,
  facts,
  field,
  h,
  note,
  notice,
  section,
  table,
  time,
} from "./dom.js";
import { bytes, count, sentence, span, word } from "./format.js";
import { all, nameOf, now, world } from "./world.js";
import { diskChip, poolChip, room, smartChip, unlocking } from "./view-overview.js";
import { begun } from "./view-jobs.js";
import { support } from "./view-alerts.js";

// Points whose names are looked up for the list of what would go.
const NAMED = 5_000;

export function poolView() {
  return { title: "Disks and pool", draw };
}

function draw() {
  const { pool } = world.status;
  return [
    h("div", { class: "title" }, h("h1", {}, "Disks and pool"), pool && poolChip(pool.state)),
    unlocking(),
    pool ? poolParts(pool) : note("There is no pool, or it is not known while the engine is away."),
    disks(),
    world.may.wideDesk && support(),
  ];
}

const poolParts = (pool) => [
  section(
    "Room",
    h("div", { class: "card" }, room(pool)),
    facts([
      ["Stored", bytes(pool.stored_bytes)],
      ["Of volumes of", bytes(pool.logical_bytes)],
      ["Recovery points", String(pool.points)],
      [
        "Can be reclaimed",
        [
          bytes(pool.reclaimable_bytes),
          " (counted ",
          time(pool.reclaimable_counted_at, now()),
          ")",
        ],
      ],
      ["Retired", bytes(pool.retired_bytes)],
    ]),
  ),
  section(
    "Health",
    facts([
      ["Copies", poolChip(pool.state)],
      ["Recovery kit", pool.kit_proved ? chip("good", "proved") : chip("bad", "not proved")],
      ["Healed records", String(pool.healed_records)],
      ["Damaged records", pool.damaged_records ? chip("warn", String(pool.damaged_records)) : "0"],
      ["Lost records", pool.lost_records ? chip("bad", String(pool.lost_records)) : "0"],
    ]),
  ),
  section(
    "Upkeep",
    upkeep(pool),
    h("p", { class: "buttons" }, button("All scrubs", scrubs, { class: "small" })),
  ),
];

// What is done to the pool, when it was done last, and what it is for.
function upkeep(pool) {
  const tasks = [
    [
      "Verify",
      "Checks every byte of every recovery point.",
      pool.last_verify_at,
      () => start("verify", "The pool is being verified."),
    ],
    [
      "Scrub",
      "Reads every copy and heals what is damaged.",
      pool.last_scrub_at,
      () => start("scrub", "The scrub has begun."),
    ],
    [
      "Expire",
      "Removes what no policy keeps. Shows first what would go.",
      pool.last_expire_at,
      expire,
    ],
    [
      "Reclaim",
      "Gives back the room of what no recovery point needs.",
      pool.last_reclaim_at,
      reclaim,
    ],
  ];
  const columns = [
    { name: "Task", cell: ([name, about]) => [name, h("div", { class: "quiet" }, about)] },
    { name: "Last", cell: ([, , at]) => time(at, now()) },
  ];
  if (world.may.wideDesk) {
    columns.push({
      name: "Action",
      right: true,
      cell: ([name, , , run]) =>
        button(name === "Expire" ? "Preview" : "Run", run, {
          class: "small",
          "aria-label": `${name === "Expire" ? "Preview" : "Run"}: ${name}`,
        }),
    });
  }
  return table("Upkeep of the pool", columns, tasks, ([name]) => name);
}

// What each scrub read and found: with verified recovery points the proof that nothing rots.
async function scrubs() {
  const { scrubs: past } = await get("/pool/scrubs");
  const columns = [
    { name: "Scrub", cell: ({ scrub }) => String(scrub) },
    { name: "State", cell: ({ done }) => (done ? "Done" : "Under way") },
    { name: "Until", cell: ({ at }) => time(at) },
    { name: "Read", cell: ({ bytes_read: read }) => bytes(read), right: true },
    { name: "Healed", cell: ({ healed }) => String(healed), right: true },
    { name: "Not healed", cell: ({ damaged }) => String(damaged), right: true },
    { name: "Lost", cell: ({ lost }) => String(lost), right: true },
  ];
  const newest = past.slice().reverse();
  await dialog({
    title: "All scrubs",
    text: "Copies that were bad and are good again, that are still bad while another is good, and records without a good copy.",
    content:
      newest.length > 0
        ? table("Scrubs, newest first", columns, newest, ({ scrub }) => scrub, { spoken: false })
        : note("There was none yet."),
  });
}

async function start(what, text) {
  const { job } = await post(`/pool/${what}`);
  begun(job, text);
}

const reclaim = () =>
  dialog({
    title: "Reclaim room?",
    text: "What no recovery point needs is given back. Removed ones whose delay is over go with it; nothing that a policy, a hold or a lock keeps.",
    submit: "Reclaim",
    run: () => start("reclaim", "Reclaim has begun."),
  });

// Shows which recovery points would go and why; only who has seen that can do it.
async function expire() {
  const [{ points: fates }, known] = await Promise.all([
    post("/pool/expire", { dry_run: true }),
    namesOf(),
  ]);
  const going = fates.filter((fate) => fate.verdict !== "stays");
  const why = (fate) => fate.reason || "nothing keeps it";
  const name = ({ point }) => {
    const found = known.get(point);
    return found
      ? [nameOf(found.system), h("div", { class: "quiet" }, time(found.created_at))]
      : h("code", {}, String(point).slice(0, 8));
  };
  const columns = [
    { name: "Recovery point", cell: name },
    { name: "Becomes", cell: (fate) => word(fate.verdict) },
    { name: "Why", cell: why },
  ];
  const staying = fates.filter((fate) => fate.verdict === "stays");
  const content = [
    going.length > 0 &&
      table(
        `${count(going.length, "recovery point")} to go`,
        columns,
        going,
        (fate) => fate.point,
        { spoken: false },
      ),
    h(
      "details",
      {},
      h("summary", {}, `${count(staying.length, "recovery point")} to stay, and why`),
      table("Recovery points that stay", columns, staying.slice(0, 500), (fate) => fate.point),
      staying.length > 500 && note(`The first 500 of ${staying.length}.`),
    ),
  ];
  await dialog({
    title:
      going.length === 0 ? "Nothing would go" : `Remove ${count(going.length, "recovery point")}?`,
    lost:
      going.length > 0 &&
      "the recovery points below, after the delay of their policies. Until then each can be returned; those that are “gone” cannot.",
    content,
    danger: true,
    submit: going.length > 0 && `Remove ${going.length}`,
    run: async () => {
      const { points } = await post("/pool/expire", { dry_run: false });
      const gone = points.filter((fate) => fate.verdict !== "stays").length;
      notice(`${count(gone, "recovery point")} removed by policy.`);
    },
  });
}

async function namesOf() {
  const { points } = await get(`/points?most=${NAMED}`);
  return new Map(points.map((point) => [point.id, point]));
}

function disks() {
  const own = all("disk").sort((a, b) => a.number - b.number);
  const add = world.may.wideDesk && button("Add a disk", addDisk);
  return section(
    "Disks",
    own.length === 0
      ? note("No disks are known.")
      : h("ul", { class: "cards two" }, own.map(diskCard)),
    add && h("p", { class: "buttons" }, add),
  );
}

const FACTS = {
  temperature_celsius: ["Temperature", (value) => `${value} °C`],
  power_on_hours: ["Switched on for", (value) => span(value * 3600)],
  wear_percent: ["Wear", (value) => `${value} %`],
  reallocated_sectors: ["Reallocated sectors", String],
  pending_sectors: ["Pending sectors", String],
};

function diskCard(disk) {
  const smart = Object.entries(disk.smart_facts ?? {}).map(([name, value]) => {
    const [label, text] = FACTS[name] ?? [word(name), String];
    return [label, text(value)];
  });
  return h(
    "li",
    { class: "card", "data-key": disk.id },
    h("h3", {}, `Disk ${disk.number} `, diskChip(disk)),
    facts([
      ["Device", disk.name ? h("code", { class: "break" }, disk.name) : "not found"],
      ["Serial number", disk.serial],
      ["Size", disk.size_bytes ? bytes(disk.size_bytes) : null],
      ["Says of itself", smartChip(disk)],
      ["Still to be copied", disk.bytes_behind ? bytes(disk.bytes_behind) : null],
      ["Errors", `${disk.read_errors} reading, ${disk.write_errors} writing`],
      ["Damaged records", `${disk.damaged_records}, ${disk.healed_records} healed`],
      ...smart,
    ]),
    world.may.wideDesk && disk.state !== "left" && diskButtons(disk),
  );
}

function diskButtons(disk) {
  const attributes = (text) => ({ class: "small", "aria-label": `${text}: disk ${disk.number}` });
  return h(
    "p",
    { class: "buttons" },
    ["stale", "missing", "failed"].includes(disk.state) &&
      button("Take it back", () => giveBack(disk), attributes("Take it back")),
    button("Replace", () => replace(disk), attributes("Replace")),
    button("Take it out", () => takeOut(disk), attributes("Take it out")),
  );
}

const device = () =>
  field(
    "device",
    "Device",
    "text",
    {
      required: true,
      placeholder: "/dev/disk/by-id/…",
      spellcheck: "false",
      autocapitalize: "none",
    },
    "Absolute path of an empty disk of the box.",
  );

const addDisk = () =>
  dialog({
    title: "Add a disk to the pool",
    lost: "whatever is on that disk.",
    content: [device()],
    danger: true,
    submit: "Add it",
    run: async (given) => {
      const { job } = await post("/disks", given);
      begun(job, "The disk is being filled.");
    },
  });

const replace = (disk) =>
  dialog({
    title: `Replace disk ${disk.number}?`,
    text: "The new one gets everything. A disk that still serves does so until then.",
    lost: "whatever is on the new disk.",
    content: [device()],
    danger: true,
    submit: "Replace it",
    run: async (given) => {
      const { job } = await post(`/disks/${part(disk.id)}/replace`, given);
      begun(job, "The new disk is being filled.");
    },
  });

const takeOut = (disk) =>
  dialog({
    title: `Take disk ${disk.number} out of the pool?`,
    lost: `the copy on ${disk.name || "this disk"}. The box refuses if it is the only one of anything.`,
    danger: true,
    submit: "Take it out",
    run: async () => {
      await post(`/disks/${part(disk.id)}/remove`);
      notice(sentence(`Disk ${disk.number} is out of the pool`));
    },
  });

async function giveBack(disk) {
  const { job } = await post(`/disks/${part(disk.id)}/return`);
  begun(job, `Disk ${disk.number} gets what it missed.`);
}
