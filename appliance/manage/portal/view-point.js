// One recovery point: what it is, how it comes back, and what becomes of it.

import { get, part, post } from "./api.js";
import {
  button,
  command,
  dialog,
  facts,
  field,
  h,
  link,
  notice,
  section,
  table,
  time,
} from "./dom.js";
import { bytes, exactly, moment, sentence, span } from "./format.js";
import { all, isLive, isSuspect, load, nameOf, now, one, world } from "./world.js";
import { marks, signalWords } from "./view-systems.js";
import { begun, exportCard, jobLine } from "./view-jobs.js";

const CONSISTENCY = {
  inconsistent: "of several moments: files may not fit together",
  crash: "of one moment, as after a power failure",
  "file-system": "of one moment, with file systems written out",
  application: "of one moment, with applications written out",
  unknown: "not known",
};

export async function pointView(id) {
  const state = { point: await get(`/points/${part(id)}`), gone: false, served: null };
  const wants = (event) => {
    if (event.kind === "reload") {
      get(`/points/${part(id)}`).then(
        (point) => Object.assign(state, { point }),
        (problem) => {
          state.gone = problem.status === 404;
        },
      );
    }
    if (event.kind === "point" && event.object.id === id) {
      Object.assign(state, { point: event.object, gone: Boolean(event.gone) });
    }
  };
  const title = `${nameOf(state.point.system)}, ${moment(state.point.created_at)}`;
  state.view = { title, draw: () => drawn(state), wants };
  return state.view;
}

function drawn(state) {
  const { point } = state;
  const name = nameOf(point.system);
  return [
    h(
      "p",
      { class: "path" },
      link("#/systems", "Systems"),
      " / ",
      link(`#/system/${part(point.system)}`, name),
    ),
    h(
      "div",
      { class: "title" },
      h("h1", {}, `${name}, ${moment(point.created_at)}`),
      marks(point, true),
    ),
    state.gone && warning("This recovery point is gone."),
    warnings(point),
    !state.gone && recovery(state),
    served(state),
    jobs(point),
    section("Facts", factsOf(point)),
    volumes(point),
    !state.gone && keeping(point),
  ];
}

const warning = (...text) => h("div", { class: "card edge bad" }, h("p", {}, text));

// What speaks against going back to it.
function warnings(point) {
  const own = [];
  if (point.broken)
    own.push(
      warning(
        "Something that it needs is lost: it cannot be restored as a whole. Take another one, or what can be read of it by an export.",
      ),
    );
  if (isSuspect(point)) {
    own.push(
      warning(
        h("b", {}, "It looks like encryption by an intruder: "),
        `${signalWords(point)}. Look at an older one before you go back to this, and keep both.`,
      ),
    );
  }
  if (point.removed) {
    const when = point.goes_in_seconds
      ? `It goes in ${span(point.goes_in_seconds)} of running time.`
      : "It goes soon.";
    own.push(
      warning(
        `It was removed by ${point.removed_by === "policy" ? "its policy" : "hand"}. ${when} Until then it is whole.`,
      ),
    );
  }
  return own;
}

function recovery(state) {
  const { may } = world;
  const { point } = state;
  if (!may.recover) return may.desk ? null : requestFor(point);
  const isDisk = point.content !== "stream";
  return h(
    "div",
    { class: "card edge good best", "data-key": "recovery" },
    h("h2", { class: "small" }, "Get data back"),
    h(
      "p",
      {},
      isDisk
        ? "Export serves a volume as a disk at once: to look for files, copy it, or boot from it. Restore writes it out."
        : "It is what a program wrote. Restore writes it to a file.",
    ),
    h(
      "p",
      { class: "buttons" },
      isDisk && button("Export", () => exportIt(state), { class: "main" }),
      may.wideDesk && button("Restore", () => restore(point)),
      button("Verify", () => verify(point)),
    ),
  );
}

// Who may only look asks for a file with words that leave no doubt which recovery point is meant.
function requestFor(point) {
  const words = `Please give back from the recovery point of ${nameOf(point.system)} of ${exactly(point.created_at)} (${point.id}) this file or folder: `;
  const subject = `Data from ${nameOf(point.system)}`;
  const mail = `mailto:?subject=${encodeURIComponent(subject)}&body=${encodeURIComponent(words)}`;
  if (world.me.role !== "client-reader") return null;
  return section(
    "Ask for a file back",
    h("p", {}, "Send this to those who look after the box, with the name of the file or folder:"),
    command(words, "The request:"),
    h("p", {}, h("a", { href: mail }, "Write it as an e-mail")),
  );
}

function volumeField(point) {
  if (point.volumes.length < 2) return [];
  const choices = point.volumes.map(([, name, size]) => [name, `${name} (${bytes(size)})`]);
  return [field("volume", "Volume", choices)];
}

async function exportIt(state) {
  const { point } = state;
  await dialog({
    title: "Export as a disk",
    text: "A socket of the box serves it over NBD until somebody stops it. The recovery point stays as it is.",
    content: [
      volumeField(point),
      field(
        "writable",
        "Allow writes, as booting needs them; they are kept beside the recovery point",
        "check",
      ),
    ],
    submit: "Export",
    run: async ({ volume, writable }) => {
      const answer = await post(`/points/${point.id}/export`, {
        ...(volume && { volume }),
        writable,
      });
      state.served = answer.export;
      if (!one("export", answer.export)) await load();
      notice("It is served. How to use it is below.");
    },
  });
  // Whoever exports it wants to know next how it is used.
  state.view.changed();
  const how = document.querySelector(`[data-key="${state.served}"] details`);
  if (!how) return;
  how.open = true;
  how.querySelector("summary").focus();
}

