//! Disks of systems that run, as their hypervisor gives them.
//!
//! QEMU is told over its control socket (QMP) to hold a disk still as it is at one moment, while
//! the guest goes on writing, and to serve that over NBD; and it keeps a bitmap of what is written
//! from then on. Bitmaps are named after the recovery point that they begin at, so nothing else
//! has to be remembered: whatever is cut off, the next pull finds on the disk what it can rely on.
//! Where a guest has an agent, that freezes its file systems around the moment.
//!
//! Where libvirt looks after a machine, libvirt is told the same ([`Domain`]).

mod agent;
mod bitmaps;
mod disk;
mod error;
mod frozen;
mod held;
mod hold;
mod libvirt;
mod pause;
mod qmp;
mod room;
mod still;
mod sweep;

pub use agent::fuzz_guest_agent;
pub use error::LiveError;
pub use frozen::{Frozen, Machine};
pub use held::{Held, HeldDisk};
pub use libvirt::Domain;
pub use pause::resume;
pub use still::{Guest, thaw};
