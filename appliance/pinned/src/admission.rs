//! Who may be in a handshake: peers that nobody knows yet.
//!
//! Anybody can open connections, so those that have not shown a certificate are few, and a new one
//! always gets in: the oldest goes instead. A flood then has to come faster than an honest
//! handshake takes to keep agents out, and one from a single address pushes out nobody but itself.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

/// Most connections whose certificate is not known yet. Each takes some tens of KiB.
pub const MOST_HANDSHAKES: usize = 64;

/// Most of those from one address (one /64 with IPv6): agents behind one router start together.
const MOST_FROM_ADDRESS: usize = 16;

/// The connections that are in a handshake.
#[derive(Debug, Default)]
pub struct Admission {
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// By the order in which they came. Dropping the sender cuts the connection off.
    peers: BTreeMap<u64, (IpAddr, oneshot::Sender<()>)>,
    next: u64,
}

/// A place among the handshakes; it is free again when this is dropped.
#[derive(Debug)]
pub struct Ticket {
    admission: Arc<Admission>,
    number: u64,
    cut: oneshot::Receiver<()>,
}

impl Admission {
    /// Lets a peer in; if there are too many the oldest is cut off.
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Ticket {
        let address = network(address);
        let (sender, cut) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let same = || waiting.peers.iter().filter(|(_, (other, _))| *other == address);
        let oldest = if same().count() >= MOST_FROM_ADDRESS {
            same().next().map(|(number, _)| *number)
        } else if waiting.peers.len() >= MOST_HANDSHAKES {
            waiting.peers.keys().next().copied()
        } else {
            None
        };
        if let Some(oldest) = oldest {
            waiting.peers.remove(&oldest);
        }
        let number = waiting.next;
        waiting.next += 1;
        waiting.peers.insert(number, (address, sender));
        drop(waiting);
        Ticket { admission: self.clone(), number, cut }
    }

    fn leave(&self, number: u64) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.peers.remove(&number);
    }
}

impl Ticket {
    /// Ends when this peer has to go for another.
    pub async fn cut(&mut self) {
        let _ = (&mut self.cut).await;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.admission.leave(self.number);
    }
}

/// What one holder of addresses can have many of: an address, or a /64 with IPv6.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        IpAddr::V4(address) => IpAddr::V4(address),
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot::error::TryRecvError;

    use super::*;

    fn address(number: usize) -> IpAddr {
        IpAddr::from([10, 0, (number / 256) as u8, (number % 256) as u8])
    }

    fn is_cut(ticket: &mut Ticket) -> bool {
        ticket.cut.try_recv() == Err(TryRecvError::Closed)
    }

    #[test]
    fn a_flood_from_one_address_pushes_out_itself_alone() {
        let admission = Arc::new(Admission::default());
        let mut honest = admission.enter(address(1));
        let mut flood: Vec<Ticket> = (0..1000).map(|_| admission.enter(address(2))).collect();
        assert!(!is_cut(&mut honest));
        let cut = flood.iter_mut().map(is_cut).filter(|cut| *cut).count();
        assert_eq!(cut, 1000 - MOST_FROM_ADDRESS);
    }

    #[test]
    fn a_flood_from_everywhere_pushes_out_the_oldest() {
        let admission = Arc::new(Admission::default());
        let mut flood: Vec<Ticket> = (0..1000).map(|n| admission.enter(address(n))).collect();
        let cut: Vec<bool> = flood.iter_mut().map(is_cut).collect();
        assert!(cut[..1000 - MOST_HANDSHAKES].iter().all(|cut| *cut));
        assert!(!cut[1000 - MOST_HANDSHAKES..].iter().any(|cut| *cut));
        drop(flood);
        assert!(admission.waiting.lock().unwrap().peers.is_empty());
    }

    #[test]
    fn addresses_of_one_network_count_as_one() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }
}