async function restore(point) {
  await dialog({
    title: "Restore to a path of the box",
    text: `${nameOf(point.system)} of ${moment(point.created_at)}, written to a new file or to a device of the box.`,
    lost: "everything at the target, if you choose to overwrite it.",
    content: [
      volumeField(point),
      field(
        "target",
        "Target",
        "text",
        {
          required: true,
          placeholder: "/dev/sdx or /srv/restore/mail.img",
          pattern: "/.*",
          spellcheck: "false",
          autocapitalize: "none",
        },
        "An absolute path: a file that is not there yet, or a device.",
      ),
      field("overwrite", "Overwrite what is at the target: it is lost for good", "check"),
    ],
    submit: "Restore",
    danger: true,
    run: async ({ volume, target, overwrite }) => {
      const { job } = await post(`/points/${point.id}/restore`, {
        ...(volume && { volume }),
        target,
        overwrite,
      });
      begun(job, "The restore has begun.");
      location.hash = `#/job/${job}`;
    },
  });
}

async function verify(point) {
  const { job } = await post(`/points/${point.id}/verify`);
  begun(job, "Every byte of it is being checked.");
}

function served(state) {
  const own = all("export").filter((one) => one.point === state.point.id);
  if (own.length === 0) return null;
  return section(
    "Served as a disk",
    h(
      "ul",
      { class: "cards" },
      own.map((one) => exportCard(one)),
    ),
  );
}

function jobs(point) {
  const own = all("job").filter((job) => job.point === point.id && isLive(job));
  return own.length > 0 && section("Running jobs", h("ul", { class: "cards" }, own.map(jobLine)));
}

// A moment, and how long ago that is.
const both = (seconds) => [time(seconds), " ", h("span", { class: "quiet" }, time(seconds, now()))];

const factsOf = (point) =>
  facts([
    ["Made", both(point.created_at)],
    ["Size", bytes(point.logical_bytes)],
    ["Added to the store", bytes(point.added_bytes)],
    ["State of its bytes", CONSISTENCY[point.consistency] ?? point.consistency],
    ["Signals", point.signals.length > 0 ? signalWords(point) : "nothing unusual"],
    ["Verified", point.verified_at ? both(point.verified_at) : "not yet"],
    ["Proved by booting", point.proved_at ? both(point.proved_at) : "not yet"],
    [
      "Kept",
      point.held
        ? "held until somebody releases it"
        : point.removed
          ? "removed"
          : "as long as its policy says",
    ],
    ["Id", h("code", { class: "break" }, point.id)],
  ]);

function volumes(point) {
  if (point.volumes.length === 0) return null;
  const rows = [
    { name: "Volume", cell: ([, name]) => name || "(no name)" },
    { name: "Size", right: true, cell: ([, , size]) => bytes(size) },
  ];
  return section(
    "Volumes",
    table("Volumes of this recovery point", rows, point.volumes, ([number]) => number),
  );
}

// What becomes of it.
function keeping(point) {
  const { may } = world;
  if (!may.recover) return null;
  const buttons = [
    !point.held && button("Hold", () => hold(point)),
    may.desk && point.held && button("Release", () => release(point)),
    may.desk &&
      point.signals.length > 0 &&
      !point.cleared &&
      button("Signals are looked at", () => clear(point)),
    may.desk && point.removed && button("Return", () => giveBack(point)),
    may.desk &&
      !point.removed &&
      !point.held &&
      button("Remove", () => removeIt(point), { class: "danger" }),
  ].filter(Boolean);
  return section(
    "Keep or remove",
    h(
      "p",
      { class: "quiet" },
      "A held recovery point stays, whatever retention says. A removed one goes after the delay of its policy.",
    ),
    h("p", { class: "buttons" }, buttons),
  );
}

const reason = (text) =>
  field("reason", "Reason", "text", { required: true, maxlength: "1000" }, text);

const hold = (point) =>
  dialog({
    title: "Hold this recovery point?",
    text: "It stays until somebody releases it, and takes room as long.",
    content: [reason("For whoever wonders later why it is still there.")],
    submit: "Hold it",
    run: async (given) => {
      await post(`/points/${point.id}/hold`, given);
      notice("It is held.");
    },
  });

const release = (point) =>
  dialog({
    title: "Release this recovery point?",
    lost: "its protection: if retention does not keep it, it goes after the delay of its policy.",
    content: [reason("For whoever asks who let it go.")],
    danger: true,
    submit: "Release it",
    run: async (given) => {
      await post(`/points/${point.id}/release`, given);
      notice("Retention decides again.");
    },
  });

function removeIt(point) {
  const system = one("system", point.system);
  const newest = system?.last_point === point.id ? " It is the newest one of this system." : "";
  return dialog({
    title: "Remove this recovery point?",
    text: "It can be returned until the delay of its policy is over.",
    lost: `${nameOf(point.system)} as it was on ${moment(point.created_at)}, ${bytes(point.logical_bytes)}.${newest}`,
    content: [reason("For whoever looks for it later.")],
    danger: true,
    submit: "Remove it",
    run: async (given) => {
      await post(`/points/${point.id}/remove`, given);
      notice("It was removed, and can be returned until it goes.");
    },
  });
}

async function giveBack(point) {
  await post(`/points/${point.id}/return`);
  notice("Its removal was taken back.");
}

const clear = (point) =>
  dialog({
    title: "Have you looked at it?",
    text: `Unusual about it: ${sentence(signalWords(point))} Say so only if you know why; older recovery points may expire again after that.`,
    danger: true,
    lost: "the freeze that keeps older recovery points of this system from expiring.",
    submit: "I have looked at it",
    run: async () => {
      await post(`/points/${point.id}/clear`);
      notice("Expiry of its system goes on.");
    },
  });
