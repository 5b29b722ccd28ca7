// Building what is seen. Data only ever becomes text nodes and attributes, never markup, so a name
// that looks like HTML is shown as it is and does nothing.

import { bytes, exactly, moment, sentence, span } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";
const HANDLERS = ["onclick", "onsubmit", "oninput", "onchange", "onkeydown"];
// What is not drawn again: whether something is unfolded, takes the focus or is at work is not the
// drawing's to say, and styles go another way, as the policy of the page has it.
const OWN = new Set(["open", "aria-busy", "style", "tabindex"]);
const FIELDS = new Set(["value", "checked"]);

// An element. Of the attributes, functions are handlers, `false` and `null` leave out, `true` is
// there without a value.
export function h(name, attributes, ...children) {
  return fill(document.createElement(name), attributes ?? {}, children);
}

export function svg(name, attributes, ...children) {
  return fill(document.createElementNS(SVG, name), attributes ?? {}, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (typeof value === "function" || FIELDS.has(name)) element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...nodes(children));
  return element;
}

// Children without what is not there.
function nodes(children) {
  return children
    .flat(3)
    .filter((child) => child !== null && child !== undefined && child !== false);
}

// Makes `old` what `fresh` is, in place: what is focused, scrolled or opened stays so, and a screen
// reader keeps its place, however often the box tells something new.
export function renew(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) {
    old.replaceWith(fresh);
    return;
  }
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  // What says that it is as it was is left alone: see `kept`.
  if (fresh.dataset?.kept && fresh.dataset.kept === old.dataset.kept) return;
  renewAttributes(old, fresh);
  renewChildren(old, fresh);
}

// Something large that is built only when `version` has changed since `last`, where that is kept.
export function kept(last, version, build) {
  const attributes = { "data-key": "kept", "data-kept": version };
  if (last.version === version) return h("div", attributes);
  last.version = version;
  return h("div", attributes, build());
}

