//! What an agent sends to the receiver: the head of a request, and bodies that are JSON.

use disk::sim::SimRng;

use crate::mutate::{in_place, mutate, number, random};
use crate::target::Reader;

/// Input: a method, a path and the lines of a head, each on a line; also read as a body.
pub(crate) struct Requests;

const HEADS: &[&str] = &[
    "GET\n/v1\nhost:box",
    "POST\n/v1/volumes/root\ncontent-length:15",
    "GET\n/v1/intakes/7\n",
    "DELETE\n/v1/intakes/7\n",
    "POST\n/v1/intakes/7/zero\ncontent-length:32",
    "POST\n/v1/intakes/7/flush\ncontent-length:0",
    "POST\n/v1/intakes/7/finish\ncontent-length:28",
];

const BODIES: &[&str] =
    &["{\"bytes\":8192}", "{\"offset\":4096,\"bytes\":65536}", "{\"consistency\":\"moment\"}"];

impl Reader for Requests {
    fn input(&mut self, rng: &mut SimRng) -> Vec<u8> {
        let mut bytes = match rng.below(4) {
            0 => one_of(rng, BODIES),
            1 => one_of(rng, HEADS),
            _ => write(rng),
        };
        match rng.below(4) {
            0 => mutate(rng, &mut bytes),
            1 => in_place(rng, &mut bytes),
            _ => {}
        }
        bytes
    }

    fn read(&mut self, input: &[u8]) {
        receiver::fuzz_request(input);
    }
}

fn one_of(rng: &mut SimRng, texts: &[&str]) -> Vec<u8> {
    let at = rng.below(texts.len() as u64) as usize;
    texts.get(at).copied().unwrap_or_default().as_bytes().to_vec()
}

/// A write as it should be, or nearly.
fn write(rng: &mut SimRng) -> Vec<u8> {
    let digest: String = random(rng, 33).iter().map(|byte| format!("{byte:02x}")).collect();
    let (intake, offset) = (number(rng, 7, 1 << 40), number(rng, 65_536, 1 << 50));
    let length = number(rng, 4 << 20, 5 << 20);
    format!(
        "PUT\n/v1/intakes/{intake}/{offset}\ncontent-length:{length}\nholdfast-blake3:{digest:0<64}"
    )
    .into_bytes()
}
