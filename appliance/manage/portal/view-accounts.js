// Accounts: one's own with its password, second factor and tokens; and, for the owner, all.

import { get, part, post, put, remove } from "./api.js";
import {
  button,
  chip,
  command,
  dialog,
  facts,
  field,
  h,
  notice,
  section,
  table,
  time,
} from "./dom.js";
import { dayOf, word } from "./format.js";
import { qr } from "./qr.js";
import { clientNames, now, world } from "./world.js";
import { newPassword, repeated, samePassword } from "./view-sign-in.js";

const ROLES = [
  ["owner", "Owner: everything, accounts included"],
  ["technician", "Technician: everything but accounts"],
  ["client-technician", "Client technician: looks, exports, takes backups"],
  ["client-reader", "Client reader: looks"],
  ["auditor", "Auditor: looks, at the audit log above all"],
  ["device", "Device: a program that watches the box"],
];

const DAY = 86_400;

export async function meView() {
  const state = { me: await get("/me"), sessions: (await get("/me/tokens")).sessions };
  const view = { title: "My account", draw: () => mine(state, view) };
  return view;
}

async function again(state, view) {
  [state.me, { sessions: state.sessions }] = await Promise.all([get("/me"), get("/me/tokens")]);
  view.changed();
}

const present = () =>
  field("password", "Your password", "password", {
    required: true,
    autocomplete: "current-password",
  });

function mine(state, view) {
  const { me } = state;
  const factor = me.second_factor
    ? button("Do without it", () => removeFactor(state, view), { class: "danger" })
    : button("Set up a second factor", () => offerFactor(state, view), { class: "main" });
  return [
    h("h1", {}, "My account"),
    facts([
      ["Account", me.account],
      ["Role", word(me.role)],
      ["Clients", me.clients.length > 0 ? me.clients.join(", ") : null],
      ["Session ends", time(me.until, now())],
    ]),
    section(
      "Password",
      h("p", { class: "buttons" }, button("Change the password", changePassword)),
    ),
    section(
      "Second factor",
      h(
        "p",
        {},
        me.second_factor ? chip("good", "Set up") : chip("warn", "Not set up"),
        " A code of an authenticator app, wanted besides the password.",
      ),
      h("p", { class: "buttons" }, factor),
    ),
    section(
      "Sessions and tokens",
      tokens(state, view),
      h(
        "p",
        { class: "buttons" },
        button("Make a token", () => makeToken(state, view)),
      ),
    ),
  ];
}

const changePassword = () =>
  dialog({
    title: "Change the password",
    text: "All your sessions and tokens end, this one too.",
    content: [present(), newPassword("new", "New password"), repeated("again")],
    submit: "Change it",
    run: async (given, element) => {
      samePassword(given, "new", "again", element);
      await put("/me/password", { password: given.password, new: given.new });
      notice("The password was changed. Sign in with the new one.");
      // The session is over; asking finds that out.
      await get("/me").catch(() => {});
    },
  });

async function offerFactor(state, view) {
  const offer = await dialog({
    title: "Set up a second factor",
    content: [present()],
    submit: "Go on",
    run: (given) => post("/me/factor", given),
  });
  if (!offer) return;
  const proved = await dialog({
    title: "Give it to your authenticator app",
    content: factorContent(offer),
    submit: "Prove it",
    run: ({ code }) => put("/me/factor", { code }),
  });
  if (proved) notice("From now on a code is wanted besides the password.");
  await again(state, view);
}

function factorContent({ link, secret }) {
  const picture = qr(link);
  const groups = secret.match(/.{1,4}/g)?.join(" ") ?? secret;
  return [
    picture && h("div", { class: "qr" }, picture),
    h("p", {}, picture ? "Scan it, or type the secret:" : "Type the secret:"),
    h("p", {}, h("code", { class: "break" }, groups)),
    // Only this scheme: the address comes from elsewhere.
    link.startsWith("otpauth:") &&
      h("p", {}, h("a", { href: link }, "Open it in an app on this device")),
    field(
      "code",
      "Code that the app shows",
      "text",
      {
        inputmode: "numeric",
        autocomplete: "one-time-code",
        required: true,
        maxlength: "6",
      },
      "Six digits. The second factor counts only once this was right.",
    ),
  ];
}

async function removeFactor(state, view) {
  const done = await dialog({
    title: "Do without a second factor?",
    lost: "the protection against who learns your password.",
    content: [present()],
    danger: true,
    submit: "Do without it",
    run: (given) => remove("/me/factor", given),
  });
  if (done) await again(state, view);
}

function tokens(state, view) {
  const columns = [
    {
      name: "What",
      cell: (one) => (one.kind === "token" ? one.purpose || "Token" : "Session in a browser"),
    },
    { name: "Made", cell: (one) => time(one.created, now()), wide: true },
    { name: "Ends", cell: (one) => time(one.expires, now()) },
    {
      name: "Action",
      right: true,
      cell: (one) =>
        button(
          "End",
          async () => {
            await remove(`/me/tokens/${part(one.id)}`);
            await again(state, view);
          },
          { class: "small", "aria-label": `End ${one.kind} ${one.purpose || one.id}` },
        ),
    },
  ];
  return table("Sessions and tokens of this account", columns, state.sessions, (one) => one.id);
}

