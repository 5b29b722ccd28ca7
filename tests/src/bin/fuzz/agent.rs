//! What the agent in a guest says to a pull that wants the guest frozen.

use disk::sim::SimRng;

use crate::mutate::{in_place, mutate, number, random};
use crate::target::Reader;

/// Input: all that the agent says, whatever it hears.
pub(crate) struct GuestAgents;

/// The number that a synchronization of the fuzzer's has.
const ID: u64 = 7;

impl Reader for GuestAgents {
    fn input(&mut self, rng: &mut SimRng) -> Vec<u8> {
        let mut says = if rng.below(2) == 0 { random(rng, 200) } else { Vec::new() };
        for step in 0..1 + rng.below(8) {
            let id = number(rng, ID, 1 << 62);
            match rng.below(6) {
                0..3 if step == 0 => says.extend(b"\n\xff{\"return\": 7}\n"),
                0 => {
                    says.push(0xff);
                    says.extend(format!("{{\"return\": {id}}}\n").bytes());
                }
                1 => says.extend(b"{\"return\": \"thawed\"}\n"),
                2 => says.extend(b"{\"return\": \"frozen\"}\n"),
                3 => says.extend(format!("{{\"return\": {}}}\n", number(rng, 3, 1 << 62)).bytes()),
                4 => says.extend(b"{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}}\n"),
                _ => says.extend(b"[".repeat(rng.below(5000) as usize)),
            }
        }
        match rng.below(3) {
            0 => mutate(rng, &mut says),
            1 => in_place(rng, &mut says),
            _ => {}
        }
        says
    }

    fn read(&mut self, input: &[u8]) {
        live::fuzz_guest_agent(input);
    }
}
