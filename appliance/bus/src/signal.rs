//! Signals of our own: edges that matter more than the state they lead to.

use crate::place::Place;
use crate::view::JobState;

/// Something that happened once, beside the properties that changed with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edge {
    /// A job came to its end.
    JobEnded { job: u64, state: JobState, cause: String },
    /// Something is wrong.
    AlertRaised { alert: u64, code: String },
    /// Something is no longer wrong.
    AlertCleared { alert: u64, code: String },
}

/// One signal of the interface of the appliance.
#[derive(Debug)]
#[cfg_attr(not(test), allow(dead_code, reason = "read where BUS.md is made"))]
pub(crate) struct Signal {
    pub(crate) name: &'static str,
    /// Names and signatures.
    pub(crate) gives: &'static [(&'static str, &'static str)],
    /// The text of BUS.md.
    pub(crate) about: &'static str,
}

/// Where the signals come from.
pub(crate) const SIGNALS_AT: Place = Place::Appliance;

/// All of them.
pub(crate) const SIGNALS: &[Signal] = &[
    Signal {
        name: "JobEnded",
        gives: &[("job", "o"), ("state", "s"), ("cause", "s")],
        about: "A job came to its end. The properties of the job were told before.",
    },
    Signal {
        name: "AlertRaised",
        gives: &[("alert", "o"), ("code", "s")],
        about: "Something is wrong. The object of the alert was told before.",
    },
    Signal {
        name: "AlertCleared",
        gives: &[("alert", "o"), ("code", "s")],
        about: "Something is no longer wrong. The object of the alert is gone.",
    },
];
