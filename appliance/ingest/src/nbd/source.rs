//! An export of an NBD server as a source.

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::address::NbdAddress;
use super::connection::{Connection, name};
use super::error::SourceError;
use super::extents::{Extents, Kept};
use super::fault::Fault;
use super::pool::Pool;
use crate::source::Source;

/// Bytes of the window that one status request asks about: sixteen ranges of workers, and a
/// fraction of a second for a server that looks every cluster up.
const WINDOW: u64 = 256 << 20;

/// A volume that an NBD server exports. Nothing is ever written to it.
///
/// Each worker reads over a connection of its own, made when it is first needed. A connection
/// that breaks is replaced once in each call; what still fails then is an error of the call, and
/// later calls try anew.
#[derive(Debug)]
pub struct NbdSource {
    pool: Pool,
    name: String,
    kept: Mutex<Kept>,
    /// The server tells what is zero. Cleared when it turns out that it cannot.
    tells_status: AtomicBool,
}

impl NbdSource {
    /// Connects to an export and learns its size.
    pub fn connect(address: &NbdAddress) -> Result<Self, SourceError> {
        let first = Connection::open(address)?;
        let tells_status = AtomicBool::new(first.export().status.is_some());
        let pool = Pool::new(address.clone(), first);
        Ok(Self { pool, name: address.to_string(), kept: Mutex::default(), tells_status })
    }

    /// Does `work` over a connection, and once more over a new one if the first is broken.
    fn with<T>(
        &self,
        mut work: impl FnMut(&mut Connection) -> Result<T, Fault>,
    ) -> Result<T, SourceError> {
        let mut lent = self.pool.lend()?;
        let done = match work(lent.connection()?) {
            Err(fault) if fault.is_passing() => {
                lent.renew();
                work(lent.connection()?)
            }
            done => done,
        };
        let done = done.map_err(|fault| name(fault, self.pool.address()))?;
        lent.give_back();
        Ok(done)
    }

    /// Fetches what the server knows from `at` on.
    fn learn(&self, at: u64) -> Result<Extents, SourceError> {
        let window = at..at.saturating_add(WINDOW).min(self.size());
        if !self.tells_status.load(Ordering::Relaxed) {
            return Ok(Extents::unknown(window));
        }
        match self.with(|connection| connection.status(window.clone())) {
            // An answer that says nothing of the place asked about would be asked for for ever.
            Ok(extents) if extents.end() > at => {
                self.kept().keep(extents.clone());
                Ok(extents)
            }
            Ok(_) | Err(SourceError::Unreadable { .. }) => {
                self.tells_status.store(false, Ordering::Relaxed);
                Ok(Extents::unknown(window))
            }
            Err(error) => Err(error),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for NbdSource {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn size(&self) -> u64 {
        self.pool.size()
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > self.size()) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(self.with(|connection| connection.read(offset, buffer))?)
    }

    fn data(&self, range: Range<u64>) -> io::Result<Option<Range<u64>>> {
        let mut at = range.start;
        let end = range.end.min(self.size());
        while at < end {
            let kept = self.kept().holding(at).map(|known| (known.first(at..end), known.end()));
            let (data, known) = match kept {
                Some(known) => known,
                None => {
                    let learnt = self.learn(at)?;
                    (learnt.first(at..end), learnt.end())
                }
            };
            if data.is_some() {
                return Ok(data);
            }
            at = known;
        }
        Ok(None)
    }
}
