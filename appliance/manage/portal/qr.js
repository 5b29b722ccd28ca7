// QR codes (ISO/IEC 18004): byte mode, error correction M, versions 1 to 10, which holds 213 bytes.

import { svg } from "./dom.js";

// Of each version: codewords of error correction a block, then blocks and their data codewords.
const VERSIONS = [
  null,
  [10, [[1, 16]]],
  [16, [[1, 28]]],
  [26, [[1, 44]]],
  [18, [[2, 32]]],
  [24, [[2, 43]]],
  [16, [[4, 27]]],
  [18, [[4, 31]]],
  [
    22,
    [
      [2, 38],
      [2, 39],
    ],
  ],
  [
    22,
    [
      [3, 36],
      [2, 37],
    ],
  ],
  [
    26,
    [
      [4, 43],
      [1, 44],
    ],
  ],
];

// Centres of alignment patterns of each version.
const ALIGNED = [
  null,
  [],
  [6, 18],
  [6, 22],
  [6, 26],
  [6, 30],
  [6, 34],
  [6, 22, 38],
  [6, 24, 42],
  [6, 26, 46],
  [6, 28, 50],
];

// Quiet modules around, as the standard wants them.
const QUIET = 4;

// The picture of a text; null if it is too long.
export function qr(text) {
  const rows = modules(text);
  if (!rows) return null;
  const size = rows.length + 2 * QUIET;
  const dark = rows
    .flatMap((row, y) => row.map((is, x) => (is ? `M${x + QUIET} ${y + QUIET}h1v1h-1z` : "")))
    .join("");
  return svg(
    "svg",
    {
      viewBox: `0 0 ${size} ${size}`,
      role: "img",
      "aria-label": "QR code of the secret",
      "shape-rendering": "crispEdges",
    },
    svg("rect", { width: String(size), height: String(size), fill: "#fff" }),
    svg("path", { d: dark, fill: "#000" }),
  );
}

// The dark modules of the code of a text, row by row.
export function modules(text) {
  const data = new TextEncoder().encode(text);
  const version = VERSIONS.findIndex((blocks, at) => at > 0 && fits(data.length, blocks, at));
  if (version < 0) return null;
  const words = codewords(data, version);
  const choices = Array.from({ length: 8 }, (_, mask) => drawn(words, version, mask));
  return choices.reduce((best, rows) => (penalty(rows) < penalty(best) ? rows : best));
}

const capacity = ([, groups]) => groups.reduce((sum, [blocks, words]) => sum + blocks * words, 0);

// Mode and length go before: 4 bits and 8, or 16 from version 10 on.
const lengthBits = (version) => (version < 10 ? 8 : 16);
const fits = (length, blocks, version) =>
  4 + lengthBits(version) + 8 * length <= 8 * capacity(blocks);

function codewords(data, version) {
  const bits = [];
  const push = (value, count) => {
    for (let at = count - 1; at >= 0; at -= 1) bits.push((value >> at) & 1);
  };
  push(0b0100, 4);
  push(data.length, lengthBits(version));
  data.forEach((byte) => push(byte, 8));
  const room = 8 * capacity(VERSIONS[version]);
  push(0, Math.min(4, room - bits.length));
  push(0, (8 - (bits.length % 8)) % 8);
  const bytes = [];
  for (let at = 0; at < bits.length; at += 8) {
    bytes.push(bits.slice(at, at + 8).reduce((byte, bit) => 2 * byte + bit, 0));
  }
  for (let pad = 0xec; bytes.length < room / 8; pad ^= 0xec ^ 0x11) bytes.push(pad);
  return interleaved(bytes, VERSIONS[version]);
}

// Blocks take turns, so that a blot hits each of them a little.
function interleaved(bytes, [checks, groups]) {
  const blocks = [];
  let at = 0;
  for (const [count, words] of groups) {
    for (let block = 0; block < count; block += 1, at += words)
      blocks.push(bytes.slice(at, at + words));
  }
  const remainders = blocks.map((block) => remainder(block, checks));
  const turns = (lists) => {
    const longest = Math.max(...lists.map((list) => list.length));
    return Array.from({ length: longest }, (_, turn) =>
      lists.filter((list) => turn < list.length).map((list) => list[turn]),
    ).flat();
  };
  return [...turns(blocks), ...turns(remainders)];
}

// Product in the field of 256 elements, by the polynomial 0x11d.
function times(a, b) {
  let product = 0;
  for (let bit = 7; bit >= 0; bit -= 1) {
    product = (product << 1) ^ ((product >> 7) * 0x11d);
    product ^= ((b >> bit) & 1) * a;
  }
  return product;
}

// Reed-Solomon: the remainder of a block by the generator of so many check words.
function remainder(block, checks) {
  const generator = Array(checks).fill(0);
  generator[checks - 1] = 1;
  for (let root = 1, step = 0; step < checks; step += 1, root = times(root, 2)) {
    for (let at = 0; at < checks; at += 1) {
      generator[at] = times(generator[at], root) ^ (generator[at + 1] ?? 0);
    }
  }
  const rest = Array(checks).fill(0);
  for (const byte of block) {
    const factor = byte ^ rest.shift();
    rest.push(0);
    generator.forEach((coefficient, at) => {
      rest[at] ^= times(coefficient, factor);
    });
  }
  return rest;
}

