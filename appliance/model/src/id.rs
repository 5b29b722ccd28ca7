//! Identities and the two numbers that order everything: epoch and sequence.

use std::fmt;
use std::str::FromStr;

use crate::hex::{HexError, parse_hex, write_hex};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        pub struct $name(pub [u8; 16]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(f, &self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(f, &self.0[..4])
            }
        }

        impl FromStr for $name {
            type Err = HexError;

            fn from_str(text: &str) -> Result<Self, HexError> {
                parse_hex(text).map(Self)
            }
        }
    };
}

id! {
    /// A pool: the set of disks that hold one store.
    PoolId
}
id! {
    /// One disk of a pool.
    DiskId
}
id! {
    /// A client of the MSP. Chunks are shared within a tenant, never between two.
    TenantId
}
id! {
    /// A protected system of a tenant.
    SystemId
}
id! {
    /// A recovery point.
    PointId
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $inner:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        pub struct $name(pub $inner);

        impl $name {
            /// The next one.
            #[must_use]
            pub fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// Counts the openings of a pool for writing. What one epoch wrote is never appended to by
    /// another.
    Epoch, u64
}
number! {
    /// Counts log records over the life of a pool. Order is (epoch, sequence), never wall time.
    Sequence, u64
}
number! {
    /// A segment. Numbers are never reused, slots on disk are.
    SegmentId, u64
}
number! {
    /// A data key of a tenant: the one that a segment's key is derived from.
    DataKeyId, u32
}
