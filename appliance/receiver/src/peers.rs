//! The agents that may come, and what each of them may use at a time.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::{Bytes, Fingerprint};
use tokio::sync::{Mutex, Semaphore};

use crate::config::AgentConfig;

/// Most connections of one agent: it needs one, and those that a cut line left behind go by
/// themselves after `connection::HEAD`.
const MOST_CONNECTIONS: usize = 4;

/// Most bodies of one agent that are in memory. So a single agent cannot take all that there are
/// for everybody (`handle::MOST_BODIES`).
const MOST_BODIES: usize = 2;

/// One agent while the receiver runs.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) system: String,
    pub(crate) volumes: Vec<String>,
    pub(crate) most_bytes: Bytes,
    pub(crate) connections: Arc<Semaphore>,
    pub(crate) bodies: Arc<Semaphore>,
    /// Held while an intake is begun, finished or given up: one is begun for each volume, and it is
    /// not ended by what came before.
    pub(crate) changing: Mutex<()>,
    /// The connections so far.
    last: AtomicU64,
    /// The youngest connection that has changed anything.
    changes: AtomicU64,
}

impl Agent {
    /// The number of a connection that begins: a younger one has a higher.
    pub(crate) fn number(&self) -> u64 {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Whether a connection may change anything still. What an older one sends after a younger one
    /// has was on its way for too long: it would go over what is newer, or end it half written.
    pub(crate) fn may_change(&self, connection: u64) -> bool {
        self.changes.fetch_max(connection, Ordering::Relaxed) <= connection
    }
}

/// All agents by their fingerprints.
#[derive(Debug)]
pub(crate) struct Peers(HashMap<Fingerprint, Arc<Agent>>);

impl Peers {
    pub(crate) fn new(agents: &[AgentConfig]) -> Self {
        let agent = |agent: &AgentConfig| Agent {
            system: agent.system.clone(),
            volumes: agent.volumes.clone(),
            most_bytes: agent.most_bytes,
            connections: Arc::new(Semaphore::new(MOST_CONNECTIONS)),
            bodies: Arc::new(Semaphore::new(MOST_BODIES)),
            changing: Mutex::new(()),
            last: AtomicU64::new(0),
            changes: AtomicU64::new(0),
        };
        Self(agents.iter().map(|one| (one.fingerprint, Arc::new(agent(one)))).collect())
    }

    pub(crate) fn known(&self) -> HashSet<Fingerprint> {
        self.0.keys().copied().collect()
    }

    pub(crate) fn with(&self, fingerprint: &Fingerprint) -> Option<Arc<Agent>> {
        self.0.get(fingerprint).cloned()
    }
}
