//! The connections to one export: made when a worker finds none idle, up to a bound.
//!
//! Servers that say nothing about several connections get several all the same: nothing is
//! written here, so no connection can miss what another one did. Some servers take only so many
//! and leave the next one without an answer; the pool then stays with those that it has.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::address::NbdAddress;
use super::connection::Connection;
use super::error::SourceError;

/// Connections to one export: as many as a pull has workers on a large box.
pub(crate) const MAX_CONNECTIONS: usize = 8;

#[derive(Debug)]
pub(crate) struct Pool {
    address: NbdAddress,
    /// Bytes of the volume, which every connection must agree on.
    size: u64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    idle: Vec<Connection>,
    /// Idle or lent.
    open: usize,
    /// How many may be open.
    limit: usize,
    /// Somebody is making one; others wait, so that a server that takes no more is asked once.
    connecting: bool,
}

impl Pool {
    pub(crate) fn new(address: NbdAddress, first: Connection) -> Self {
        let size = first.export().size;
        let idle = vec![first];
        let state = State { idle, open: 1, limit: MAX_CONNECTIONS, connecting: false };
        Self { address, size, state: Mutex::new(state), changed: Condvar::new() }
    }

    pub(crate) fn address(&self) -> &NbdAddress {
        &self.address
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Lends a connection. Waits while all are lent and no more can be had.
    pub(crate) fn lend(&self) -> Result<Lent<'_>, SourceError> {
        let mut state = self.lock();
        loop {
            if let Some(connection) = state.idle.pop() {
                return Ok(Lent { pool: self, connection: Some(connection) });
            }
            if state.connecting || state.open >= state.limit {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.open += 1;
            state.connecting = true;
            drop(state);
            let made = self.connect();
            state = self.lock();
            state.connecting = false;
            self.changed.notify_all();
            match made {
                Ok(connection) => return Ok(Lent { pool: self, connection: Some(connection) }),
                Err(error) => {
                    state.open -= 1;
                    if state.open == 0 {
                        return Err(error);
                    }
                    state.limit = state.open;
                }
            }
        }
    }

    fn connect(&self) -> Result<Connection, SourceError> {
        let connection = Connection::open(&self.address)?;
        let is = connection.export().size;
        if is != self.size {
            let server = self.address.server().to_string();
            return Err(SourceError::Resized { server, was: self.size, is });
        }
        Ok(connection)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let idle = std::mem::take(&mut self.lock().idle);
        idle.into_iter().for_each(Connection::close);
    }
}

/// A connection in use. It is thrown away unless it is given back, because what a failed call
/// leaves on it cannot be told from the next reply.
#[derive(Debug)]
pub(crate) struct Lent<'a> {
    pool: &'a Pool,
    connection: Option<Connection>,
}

impl Lent<'_> {
    pub(crate) fn connection(&mut self) -> Result<&mut Connection, SourceError> {
        match &mut self.connection {
            Some(connection) => Ok(connection),
            empty => Ok(empty.insert(self.pool.connect()?)),
        }
    }

    /// Throws the connection away, and the idle ones, which have gone the same way if the server
    /// was started anew. The next use makes another one.
    pub(crate) fn renew(&mut self) {
        self.connection = None;
        let mut state = self.pool.lock();
        state.open -= state.idle.len();
        state.idle.clear();
        self.pool.changed.notify_all();
    }

    pub(crate) fn give_back(mut self) {
        let connection = self.connection.take();
        let mut state = self.pool.lock();
        // Counted out by the drop that follows.
        state.open += usize::from(connection.is_some());
        state.idle.extend(connection);
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.pool.lock().open -= 1;
        self.pool.changed.notify_all();
    }
}
