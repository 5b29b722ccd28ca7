//! More events than one commit holds.

use store::{Store, StoreError};

/// Log bytes of an event besides its own, as the store counts them.
const HEADER_BYTES: usize = 8;

/// Commits events in their order, in as few commits as fit. When power fails in between, those of
/// the first commits are there, so each event must be good without the ones behind it.
///
/// # Errors
/// As [`Store::commit`]; `TooLarge` only if a single event is.
pub async fn commit_all(store: &Store, events: Vec<Vec<u8>>) -> store::Result<()> {
    let limit = match store.commit(events.clone()).await {
        Err(StoreError::TooLarge { limit, .. }) if events.len() > 1 => limit,
        outcome => return outcome.map(|_| ()),
    };
    let mut rest = &events[..];
    while !rest.is_empty() {
        let (part, behind) = rest.split_at(fitting(rest, limit));
        store.commit(part.to_vec()).await?;
        rest = behind;
    }
    Ok(())
}

/// How many of the first events fit into `limit` bytes; at least one.
fn fitting(events: &[Vec<u8>], limit: usize) -> usize {
    let mut bytes = 0;
    let fits = |event: &&Vec<u8>| {
        bytes += HEADER_BYTES + event.len();
        bytes <= limit
    };
    events.iter().take_while(fits).count().max(1)
}
