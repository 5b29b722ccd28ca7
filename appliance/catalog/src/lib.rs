//! Protected systems and their recovery points: what the store's events mean, and which points go.
//!
//! The catalog has no keys. Names are in the points' own records, sealed; here a system is a
//! number that only its tenant's key connects with a name.
//!
//! **Invariant:** a recovery point is here only if everything that it names is durable: the event
//! that adds it is part of the commit that makes it so, and nothing else adds one.
//!
//! **Invariant:** nothing goes by the clock on the wall. Locks and delays are counted in the
//! pool's age, which is time that machines ran, and that they were off if that is proven; and a
//! policy lets go only what the calendar of that age lets go too. Whatever the clock said and
//! says, it can only make more stay.
//!
//! What changes the catalog is asked of it as events ([`Catalog::change`], [`Catalog::expiry`]),
//! which are for the caller to commit; with them goes [`Catalog::clock_event`], so that the age
//! moves on.

mod catalog;
mod change;
mod clock;
mod commit;
mod error;
mod expiry;
mod forecast;
mod point;
mod policy;
mod retention;
mod state;
#[cfg(test)]
mod tests;

pub use catalog::Catalog;
pub use change::Change;
pub use clock::{MAX_OFF, MAX_UNSEEN};
pub use commit::commit_all;
pub use error::{CatalogError, Result};
pub use expiry::{Judged, expiry_events};
pub use forecast::days_until_full;
pub use model::{DEFAULT_DELAY, Period, Policy, Uptime};
pub use point::{Content, Listed, Point, Removal, RemovedBy};
pub use retention::{Reason, Verdict, judge};
