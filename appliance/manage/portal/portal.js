// The portal: who is there, which view the address names, and the frame around it.

import { get, has, onSignedOut, remove } from "./api.js";
import { button, h, notice, renew, say, told } from "./dom.js";
import { exactly, moment } from "./format.js";
import { all, begin, end, now, watch, world } from "./world.js";
import { claimView, signInView } from "./view-sign-in.js";
import { overviewView } from "./view-overview.js";
import { systemsView, systemView } from "./view-systems.js";
import { exportsView, jobsView, jobView } from "./view-jobs.js";
import { alertsView } from "./view-alerts.js";

// Views that few look at are loaded when somebody does.
const late =
  (file, name) =>
  async (...parts) =>
    (await import(file))[name](...parts);

// Each view: what stands in the address, its name in the navigation, and who is offered it.
const VIEWS = [
  { path: "", name: "Overview", show: overviewView, offer: () => true },
  { path: "systems", name: "Systems", show: systemsView, offer: (may) => may.read },
  { path: "system", show: systemView, offer: (may) => may.read, under: "systems" },
  {
    path: "point",
    show: late("./view-point.js", "pointView"),
    offer: (may) => may.read,
    under: "systems",
  },
  { path: "jobs", name: "Jobs", show: jobsView, offer: (may) => may.read },
  { path: "job", show: jobView, offer: (may) => may.read, under: "jobs" },
  { path: "exports", name: "Exports", show: exportsView, offer: (may) => may.read },
  {
    path: "requests",
    name: "Requests",
    show: late("./view-requests.js", "requestsView"),
    offer: (may) => may.read,
  },
  {
    path: "notices",
    name: "Changes",
    show: late("./view-notices.js", "noticesView"),
    offer: (may) => may.read,
  },
  { path: "alerts", name: "Alerts", show: alertsView, offer: () => true },
  {
    path: "pool",
    name: "Disks and pool",
    show: late("./view-pool.js", "poolView"),
    offer: (may) => may.witness,
  },
  {
    path: "plan",
    name: "Plan",
    show: late("./view-plan.js", "planView"),
    offer: (may) => may.witness,
  },
  {
    path: "channels",
    name: "Channels",
    show: late("./view-plan.js", "channelsView"),
    offer: (may) => may.witness && may.channels,
  },
  {
    path: "contracts",
    name: "Contracts",
    show: late("./view-contracts.js", "contractsView"),
    offer: (may) => may.read,
  },
  {
    path: "reports",
    name: "Reports",
    show: late("./view-evidence.js", "reportsView"),
    offer: (may) => may.reports,
  },
  {
    path: "audit",
    name: "Audit log",
    show: late("./view-evidence.js", "auditView"),
    offer: (may) => may.witness,
  },
  {
    path: "accounts",
    name: "Accounts",
    show: late("./view-accounts.js", "accountsView"),
    offer: (may) => may.owner,
  },
  { path: "me", name: "My account", show: late("./view-accounts.js", "meView"), offer: () => true },
];

const [top, nav, main] = ["top", "nav", "main"].map((id) => document.getElementById(id));
let leave = () => {};
let turn = 0;