const MASKS = [
  (x, y) => (x + y) % 2,
  (_, y) => y % 2,
  (x) => x % 3,
  (x, y) => (x + y) % 3,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2,
  (x, y) => ((x * y) % 2) + ((x * y) % 3),
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2,
];

function drawn(words, version, mask) {
  const size = 17 + 4 * version;
  const rows = Array.from({ length: size }, () => Array(size).fill(null));
  const set = (x, y, is) => {
    if (x >= 0 && y >= 0 && x < size && y < size) rows[y][x] = Boolean(is);
  };
  patterns(set, size, version);
  formats(set, size, version, mask);
  let bit = 0;
  for (const [x, y] of places(size)) {
    if (rows[y][x] !== null) continue;
    const is = (words[bit >> 3] >> (7 - (bit & 7))) & 1;
    rows[y][x] = Boolean(is) !== (MASKS[mask](x, y) === 0);
    bit += 1;
  }
  return rows;
}

// Where data stands: two columns at a time from the right, up and down in turn, past the timing.
function* places(size) {
  let up = true;
  for (let right = size - 1; right > 0; right -= 2) {
    if (right === 6) right = 5;
    for (let step = 0; step < size; step += 1) {
      const y = up ? size - 1 - step : step;
      yield [right, y];
      yield [right - 1, y];
    }
    up = !up;
  }
}

function patterns(set, size, version) {
  for (let at = 0; at < size; at += 1) {
    set(6, at, at % 2 === 0);
    set(at, 6, at % 2 === 0);
  }
  const rings = (cx, cy, radius, isDark) => {
    for (let y = -radius; y <= radius; y += 1) {
      for (let x = -radius; x <= radius; x += 1) {
        set(cx + x, cy + y, isDark(Math.max(Math.abs(x), Math.abs(y))));
      }
    }
  };
  for (const [x, y] of [
    [3, 3],
    [size - 4, 3],
    [3, size - 4],
  ]) {
    rings(x, y, 4, (ring) => ring !== 2 && ring !== 4);
  }
  const centres = ALIGNED[version];
  const last = centres.at(-1);
  for (const x of centres) {
    for (const y of centres) {
      const isFinder = (x === 6 && y === 6) || (x === 6 && y === last) || (x === last && y === 6);
      if (!isFinder) rings(x, y, 2, (ring) => ring !== 1);
    }
  }
}

// Format and version, each with the remainder that guards it.
function formats(set, size, version, mask) {
  // Error correction M is 00.
  const format = ((mask << 10) | rest(mask, 10, 0x537)) ^ 0x5412;
  const bit = (at) => (format >> at) & 1;
  for (let at = 0; at < 6; at += 1) set(8, at, bit(at));
  set(8, 7, bit(6));
  set(8, 8, bit(7));
  set(7, 8, bit(8));
  for (let at = 9; at < 15; at += 1) set(14 - at, 8, bit(at));
  for (let at = 0; at < 8; at += 1) set(size - 1 - at, 8, bit(at));
  for (let at = 8; at < 15; at += 1) set(8, size - 15 + at, bit(at));
  set(8, size - 8, true);
  if (version < 7) return;
  const guarded = (version << 12) | rest(version, 12, 0x1f25);
  for (let at = 0; at < 18; at += 1) {
    const [a, b] = [size - 11 + (at % 3), Math.floor(at / 3)];
    set(a, b, (guarded >> at) & 1);
    set(b, a, (guarded >> at) & 1);
  }
}

// The remainder of `value` shifted by `bits`, by a polynomial.
function rest(value, bits, polynomial) {
  let left = value;
  for (let step = 0; step < bits; step += 1)
    left = (left << 1) ^ ((left >> (bits - 1)) * polynomial);
  return left;
}

// How hard it is to read: long runs, blocks, what looks like a finder, and too much of one colour.
function penalty(rows) {
  const size = rows.length;
  const columns = rows.map((_, x) => rows.map((row) => row[x]));
  let sum = 0;
  for (const line of [...rows, ...columns]) {
    const text = line.map((is) => (is ? "1" : "0")).join("");
    for (const [run] of text.matchAll(/0{5,}|1{5,}/g)) sum += run.length - 2;
    for (const _ of text.matchAll(/(?=00001011101|10111010000)/g)) sum += 40;
  }
  let dark = 0;
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) {
      if (rows[y][x]) dark += 1;
      const is = rows[y][x];
      if (
        x > 0 &&
        y > 0 &&
        rows[y][x - 1] === is &&
        rows[y - 1][x] === is &&
        rows[y - 1][x - 1] === is
      )
        sum += 3;
    }
  }
  return sum + 10 * Math.floor(Math.abs((20 * dark) / (size * size) - 10));
}
