// What takes time: jobs as they go, what became of them, and disks that are served or written.

import { get, part, post } from "./api.js";
import {
  button,
  chip,
  command,
  dialog,
  facts,
  field,
  h,
  link,
  note,
  notice,
  progress,
  prose,
  say,
  section,
  table,
  time,
} from "./dom.js";
import { bytes, count, quoted, rate, span, word } from "./format.js";
import { all, isEnded, isLive, nameOf, now, one, titleOf, workOf, world } from "./world.js";

const STATES = {
  queued: ["none", "Queued"],
  running: ["busy", "Running"],
  waiting: ["warn", "Waits for its next try"],
  done: ["good", "Done"],
  warned: ["warn", "Done with warnings"],
  failed: ["bad", "Failed"],
  cancelled: ["none", "Cancelled"],
  interrupted: ["warn", "Interrupted"],
};

// Ended jobs that stand in one list until more are asked for.
const PAGE = 25;

export const stateChip = (job) => chip(...(STATES[job.state] ?? ["none", word(job.state)]));

// How far a job is, in words.
function going(job) {
  const parts = [];
  if (job.bytes_total > 0) parts.push(`${bytes(job.bytes_done)} of ${bytes(job.bytes_total)}`);
  else if (job.bytes_done > 0) parts.push(bytes(job.bytes_done));
  if (job.state === "running") {
    if (job.stalled_for > 0) parts.push(`no progress for ${span(job.stalled_for)}`);
    else if (job.bytes_per_second > 0) parts.push(rate(job.bytes_per_second));
    if (job.bytes_per_second_limit > 0) parts.push(`at most ${rate(job.bytes_per_second_limit)}`);
    if (job.seconds_left > 0) parts.push(`${span(job.seconds_left)} left`);
  }
  return parts.join(" · ");
}

function bar(job) {
  if (job.state !== "running") return null;
  return progress(job.bytes_done, job.bytes_total, `Progress of ${titleOf(job)}`);
}

const mayRetry = (job) =>
  world.may.recover &&
  (job.kind !== "restore" || world.may.wide) &&
  ["failed", "cancelled", "interrupted", "warned", "waiting"].includes(job.state);

function actions(job) {
  const about = { class: "small" };
  const label = (text) => ({ ...about, "aria-label": `${text}: ${titleOf(job)}` });
  const cancelIt =
    world.may.recover && isLive(job) && button("Cancel", () => cancel(job), label("Cancel"));
  const again = job.state === "waiting" ? "Try now" : "Do it again";
  const retryIt = mayRetry(job) && button(again, () => retry(job), label(again));
  return cancelIt || retryIt ? h("p", { class: "buttons" }, cancelIt, retryIt) : null;
}

// A job that has not ended, as a card.
export function jobLine(job) {
  return h(
    "li",
    { class: "card", "data-key": String(job.number) },
    h("p", { class: "line" }, stateChip(job), " ", link(`#/job/${job.number}`, titleOf(job))),
    bar(job),
    h("p", { class: "quiet figure" }, going(job) || ["Asked for ", time(job.queued_at, now())]),
    why(job),
    actions(job),
  );
}

function why(job) {
  if (!job.cause) return null;
  return h(
    "div",
    { class: "why" },
    h("p", {}, prose(job.cause)),
    job.next_step && h("p", {}, h("b", {}, "Next: "), prose(job.next_step)),
  );
}

async function cancel(job) {
  const lost =
    job.kind === "ingest" || job.kind === "receive"
      ? "what it has read so far; no recovery point is made of it."
      : job.kind === "restore"
        ? "what it has written so far is no whole copy."
        : null;
  await dialog({
    title: "Cancel this job?",
    text: `${titleOf(job)}. It ends in a moment, not at once.`,
    lost,
    danger: true,
    submit: "Cancel the job",
    run: async () => {
      await post(`/jobs/${job.number}/cancel`);
      notice("It is being cancelled.");
    },
  });
}

async function retry(job) {
  const answer = await post(`/jobs/${job.number}/retry`);
  begun(answer.job, `${workOf(job)} was begun again.`);
}

