//! Remote management: HTTPS, a REST API with events, and the portal that is made of it.
//!
//! It talks to the bus and to nothing else of the box: no key, no disk and no recovery point is
//! within its reach. Entry: [`Manage`]; the table of routes in `routes` says what there is.

mod channels;
mod claim;
mod config;
mod contracts;
mod error;
mod guard;
mod http;
mod identity;
mod mailed;
mod notices;
mod openapi;
mod own_alerts;
mod problem;
mod rates;
mod render;
mod reports;
mod requests;
mod role;
mod route;
mod routes;
mod secret;
mod server;
mod shape;
mod sign_in;
mod sign_ins;
mod start;
mod state;
mod totp;
mod usage;
mod used;
mod world;

pub use config::Config;
pub use error::{ManageError, Result};
pub use openapi::document;
pub use start::Manage;
pub use state::Broken;

/// Checks an export of the audit log, one entry a line: number of entries and the hash of the last,
/// which the box tells as well.
pub fn check_audit(export: impl std::io::BufRead) -> std::result::Result<(u64, String), Broken> {
    state::check(export)
}
