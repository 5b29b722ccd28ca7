//! What an NBD client sends to the server of an export, from its flags to its last request.

use disk::sim::SimRng;

use crate::mutate::{in_place, mutate, number, random};
use crate::target::Reader;

const OPTION_MAGIC: &[u8; 8] = b"IHAVEOPT";
const REQUEST_MAGIC: u32 = 0x2560_9513;

/// Input: all that the client sends.
pub(crate) struct Clients;

impl Reader for Clients {
    fn input(&mut self, rng: &mut SimRng) -> Vec<u8> {
        let mut bytes = vec![0, 0, 0, rng.below(4) as u8];
        for _ in 0..rng.below(6) {
            option(rng, &mut bytes);
        }
        let go = text(b"disk");
        put_option(&mut bytes, 7, &[&go[..], &[0, 0]].concat());
        for _ in 0..rng.below(6) {
            request(rng, &mut bytes);
        }
        match rng.below(3) {
            0 => mutate(rng, &mut bytes),
            1 => in_place(rng, &mut bytes),
            _ => {}
        }
        bytes
    }

    fn read(&mut self, input: &[u8]) {
        export::fuzz_client(input);
    }
}

/// An option with data as it should have, or nearly.
fn option(rng: &mut SimRng, to: &mut Vec<u8>) {
    let mut name = match rng.below(4) {
        0 => text(b""),
        1 => text(&random(rng, 40)),
        2 => text(&vec![b'x'; 4090 + rng.below(12) as usize]),
        _ => text(b"disk"),
    };
    let code = rng.below(13) as u32;
    let data = match code {
        6 | 7 => {
            let requests: Vec<u8> =
                (0..rng.below(4)).flat_map(|_| [0, rng.below(5) as u8]).collect();
            name.extend((requests.len() as u16 / 2).to_be_bytes());
            [name, requests].concat()
        }
        9 | 10 => {
            let queries = rng.below(4) as u32;
            name.extend(queries.to_be_bytes());
            (0..queries).for_each(|_| name.extend(text(b"base:allocation")));
            name
        }
        _ => random(rng, 60),
    };
    put_option(to, code, &data);
    if rng.below(8) == 0 {
        let at = to.len() - data.len() - 4;
        let lie = number(rng, data.len() as u64, data.len() as u64) as u32;
        to[at..at + 4].copy_from_slice(&lie.to_be_bytes());
    }
}

fn put_option(to: &mut Vec<u8>, code: u32, data: &[u8]) {
    to.extend(OPTION_MAGIC);
    to.extend(code.to_be_bytes());
    to.extend((data.len() as u32).to_be_bytes());
    to.extend(data);
}

fn text(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat()
}

fn request(rng: &mut SimRng, to: &mut Vec<u8>) {
    let length = number(rng, 4096, 1 << 25) as u32;
    to.extend(REQUEST_MAGIC.to_be_bytes());
    to.extend((rng.below(64) as u16).to_be_bytes());
    to.extend((rng.below(9) as u16).to_be_bytes());
    to.extend(rng.next_u64().to_be_bytes());
    to.extend(number(rng, 4096, 1 << 30).to_be_bytes());
    to.extend(length.to_be_bytes());
    to.extend(random(rng, 64));
}
