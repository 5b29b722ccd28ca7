//! How clients left: who takes something in from them has to know whether they were done.

use tokio::sync::watch;

/// Clients that came to their first request, since the server was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ends {
    /// Those that are still there.
    pub open: u64,
    /// Those that said that they leave, after all of their requests were answered.
    pub left: u64,
    /// Those that were gone without a word, misbehaved, or were cut off.
    pub lost: u64,
    /// Writes and flushes that clients were told had failed.
    pub refused: u64,
}

/// Counts, and tells everybody who watches.
#[derive(Debug)]
pub(crate) struct EndsTeller(watch::Sender<Ends>);

impl EndsTeller {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Ends::default()))
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Ends> {
        self.0.subscribe()
    }

    /// A client was told that something is not written.
    pub(crate) fn refused(&self) {
        self.0.send_modify(|ends| ends.refused += 1);
    }

    /// A client is there until what this returns is dropped.
    pub(crate) fn open(&self) -> OpenEnd<'_> {
        self.0.send_modify(|ends| ends.open += 1);
        OpenEnd { teller: self, said: false }
    }
}

/// One client that is there.
#[derive(Debug)]
pub(crate) struct OpenEnd<'a> {
    teller: &'a EndsTeller,
    said: bool,
}

impl OpenEnd<'_> {
    /// It has said that it leaves.
    pub(crate) fn said_goodbye(&mut self) {
        self.said = true;
    }
}

impl Drop for OpenEnd<'_> {
    fn drop(&mut self) {
        self.teller.0.send_modify(|ends| {
            ends.open = ends.open.saturating_sub(1);
            match self.said {
                true => ends.left += 1,
                false => ends.lost += 1,
            }
        });
    }
}