// Says that a job was begun, and where it is followed.
export const begun = (job, text) => notice(text, "good", link(`#/job/${job}`, `Follow job ${job}`));

export function jobsView() {
  let most = PAGE;
  const draw = () => {
    const jobs = all("job").sort((a, b) => b.number - a.number);
    const [live, ended] = [jobs.filter(isLive).reverse(), jobs.filter(isEnded)];
    const more =
      ended.length > most
        ? button(`Show ${Math.min(PAGE, ended.length - most)} older`, () => {
            most += PAGE;
            view.changed();
          })
        : null;
    return [
      h("h1", {}, "Jobs"),
      section(
        "Now",
        live.length === 0
          ? note("Nothing runs or waits.")
          : h("ul", { class: "cards" }, live.map(jobLine)),
      ),
      section(
        "Ended lately",
        ended.length === 0
          ? note("No job has ended since the engine was started.")
          : table(`Ended jobs, the newest first`, ENDED, ended.slice(0, most), (job) => job.number),
        more,
      ),
    ];
  };
  const view = { title: "Jobs", draw };
  return view;
}

function took(job) {
  if (!job.started_at || !job.ended_at) return null;
  return job.ended_at > job.started_at ? span(job.ended_at - job.started_at) : "under 1 s";
}

const ENDED = [
  {
    name: "Job",
    cell: (job) => [
      link(`#/job/${job.number}`, titleOf(job)),
      h("div", { class: "quiet" }, `${job.number}`, job.client && ` · ${job.client}`),
    ],
  },
  { name: "State", cell: (job) => [stateChip(job), why(job), actions(job)] },
  { name: "Ended", wide: true, cell: (job) => time(job.ended_at, now()) },
  { name: "Took", wide: true, right: true, cell: (job) => took(job) ?? "–" },
  { name: "Worked through", wide: true, right: true, cell: (job) => bytes(job.bytes_done) },
];

export async function jobView(number) {
  // One that ended long ago is not listed any more, and perhaps still known.
  const first = one("job", number) ?? (await get(`/jobs/${part(number)}`));
  let said = -1;
  const draw = () => {
    const job = one("job", number) ?? first;
    said = tellSteps(job, said);
    return [
      h("p", { class: "path" }, link("#/jobs", "Jobs")),
      h("div", { class: "title" }, h("h1", {}, titleOf(job)), stateChip(job)),
      isLive(job) &&
        h(
          "div",
          { class: "card" },
          bar(job),
          h("p", { class: "figure" }, going(job) || "It has not begun."),
        ),
      why(job),
      job.report && h("pre", { class: "report", tabindex: "0" }, job.report),
      facts([
        ["Number", String(job.number)],
        ["System", job.system && link(`#/system/${part(job.system)}`, nameOf(job.system))],
        ["Recovery point", job.point && link(`#/point/${job.point}`, job.point.slice(0, 8))],
        ["Client", job.client],
        ["Asked for", time(job.queued_at)],
        ["Begun", job.started_at ? time(job.started_at) : null],
        ["Ended", job.ended_at ? time(job.ended_at) : null],
        ["Took", took(job)],
        ["Try", job.attempt > 1 ? String(job.attempt) : null],
        ["Given up at", isLive(job) && job.deadline ? time(job.deadline) : null],
        ["Worked through", going(job)],
        ...outcome(job),
      ]),
      actions(job),
    ];
  };
  return { title: `Job ${number}`, draw };
}

// Tells who listens every tenth of the way, not every step.
function tellSteps(job, said) {
  if (job.state !== "running" || !job.bytes_total) return said;
  const tenth = Math.floor((10 * job.bytes_done) / job.bytes_total);
  if (said >= 0 && tenth > said) {
    say(`${tenth * 10} percent${job.seconds_left ? `, ${span(job.seconds_left)} left` : ""}.`);
  }
  return tenth;
}

// What came out of a job, where no report says it already.
function outcome(job) {
  if (job.report) return [];
  return Object.entries(job.result ?? {}).map(([name, value]) => [
    word(name.replace(/_bytes$/, "")),
    name.endsWith("bytes") && typeof value === "number" ? bytes(value) : [value].flat().join(", "),
  ]);
}

