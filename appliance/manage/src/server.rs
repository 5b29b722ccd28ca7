//! What all requests share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bus::Client;
use model::Fingerprint;
use tokio::sync::{Notify, Semaphore};

use crate::channels::Channels;
use crate::claim::Claim;
use crate::error::ManageError;
use crate::guard::Guard;
use crate::identity::{Identity, Means};
use crate::problem::Problem;
use crate::rates::Changes;
use crate::secret::trace;
use crate::sign_ins::SignIns;
use crate::state::{Account, Audited, Session, SessionKind, State};
use crate::used::Used;
use crate::world::World;

/// The cookie of a session. Browsers take one of that prefix over HTTPS only, and from this host.
pub(crate) const COOKIE: &str = "__Host-holdfast";

/// A session ends at last after so long, in seconds.
pub(crate) const SESSION: u64 = 12 * 3600;

/// Most streams of events at once.
pub(crate) const STREAMS: usize = 256;

/// Hashes of passwords that are computed at once: each takes 19 MiB.
pub(crate) const HASHES: usize = 2;

/// Most reports that are made at once.
pub(crate) const REPORTS: usize = 2;

/// Everything that requests need.
#[derive(Debug)]
pub(crate) struct Server {
    /// What the appliance is called.
    pub(crate) name: String,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) state: Arc<State>,
    pub(crate) world: World,
    pub(crate) claim: Claim,
    pub(crate) channels: Channels,
    /// Somebody has asked for a restore, or a step of one was taken.
    pub(crate) requested: Notify,
    pub(crate) guard: Guard,
    pub(crate) sign_ins: SignIns,
    pub(crate) changes: Changes,
    pub(crate) client: Client,
    pub(crate) hashes: Arc<Semaphore>,
    /// Reports that are made at once: each holds a copy of all that is shown.
    pub(crate) reports: Semaphore,
    /// One file for support is made at a time.
    pub(crate) support: Semaphore,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) used: Used,
    /// Streams of events of each account that is bound in number.
    pub(crate) listening: Mutex<HashMap<String, usize>>,
}

/// Seconds since 1970, as the clock of the box has it.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl Server {
    /// Whose token this is, if it is one and still good.
    pub(crate) fn identity_of(
        &self,
        token: &str,
        means: Means,
    ) -> Result<Option<Identity>, Problem> {
        let session = self.state.session(&trace(token))?;
        let Some(session) = session.filter(|session| self.is_good(session, means)) else {
            return Ok(None);
        };
        let account = self.state.account(&session.account)?;
        Ok(account.filter(|account| account.is_good(now())).map(|account| Identity {
            means,
            session: session.id,
            until: session.expires,
            ..identity(account)
        }))
    }

    /// Whether a session is not over; it counts as used. A cookie holds sessions of people only.
    fn is_good(&self, session: &Session, means: Means) -> bool {
        let lasts = now() < session.expires;
        if session.kind == SessionKind::Token {
            return means == Means::Token && lasts;
        }
        lasts && self.used.uses(&session.id, Instant::now())
    }

    /// Whose certificate this is.
    pub(crate) fn identity_of_certificate(
        &self,
        fingerprint: &Fingerprint,
    ) -> Result<Option<Identity>, Problem> {
        let accounts = self.state.accounts()?;
        let mut accounts = accounts.into_iter().filter(|account| account.is_good(now()));
        Ok(accounts.find(|account| account.shows(fingerprint)).map(identity))
    }

    /// Removes sessions that are over: first those that were not used, as without that being known
    /// they would be good again. Writes down what was counted of sign-ins.
    pub(crate) fn sweep(&self) -> Result<(), ManageError> {
        for session in self.used.idle(Instant::now()) {
            self.state.end_session(&session)?;
            self.used.forget(&session);
        }
        for sum in self.sign_ins.over(now()) {
            self.state.audit(now(), sum)?;
        }
        self.state.sweep_sessions(now())
    }

    /// Writes something down, durably, before anybody is answered.
    pub(crate) async fn audit(&self, entry: Audited) -> Result<(), Problem> {
        self.with_state(move |state| state.audit(now(), entry).map(|_| ())).await
    }

    /// Does what may wait for a disk, off the threads that serve.
    pub(crate) async fn with_state<T: Send + 'static>(
        &self,
        work: impl FnOnce(&State) -> Result<T, ManageError> + Send + 'static,
    ) -> Result<T, Problem> {
        let state = self.state.clone();
        let done = tokio::task::spawn_blocking(move || work(&state)).await;
        Ok(done.map_err(Problem::inside)??)
    }
}

fn identity(account: Account) -> Identity {
    Identity {
        account: account.name,
        role: account.role,
        clients: account.clients,
        means: Means::Certificate,
        session: String::new(),
        until: 0,
    }
}

impl From<ManageError> for Problem {
    fn from(error: ManageError) -> Self {
        Self::inside(error)
    }
}
