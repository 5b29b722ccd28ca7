//! What can be fuzzed.

use disk::sim::SimRng;

use crate::{
    agent, checkpoint, chunk, envelope, event, forged, image, keyring, log, manifest, nbd, pool,
};
use crate::{request, segment, source, superblock};

/// Something that reads bytes.
pub(crate) trait Reader {
    /// Makes one input. It depends on nothing but `rng`.
    fn input(&mut self, rng: &mut SimRng) -> Vec<u8>;

    /// Reads it.
    ///
    /// # Panics
    /// When something that must hold does not; that is a finding.
    fn read(&mut self, input: &[u8]);
}

/// A reader under its name.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) make: fn() -> Box<dyn Reader>,
}

pub(crate) static TARGETS: &[Target] = &[
    Target {
        name: "superblock",
        about: "format: superblocks and the geometry that they describe",
        make: || Box::new(superblock::Superblocks),
    },
    Target {
        name: "segment",
        about: "format: headers, trailers and entries of segments",
        make: || Box::new(segment::Segments),
    },
    Target {
        name: "log",
        about: "format: log records, their commits signed again",
        make: || Box::new(log::Records),
    },
    Target {
        name: "checkpoint",
        about: "format: heads, part lists and bodies of checkpoints",
        make: || Box::new(checkpoint::Checkpoints),
    },
    Target {
        name: "manifest",
        about: "format: leaves and nodes of manifests",
        make: || Box::new(manifest::Manifests),
    },
    Target {
        name: "event",
        about: "format: events and rows of the catalog",
        make: || Box::new(event::Events),
    },
    Target {
        name: "keyring",
        about: "format, seal: key blocks, unlocked with the right kit",
        make: || Box::new(keyring::Keyrings::new()),
    },
    Target {
        name: "envelope",
        about: "seal: authentic records with hostile envelopes",
        make: || Box::new(envelope::Envelopes::new()),
    },
    Target {
        name: "nbd",
        about: "export: what an NBD client sends",
        make: || Box::new(nbd::Clients),
    },
    Target {
        name: "request",
        about: "receiver: what an agent asks for",
        make: || Box::new(request::Requests),
    },
    Target {
        name: "agent",
        about: "live: what the agent in a guest says",
        make: || Box::new(agent::GuestAgents),
    },
    Target {
        name: "source",
        about: "ingest: what an NBD server sends",
        make: || Box::new(source::Servers::new()),
    },
    Target {
        name: "address",
        about: "ingest: addresses of NBD servers",
        make: || Box::new(source::Addresses),
    },
    Target {
        name: "image",
        about: "ingest: headers of disk images that name other files",
        make: || Box::new(image::Images::new()),
    },
    Target {
        name: "chunk",
        about: "chunk: cuts of any content",
        make: || Box::new(chunk::Ranges::new()),
    },
    Target {
        name: "pool",
        about: "store: pools with bytes damaged anywhere, opened, read and written",
        make: || Box::new(pool::Pools::new()),
    },
    Target {
        name: "forged",
        about: "store: pools whose structures are wrong and rightly signed",
        make: || Box::new(forged::Pools::new()),
    },
];