function renewAttributes(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (!OWN.has(name) && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (!OWN.has(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const handler of HANDLERS) old[handler] = fresh[handler];
  // By this way, as the policy of the page refuses styles in attributes.
  if (fresh.style?.width && old.style.width !== fresh.style.width) {
    old.style.width = fresh.style.width;
  }
}

function renewChildren(old, fresh) {
  const keyed = new Map();
  for (const child of old.children) {
    if (child.dataset?.key) keyed.set(child.dataset.key, child);
  }
  let at = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const key = child.dataset?.key;
    const same = key ? keyed.get(key) : null;
    if (key ? !same : !at || at.dataset?.key) {
      old.insertBefore(child, at);
      continue;
    }
    if (same && same !== at) {
      old.insertBefore(same, at);
      renew(same, child);
      continue;
    }
    const next = at.nextSibling;
    renew(at, child);
    at = next;
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

// A moment, with its age where that is what counts.
export function time(seconds, now) {
  if (!seconds) return h("span", { class: "quiet" }, "never");
  const text = now ? ago(seconds, now) : moment(seconds);
  const datetime = new Date(seconds * 1000).toISOString();
  return h("time", { datetime, title: exactly(seconds) }, text);
}

// To the minute: what changes each second is not read.
function ago(seconds, now) {
  const away = Math.abs(now - seconds);
  const text = span(away - (away % 60));
  if (away < 60) return "just now";
  return seconds > now ? `in ${text}` : `${text} ago`;
}

export const size = (amount) => h("span", { class: "figure" }, bytes(amount));

const SIGNS = { good: "✓", warn: "▲", bad: "✕", busy: "◷", none: "–" };

// A state: a word, with a sign and a colour for who sees them.
export function chip(mood, text) {
  return h(
    "span",
    { class: `chip ${mood}` },
    h("span", { "aria-hidden": "true" }, SIGNS[mood]),
    " ",
    text,
  );
}

export const link = (href, ...children) => h("a", { href }, ...children);

export const note = (...children) => h("p", { class: "quiet" }, ...children);

// What the box says, as a sentence. What stands between backticks is to be typed as it is.
export const prose = (text) =>
  sentence(text)
    .split("`")
    .map((piece, at) => (at % 2 === 1 ? h("code", {}, piece) : piece));

// A table. Columns have `name`, `cell`, and `wide` if a telephone does without; a cell of the first
// column names its row. One in whose cells nothing takes the focus is `still`: it takes it itself, or
// the keyboard could not scroll it.
export function table(caption, columns, rows, key, about = {}) {
  const head = columns.map(({ name, wide, right }) =>
    h("th", { scope: "col", class: classes(wide && "wide", right && "right") }, name),
  );
  const body = rows.map((row) =>
    h("tr", { "data-key": String(key(row)) }, columns.map(cellOf(row))),
  );
  const still = about.still ? { tabindex: "0", role: "region", "aria-label": caption } : {};
  return h(
    "div",
    { class: "scroll", ...still },
    h(
      "table",
      { class: about.class },
      h("caption", { class: about.spoken === false ? null : "spoken" }, caption),
      h("thead", {}, h("tr", {}, head)),
      h("tbody", {}, body),
    ),
  );
}

const cellOf =
  (row) =>
  ({ cell, wide, right }, at) =>
    at === 0
      ? h("th", { scope: "row" }, cell(row))
      : h("td", { class: classes(wide && "wide", right && "right") }, cell(row));

const classes = (...names) => names.filter(Boolean).join(" ") || null;

// Names and values: what is `null` is left out.
export function facts(pairs) {
  const there = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return h(
    "dl",
    { class: "facts" },
    there.map(([name, value]) =>
      h("div", { "data-key": name }, h("dt", {}, name), h("dd", {}, value)),
    ),
  );
}

// How much of something is taken or done.
export function meter(part, whole, label, mood = "good") {
  const percent = whole > 0 ? Math.min(100, (100 * part) / whole) : 0;
  const fillOf = h("span", { class: `fill ${mood}` });
  fillOf.style.width = `${percent}%`;
  return h(
    "div",
    {
      class: "meter",
      role: "meter",
      "aria-label": label,
      "aria-valuemin": "0",
      "aria-valuemax": "100",
      "aria-valuenow": String(Math.round(percent)),
    },
    fillOf,
  );
}

// How far something is. Without a known end it says only that it goes on.
export function progress(part, whole, label) {
  const percent = whole > 0 ? Math.min(100, (100 * part) / whole) : null;
  const fillOf = h("span", { class: percent === null ? "fill busy unknown" : "fill busy" });
  fillOf.style.width = `${percent ?? 100}%`;
  return h(
    "div",
    {
      class: "meter",
      role: "progressbar",
      "aria-label": label,
      "aria-valuemin": "0",
      "aria-valuemax": "100",
      "aria-valuenow": percent === null ? null : String(Math.round(percent)),
    },
    fillOf,
  );
}

// Says something to who listens to the page instead of looking at it.
export function say(text) {
  const spoken = document.getElementById("spoken");
  spoken.textContent = spoken.textContent === text ? `${text}\u00a0` : text;
}

// Says that something was done, or what is wrong. Good news goes by itself, bad news stays.
export function notice(text, mood = "good", more = null) {
  const close = h(
    "button",
    { type: "button", class: "plain", "aria-label": "Close this notice" },
    "✕",
  );
  const box = h("div", { class: `notice ${mood}` }, h("p", {}, text, more && " ", more), close);
  close.onclick = () => box.remove();
  const all = document.getElementById("notices");
  all.append(box);
  while (all.children.length > 4) all.firstChild.remove();
  say(text);
  if (mood === "good") setTimeout(() => box.remove(), 12_000);
}

export const told = (problem) =>
  `${sentence(problem.problem ?? problem.message)}${
    problem.next ? ` Next: ${sentence(problem.next)}` : ""
  }`;

// A problem where it came up.
export function problemText(problem) {
  return h(
    "div",
    { class: "problem", tabindex: "-1" },
    h("p", {}, prose(problem.problem ?? problem.message)),
    problem.next ? h("p", {}, h("b", {}, "Next: "), prose(problem.next)) : null,
  );
}

// A button that carries something out, once at a time.
export function button(text, run, attributes = {}) {
  const element = h("button", { type: "button", ...attributes }, text);
  // Not `element`: what is drawn again keeps the older element, with the newer handler.
  element.onclick = (event) => once(event.currentTarget, run);
  return element;
}

// Runs what a button does, unless it runs already; problems become a notice.
export async function once(element, run) {
  if (element.getAttribute("aria-busy") === "true") return;
  element.setAttribute("aria-busy", "true");
  try {
    await run();
  } catch (problem) {
    notice(told(problem), "bad");
  } finally {
    element.removeAttribute("aria-busy");
  }
}

let fields = 0;

// A labelled field: `kind` is a type of input, `area`, `check`, or a list of [value, text].
export function field(name, label, kind = "text", attributes = {}, hint = null) {
  fields += 1;
  const id = `field-${fields}`;
  const about = hint ? `${id}-hint` : null;
  const common = { id, name, "aria-describedby": about, ...attributes };
  const below = hint ? h("p", { id: about, class: "hint" }, hint) : null;
  if (kind === "check") {
    const box = h("input", { ...common, type: "checkbox" });
    return h("div", { class: "field check" }, box, h("label", { for: id }, label), below);
  }
  let input;
  if (Array.isArray(kind)) {
    input = h(
      "select",
      common,
      kind.map(([value, text]) =>
        h("option", { value, selected: value === attributes.value }, text),
      ),
    );
  } else if (kind === "area") {
    input = h("textarea", common);
  } else {
    input = h("input", { ...common, type: kind });
  }
  return h("div", { class: "field" }, h("label", { for: id }, label), below, input);
}

// What a form holds, by name.
export function values(form) {
  const given = {};
  for (const element of form.elements) {
    if (element.name)
      given[element.name] = element.type === "checkbox" ? element.checked : element.value;
  }
  return given;
}

// A form that carries something out, once at a time, and shows what is wrong above its buttons.
export function form(content, submit, run, extra = []) {
  const wrong = h("div", { class: "wrong", "aria-live": "polite" });
  const send = h(
    "button",
    { type: "submit", class: submit.danger ? "danger" : "main" },
    submit.text,
  );
  const element = h(
    "form",
    { novalidate: submit.novalidate },
    content,
    wrong,
    h("div", { class: "buttons" }, send, extra),
  );
  element.onsubmit = async (event) => {
    event.preventDefault();
    if (send.getAttribute("aria-busy") === "true") return;
    send.setAttribute("aria-busy", "true");
    wrong.replaceChildren();
    try {
      await run(values(element), element);
    } catch (problem) {
      wrong.replaceChildren(problemText(problem));
      if (problem.focus) problem.focus.focus();
    } finally {
      send.removeAttribute("aria-busy");
    }
  };
  return element;
}

// Stops a form: what is wrong, what to do, and the field in which that is done.
export function refuse(problem, next, focus) {
  throw Object.assign(new Error(problem), { problem, next, focus });
}

// Asks before something is done: `text` says what it is, `lost` what goes. Settles with what `run`
// gave, or with null when it was left.
export function dialog({ title, text, lost, content = [], submit, danger = false, run }) {
  return new Promise((resolve) => {
    fields += 1;
    const id = `dialog-${fields}`;
    const opener = document.activeElement;
    let outcome = null;
    const leave = h("button", { type: "button" }, submit ? "Cancel" : "Close");
    const heading = h("h2", { id, tabindex: "-1" }, title);
    const words = [
      text && h("p", {}, text),
      lost && h("p", { class: "lost" }, h("b", {}, "Lost: "), lost),
    ];
    const body = submit
      ? form(
          [content],
          { text: submit, danger },
          async (given, element) => {
            outcome = (await run(given, element)) ?? true;
            box.close();
          },
          [leave],
        )
      : h("div", {}, content, h("div", { class: "buttons" }, leave));
    const box = h("dialog", { "aria-labelledby": id }, heading, words, body);
    leave.onclick = () => box.close();
    box.onclose = () => {
      box.remove();
      if (opener?.isConnected) opener.focus();
      else document.querySelector("#main h1")?.focus();
      resolve(outcome);
    };
    document.body.append(box);
    box.showModal();
    // Who is about to lose something begins where nothing is done by the Enter key.
    const first = box.querySelector("input, select, textarea");
    (first ?? (danger ? leave : heading)).focus();
  });
}

// A line to be typed or pasted elsewhere.
export function command(text, about) {
  const code = h("code", { tabindex: "0" }, text);
  const copy = button(
    "Copy",
    async () => {
      await navigator.clipboard.writeText(text).catch(() => select(code));
      say("Copied.");
    },
    { class: "small", "aria-label": `Copy: ${about}` },
  );
  return h("div", { class: "command" }, h("p", {}, about), h("div", {}, code, copy));
}

// Where the clipboard is not to be had it is selected, to be copied by hand.
function select(element) {
  getSelection().selectAllChildren(element);
}

// A part of a view under a heading of its own. A view has no two of the same title.
export const section = (title, ...children) => {
  const id = `section-${title.toLowerCase().replaceAll(/[^a-z]+/g, "-")}`;
  return h("section", { "aria-labelledby": id }, h("h2", { id }, title), children);
};