// Where somebody is, from the address: `#/system/acme%2Fdb`.
function place() {
  const [path, ...parts] = location.hash.replace(/^#\/?/, "").split("/");
  const decoded = parts.map((text) => {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  });
  return { view: VIEWS.find((view) => view.path === path), parts: decoded };
}

// Puts a view in place. A view is `{ title, node, stop }`, or `{ title, draw, wants, stop }`: what
// `draw` gives is drawn again whenever the world has changed.
async function show(make, isFirst = false) {
  turn += 1;
  const mine = turn;
  leave();
  leave = () => {};
  let view;
  try {
    view = await make();
  } catch (problem) {
    if (problem.kind === "anonymous") return;
    view = wrongView(problem);
  }
  if (mine !== turn) {
    view.stop?.();
    return;
  }
  const draw = () => h("div", { class: "view" }, view.node ?? view.draw());
  main.replaceChildren(draw());
  const redraw = () => {
    if (!view.draw) return;
    const held = main.contains(document.activeElement);
    renew(main.firstChild, draw());
    // What had the focus is gone: the keyboard goes on at the head of the view.
    if (held && document.activeElement === document.body) focusHead();
  };
  redraw.wants = view.wants;
  view.changed = redraw;
  const unwatch = watch(redraw);
  leave = () => {
    unwatch();
    view.stop?.();
  };
  frame();
  arrive(view.title, isFirst);
}

// Says where one is now: in the title, and by the focus, which a click on a link left behind.
function arrive(title, isFirst) {
  document.title = `${title} – ${world.box.name || "Holdfast"}`;
  if (isFirst) return;
  scrollTo(0, 0);
  const wanted = main.querySelector("[autofocus]");
  if (wanted) wanted.focus({ preventScroll: true });
  else focusHead();
}

function focusHead() {
  const heading = main.querySelector("h1");
  if (heading) heading.tabIndex = -1;
  (heading ?? main).focus({ preventScroll: true });
}

function wrongView(problem) {
  const back = h("a", { class: "button", href: "#/" }, "Overview");
  const again = button("Try again", () => route());
  const title = problem.status === 404 ? "Not there" : "That did not work";
  const node = [
    h("h1", {}, title),
    h("p", {}, told(problem)),
    h("p", { class: "buttons" }, again, back),
  ];
  return { title, node };
}

async function route(isFirst = false) {
  if (!world.me) return;
  const { view, parts } = place();
  nav.classList.remove("open");
  if (!view || !view.offer(world.may)) {
    const problem = {
      problem: "there is no such view for this account",
      next: "see the overview",
      status: 404,
    };
    await show(() => wrongView(problem), isFirst);
    return;
  }
  await show(() => view.show(...parts), isFirst);
}

// The head of the page and the navigation, as they are for who is signed in.
function frame() {
  renew(top, h("header", { id: "top" }, head(), banner()));
  nav.hidden = !world.me;
  if (world.me) renew(nav, navigation());
}

function head() {
  const name = world.box.name || "Holdfast";
  const home = h(
    "a",
    { class: "brand", href: "#/" },
    h("img", { src: "/icon.svg", alt: "", width: "28", height: "28" }),
    h("span", {}, name),
  );
  if (!world.me) return h("div", { class: "bar" }, home);
  const open = nav.classList.contains("open");
  const menu = h(
    "button",
    { type: "button", class: "menu", "aria-expanded": String(open), "aria-controls": "nav" },
    h("span", { "aria-hidden": "true" }, "☰"),
    " Menu",
  );
  menu.onclick = () => {
    nav.classList.toggle("open");
    frame();
    if (nav.classList.contains("open")) nav.querySelector("a").focus();
  };
  const account = h(
    "span",
    { class: "account" },
    world.me.account,
    " ",
    h("span", { class: "quiet" }, world.me.role.replaceAll("-", " ")),
  );
  return h("div", { class: "bar" }, home, account, menu);
}

// What is shown is old when nobody tells anything new; that must not be overlooked.
function banner() {
  if (!world.me) return null;
  const away = (who, since) => [
    h("b", {}, `${who} does not answer since `),
    h(
      "time",
      { title: exactly(since), datetime: new Date(since * 1000).toISOString() },
      moment(since),
    ),
    ". What is shown is as it was then. Next: wait a moment; if it stays so, see ",
  ];
  if (world.cutSince !== null && now() - world.cutSince > 3) {
    return h(
      "div",
      { class: "banner", role: "status" },
      away("The box", world.cutSince),
      "that it is switched on and in the network.",
    );
  }
  if (world.lostSince !== null) {
    return h(
      "div",
      { class: "banner", role: "status" },
      away("The engine", world.lostSince),
      h("code", {}, "systemctl status holdfast-engine"),
      " at its console.",
    );
  }
  return null;
}

function navigation() {
  const { view: here } = place();
  const open = all("alert").filter((alert) => !alert.acknowledged_by).length;
  const running = all("job").filter((job) => job.state === "running").length;
  const counts = { alerts: [open, "open"], jobs: [running, "running"] };
  const items = VIEWS.filter((view) => view.name && view.offer(world.may)).map((view) => {
    const current = here && (here === view ? "page" : here.under === view.path ? "true" : null);
    const [number, what] = counts[view.path] ?? [0];
    const badge = number
      ? h(
          "span",
          { class: `badge ${view.path}` },
          String(number),
          h("span", { class: "spoken" }, ` ${what}`),
        )
      : null;
    return h(
      "li",
      {},
      h("a", { href: `#/${view.path}`, "aria-current": current }, view.name, badge && " ", badge),
    );
  });
  return h(
    "nav",
    { id: "nav", "aria-label": "Views", class: nav.className || null },
    h("ul", {}, items),
    button("Sign out", signOut, { class: "small" }),
  );
}

async function signOut() {
  await remove("/session");
  end();
  notice("You are signed out.");
  location.hash = "#/";
  await enter();
}

// Who is there: nobody who owns the box, nobody who is signed in, or somebody.
async function enter(isFirst = false) {
  world.box = await get("/box");
  if (!world.box.claimed) {
    await show(() => claimView(takeCode(), signedIn), isFirst);
    return;
  }
  const me = await get("/me").catch((problem) => {
    if (problem.kind === "anonymous") return null;
    throw problem;
  });
  if (me) await signedIn(me, isFirst);
  else await show(() => signInView(signedIn), isFirst);
}

// The code that a picture at the console brought along. It is taken out of the address, which stays
// in the history of the browser.
function takeCode() {
  const [, code] = location.hash.match(/^#claim=(.*)$/) ?? [];
  if (code === undefined) return "";
  history.replaceState(null, "", "#/");
  try {
    return decodeURIComponent(code);
  } catch {
    return code;
  }
}

async function signedIn(me, isFirst = false) {
  world.box = await get("/box");
  await begin(me ?? (await get("/me")));
  frame();
  await route(isFirst);
  // What a box may not have yet is offered once it has answered.
  const [reports, channels] = await Promise.all([
    has("/reports"),
    world.may.witness && has("/channels/status"),
  ]);
  if (!world.me) return;
  Object.assign(world.may, { reports, channels });
  const { view } = place();
  if (["reports", "channels"].includes(view?.path)) await route(isFirst);
  else frame();
}

// The session has ended. The address stays, so that who signs in again is where he was.
onSignedOut(() => {
  if (!world.me) return;
  end();
  for (const open of document.querySelectorAll("dialog")) open.close();
  frame();
  say("The session has ended.");
  show(() => signInView(signedIn, "The session has ended. Sign in again to go on where you were."));
});

document.getElementById("skip").onclick = (event) => {
  event.preventDefault();
  main.focus();
};
addEventListener("hashchange", () => {
  if (location.hash.startsWith("#claim=") && !world.me) enter();
  else route();
});
nav.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !nav.classList.contains("open")) return;
  nav.classList.remove("open");
  frame();
  top.querySelector(".menu").focus();
});
watch(frame);
frame();
enter(true).catch((problem) => show(() => wrongView(problem), true));