// Exports and intakes: disks that are served to clients, or written by them.
export function exportsView() {
  const draw = () => {
    const [exports, intakes] = [all("export"), all("intake")];
    return [
      h("h1", {}, "Exports"),
      exports.length === 0
        ? note("No recovery point is served as a disk. Open one and choose “Export” to begin.")
        : h("ul", { class: "cards" }, exports.map(exportCard)),
      intakes.length > 0 &&
        section(
          "Disks that clients write",
          table("Disks that clients write", INTAKES, intakes, (intake) => intake.number),
        ),
    ];
  };
  return { title: "Exports", draw };
}

const INTAKES = [
  {
    name: "System",
    cell: (intake) => [nameOf(intake.system ?? ""), intake.volume && ` · ${intake.volume}`],
  },
  { name: "Size", right: true, cell: (intake) => bytes(intake.bytes) },
  { name: "Written", right: true, cell: (intake) => bytes(intake.bytes_written) },
  {
    name: "State",
    cell: (intake) => (intake.finished ? "finished" : count(intake.connections, "client")),
  },
  { name: "Since", wide: true, cell: (intake) => time(intake.since, now()) },
];

export function exportCard(served) {
  const stop =
    world.may.recover &&
    button("Stop", () => stopExport(served), {
      class: "small",
      "aria-label": `Stop export ${served.number}`,
    });
  return h(
    "li",
    { class: "card", "data-key": String(served.number) },
    h("h2", { class: "small" }, `Export ${served.number}: volume ${served.volume || "(only one)"}`),
    facts([
      ["Recovery point", served.point && link(`#/point/${served.point}`, served.point.slice(0, 8))],
      ["Socket", served.socket && h("code", { class: "break" }, served.socket)],
      ["Address", served.address && h("code", {}, served.address)],
      [
        "Writes",
        served.writable
          ? `allowed; ${bytes(served.overlay_bytes)} kept beside the point`
          : "refused",
      ],
      ["Clients", String(served.connections)],
      ["Read", bytes(served.bytes_read)],
      ["Since", time(served.since, now())],
    ]),
    served.socket && h("details", {}, h("summary", {}, "How to use it"), howTo(served)),
    stop && h("p", { class: "buttons" }, stop),
  );
}

// The commands by which a served disk is used, in the order in which somebody needs them.
export function howTo(served) {
  const socket = quoted(served.socket);
  const uri = quoted(`nbd+unix:///?socket=${served.socket}`);
  const local = "/tmp/holdfast.sock";
  const boot = served.writable
    ? command(
        `qemu-system-x86_64 -enable-kvm -m 4G -drive file=nbd:unix:${socket},format=raw,if=virtio`,
        "Boot it on the box or on a machine with the forwarded socket:",
      )
    : note("To boot from it, stop this one and export it again with writes allowed.");
  return h(
    "div",
    { class: "commands" },
    command(
      `ssh -N -L ${local}:${socket} root@${location.hostname}`,
      `Bring it to your own computer; then use ${local} below in the place of the socket:`,
    ),
    command(`nbdinfo ${uri}`, "See that it is there:"),
    command(`nbdcopy ${uri} volume.img`, "Copy the whole volume:"),
    command(
      `nbd-client -unix ${socket} /dev/nbd0 && mount -o ro,noload /dev/nbd0p1 /mnt`,
      "Look at its files (ext4; without noload for others):",
    ),
    boot,
  );
}

async function stopExport(served) {
  const kept = served.writable && served.overlay_bytes > 0;
  await dialog({
    title: `Stop export ${served.number}?`,
    text:
      served.connections > 0
        ? `${count(served.connections, "client")} will be cut off.`
        : "No client is connected.",
    lost: kept
      ? `what clients wrote (${bytes(served.overlay_bytes)}), if you choose so below. The recovery point stays as it is.`
      : null,
    content: kept ? [field("discard", "Discard what clients wrote", "check")] : [],
    danger: true,
    submit: "Stop it",
    run: async ({ discard }) => {
      await post(`/exports/${served.number}/stop`, { discard: Boolean(discard) });
      notice("The export was stopped.");
    },
  });
}
