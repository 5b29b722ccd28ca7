//! What every hypervisor gives of a machine: its disks as they were at one moment.

use std::fmt::Debug;

use ingest::{Dirty, NbdAddress};
use model::Consistency;

use crate::error::Result;

/// One disk of a machine, held as it was at one moment.
#[derive(Debug, Clone)]
pub struct HeldDisk {
    /// What a person knows it by: the same from pull to pull.
    pub name: String,
    /// Where it can be read.
    pub address: NbdAddress,
}

/// Disks of one machine, all as they were at the same moment. When it is dropped the machine is as
/// before, but for what the next pull can go on from.
pub trait Held: Debug {
    /// At least one, of different names.
    fn disks(&self) -> &[HeldDisk];

    /// What was written to the disk with this number since the point that was asked about; `None`
    /// when nobody can say.
    fn dirty(&self, disk: usize) -> Result<Option<Dirty>>;

    /// Of what moment the disks are.
    fn consistency(&self) -> Consistency;

    /// What a person should know about the guest, in one line.
    fn warning(&self) -> Option<&str>;

    /// The recovery point is durable: what began with it is all that the next pull needs.
    fn keep(self: Box<Self>) -> Result<()>;
}
