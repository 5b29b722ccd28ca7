// Amounts, times and words for people.

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

// Bytes with at most three digits, in the decimal units that disks are sold by.
export function bytes(count) {
  let unit = 0;
  let amount = count;
  while (amount >= 999.5 && unit < UNITS.length - 1) {
    amount /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || amount >= 99.95 ? 0 : 1;
  return `${amount.toFixed(digits)} ${UNITS[unit]}`;
}

export const rate = (perSecond) => `${bytes(perSecond)}/s`;

export const count = (number, one, many = `${one}s`) =>
  `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

const STEPS = [
  [86_400, "day", "days"],
  [3_600, "h", "h"],
  [60, "min", "min"],
  [1, "s", "s"],
];

// A span in its largest unit, and the next one while that says something: "1 h 20 min".
export function span(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const at = STEPS.findIndex(([length]) => whole >= length);
  if (at < 0) return "0 s";
  const [length, one, many] = STEPS[at];
  const most = Math.floor(whole / length);
  const text = `${most} ${most === 1 ? one : many}`;
  const below = STEPS[at + 1];
  if (!below || most >= (length === 86_400 ? 3 : 10)) return text;
  const rest = Math.floor((whole % length) / below[0]);
  return rest === 0 ? text : `${text} ${rest} ${rest === 1 ? below[1] : below[2]}`;
}

// Work as people count it: in hours, however many.
export function hours(seconds) {
  const minutes = Math.round(seconds / 60);
  const [whole, rest] = [Math.floor(minutes / 60), minutes % 60];
  if (whole === 0) return `${rest} min`;
  return rest === 0 ? `${whole} h` : `${whole} h ${rest} min`;
}

const two = (number) => String(number).padStart(2, "0");

const day = (date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
const clock = (date) => `${two(date.getHours())}:${two(date.getMinutes())}`;

// The day of a moment in the zone of the browser, as "2026-11-23".
export const dayOf = (seconds) => day(new Date(seconds * 1000));

// A moment in the zone of the browser.
export function moment(seconds) {
  const date = new Date(seconds * 1000);
  return `${day(date)} ${clock(date)}`;
}

// A moment as fields of the type `datetime-local` have it, and back; null if there is none.
export const typed = (seconds) => moment(seconds).replace(" ", "T");
export function untyped(text) {
  const seconds = Math.floor(new Date(text).getTime() / 1000);
  return Number.isFinite(seconds) ? seconds : null;
}

export const timeOfDay = (seconds) => clock(new Date(seconds * 1000));

// The same to the second and with its offset, for whoever compares it with a log.
export function exactly(seconds) {
  const date = new Date(seconds * 1000);
  const minutes = -date.getTimezoneOffset();
  const sign = minutes < 0 ? "-" : "+";
  const offset = `${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
  return `${day(date)} ${clock(date)}:${two(date.getSeconds())} ${sign}${offset}`;
}

// A heading for a day: people know the last two by name.
export function dayName(text, today) {
  const then = new Date(`${text}T12:00:00`);
  const written = then.toLocaleDateString("en-GB", {
    weekday: "short",
    day: "numeric",
    month: "short",
    year: "numeric",
  });
  const ago = Math.round((new Date(`${today}T12:00:00`) - then) / 86_400_000);
  if (ago === 0) return `Today, ${written}`;
  if (ago === 1) return `Yesterday, ${written}`;
  return written;
}

// A text as a sentence: what the box says comes with and without a full stop.
export function sentence(text) {
  const trimmed = String(text).trim();
  if (trimmed === "") return "";
  const first = trimmed[0].toUpperCase() + trimmed.slice(1);
  return /[.!?:]$/.test(first) ? first : `${first}.`;
}

// A word of the box for people: "client-reader" is "Client reader".
export function word(text) {
  const spaced = String(text).replaceAll(/[-_]/g, " ");
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

// A text as one word of a shell.
export const quoted = (text) =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
