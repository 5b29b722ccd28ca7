//! One module for each command.

pub(crate) mod disk;
pub(crate) mod expire;
pub(crate) mod export;
pub(crate) mod ingest;
pub(crate) mod inspect;
pub(crate) mod kit;
pub(crate) mod points;
pub(crate) mod policy;
pub(crate) mod pool;
pub(crate) mod reclaim;
pub(crate) mod restore;
pub(crate) mod scrub;
pub(crate) mod stream;
pub(crate) mod top;
pub(crate) mod verify;
