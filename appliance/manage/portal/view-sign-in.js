// The door: becoming the owner of a box that has none, and signing in.

import { post } from "./api.js";
import { field, form, h, refuse } from "./dom.js";
import { world } from "./world.js";

// Fewest characters of a password, as the box wants it.
const PASSWORD = 12;

// That a password was typed twice the same, before it is sent.
export function samePassword(given, one, two, element) {
  const wrong = (problem, next) => refuse(problem, next, element.elements[one]);
  if ([...given[one]].length < PASSWORD) {
    wrong(
      `the password is shorter than ${PASSWORD} characters`,
      "take a longer one; a few words are good",
    );
  }
  if (given[one] !== given[two]) wrong("the two passwords differ", "type the same one twice");
}

export const newPassword = (name, label) =>
  field(
    name,
    label,
    "password",
    {
      autocomplete: "new-password",
      required: true,
    },
    `${PASSWORD} characters or more.`,
  );

export const repeated = (name) =>
  field(name, "The password once more", "password", {
    autocomplete: "new-password",
    required: true,
  });

export function claimView(code, then) {
  const content = [
    field(
      "code",
      "Claim code",
      "text",
      {
        value: code,
        required: true,
        autocomplete: "off",
        autocapitalize: "characters",
        spellcheck: "false",
        autofocus: code === "",
      },
      "The console of the box shows it, on its screen or serial line.",
    ),
    field(
      "name",
      "Your account",
      "text",
      {
        required: true,
        autocomplete: "username",
        autocapitalize: "none",
        spellcheck: "false",
        autofocus: code !== "",
      },
      "Letters, digits, and any of - _ . @",
    ),
    newPassword("password", "Password"),
    repeated("again"),
  ];
  const claim = form(
    content,
    { text: "Claim this box", novalidate: true },
    async (given, element) => {
      samePassword(given, "password", "again", element);
      await post("/claim", { code: given.code, name: given.name, password: given.password });
      await then();
    },
  );
  const node = h(
    "div",
    { class: "door" },
    h("h1", {}, "Claim this box"),
    h(
      "p",
      {},
      "Nobody owns ",
      h("b", {}, world.box.name),
      " yet. Whoever types the code that its console shows becomes its owner.",
    ),
    claim,
    fingerprint(),
  );
  return { title: "Claim this box", node };
}

export function signInView(then, why = "") {
  // The code is asked for once the box has said that it wants one.
  const code = h("div", {});
  const content = [
    field("name", "Account", "text", {
      required: true,
      autocomplete: "username",
      autocapitalize: "none",
      spellcheck: "false",
      autofocus: true,
    }),
    field("password", "Password", "password", { required: true, autocomplete: "current-password" }),
    code,
  ];
  const signIn = form(content, { text: "Sign in", novalidate: true }, async (given, element) => {
    try {
      await post("/session", given);
    } catch (problem) {
      if (problem.kind === "second-factor" && !element.elements.code) {
        code.replaceChildren(
          field(
            "code",
            "Code of your authenticator app",
            "text",
            {
              inputmode: "numeric",
              autocomplete: "one-time-code",
              required: true,
              maxlength: "6",
            },
            "Six digits; a new one every 30 seconds.",
          ),
        );
        element.elements.code.focus();
        return;
      }
      throw Object.assign(problem, { focus: element.elements.code ?? element.elements.password });
    }
    await then();
  });
  const node = h(
    "div",
    { class: "door" },
    h("h1", {}, "Sign in"),
    why && h("p", { role: "status" }, why),
    signIn,
    fingerprint(),
  );
  return { title: "Sign in", node };
}

// By which somebody makes sure that he talks to the box in front of him.
const fingerprint = () =>
  h(
    "details",
    { class: "quiet" },
    h("summary", {}, "Is this the right box?"),
    h("p", {}, "The console shows the same fingerprint of its certificate:"),
    h("p", {}, h("code", { class: "break" }, world.box.fingerprint)),
    h("p", {}, `Holdfast ${world.box.version}`),
  );