async function makeToken(state, view) {
  const made = await dialog({
    title: "Make a token for a program",
    text: "It may do what this account may.",
    content: [
      field("purpose", "What it is for", "text", { required: true, maxlength: "200" }),
      field("days", "Days that it is good", "number", {
        required: true,
        min: "1",
        max: "366",
        value: "90",
      }),
      present(),
    ],
    submit: "Make it",
    run: ({ purpose, days, password }) =>
      post("/me/tokens", { purpose, days: Number(days), password }),
  });
  if (!made) return;
  await dialog({
    title: "The token",
    text: "Keep it now: it is never shown again. Programs send it as “Authorization: Bearer …”.",
    content: [command(made.token, "Token:")],
  });
  await again(state, view);
}

export async function accountsView() {
  const state = { accounts: (await get("/accounts")).accounts };
  const view = { title: "Accounts", draw: () => accounts(state, view) };
  return view;
}

async function reload(state, view) {
  state.accounts = (await get("/accounts")).accounts;
  view.changed();
}

function accounts(state, view) {
  const columns = [
    {
      name: "Account",
      cell: (one) => [one.name, h("div", { class: "quiet" }, one.clients.join(", "))],
    },
    { name: "Role", cell: (one) => word(one.role) },
    { name: "Signs in with", wide: true, cell: means },
    { name: "Ends", wide: true, cell: (one) => (one.expires ? time(one.expires, now()) : "never") },
    {
      name: "Action",
      right: true,
      cell: (one) =>
        h(
          "span",
          { class: "links" },
          button("Change", () => change(state, view, one), {
            class: "small",
            "aria-label": `Change ${one.name}`,
          }),
          button("Remove", () => removeAccount(state, view, one), {
            class: "small",
            "aria-label": `Remove ${one.name}`,
          }),
        ),
    },
  ];
  return [
    h(
      "div",
      { class: "title" },
      h("h1", {}, "Accounts"),
      button("Make an account", () => make(state, view), { class: "main" }),
    ),
    table("Accounts of this box", columns, state.accounts, (one) => one.name),
  ];
}

function means(one) {
  const ways = [
    one.password && "password",
    one.second_factor && "second factor",
    one.certificate && "certificate",
  ];
  return ways.filter(Boolean).join(", ") || h("span", { class: "quiet" }, "nothing yet");
}

// Who makes, changes or removes an owner shows once more that it is he.
const confirmed = () =>
  field(
    "confirm",
    "Your own password",
    "password",
    { autocomplete: "current-password" },
    "Wanted as this concerns an owner, unless a certificate signed you in.",
  );

// What makes an account, filled in as it is.
function accountFields(one) {
  const known = clientNames();
  const hint = `Names as in the plan, one on a line${known.length > 0 ? `, such as ${known.slice(0, 3).join(" or ")}` : ""}. Empty: all clients.`;
  const until = one?.expires ? dayOf(one.expires) : "";
  const confirm = confirmed();
  const isOfOwner = (role) => role === "owner" || one?.role === "owner";
  confirm.hidden = !isOfOwner(null);
  const onchange = (event) => {
    confirm.hidden = !isOfOwner(event.currentTarget.value);
  };
  return [
    field("role", "Role", ROLES, { value: one?.role ?? "technician", onchange }),
    field("clients", "Bound to clients", "area", { value: one?.clients.join("\n") ?? "" }, hint),
    field("until", "Ends at the beginning of", "date", { value: until }, "Empty: never."),
    field(
      "certificate",
      "Fingerprint of a certificate that signs in",
      "text",
      { value: one?.certificate ?? "", spellcheck: "false" },
      "64 hexadecimal digits; empty: none.",
    ),
    field(
      "password",
      one ? "New password" : "Password",
      "password",
      { autocomplete: "new-password" },
      one ? "Empty: as it is." : "12 characters or more; empty if a certificate signs in.",
    ),
    confirm,
  ];
}

function asked({ role, clients, until, certificate, password, confirm }) {
  const names = clients
    .split("\n")
    .map((name) => name.trim())
    .filter(Boolean);
  const expires = until ? Math.floor(new Date(`${until}T00:00:00`).getTime() / 1000) : 0;
  return {
    role,
    clients: names,
    expires,
    certificate,
    ...(password && { password }),
    ...(confirm && { confirm }),
  };
}

async function make(state, view) {
  const done = await dialog({
    title: "Make an account",
    content: [
      field("name", "Name", "text", {
        required: true,
        autocapitalize: "none",
        autocomplete: "off",
      }),
      accountFields(null),
    ],
    submit: "Make it",
    run: (given) => post("/accounts", { name: given.name, ...asked(given) }),
  });
  if (done) await reload(state, view);
}

async function change(state, view, one) {
  const lost = one.second_factor
    ? [field("without_factor", "Its second factor was lost: do without", "check")]
    : [];
  const done = await dialog({
    title: `Change ${one.name}`,
    text: "Its sessions and tokens end.",
    content: [accountFields(one), lost],
    submit: "Change it",
    run: (given) =>
      put(`/accounts/${part(one.name)}`, {
        ...asked(given),
        ...(given.without_factor && { without_factor: true }),
      }),
  });
  if (done) await reload(state, view);
}

async function removeAccount(state, view, one) {
  const done = await dialog({
    title: `Remove ${one.name}?`,
    lost: "the account, with its sessions and tokens. What it did stays in the audit log.",
    content: one.role === "owner" ? [confirmed()] : [],
    danger: true,
    submit: "Remove it",
    run: ({ confirm }) => remove(`/accounts/${part(one.name)}`, confirm ? { confirm } : {}),
  });
  if (done) {
    notice(`${one.name} is gone.`);
    await reload(state, view);
  }
}
