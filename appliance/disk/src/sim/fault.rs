//! What can be made to go wrong with a simulated disk.

use crate::Operation;

/// A fault to come. Ordinals count the disk's reads, writes or flushes from now on: 0 is the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SimFault {
    /// The n-th read fails with an I/O error; if `lasting`, so do all after it.
    FailRead { nth: u64, lasting: bool },
    /// The n-th write fails with an I/O error and leaves the first half of its sectors written; if
    /// `lasting`, so do all after it.
    FailWrite { nth: u64, lasting: bool },
    /// The n-th flush fails, makes nothing durable and puts the disk out of service.
    FailFlush { nth: u64 },
    /// The n-th write is acknowledged and never happens.
    LoseWrite { nth: u64 },
    /// The n-th write is acknowledged and lands at the byte offset `to`, a multiple of the block
    /// size; what would lie beyond the end is lost.
    MisdirectWrite { nth: u64, to: u64 },
    /// The n-th read returns what its blocks held before they were last written.
    StaleRead { nth: u64 },
    /// From the moment at which the machine has seen this many events the disk is gone.
    GoneFrom { event: usize },
}

impl SimFault {
    /// Counts one operation of the disk: says whether the fault strikes it.
    fn strikes(&mut self, operation: Operation) -> bool {
        let (kind, nth) = match self {
            Self::FailRead { nth, .. } | Self::StaleRead { nth } => (Operation::Read, nth),
            Self::FailWrite { nth, .. }
            | Self::LoseWrite { nth }
            | Self::MisdirectWrite { nth, .. } => (Operation::Write, nth),
            Self::FailFlush { nth } => (Operation::Flush, nth),
            Self::GoneFrom { .. } => return false,
        };
        if kind != operation {
            return false;
        }
        let now = *nth == 0;
        *nth = nth.saturating_sub(1);
        now
    }

    fn lasts(&self) -> bool {
        matches!(self, Self::FailRead { lasting: true, .. } | Self::FailWrite { lasting: true, .. })
    }
}

/// The faults that a disk has before it.
#[derive(Default)]
pub(super) struct Faults {
    armed: Vec<SimFault>,
}

impl Faults {
    pub(super) fn arm(&mut self, fault: SimFault) {
        self.armed.push(fault);
    }

    /// The fault that strikes this operation: the one armed first when there are several.
    pub(super) fn strike(&mut self, operation: Operation) -> Option<SimFault> {
        let mut struck = None;
        self.armed.retain_mut(|fault| {
            let now = fault.strikes(operation);
            if now {
                struck.get_or_insert(*fault);
            }
            !now || fault.lasts()
        });
        struck
    }

    /// Whether the disk is gone once the machine has seen `events` events.
    pub(super) fn gone(&self, events: usize) -> bool {
        let gone =
            |fault: &SimFault| matches!(fault, SimFault::GoneFrom { event } if events >= *event);
        self.armed.iter().any(gone)
    }
}
