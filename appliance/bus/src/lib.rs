//! The D-Bus interface of the appliance: views, server side, client proxies.
//!
//! A view is a plain struct with the properties of one object; the engine puts views into a
//! [`Tree`], which shows them on the bus and says what changed, and a [`Client`] gives the same
//! structs back. Whatever changes something arrives at the engine as one [`Command`]. Nothing here
//! knows a store. BUS.md describes every member; its text comes from the comments of the views and
//! from the tables of methods and signals, so a member cannot stay undescribed.

mod authorize;
mod caller;
mod client;
mod command;
mod method;
mod nearest;
mod object;
mod place;
mod polkit;
mod refusal;
mod server;
mod signal;
#[cfg(test)]
mod tests;
mod value;
mod view;
mod word;

pub use authorize::{Action, Authorize, AuthorizeError, SameUser};
pub use caller::Caller;
pub use client::{
    ADDRESS_VARIABLE, AlertProxy, ApplianceProxy, Client, ClientError, DiskProxy, ExportProxy,
    Follow, Followed, IntakeProxy, JobProxy, PointProxy, PoolProxy, SystemProxy, Update, Watch,
};
pub use command::{
    Command, Commands, ExportOptions, Fate, FinishOptions, IngestOptions, Passphrase, PastScrub,
    PastScrubFields, ReceiveOptions, ReclaimOptions, Reply, RestoreOptions, ResyncOptions,
    RunOptions, ScrubOptions, StreamOptions, VerifyOptions,
};
pub use nearest::nearest;
pub use object::{Object, views};
pub use place::{Place, ROOT, SERVICE};
pub use polkit::Polkit;
pub use refusal::{Refusal, RefusalKind};
pub use server::{ServeError, Serving, Tree};
pub use signal::Edge;
pub use value::{Fact, Facts};
pub use view::{
    AlertSide, AlertView, ApplianceState, ApplianceView, Changes, DiskState, DiskView, ExportView,
    IntakeView, JobKind, JobState, JobView, PointView, PoolState, PoolView, Property, RpoState,
    Smart, SystemView, Verdict,
};
