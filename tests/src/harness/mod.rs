//! What the scenarios are made of.

mod asked;
mod browser;
mod campaign;
mod damage;
mod engine;
mod export;
mod guest;
mod image;
mod inside;
mod libvirt;
mod loop_device;
mod machine;
mod others;
mod outcome;
mod peer;
mod pool;
mod postgres;
mod program;
mod qemu_io;
mod small_room;
mod terminal;
mod tools;
mod work;

pub(crate) use asked::{Asked, Watched, ended};
pub(crate) use browser::Browser;
pub(crate) use campaign::{first_seed, scaled};
pub(crate) use damage::flip_between;
pub(crate) use engine::{Bus, Engine};
pub(crate) use export::{Export, signal};
pub(crate) use guest::{Guest, Prepared, WRITES, Writing};
pub(crate) use image::{Random, allocated, changed_blocks, image, scatter, write_sparse};
pub(crate) use libvirt::{Libvirt, MACHINE};
pub(crate) use loop_device::Loop;
pub(crate) use machine::Machine;
pub(crate) use others::Others;
pub(crate) use outcome::{Outcome, number, run, run_with, text};
pub(crate) use peer::Peer;
pub(crate) use pool::{Pool, points};
pub(crate) use postgres::Postgres;
pub(crate) use program::{beside, engine, holdfast};
pub(crate) use qemu_io::QemuIo;
pub(crate) use small_room::SmallRoom;
pub(crate) use terminal::Terminal;
pub(crate) use tools::{client, run_tool, skipped};
pub(crate) use work::Work;

/// Bytes of a block.
pub(crate) const BLOCK: usize = 4096;
/// Bytes of a mebibyte.
pub(crate) const MIB: usize = 1 << 20;
