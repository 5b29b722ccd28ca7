//! Protected systems and their recovery points: what the store's events mean.
//!
//! The catalog has no keys. Names are in the points' own records, sealed; here a system is a
//! number that only its tenant's key connects with a name.
//!
//! **Invariant:** a recovery point is here only if everything that it names is durable: the event
//! that adds it is part of the commit that makes it so, and nothing else adds one.

mod catalog;

pub use catalog::{Catalog, Point};
