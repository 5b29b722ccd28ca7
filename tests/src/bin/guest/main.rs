//! Process 1 of a test guest: a kernel with nothing but this program, `holdfast` and `dmsetup`.
//!
//! The host starts it in QEMU with a part to play as its argument: [`record`] does a day's work on
//! pools whose disks the host logs, [`faults`] makes disks fail under the work, [`writes`] is there
//! to be pulled while it writes, with an agent. Each result is a
//! JSON object on a line of the first serial port, which the host answers with a line before this
//! goes on: so the host knows what was on the disks at that moment. The kernel's messages, and a
//! panic of this program, which ends the guest, go to the second port.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how the host learns of it")]

mod boot;
mod command;
mod faults;
mod host;
mod mapper;
mod record;
mod saved;
mod shapes;
mod writes;

use crate::host::Host;

fn main() {
    let part: Vec<String> = std::env::args().skip(1).collect();
    let part: Vec<&str> = part.iter().map(String::as_str).collect();
    boot::prepare();
    let mut host = Host::open();
    match part[..] {
        ["writes"] => writes::run(&mut host),
        ["record"] => record::run(&mut host),
        ["faults", disks, seed] => {
            let [disks, seed] = [disks, seed].map(|word| word.parse().expect("a number"));
            faults::run(&mut host, disks as usize, seed);
        }
        _ => panic!("no part is called {part:?}"),
    }
    host.tell(&serde_json::json!({ "event": "done" }));
    boot::power_off();
}
