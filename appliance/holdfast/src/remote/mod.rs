//! The same commands, asked of a running engine over D-Bus.
//!
//! A command that names no disks comes here: the engine has them open, and the keys. What it does
//! takes the same words and prints the same outcome as on disks; [`job`] waits for what takes time,
//! [`refused`] says what the bus refused as a [`Failure`](operations::Failure) does.

mod alerts;
mod disk;
mod engine;
mod expire;
mod export;
mod held;
mod ingest;
mod job;
mod jobs;
mod key;
mod lines;
mod list;
mod plan;
mod points;
mod policy;
mod pool;
mod receive;
mod refused;
mod restore;
mod seen;
mod stream;
mod systems;
mod upkeep;
mod wishes;

pub(crate) use alerts::run as alerts;
pub(crate) use disk::run as disk;
pub(crate) use engine::{disks_only, reach};
pub(crate) use expire::run as expire;
pub(crate) use export::{change as change_export, run as export};
pub(crate) use held::by_engine;
pub(crate) use ingest::run as ingest;
pub(crate) use jobs::run as jobs;
pub(crate) use key::{lock, unlock};
pub(crate) use list::run as list;
pub(crate) use plan::run as plan;
pub(crate) use points::change;
pub(crate) use policy::run as policy;
pub(crate) use pool::status;
pub(crate) use receive::run as receive;
pub(crate) use refused::failure;
pub(crate) use restore::run as restore;
pub(crate) use stream::run as stream;
pub(crate) use systems::run as systems;
pub(crate) use upkeep::{reclaim, scrub, verify};
