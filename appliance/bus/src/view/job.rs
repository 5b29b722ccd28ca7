//! One job: something that takes time.

use zbus::OwnedObjectPath;

use super::view;
use crate::place::Place;
use crate::value::Facts;
use crate::word::words;

words! {
    /// What a job does.
    JobKind {
        Ingest = "ingest",
        Restore = "restore",
        Verify = "verify",
        Scrub = "scrub",
        Reclaim = "reclaim",
        Expire = "expire",
        /// A disk is filled with what it lacks.
        Resync = "resync",
        Export = "export",
        /// A client sends its bytes.
        Receive = "receive",
    }
    /// How far a job is.
    JobState {
        Queued = "queued",
        Running = "running",
        /// It will be tried again.
        Waiting = "waiting",
        Done = "done",
        /// Done, and something needs a look.
        Warned = "warned",
        Failed = "failed",
        Cancelled = "cancelled",
        /// The engine ended while it ran.
        Interrupted = "interrupted",
    }
}

impl JobState {
    /// Whether nothing more will happen.
    pub fn is_ended(self) -> bool {
        !matches!(self, Self::Queued | Self::Running | Self::Waiting)
    }
}

view! {
    /// One job: something that takes time. Ended jobs stay on the bus for a while; the oldest go
    /// first.
    JobView on "org.holdfast.Job1" at |view| Some(Place::Job(view.number));

    /// Its number, never used twice on an appliance: the last part of the path.
    Constant number: u64 = "Number";
    /// What it does.
    Constant kind: JobKind = "Kind";
    /// How far it is. `done`, `warned`, `failed`, `cancelled` and `interrupted` are ends.
    State state: JobState = "State";
    /// What it works on, for people.
    Constant subject: String = "Subject";
    /// The protected system that it is about.
    State system: OwnedObjectPath = "System";
    /// The recovery point that it reads or has made.
    State point: OwnedObjectPath = "Point";
    /// The client of the MSP that it is done for; empty if for the appliance.
    Constant client: String = "Client";
    /// The higher goes first.
    State priority: u32 = "Priority";
    /// Which try this is, from 1.
    State attempt: u32 = "Attempt";
    /// When it was asked for.
    Constant queued_at: u64 = "QueuedAt";
    /// When this try began.
    State started_at: u64 = "StartedAt";
    /// When it ended.
    State ended_at: u64 = "EndedAt";
    /// What was worked through.
    Progress bytes_done: u64 = "BytesDone";
    /// What there is to work through; 0 if that is not known.
    Progress bytes_total: u64 = "BytesTotal";
    /// How fast it went on average since this try began.
    Progress bytes_per_second: u64 = "BytesPerSecond";
    /// How fast it may go, as was asked for; 0 if as fast as it can beside others.
    State bytes_per_second_limit: u64 = "BytesPerSecondLimit";
    /// Seconds until it is done if it goes on like this; 0 if that is not known.
    Progress seconds_left: u64 = "SecondsLeft";
    /// Seconds since it last came forward; 0 while it does.
    Progress stalled_for: u64 = "StalledFor";
    /// When it is given up; 0 if never.
    State deadline: u64 = "Deadline";
    /// Why it waits, failed or needs a look; empty if all is well.
    State cause: String = "Cause";
    /// What to do about that; empty if nothing.
    State next_step: String = "NextStep";
    /// What came out of it, named as in the `--json` output of the command that does the same.
    State result: Facts = "Result";
    /// The same as one JSON object, as that command prints it; empty if nothing came out of it.
    State outcome: String = "Outcome";
    /// The same for people, in lines; empty if nothing came out of it.
    State report: String = "Report";
}
