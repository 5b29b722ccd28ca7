//! The console of the box itself: what somebody sees and does who stands in front of it, or sits
//! at its serial line.
//!
//! A client of the bus like any other, with keys and a screen of letters: [`Console`] is a state
//! machine, [`draw`] shows it, [`run`] does what it asks for. It works without colours, without a
//! mouse and in 80 columns, and shows what it knows when the engine does not answer.

mod claim;
mod config;
mod draw;
mod error;
mod key;
mod network;
mod run;
mod screen;
mod state;
#[cfg(test)]
mod tests;
mod text;

pub use claim::{Claim, Open};
pub use config::Config;
pub use draw::draw;
pub use error::ConsoleError;
pub use key::Key;
pub use network::{Interface, Network, Problem, Setting, Wish};
pub use run::run;
pub use state::{Clock, Console, Effect, Input, Secret};
