//! What must hold of the whole crate.

mod delivering;
mod hostile;
mod mail;
mod mailings;
mod make;
mod outbox;
mod page;
mod peers;
mod routing;
mod sequences;
mod settings;
mod traps;
mod webhooks;
