//! The network of the box: what is there, what somebody wants, and the file that asks for it.

mod file;
mod parse;
mod read;
mod setting;

use std::net::IpAddr;

pub(crate) use file::{forget, save};
pub(crate) use read::read;
pub use setting::{Problem, Setting, Wish};

/// Most interfaces that are looked at.
const MAX_INTERFACES: usize = 64;

/// What is known of the network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Network {
    /// By their names. The loopback is left out.
    pub interfaces: Vec<Interface>,
    /// Servers that names are asked of.
    pub dns: Vec<IpAddr>,
}

/// One interface.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Interface {
    pub name: String,
    /// What the kernel says of the link: `up`, `down`, and others.
    pub link: String,
    pub mac: String,
    /// With their prefixes, as in `192.0.2.7/24`.
    pub addresses: Vec<String>,
    /// The gateway of the default route over it.
    pub gateway: Option<IpAddr>,
    /// Whether it was given a static address at the console.
    pub fixed: bool,
}

impl Network {
    /// Addresses under which others reach the box, without prefixes; those that only hold on one
    /// link are left out.
    pub(crate) fn reachable(&self) -> Vec<&str> {
        let all = self.interfaces.iter().flat_map(|interface| &interface.addresses);
        let plain = all.map(|address| address.split('/').next().unwrap_or_default());
        plain.filter(|address| !address.starts_with("fe80:")).collect()
    }
}
