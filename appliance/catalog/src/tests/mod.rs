//! What the catalog promises: what events come to, which points go, and that no clock changes that.

mod changes;
mod clocks;
mod forecast;
mod make;
mod on_disks;
mod retention;
mod state;
