//! Whole-box scenarios: the `holdfast` command as its users run it.
//!
//! Every test starts the real command on disks that are files (or loop devices over files) in a
//! folder of its own, and judges by what can be seen from outside: exit codes, what is printed,
//! the bytes that come back, what other people's NBD clients see. Nothing here reaches into the
//! pool but to damage it.
#![cfg(test)]

mod harness;

mod age;
mod agents;
mod asked;
mod changed_disks;
mod clients;
mod console;
mod databases;
mod engine;
mod engine_exports;
mod engine_kills;
mod engine_shares;
mod failing_devices;
mod gone_disks;
mod guests;
mod hinted;
mod intakes;
mod killed;
mod kills;
mod libvirt;
mod lost;
mod manage;
mod memory;
mod mirror;
mod outputs;
mod paced;
mod planned;
mod pulls;
mod reader;
mod reclaim;
mod refusals;
mod relieved;
mod retention;
mod round_trips;
mod scrubs;
mod signals;
mod sources;
mod sparse;
mod strange_disks;
mod streams;
mod supplies;
mod tags;
mod tls;
mod units;
mod workers;
