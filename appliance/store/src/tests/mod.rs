//! The store on simulated disks: what it promises, and what no fault may make it break.

mod admit;
mod alone;
mod apart;
mod beside;
mod campaign;
mod crash;
mod disks;
mod emptying;
mod errors;
mod features;
mod fixture;
mod flips;
mod full;
mod history;
mod hostile;
mod lies;
mod model;
mod order;
mod pacing;
#[cfg(feature = "planted")]
mod planted;
mod reclaim;
mod relief;
mod resync;
#[cfg(feature = "schedules")]
mod schedules;
mod scrubs;
mod shorts;
mod smoke;
mod starts;
mod tasks;
mod unreadable;
mod verbatim;
