//! What QEMU says was written since it began a dirty bitmap.

use super::address::NbdAddress;
use super::connection::{Connection, name};
use super::error::SourceError;
use super::wire::{Context, Violation};
use crate::hint::Dirty;

/// Bytes that one request asks about: QEMU answers with what it finds in them.
const WINDOW: u64 = 1 << 30;

/// Answers for each window, and in all, at most: a server that tells less each time, or whose
/// volume has no end, would be asked for ever.
const ANSWERS: u64 = 256;
const MAX_ANSWERS: u64 = 4 << 20;

/// Ranges that are kept before they are made fewer.
const MANY: usize = 2 << 20;

/// Asks a server for the dirty bitmap of this name on an export.
///
/// # Errors
/// `NoBitmap` when the server does not offer it; then all of the volume has to be read.
pub fn dirty(address: &NbdAddress, bitmap: &str) -> Result<Dirty, SourceError> {
    let context = Context::Dirty { bitmap: bitmap.to_owned() };
    let mut connection = Connection::open_asking(address, &context)?;
    let size = connection.export().size;
    if connection.export().status.is_none() {
        let (server, export) = (address.server().to_string(), address.export().to_owned());
        return Err(SourceError::NoBitmap { server, export, bitmap: bitmap.to_owned() });
    }
    let mut answers = size.div_ceil(WINDOW).saturating_mul(ANSWERS).min(MAX_ANSWERS);
    let (mut at, mut ranges) = (0, Vec::new());
    while at < size {
        let window = at..at.saturating_add(WINDOW).min(size);
        let told = connection.status(window).map_err(|fault| name(fault, address))?;
        answers = answers.saturating_sub(1);
        if told.end() <= at || answers == 0 {
            let (server, violation) = (address.server().to_string(), Violation::Incomplete);
            return Err(SourceError::Protocol { server, violation });
        }
        ranges.extend_from_slice(told.data());
        if ranges.len() > MANY {
            ranges = Dirty::new(ranges).into_ranges();
        }
        at = told.end();
    }
    connection.close();
    Ok(Dirty::new(ranges))
}
