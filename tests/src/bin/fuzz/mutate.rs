//! Damage: what storage, networks and people do to bytes, and what finds unchecked lengths.

use disk::sim::SimRng;
use format::layout::Table;

/// Most single damages to one input. Few: many only make every input equally hopeless.
const MOST_STEPS: u64 = 6;

/// Longest run of bytes that one damage touches.
const MOST_BYTES: u64 = 512;

/// Damages `bytes`, their number included; now and then not at all.
pub(crate) fn mutate(rng: &mut SimRng, bytes: &mut Vec<u8>) {
    for _ in 0..steps(rng) {
        match rng.below(8) {
            0 => bytes.truncate(rng.below(bytes.len() as u64 + 1) as usize),
            1 => bytes.extend(random(rng, 64)),
            2 => remove(rng, bytes),
            3 => insert(rng, bytes),
            _ => damage(rng, bytes),
        }
    }
}

/// Damages `bytes` in their places.
pub(crate) fn in_place(rng: &mut SimRng, bytes: &mut [u8]) {
    for _ in 0..steps(rng) {
        damage(rng, bytes);
    }
}

/// Sets one field of a structure to something; those of up to 8 bytes to a number of interest.
pub(crate) fn field(rng: &mut SimRng, table: &Table, bytes: &mut [u8]) {
    let field = table.fields[rng.below(table.fields.len() as u64) as usize];
    let Some(room) = bytes.get_mut(field.offset..field.offset + field.size) else { return };
    match field.size {
        1..=8 => set_number(rng, room, table.size as u64),
        _ => damage(rng, room),
    }
}

/// Up to `most` random bytes.
pub(crate) fn random(rng: &mut SimRng, most: u64) -> Vec<u8> {
    (0..rng.below(most + 1)).map(|_| rng.next_u64() as u8).collect()
}

/// A number such as lengths and counts have when they lie: limits, their neighbours, small ones.
pub(crate) fn number(rng: &mut SimRng, now: u64, length: u64) -> u64 {
    let power = 1_u64 << rng.below(64);
    match rng.below(12) {
        0 => 0,
        1 => u64::MAX,
        2 => u64::MAX >> rng.below(64),
        3 => power,
        4 => power.wrapping_sub(1),
        5 => now.wrapping_add(1),
        6 => now.wrapping_sub(1),
        7 => length,
        8 => length.wrapping_add(rng.below(9)).wrapping_sub(4),
        9 => rng.below(length.max(1)),
        10 => rng.below(16),
        _ => rng.next_u64(),
    }
}

/// None in one input of 16: what is right must stay right.
fn steps(rng: &mut SimRng) -> u64 {
    if rng.below(16) == 0 { 0 } else { 1 + rng.below(MOST_STEPS).min(rng.below(MOST_STEPS)) }
}

fn damage(rng: &mut SimRng, bytes: &mut [u8]) {
    if bytes.is_empty() {
        return;
    }
    let length = bytes.len() as u64;
    let at = rng.below(length) as usize;
    match rng.below(7) {
        0 | 1 => bytes[at] ^= 1 << rng.below(8),
        2 => bytes[at] = rng.next_u64() as u8,
        3 => {
            let fill = [0, 0xff, rng.next_u64() as u8][rng.below(3) as usize];
            span(rng, bytes, at).fill(fill);
        }
        4 => span(rng, bytes, at).iter_mut().for_each(|byte| *byte = rng.next_u64() as u8),
        5 => splice(rng, bytes, at),
        _ => {
            let width = (1 << rng.below(4)) as usize;
            let at = if rng.below(2) == 0 { at } else { at / width * width };
            if let Some(room) = bytes.get_mut(at..at + width) {
                set_number(rng, room, length);
            }
        }
    }
}

/// Bytes from `at` on: more often few than many.
fn span<'a>(rng: &mut SimRng, bytes: &'a mut [u8], at: usize) -> &'a mut [u8] {
    let most = rng.below(MOST_BYTES) + 1;
    let end = bytes.len().min(at + 1 + rng.below(most) as usize);
    &mut bytes[at..end]
}

/// Puts a piece of the same bytes over another.
fn splice(rng: &mut SimRng, bytes: &mut [u8], at: usize) {
    let piece = span(rng, bytes, at).to_vec();
    let to = rng.below((bytes.len() - piece.len()) as u64 + 1) as usize;
    bytes[to..to + piece.len()].copy_from_slice(&piece);
}

/// Our structures are little-endian, the network's big-endian.
fn set_number(rng: &mut SimRng, room: &mut [u8], length: u64) {
    let now = room.iter().rev().fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
    let bytes = number(rng, now, length).to_le_bytes();
    let width = room.len();
    room.copy_from_slice(&bytes[..width]);
    if rng.below(4) == 0 {
        room.reverse();
    }
}

fn remove(rng: &mut SimRng, bytes: &mut Vec<u8>) {
    let start = rng.below(bytes.len() as u64 + 1) as usize;
    let end = bytes.len().min(start + rng.below(64) as usize);
    bytes.drain(start..end);
}

fn insert(rng: &mut SimRng, bytes: &mut Vec<u8>) {
    let at = rng.below(bytes.len() as u64 + 1) as usize;
    let piece = random(rng, 64);
    bytes.splice(at..at, piece);
}
